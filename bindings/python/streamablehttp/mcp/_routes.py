"""Requests for other paths than the endpoint's, answered by the application itself, by ASGI."""

from __future__ import annotations

from typing import Any

from streamablehttp import DisconnectedError, HTTPRequest, StreamableHTTPError

from . import _engine
from ._context import logger
from ._request import location


class Routes:
    """The application's other routes, with all its middlewares."""

    def __init__(self, app: Any, base: dict[str, Any]) -> None:
        self._app = app
        own = ("app", "router", "endpoint", "path_params", "app_root_path")  # those of an endpoint
        self.base = {**{key: base[key] for key in base if key not in own}, "root_path": ""}

    async def serve(self, request: HTTPRequest) -> None:
        scope = {
            **self.base,
            **location(request.target, request.peer),
            "method": request.method,
            "headers": request.headers,
            "state": dict(self.base["state"]),
        }
        response = Response(request)
        try:
            await self._app(scope, Body(request), response)
        except Exception:
            logger.exception("%r: the application has raised", request)
        else:
            if not (response.is_complete or request.closed):
                logger.error("%r: the application has not completed its response", request)
        await response.finish()


class Body:
    """ASGI's `receive`: the body, which has arrived whole, and then that the exchange is over."""

    def __init__(self, request: HTTPRequest) -> None:
        self._request = request
        self._is_read = False

    async def __call__(self) -> dict[str, Any]:
        if not self._is_read:
            self._is_read = True
            return {"type": "http.request", "body": self._request.body, "more_body": False}
        await self._request.wait_closed()
        return {"type": "http.disconnect"}


class Response:
    """ASGI's `send`: a response in one part is sent whole."""

    def __init__(self, request: HTTPRequest) -> None:
        self._request = request
        self._status: int | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._is_begun = False
        """Whether a part of it has been sent."""
        self.is_complete = False

    async def __call__(self, message: Any) -> None:
        """Raises RuntimeError for a message that cannot come now. Says nothing to a client that has gone."""
        kind = message["type"]
        wanted = "http.response.start" if self._status is None else "http.response.body"
        if self.is_complete or kind != wanted:
            raise RuntimeError(f"{kind} is not what comes next in this response")
        if self._status is None:
            self._status, self._headers = message["status"], _engine.response_headers(message.get("headers", ()))
            return
        try:
            await self._send(self._status, bytes(message.get("body", b"")), message.get("more_body", False))
        except DisconnectedError:
            pass

    async def _send(self, status: int, body: bytes, more: bool) -> None:
        request = self._request
        if not (more or self._is_begun):
            await _engine.sent(lambda: request.respond(status, self._headers, body))
            self.is_complete = True
            return
        if not self._is_begun:
            await _engine.sent(lambda: request.start(status, self._headers))
            self._is_begun = True
        if body:
            await _engine.sent(lambda: request.write(body), request)
        if not more:
            await _engine.sent(request.end)
            self.is_complete = True

    async def finish(self) -> None:
        """Completes what the application has not completed."""
        if self.is_complete:
            return
        self._headers = _engine.FAILED_HEADERS
        try:
            await self._send(500, b"" if self._is_begun else _engine.FAILED, False)
        except StreamableHTTPError as problem:
            logger.debug("%r: %s", self._request, problem)
