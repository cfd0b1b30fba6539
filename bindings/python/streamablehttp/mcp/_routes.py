"""Requests for other paths than the endpoint's, answered by the application itself, by ASGI."""

from __future__ import annotations

from typing import Any

from streamablehttp import DisconnectedError, HTTPRequest, NotFoundError, StreamableHTTPError

from . import _engine
from ._context import logger
from ._request import location


class Routes:
    """The application's other routes, with all its middlewares."""

    def __init__(self, app: Any, base: dict[str, Any]) -> None:
        self._app = app
        self.base = {key: base[key] for key in base if key not in ("app", "router", "endpoint", "path_params")}

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
        except (DisconnectedError, NotFoundError) as problem:
            logger.debug("%r: %s", request, problem)
        except Exception:
            logger.exception("%r: the application has raised", request)
            response.fail()


class Body:
    """ASGI's `receive`: the body, which has arrived whole, and then that the client has gone."""

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
        self._status = 500
        self._headers: list[tuple[bytes, bytes]] = []
        self._is_started = False

    async def __call__(self, message: Any) -> None:
        request = self._request
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = _engine.response_headers(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            body, more = bytes(message.get("body", b"")), message.get("more_body", False)
            if not self._is_started:
                if not more:
                    return request.respond(self._status, self._headers, body)
                self._is_started = True
                request.start(self._status, self._headers)
            if body:
                await _engine.sent(lambda: request.write(body), request.writable)
            if not more:
                request.end()

    def fail(self) -> None:
        try:
            if self._is_started:
                self._request.end()
            else:
                self._request.respond(500, [(b"content-type", b"text/plain; charset=utf-8")], b"Internal Server Error")
        except StreamableHTTPError as problem:
            logger.debug("%s", problem)
