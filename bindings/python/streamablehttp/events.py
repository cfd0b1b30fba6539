"""The events of a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ._values import Headers, headers_of, lazy, load, shown
from .authorization import Authorization
from .errors import StreamableHTTPError
from .http_request import HTTPRequest
from .message import Event, Message, Notification
from .request import Request
from .session import Session

__all__ = [
    "Access",
    "Authorization",
    "Cancelled",
    "CommandFailed",
    "Event",
    "HTTPRequest",
    "Idle",
    "Message",
    "Notification",
    "PrimaryClosed",
    "PrimaryGap",
    "PrimaryOpened",
    "Request",
    "ResourceSubscribed",
    "ResourceUnsubscribed",
    "SessionClosed",
    "SessionEvent",
    "SessionOpened",
]


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Idle(Event):
    """No event for half a second, and the last request is not answered yet.

    Ignore it. It replaces that request in the variable of a loop over the events. If there is no
    other reference to the request, the request then fails: see `Request`.
    """

    session: None

    __match_args__ = ()

    def __init__(self) -> None:
        super().__init__()


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Cancelled(Event):
    """`request` has ended without an answer: stop working on it.

    Its client has cancelled it or has disconnected for good, or its session or the server has
    closed.
    """

    request: Request
    params: dict[str, Any] = field(init=False, default=lazy(lambda self: _params(self._message)))
    """The params of the client's notifications/cancelled; {} if it has sent none."""
    reason: str | None = lazy(lambda self: _reason(self.params))
    """The client's reason; None if it gave none."""
    _message: bytes = field(init=False)

    __match_args__ = ("request",)

    def __init__(self, *, request: Request, reason: str | None = None) -> None:
        super().__init__(session=request.session)
        vars(self).update(request=request, reason=reason, _message=b"")

    @classmethod
    def _of(cls, request: Request, message: bytes) -> Cancelled:
        """One of a server, with the client's notification, if there is one."""
        cancelled = cls.__new__(cls)
        Event.__init__(cancelled, session=request.session)
        vars(cancelled).update(request=request, _message=message)
        return cancelled

    def __repr__(self) -> str:
        return f"<Cancelled {self.request}>"


def _params(message: bytes) -> dict[str, Any]:
    params = load(message).get("params") if message else None
    return params if isinstance(params, dict) else {}


def _reason(params: dict[str, Any]) -> str | None:
    reason = params.get("reason")
    return reason if isinstance(reason, str) else None


@dataclass(frozen=True, eq=False, init=False, repr=False)
class SessionEvent(Event):
    """An event of a session."""

    session: Session

    __match_args__ = ("session",)

    def __init__(self, *, session: Session) -> None:
        super().__init__(session=session)


@dataclass(frozen=True, eq=False, init=False, repr=False)
class SessionOpened(SessionEvent):
    """A client has initialized a session, or has come back with one of the store: its first event."""

    resumed: bool
    """Whether the store had it: it was opened in another process, or has long been unused here.

    `Session.data` is not kept: make it anew.
    """
    headers: Headers
    """The headers of the HTTP request that initialized the session, or came back with it."""
    peer: str
    """Where the client is, such as 127.0.0.1:54321, or unix:pid=17. Behind a proxy, the proxy."""

    __match_args__ = ("session",)

    def __init__(
        self, *, session: Session, resumed: bool = False, headers: Mapping[str, str] | None = None, peer: str = ""
    ) -> None:
        super().__init__(session=session)
        vars(self).update(resumed=resumed, headers=headers_of(headers), peer=peer)


@dataclass(frozen=True, eq=False, init=False, repr=False)
class SessionClosed(SessionEvent):
    """The session has ended: deleted by the client, idle, or closed. The session's last event."""

    made_room: bool
    """Whether it was an unused session that was closed to make room for another one."""

    __match_args__ = ("session",)

    def __init__(self, *, session: Session, made_room: bool = False) -> None:
        super().__init__(session=session)
        vars(self).update(made_room=made_room)


@dataclass(frozen=True, eq=False, init=False, repr=False)
class PrimaryOpened(SessionEvent):
    """The client has opened the session's primary stream, for the first time or again."""


