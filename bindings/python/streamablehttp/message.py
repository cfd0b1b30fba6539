"""Events, and those that are JSON-RPC messages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ._handles import stays_here
from ._values import Headers, headers_of, lazy, load, shown
from .session import Session


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Event:
    """The base class of all events. Ignore unknown classes: later versions may have more."""

    session: Session | None
    """The session of the event; None if the server is stateless."""

    __match_args__ = ()

    def __init__(self, *, session: Session | None = None) -> None:
        vars(self).update(session=session)

    def __repr__(self) -> str:
        parts = (type(self).__name__, *self._details(), self.session)
        return f"<{' '.join(str(part) for part in parts if part is not None)}>"

    def _details(self) -> tuple[object, ...]:
        """What a repr says before the session: no secrets, and no newlines of a client."""
        return ()

    __reduce__ = stays_here


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Message(Event):
    """A JSON-RPC message of the client."""

    method: str
    headers: Headers
    """The headers of the HTTP request."""
    revision: str
    """The protocol revision in use, such as 2025-11-25. Clients of 2026-07-28 have no session."""
    principal: str
    """The principal of the sender; empty without authorization."""
    peer: str
    """Where the client is, such as 127.0.0.1:54321, or unix:pid=17. Behind a proxy, the proxy."""
    target: str
    """The target of the HTTP request, such as /mcp?x=1."""
    tag: Any
    """The object that the host gave to `Authorization.allow`; None without one."""
    message: bytes = field(init=False, default=lazy(lambda self: _written(self)))
    """The whole JSON-RPC message, unchanged."""
    params: Any = field(default=lazy(lambda self: _params(self.message)))
    """The params, parsed at the first access: a dict or a list; {} if there are none."""

    __match_args__ = ("method", "params")

    def __init__(
        self,
        *,
        method: str,
        params: Any = None,
        message: bytes | None = None,
        session: Session | None = None,
        headers: Mapping[str, str] | None = None,
        revision: str = "2025-11-25",
        principal: str = "",
        peer: str = "",
        target: str = "/mcp",
        tag: Any = None,
    ) -> None:
        """Makes a message with `params` or, as JSON text, a `message` that has them."""
        super().__init__(session=session)
        if message is not None and params is not None:
            raise TypeError("params: the message has them")
        fields = vars(self)
        if message is not None:
            fields["message"] = message
        else:
            fields["params"] = {} if params is None else params
        fields["method"] = method
        fields["headers"] = headers_of(headers)
        fields["revision"] = revision
        fields["principal"] = principal
        fields["peer"] = peer
        fields["target"] = target
        fields["tag"] = tag

    def _details(self) -> tuple[object, ...]:
        return (shown(self.method),)

    def _members(self) -> dict[str, Any]:
        """The members of the JSON-RPC message."""
        return {"method": self.method, "params": self.params}


def _params(message: bytes) -> Any:
    params = load(message).get("params")
    return {} if params is None else params


def _written(message: Message) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **message._members()}).encode()


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Notification(Message):
    """A client's notification; it needs no answer."""

    __match_args__ = ("method", "params")
