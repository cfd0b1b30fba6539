"""What cannot be served says so at start, with a line that works. And the kernel is what the package builds on."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.client import Client
from mcp.server.lowlevel import Server
from mcp.server.mcpserver import MCPServer
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

import streamablehttp.mcp
from streamablehttp.mcp import UnsupportedOption, UnsupportedServer, _kernel
from test_authorization import Peer


def begin(target, **options):
    async def work():
        async with streamablehttp.mcp.serve(target, port=0, **options) as server:
            return server.url, server._servers[0].path

    return asyncio.run(work())


def with_middleware(*middleware):
    app = MCPServer("m").streamable_http_app()
    app.user_middleware.extend(middleware)
    return app


async def listen(context, params):
    raise NotImplementedError


REFUSED: dict[str, Any] = {
    "TLS": (lambda: MCPServer("m"), {"ssl_certfile": "a.pem"}, UnsupportedOption, "ssl_certfile='a.pem'"),
    "workers": (lambda: MCPServer("m"), {"workers": 4}, UnsupportedOption, "workers=4"),
    "reload": (lambda: MCPServer("m"), {"reload": True}, UnsupportedOption, "reload=True"),
    "a middleware": (lambda: with_middleware(Middleware(GZipMiddleware)), {}, UnsupportedOption, "GZipMiddleware"),
    "an origin by pattern": (
        lambda: with_middleware(Middleware(CORSMiddleware, allow_origin_regex=".*")),
        {},
        UnsupportedOption,
        "CORSMiddleware",
    ),
    "an event store": (lambda: MCPServer("m"), {"event_store": object()}, UnsupportedOption, "event_store"),
    "options of an application": (
        lambda: MCPServer("m").streamable_http_app(),
        {"json_response": True},
        UnsupportedOption,
        "json_response",
    ),
    "no endpoint": (lambda: Starlette(), {}, UnsupportedServer, "no endpoint"),
    "no server": (lambda: "mcp", {}, UnsupportedServer, "str"),
    "a listen handler of its own": (
        lambda: Server("m", on_subscriptions_listen=listen),
        {},
        UnsupportedServer,
        "subscriptions/listen",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case):
    make, options, error, text = REFUSED[case]
    with pytest.raises(error) as caught:
        begin(make(), **options)
    assert text in str(caught.value) and "uvicorn.run(" in str(caught.value)


ACCEPTED: dict[str, Any] = {
    "a server": (lambda: MCPServer("m"), {}, "/mcp"),
    "a low-level server": (lambda: Server("m"), {"json_response": True}, "/mcp"),
    "a path": (lambda: MCPServer("m"), {"streamable_http_path": "/a/b"}, "/a/b"),
    "an application": (lambda: MCPServer("m").streamable_http_app(), {}, "/mcp"),
    "CORS": (
        lambda: with_middleware(Middleware(CORSMiddleware, allow_origins=["https://a.example"])),
        {},
        "/mcp",
    ),
    "options of the library": (lambda: MCPServer("m"), {"engine": {"sessions_max": 3}}, "/mcp"),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_is_accepted(case):
    make, options, path = ACCEPTED[case]
    url, served = begin(make(), **options)
    assert served == path and url.endswith(path)


def test_trio_is_refused():
    """As any loop that is not asyncio's: here there is none."""
    serving = streamablehttp.mcp.serve(MCPServer("m"), port=0).__aenter__()
    with pytest.raises(UnsupportedOption, match="asyncio") as caught:
        serving.send(None)
    assert "uvicorn.run(" in str(caught.value)


def test_several_endpoints():
    """On one port, each with its server; the application's other routes, too."""
    one, two = MCPServer("one"), MCPServer("two")
    apps = [one.streamable_http_app(), two.streamable_http_app(json_response=True)]

    @contextlib.asynccontextmanager
    async def lifespan(app):
        async with one.session_manager.run(), two.session_manager.run():
            yield

    async def health(request):
        return PlainTextResponse("well")

    routes = [Mount("/one", apps[0]), Mount("/two", apps[1]), Route("/health", health)]

    async def ask():
        async with streamablehttp.mcp.serve(Starlette(routes=routes, lifespan=lifespan), port=0) as server:
            names, base = [], server.url.removesuffix("/one/mcp")
            for path in ("/one/mcp", "/two/mcp"):
                async with Client(base + path, mode="legacy") as client:
                    names.append(client.server_info.name)
            async with httpx2.AsyncClient() as http:
                names.append((await http.get(base + "/health")).text)
                names.append((await http.get(base + "/nothing")).status_code)
            assert server.stats()["sessions_total"] == 2
            return names

    assert asyncio.run(ask()) == ["one", "two", "well", 404]


def test_a_socket_that_listens():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        async def ask():
            serving = streamablehttp.mcp.serve(MCPServer("m"), listen_fd=listener)
            async with serving as server, Client(server.url, mode="auto") as client:
                return server.port, client.server_info.name

        assert asyncio.run(ask()) == (port, "m")


# ---- The kernel ---------------------------------------------------------------------------


def test_the_kernel_is_what_we_know():
    _kernel.check()
    assert len(_kernel.EXPECTED) > 10


@pytest.mark.parametrize("what", list(_kernel.EXPECTED))
def test_a_kernel_that_has_changed(what):
    """Each expectation is found out if it does not hold."""
    look, _ = _kernel.EXPECTED[what]
    with pytest.raises(UnsupportedServer, match="is not as expected"):
        _kernel.check({what: (look, "something else")})

    def gone():
        raise AttributeError("gone")

    with pytest.raises(UnsupportedServer, match="gone"):
        _kernel.check({what: (gone, None)})


def test_only_the_kernel_knows_internals():
    """No other file imports the SDK or FastMCP."""
    for path in Path(_kernel.__file__).parent.glob("*.py"):
        lines = path.read_text().splitlines()
        found = [
            one for one in lines if one.strip().startswith(("import mcp", "from mcp", "from fastmcp", "import fastmcp"))
        ]
        assert bool(found) == (path.name == "_kernel.py"), path


# ---- Costs --------------------------------------------------------------------------------

IMPORT = """
import sys
for name in {names}:
    __import__(name)
print(len(sys.modules))
"""

SDK = "mcp.server.mcpserver"
LIBRARY = ("streamablehttp.mcp", "streamablehttp.mcp._serve", "streamablehttp.mcp._modern", "streamablehttp.mcp._fast")
UVICORN = ("uvicorn", "uvicorn.protocols.http.auto", "uvicorn.lifespan.on")


def modules(*names):
    """How many are there after these imports."""
    command = [sys.executable, "-c", IMPORT.format(names=names)]
    return int(subprocess.check_output(command, text=True))


def resident(process):
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError


def test_importing_costs_little():
    """All that serves has at most 5 % more modules than what the SDK imports to serve: itself, and uvicorn."""
    assert modules(SDK) < modules(SDK, *LIBRARY) <= 1.05 * modules(SDK, *UVICORN)


@pytest.mark.parametrize("name", ["sdk", "fastmcp"])
def test_memory(start, name):
    """A server that has just started: at most 5 % more than on uvicorn."""
    sizes = []
    for way in ("library", "uvicorn"):
        server = start(name, way)
        Peer(server.url).open(None)
        sizes.append(resident(server.process))
    assert sizes[0] < 1.05 * sizes[1]


def test_importing_imports_no_sdk():
    code = "import streamablehttp.mcp, sys; print({m.split('.')[0] for m in sys.modules} & {'mcp', 'starlette'} or [])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
