"""Lets FastMCP's own HTTP tests run against the library: replaces the transport and the server that they use.

Their tests call applications in the process, or serve them with uvicorn. Here streamablehttp.mcp serves each that has
an endpoint of Streamable HTTP; the others stay where they are.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from typing import Any

import httpx2
import uvicorn
from fastmcp.utilities import asgi_transport, tests

import streamablehttp.mcp

_InProcess = asgi_transport.StreamingASGITransport
_run_lifespan = asgi_transport.run_asgi_lifespan
_serve = uvicorn.Server.serve
_ports: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()


@contextlib.asynccontextmanager
async def run_asgi_lifespan(app: Any):
    """Serves an application, in a task of its own: a fixture may end it in another than it began."""
    started: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    ending = asyncio.Event()

    async def run() -> None:
        try:
            async with streamablehttp.mcp.serve(app, port=0) as serving:
                _ports[app] = serving.port
                started.set_result(None)
                await ending.wait()
        except BaseException as problem:
            if started.done():
                raise
            started.set_exception(problem)

    task = asyncio.create_task(run())
    try:
        await started
    except streamablehttp.mcp.UnsupportedServer:
        async with _run_lifespan(app):
            yield
        return
    try:
        yield
    finally:
        ending.set()
        await task


class LibraryTransport(httpx2.AsyncBaseTransport):
    """A client of an application that is being served; else it calls it."""

    def __init__(self, app: Any, *, cancel_on_close: bool = True) -> None:
        self._port = _ports.get(app)
        self._inner = httpx2.AsyncHTTPTransport() if self._port else _InProcess(app, cancel_on_close=cancel_on_close)

    async def __aenter__(self) -> LibraryTransport:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._inner.__aexit__(*error)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self._port:
            request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self._port)
        return await self._inner.handle_async_request(request)


async def serve(self: uvicorn.Server, sockets: Any = None) -> None:
    """What FastMCP's run_http_async calls."""
    config = self.config
    if sockets is None:
        try:
            async with streamablehttp.mcp.serve(config.app, host=config.host, port=config.port) as serving:
                self.started = True
                await serving.ended
            return
        except (streamablehttp.mcp.UnsupportedServer, streamablehttp.mcp.UnsupportedOption):
            pass
    await _serve(self, sockets)


asgi_transport.run_asgi_lifespan = tests.run_asgi_lifespan = run_asgi_lifespan  # type: ignore[assignment]
asgi_transport.StreamingASGITransport = LibraryTransport  # type: ignore[misc,assignment]
tests.StreamingASGITransport = LibraryTransport  # type: ignore[misc,assignment]
uvicorn.Server.serve = serve  # type: ignore[method-assign]
