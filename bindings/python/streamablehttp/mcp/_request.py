"""The Starlette request that handlers find in their context, made when somebody looks at it."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from . import _engine

_LAZY = ("scope", "_receive", "_send")


class LazyRequest(Request):
    """An HTTP request that brought a message. Most handlers never look at it."""

    _stream_consumed = False
    _is_disconnected = False
    _form = None

    def __init__(self, message: Any, base: dict[str, Any], user: Any = None, auth: Any = None) -> None:
        # Not that of Request, which needs a scope.
        self._message = message
        self._base = base
        self._user = user
        self._auth = auth

    def __getattr__(self, name: str) -> Any:
        """Makes the attributes that Request.__init__ would have set."""
        if name == "scope":
            self.scope = scope_of(self._message, self._base)
            if self._user is not None:
                self.scope["user"] = self._user
                self.scope["auth"] = self._auth
            return self.scope
        if name == "_receive":
            self._receive = Body(self._message)
            return self._receive
        if name == "_send":
            self._send = _refuse
            return self._send
        raise AttributeError(name)


async def _refuse(message: Any) -> None:
    raise RuntimeError("the library answers this HTTP request: return a result instead")


class Body:
    """The body of a request as ASGI's `receive`, and then the news that the client has gone."""

    def __init__(self, message: Any) -> None:
        self._message = message
        self._is_read = False

    async def __call__(self) -> dict[str, Any]:
        if not self._is_read:
            self._is_read = True
            return {"type": "http.request", "body": self._message.message, "more_body": False}
        await _engine.gone(self._message)
        return {"type": "http.disconnect"}


def scope_of(message: Any, base: dict[str, Any]) -> dict[str, Any]:
    """The ASGI scope of a message; `base` has what all have in common."""
    return {
        **base,
        **location(message.target, message.peer),
        "method": "POST",
        "headers": message.headers.raw,
        "state": dict(base["state"]),
    }


def location(target: str, peer: str) -> dict[str, Any]:
    """The members of a scope that tell where a request went, and where it came from."""
    from urllib.parse import unquote

    path, _, query = target.partition("?")
    return {
        "path": unquote(path),
        "raw_path": path.encode("latin-1", "replace"),
        "query_string": query.encode("latin-1", "replace"),
        "client": address(peer),
    }


def address(peer: str) -> tuple[str, int] | None:
    """The client's address, as ASGI has it; None on a Unix socket."""
    host, colon, port = peer.rpartition(":")
    if not colon or not port.isdigit():
        return None
    return host.strip("[]"), int(port)
