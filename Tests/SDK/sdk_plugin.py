"""Lets the SDK's own tests/interaction run against the library: replaces their transport for ASGI applications.

Their transport calls the application in the process. This one serves it with streamablehttp.mcp, and sends the
requests to its port. Applications without an endpoint of Streamable HTTP stay on their transport.
"""

from __future__ import annotations

import contextlib
from typing import Any

import httpx2
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from tests.interaction.transports import _bridge

import streamablehttp.mcp

_InProcess = _bridge.StreamingASGITransport
_run = StreamableHTTPSessionManager.run


@contextlib.asynccontextmanager
async def _run_once(manager: StreamableHTTPSessionManager):
    """The tests run the manager themselves, and then the application's lifespan would a second time."""
    if manager._task_group is not None:
        yield
        return
    async with _run(manager):
        yield


class LibraryTransport(httpx2.AsyncBaseTransport):
    """Serves an application, and is a client of it."""

    def __init__(self, app: Any, *, cancel_on_close: bool = True) -> None:
        self._app = app
        self._cancel_on_close = cancel_on_close
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> LibraryTransport:
        try:
            serving = await self._stack.enter_async_context(streamablehttp.mcp.serve(self._app, port=0, **OPTIONS))
        except streamablehttp.mcp.UnsupportedServer:
            in_process = _InProcess(self._app, cancel_on_close=self._cancel_on_close)
            self._inner: httpx2.AsyncBaseTransport = await self._stack.enter_async_context(in_process)
            self._port = None
            return self
        self._port = serving.port
        self._inner = await self._stack.enter_async_context(httpx2.AsyncHTTPTransport())
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._stack.__aexit__(*error)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self._port is not None:
            request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self._port)
        return await self._inner.handle_async_request(request)


OPTIONS: dict[str, Any] = {}

StreamableHTTPSessionManager.run = _run_once  # type: ignore[method-assign,assignment]
_bridge.StreamingASGITransport = LibraryTransport  # type: ignore[misc,assignment]
