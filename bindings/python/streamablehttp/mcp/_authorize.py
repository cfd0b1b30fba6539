"""Whom the library lets in: the application's own middlewares decide, in front of an endpoint that only notes it."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from typing import Any

from streamablehttp import ClosedError, DisconnectedError, NotFoundError

from . import _engine, _kernel
from ._context import logger
from ._errors import unsupported, uvicorn_line
from ._request import location

ANYBODY = "anybody"
PRINCIPAL_BYTES_MAX = 256

_GONE = (NotFoundError, ClosedError, DisconnectedError)


class Authorizer:
    """Asks the middlewares of an application about each HTTP request."""

    def __init__(self, middleware: list[Any], guard: Any, base: dict[str, Any]) -> None:
        self._base = base
        endpoint: Any = _note
        if guard is not None:
            endpoint = copy.copy(guard)
            endpoint.app = _note
        for cls, args, kwargs in reversed(middleware):
            endpoint = cls(endpoint, *args, **kwargs)
        self._stack = endpoint

    async def decide(self, event: Any) -> None:
        """Allows or refuses a request."""
        scope = {
            **self._base,
            **location(event.target, event.peer),
            "method": event.method,
            "headers": event.headers.raw,
            "state": dict(self._base["state"]),
        }
        answer = Answer()
        try:
            await self._stack(scope, _nothing, answer)
            await _engine.sent(answer.verdict(event))
        except _GONE as problem:
            logger.debug("%r: %s", event, problem)
        except Exception:
            logger.exception("%r: a middleware has raised, or its answer cannot be sent", event)
            try:
                await _engine.sent(lambda: event.answer(500, _engine.FAILED_HEADERS, _engine.FAILED))
            except _GONE as problem:
                logger.debug("%r: %s", event, problem)


async def _note(scope: Any, receive: Any, send: Any) -> None:
    # The scope that has got here: a middleware may have copied and changed it.
    await send({"type": "streamablehttp.allowed", "scope": scope})


async def _nothing() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


class Answer:
    """What a middleware has answered in place of the endpoint."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()
        self.allowed: Any = None
        """The scope with which a request has reached the endpoint."""

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = list(message.get("headers", []))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
        else:
            self.allowed = message["scope"]

    def verdict(self, event: Any) -> Callable[[], None]:
        """What tells the library. Raises RuntimeError if there is no answer."""
        if self.allowed is not None:
            user, auth = self.allowed.get("user"), self.allowed.get("auth")
            name, tag = principal(user), None if user is None else (user, auth)
            return lambda: event.allow(name, tag=tag)
        if self.status is None:
            raise RuntimeError("the middlewares have neither answered nor passed on the request")
        status, headers, body = self.status, _engine.response_headers(self.headers), bytes(self.body)
        return lambda: event.answer(status, headers, body)


def principal(user: Any) -> str:
    """One name for each user: sessions belong to it."""
    parts: Any = [ANYBODY]
    if isinstance(user, _kernel.AuthenticatedUser):
        parts = list(_kernel.principal_components(user.access_token))
    elif user is not None and user.is_authenticated:
        parts = [user.display_name]
    text = json.dumps(parts, separators=(",", ":"))
    if len(text) <= PRINCIPAL_BYTES_MAX:
        return text
    return hashlib.sha256(text.encode()).hexdigest()


# ---- Which middlewares -------------------------------------------------------------------


class Rules:
    """What the middlewares of an application come down to."""

    def __init__(self, target: Any, host: str, port: int) -> None:
        self.options: dict[str, Any] = {}
        """Options of the library."""
        self.asked: list[Any] = []
        """Those that are asked about each request."""
        for one in (one for app in target.apps for one in app.user_middleware):
            if not self._add(one, host):
                raise unsupported(
                    f"middleware {getattr(one.cls, '__name__', one.cls)}",
                    "the library answers the endpoint's requests, and no middleware is around them",
                    uvicorn_line(target.given, host, port),
                )

    def _add(self, one: Any, host: str) -> bool:
        from starlette.middleware.authentication import AuthenticationMiddleware
        from starlette.middleware.cors import CORSMiddleware

        cls, arguments, options = one
        if cls in (_kernel.AuthContextMiddleware, _kernel.fastmcp_middleware("RequestContextMiddleware")):
            return True  # its variables are set for each request
        if cls is AuthenticationMiddleware:
            self.asked.append(one)
            return True
        if cls is _kernel.fastmcp_middleware("HostOriginGuardMiddleware"):
            self._guard(one, options, host)
            return True
        if cls is CORSMiddleware and not arguments and options.get("allow_origin_regex") is None:
            self.options["cors_origins"] = list(options.get("allow_origins", ()))
            return True
        return False

    def _guard(self, one: Any, options: dict[str, Any], host: str) -> None:
        """FastMCP's check of Host and Origin: the library's own by default, else it is asked."""
        lists = options.get("allowed_hosts") or options.get("allowed_origins")
        if options.get("mode", "auto") == "auto" and not lists and host in ("127.0.0.1", "::1", "localhost"):
            self.options.update(allowed_hosts=None, allowed_origins=None)
        else:
            self.asked.append(one)