@dataclass(frozen=True, eq=False, init=False, repr=False)
class PrimaryGap(SessionEvent):
    """The client has resumed its primary stream, but missed events are no longer kept.

    The client has lost them; it receives everything that is sent from now on. Send again what it
    needs to know, for example that a list has changed. This event follows PrimaryOpened.
    """


@dataclass(frozen=True, eq=False, init=False, repr=False)
class PrimaryClosed(SessionEvent):
    """The primary stream has no connection; messages are queued in the session's mailbox."""


@dataclass(frozen=True, eq=False, init=False, repr=False)
class _Subscription(Event):
    """Somebody watches a resource, or nobody any more."""

    session: None
    uri: str

    __match_args__ = ("uri",)

    def __init__(self, *, uri: str) -> None:
        super().__init__()
        vars(self).update(uri=uri)

    def _details(self) -> tuple[object, ...]:
        return (shown(self.uri),)


@dataclass(frozen=True, eq=False, init=False, repr=False)
class ResourceSubscribed(_Subscription):
    """The resource has its first subscriber: from now on `Server.publish` of it reaches somebody.

    That is a stream of subscriptions/listen (2026-07-28) or, with `keep_subscriptions`, a session.
    """

    __match_args__ = ("uri",)


@dataclass(frozen=True, eq=False, init=False, repr=False)
class ResourceUnsubscribed(_Subscription):
    """The resource has lost its last subscriber."""

    __match_args__ = ("uri",)


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Access(Event):
    """An HTTP exchange is over: only if the server has `access_log`.

    One for each HTTP request, also if it was refused, and after all other events of it. What the
    client has sent is printable ASCII of limited length. The str of an event is one line for a log.
    """

    peer: str
    """Where the client is, such as 127.0.0.1:54321, or unix:pid=17. Behind a proxy, the proxy."""
    http_method: str
    """POST, GET or DELETE; empty if the request was no HTTP."""
    target: str
    """The target of the HTTP request without its query, such as /mcp or /mcp?..."""
    status: int
    """The HTTP status; 0 if the connection ended before there was one."""
    method: str
    """The JSON-RPC method; empty if there was none, or if it was not read."""
    principal: str
    """The principal of the sender; empty without authorization."""
    bytes_received: int
    """The bytes of the HTTP request that were read."""
    bytes_sent: int
    """The bytes of the HTTP response that the socket has taken."""
    seconds: float
    """The time from the first byte of the request until the socket had taken the response."""
    cut: bool
    """Whether the connection ended before the response did."""

    __match_args__ = ("status", "http_method", "target")

    def __init__(
        self,
        *,
        peer: str = "",
        http_method: str = "POST",
        target: str = "/mcp",
        status: int = 200,
        method: str = "",
        principal: str = "",
        bytes_received: int = 0,
        bytes_sent: int = 0,
        seconds: float = 0,
        cut: bool = False,
        session: Session | None = None,
    ) -> None:
        super().__init__(session=session)
        vars(self).update(
            peer=peer,
            http_method=http_method,
            target=target,
            status=status,
            method=method,
            principal=principal,
            bytes_received=bytes_received,
            bytes_sent=bytes_sent,
            seconds=seconds,
            cut=cut,
        )

    def __str__(self) -> str:
        return (
            f"{self.peer or '-'} {self.principal or '-'}"
            f" {self.http_method or '-'} {self.target or '-'} {self.method or '-'} {self.status}"
            f" {self.bytes_received} {self.bytes_sent} {self.seconds:.6f}" + (" cut" if self.cut else "")
        )

    def _details(self) -> tuple[object, ...]:
        # A query may have a token in it.
        return (self.status, shown(self.http_method), shown(self.target.partition("?")[0]))


@dataclass(frozen=True, eq=False, init=False, repr=False)
class CommandFailed(Event):
    """A command has failed with `error`; often because the client has disconnected."""

    error: StreamableHTTPError
    request: Request | None
    """The request of the command; None if there is none, or no reference to it is left."""

    __match_args__ = ("error", "request")

    def __init__(
        self,
        *,
        error: StreamableHTTPError,
        session: Session | None = None,
        request: Request | None = None,
    ) -> None:
        super().__init__(session=session)
        vars(self).update(error=error, request=request)

    def __repr__(self) -> str:
        parts = ("CommandFailed", repr(self.error), self.request or self.session)
        return f"<{' '.join(str(part) for part in parts if part is not None)}>"
