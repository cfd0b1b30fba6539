"""The Starlette request that handlers find in their context, made when somebody looks at it."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from . import _engine


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
        """Makes the attributes that Request.__init__ and Request.body() would have set."""
        if name == "scope":
            self.scope = scope_of(self._message, self._base)
            if self._user is not None:
                self.scope["user"] = self._user
                self.scope["auth"] = self._auth
            return self.scope
        if name == "_receive":
            self._receive = Disconnection(self._message)
            return self._receive
        if name == "_send":
            self._send = _refuse
            return self._send
        if name == "_body":
            self._body = self._message.message
            return self._body
        raise AttributeError(name)


async def _refuse(message: Any) -> None:
    raise RuntimeError("the library answers this HTTP request: return a result instead")


class Disconnection:
    """ASGI's `receive` of a request whose body has been read: the news that the client has gone."""

    def __init__(self, message: Any) -> None:
        self._message = message

    async def __call__(self) -> dict[str, Any]:
        await _engine.gone(self._message)
        return {"type": "http.disconnect"}


def scope_of(message: Any, base: dict[str, Any]) -> dict[str, Any]:
    """The ASGI scope of a message; `base` has what all have in common."""
    return {
        **base,
        **location(message.target, message.peer),
        "method": "POST",
        "headers": list(message.headers.raw),
        "state": dict(base["state"]),
    }


def location(target: str, peer: str) -> dict[str, Any]:
    """The members of a scope that tell where a request went, and where it came from."""
    from urllib.parse import unquote

    path, query = _engine.split_target(target)
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
