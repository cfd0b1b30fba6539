"""The client inside the process, and the ways to reach a server without a port of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket

import pytest

from streamablehttp import (
    BusyError,
    ClientError,
    ClosedError,
    InvalidArgumentError,
    Notification,
    Request,
    Server,
    ServerError,
)
from wire import SECONDS, on_asyncio

MODERN = "2026-07-28"
CAPABILITIES = {"tools": {"listChanged": True}, "logging": {}}
BOTH = pytest.mark.parametrize("revision", ["2025-06-18", "2025-11-25", MODERN])


async def host(server, seen):
    """A host with a few tools, which the tests call."""
    tasks = set()
    async for event in server:
        seen.append(event)
        if isinstance(event, Request):
            tasks.add(asyncio.ensure_future(answer(event)))
        del event


async def answer(request):
    with request:
        name = request.params.get("name")
        if name == "fail":
            request.fail(-32001, "it failed", {"why": 1})
        elif name == "ask":
            try:
                asked = await request.elicit("Who?", {"type": "object", "properties": {}})
            except ClientError as error:
                asked = {"error": error.code}
            request.respond({"asked": asked})
        elif name == "slow":
            await request.wait_cancelled()
        elif name == "plain":
            request.respond({"method": request.method})
        else:
            request.log("info", "one")
            request.progress(1, 2, "half")
            request.respond({"method": request.method, "peer": request.peer, "target": request.target})


@contextlib.asynccontextmanager
async def serving(**options):
    options = {"name": "host", "version": "1", "capabilities": CAPABILITIES, "port": None, **options}
    seen = []
    async with Server(**options) as server:
        task = asyncio.ensure_future(host(server, seen))
        yield server, seen
    await asyncio.wait_for(task, SECONDS)


@BOTH
@on_asyncio
async def test_requests(revision):
    async with serving() as (server, _):
        assert server.port == 0 and server.url == "http://127.0.0.1/mcp"
        async with server.client(revision=revision) as client:
            assert (await client.initialize())["serverInfo" if revision != MODERN else "capabilities"]
            assert client.revision == revision and client.is_modern == (revision == MODERN)
            result = await client.request("tools/call", {"name": "x"})
            assert result["method"] == "tools/call" and result["target"] == "/mcp"
            assert result["peer"] == f"unix:pid={os.getpid()}"
            with pytest.raises(ServerError, match=r"it failed \(-32001, HTTP 200\)") as caught:
                await client.request("tools/call", {"name": "fail"})
            assert (caught.value.code, caught.value.data) == (-32001, {"why": 1})


@BOTH
@on_asyncio
async def test_what_the_server_asks(revision):
    def on_request(method, params):
        assert method == "elicitation/create" and params["message"] == "Who?"
        return {"action": "accept", "content": {"name": "Ada"}}

    async with serving() as (server, _):
        capabilities = {"elicitation": {}}
        async with server.client(revision=revision, capabilities=capabilities, on_request=on_request) as client:
            await client.initialize()
            result = await client.request("tools/call", {"name": "ask"})
            assert result["asked"] == {"action": "accept", "content": {"name": "Ada"}}


@on_asyncio
async def test_a_client_that_answers_nothing_or_fails():
    def on_request(method, params):
        raise ValueError("no")

    async with serving() as (server, _):
        for answers, code in ((None, -32601), (on_request, -32603)):
            async with server.client(capabilities={"elicitation": {}}, on_request=answers) as client:
                await client.initialize()
                result = await client.request("tools/call", {"name": "ask"})
                assert result["asked"] == {"error": code}


@BOTH
@on_asyncio
async def test_notifications(revision):
    told = []
    async with serving(progress_route="request") as (server, seen):
        async with server.client(revision=revision) as client:
            await client.initialize()
            meta = {"_meta": {"io.modelcontextprotocol/logLevel": "info"}} if revision == MODERN else {}
            await client.request("tools/call", {"name": "x", **meta}, on_progress=told.append)
            assert [one["message"] for one in told] == ["half"]
            assert {one.method for one in client.notifications} == {"notifications/message", "notifications/progress"}
            assert (await client.notification("notifications/progress")).params["progress"] == 1
            if revision == MODERN:
                await client.listen(toolsListChanged=True)
                assert (await client.notification("notifications/subscriptions/acknowledged")).params
            server.publish("tools")
            await client.notification("notifications/tools/list_changed")
            await client.notify("notifications/mine", {"a": 1})
            await client.request("tools/call", {"name": "x"})
        (mine,) = [one for one in seen if isinstance(one, Notification) and one.method == "notifications/mine"]
        assert mine.params["a"] == 1 and mine.target == "/mcp" and mine.peer.startswith("unix")
        assert (b"host", b"localhost") in mine.headers.raw
        with pytest.raises(asyncio.TimeoutError):
            client._timeout = 0.01
            await client.notification("notifications/none")


@BOTH
@on_asyncio
async def test_cancelled(revision):
    async with serving() as (server, seen):
        async with server.client(revision=revision) as client:
            await client.initialize()
            task = asyncio.ensure_future(client.request("tools/call", {"name": "slow"}))
            while not any(isinstance(one, Request) and one.params.get("name") == "slow" for one in seen):
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            while not any(type(one).__name__ == "Cancelled" for one in seen):
                await asyncio.sleep(0.01)
        (cancelled,) = [one for one in seen if type(one).__name__ == "Cancelled"]
        assert set(cancelled.params) == (set() if revision == MODERN else {"requestId"})
        seen.clear()


@on_asyncio
async def test_refusals():
    async with serving(bearer_tokens={"secret": "ann"}, allowed_hosts=["app.example"]) as (server, _):
        async with server.client() as client:
            with pytest.raises(ServerError) as caught:
                await client.initialize()
            assert caught.value.http_status == 403
        async with server.client(host="app.example") as client:
            with pytest.raises(ServerError) as caught:
                await client.initialize()
            assert caught.value.http_status == 401
        async with server.client(host="app.example", headers={"Authorization": "Bearer secret"}) as client:
            await client.initialize()
            assert [session.principal for session in server.sessions] == ["ann"]
    with pytest.raises(ClosedError):
        await server.client().initialize()


@on_asyncio
async def test_stateless_and_json():
    async with serving(stateless=True, json_response=True) as (server, _), server.client() as client:
        await client.initialize()
        assert client.session_id is None
        assert await client.request("tools/call", {"name": "plain"}) == {"method": "tools/call"}


@on_asyncio
async def test_many_at_once():
    async with serving() as (server, _), server.client() as client:
        await client.initialize()
        calls = [client.request("tools/call", {"name": "é" * 5000, "n": n}) for n in range(100)]
        assert len(await asyncio.gather(*calls)) == 100


# ---- Sockets that the host brings along ------------------------------------------


@on_asyncio
async def test_adopt():
    async with serving() as (server, _):
        for wrong in (-1, 1 << 30, "3"):
            with pytest.raises((InvalidArgumentError, TypeError)):
                server.adopt(wrong)
        with socket.socket() as unconnected, pytest.raises(InvalidArgumentError):
            server.adopt(unconnected)
        assert unconnected.fileno() == -1  # by its own `with`
        ours, theirs = socket.socketpair()
        server.adopt(theirs)
        assert theirs.fileno() == -1
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        writer.write(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 404 ")
        writer.close()


@on_asyncio
async def test_listen_fd(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as one, socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "socket"))
        other.listen()
        port = one.getsockname()[1]
        async with serving(listen_fd=[one, other.fileno()]) as (server, _):
            assert server.port == port and server.url == f"http://127.0.0.1:{port}/mcp"
            for address in (("127.0.0.1", port), str(tmp_path / "socket")):
                family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
                with socket.socket(family) as client:
                    client.connect(address)
                    client.sendall(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    client.setblocking(False)
                    answer = await asyncio.get_running_loop().sock_recv(client, 100)
                    assert answer.startswith(b"HTTP/1.1 404 ")
        assert one.fileno() >= 0 and other.fileno() >= 0  # the server had copies
        socket.create_connection(("127.0.0.1", port)).close()  # which it has not shut down
    for wrong in ([], -1, "3", 1 << 30):
        with pytest.raises((InvalidArgumentError, TypeError)):
            Server(name="x", listen_fd=wrong)  # type: ignore[arg-type]
    with socket.socket() as idle, pytest.raises(InvalidArgumentError):
        Server(name="x", listen_fd=idle)


@on_asyncio
async def test_mount():
    async with serving(path="/a", port=0) as (front, first), serving(path="/b") as (other, second):
        front.mount(other)
        with pytest.raises(BusyError):
            front.mount(other)
        with pytest.raises(TypeError):
            front.mount("other")
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
        for path in ("/a", "/b", "/a", "/b?x=1"):
            body = b'{"jsonrpc":"2.0","method":"n"}'
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            more = f"MCP-Protocol-Version: {MODERN}\r\nMcp-Method: n\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write((head + more).encode() + body)
            assert b" 202 " in await reader.readuntil(b"\r\n\r\n")
        writer.close()
        async with front.client() as client:
            await client.initialize()
            client._server = type("Elsewhere", (), {"path": "/b", "adopt": front.adopt, "closed": False})
            client.session_id = None
            await client.initialize()
            assert await client.request("tools/call", {"name": "x"})
        targets = [
            [one.target for one in seen if isinstance(one, Notification) and one.method == "n"]
            for seen in (first, second)
        ]
        assert targets == [["/a", "/a"], ["/b", "/b?x=1"]]
        assert [len([one for one in seen if isinstance(one, Request)]) for seen in (first, second)] == [0, 1]


@BOTH
@on_asyncio
async def test_what_the_caller_gives_stays_as_it_is(revision):
    async with serving() as (server, _), server.client(revision=revision) as client:
        await client.initialize()
        params = {"name": "x", "_meta": {"mine": 1}}
        for _ in range(2):
            await client.request("tools/call", params, on_progress=lambda params: None)
            assert params == {"name": "x", "_meta": {"mine": 1}}
