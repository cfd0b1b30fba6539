"""What a server tells its host."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import math
import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ._abi import shttp_authorization, shttp_refusal, shttp_request
from ._library import library
from ._link import optional
from ._values import EMPTY, Headers, borrowed, dump, milliseconds
from .errors import NotFoundError, RequestCancelledError, StreamableHTTPError

if TYPE_CHECKING:
    from typing_extensions import Literal

    from ._link import Link
    from .calls import Call
    from .session import Session


class Event:
    """Something happened. Ignore the classes you do not know: later versions may have more."""

    session: Session | None
    """Whose event it is; None if the server is stateless."""

    def __init__(self, session: Session | None) -> None:
        self.session = session

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.session}>"


class Authorization(Event):
    """An HTTP request that waits to be authorized: answer it once, with `allow` or `refuse`.

    Comes before anything else of the request, if the server has `authorize`. The methods may be
    called now or later, on any thread. If the client does not wait, the answer comes to nothing;
    after `authorize_ms` the request is refused with HTTP status 503.
    """

    session: None

    def __init__(
        self,
        link: Link,
        key: int,
        method: str,
        target: str,
        scheme: str,
        credentials: str,
        header_lines: bytes,
    ) -> None:
        super().__init__(None)
        self.method = method
        """POST, GET or DELETE."""
        self.target = target
        """The request's target, such as /mcp?x=1."""
        self.scheme = scheme
        """The scheme of the Authorization header in lower case; empty if there is none."""
        self.credentials = credentials
        """What stands behind the scheme. Do not log it."""
        self._link = link
        self._authorization = shttp_authorization(key)
        self._header_lines = header_lines
        self._lock = threading.Lock()
        self._answered = False

    def __repr__(self) -> str:
        return f"<Authorization {self.method} {self.target}>"

    @property
    def token(self) -> str | None:
        """The bearer token; None if there is none."""
        return self.credentials if self.scheme == "bearer" else None

    @cached_property
    def headers(self) -> Headers:
        """The headers of the HTTP request."""
        return Headers(self._header_lines)

    def allow(self, principal: str, expires_in_ms: int = 0) -> None:
        """Lets the request go on in the name of `principal`.

        The same string for every token of one user, at most 256 bytes. A session is unknown to any
        principal but the one that opened it. Streams of the request end after `expires_in_ms`, and
        their client comes back with new credentials; 0: never.
        """
        self._answer(
            library.shttp_authorization_allow,
            borrowed(principal.encode()),
            milliseconds(expires_in_ms),
        )

    def refuse(
        self,
        reason: Literal["no_credentials", "invalid_token", "insufficient_scope"] | None = None,
        scope: str = "",
        description: str = "",
    ) -> None:
        """Refuses the request, with 401 or, for "insufficient_scope", with 403.

        Without a `reason` it is what the header suggests: no credentials, or an invalid token.
        `scope` are the scopes that are needed, a space between each two; `description` is for the
        developer of the client, in ASCII.
        """
        if reason is None:
            reason = "no_credentials" if self.token is None else "invalid_token"
        self._answer(
            library.shttp_authorization_refuse,
            _REFUSALS[reason],
            borrowed(scope.encode()),
            borrowed(description.encode()),
        )

    def _answer(self, function: Any, *arguments: Any) -> None:
        with self._lock:
            if self._answered:
                raise NotFoundError("the request has been allowed or refused")
            self._link.invoke(function, self._authorization, *arguments)
            self._answered = True


_REFUSALS = {
    "no_credentials": shttp_refusal.SHTTP_REFUSE_NO_CREDENTIALS,
    "invalid_token": shttp_refusal.SHTTP_REFUSE_INVALID_TOKEN,
    "insufficient_scope": shttp_refusal.SHTTP_REFUSE_INSUFFICIENT_SCOPE,
}


class Message(Event):
    """A JSON-RPC message of the client."""

    def __init__(
        self,
        session: Session | None,
        method: str,
        message: bytes,
        header_lines: bytes,
        revision: str,
        principal: str,
    ) -> None:
        super().__init__(session)
        self.method = method
        self.message = message
        """The whole JSON-RPC message, as the client wrote it."""
        self.revision = revision
        """The protocol revision in use, such as 2025-11-25."""
        self.principal = principal
        """Who sent it; empty without authorization."""
        self._header_lines = header_lines

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.method} {self.session}>"

    @cached_property
    def params(self) -> Any:
        """The params, parsed when first asked for; an empty dict if there are none."""
        return json.loads(self.message).get("params", {})

    @cached_property
    def headers(self) -> Headers:
        """The headers of the HTTP request."""
        return Headers(self._header_lines)


class Notification(Message):
    """A client's notification; it wants no answer."""


class Request(Message):
    """A client's request: answer it once, with `respond` or `fail`, now or later.

    The methods may be called on any thread. An argument or a mode of the server that makes a
    command impossible raises at once, and so do NotFoundError, once the request has been
    answered, and RequestCancelledError. What the library finds out only later (the client has
    gone, a mailbox is full) comes as a CommandFailed event.
    """

    def __init__(
        self,
        link: Link,
        key: int,
        session: Session | None,
        method: str,
        id: bytes,
        message: bytes,
        header_lines: bytes,
        revision: str,
        principal: str,
    ) -> None:
        super().__init__(session, method, message, header_lines, revision, principal)
        self._link = link
        self._request = shttp_request(key)
        self._id = id
        self._lock = threading.Lock()
        self._answered = False
        self._cancelled = False
        self._cancel_waiters: list[concurrent.futures.Future[None]] = []

    @cached_property
    def id(self) -> int | str:
        """The JSON-RPC id: 7 and "7" are two."""
        id: int | str = json.loads(self._id)
        return id

    @property
    def cancelled(self) -> bool:
        """The client has cancelled the request, or its session has ended: stop working on it."""
        return self._cancelled

    async def wait_cancelled(self) -> None:
        """Returns when the request is cancelled."""
        waiter: concurrent.futures.Future[None] = concurrent.futures.Future()
        with self._lock:
            if self._cancelled:
                return
            self._cancel_waiters.append(waiter)
        await asyncio.wrap_future(waiter)

    def respond(self, result: Any) -> None:
        """Answers with a result: JSON-able, for MCP a dict; or bytes of JSON."""
        with self._lock:
            self._invoke(library.shttp_request_respond, borrowed(dump(result)))
            self._answered = True

    def fail(self, code: int, message: str, data: Any = None) -> None:
        """Answers with a JSON-RPC error."""
        with self._lock:
            self._invoke(
                library.shttp_request_fail, code, borrowed(message.encode()), optional(data)
            )
            self._answered = True

    def progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        """Tells how far the request has come; does nothing if the client did not ask for that.

        It goes to the session's primary stream, or to the request's own: see `progress_route`.
        """
        self._invoke(
            library.shttp_request_progress,
            progress,
            math.nan if total is None else total,
            EMPTY if message is None else borrowed(message.encode()),
        )

    def log(self, level: str, data: Any, logger: str | None = None) -> None:
        """Sends a log message on the request's stream; `level` is debug ... emergency."""
        self._invoke(
            library.shttp_request_log,
            borrowed(level.encode()),
            EMPTY if logger is None else borrowed(logger.encode()),
            borrowed(dump(data)),
        )

    def notify(self, method: str, params: Any = None) -> None:
        """Sends a notification that belongs to the request, on the request's stream."""
        self._invoke(
            library.shttp_request_notify, borrowed(method.encode()), optional(params)
        )

    def call(self, method: str, params: Any = None, timeout: float | None = None) -> Call:
        """Makes a request to the client on the request's stream; `timeout` in seconds.

        Raises StatelessError, JSONResponseError and LimitError at once; other statuses, such as
        NotReadyError, come out of the Call.
        """
        self._check_open()
        return self._link.call(
            library.shttp_request_call, self._request, method, params, timeout
        )

    def hang_up(self, retry_ms: int = 1000) -> None:
        """Ends the connection of the request's stream and keeps the stream, for work that is long.

        The client comes back after `retry_ms`, and gets what was sent meanwhile. Raises
        StatelessError and JSONResponseError at once. If the client cannot come back, because the
        server keeps nothing (`replay`) or its revision is older than 2025-11-25, nothing happens
        but a CommandFailed event with NotResumableError; the request is answered as ever.
        """
        self._invoke(library.shttp_request_hang_up, milliseconds(retry_ms))

    def _invoke(self, function: Any, *arguments: Any) -> None:
        self._check_open()
        self._link.invoke(function, self._request, *arguments)

    def _check_open(self) -> None:
        if self._cancelled:
            raise RequestCancelledError("the client has cancelled the request")
        if self._answered:
            raise NotFoundError("the request has been answered")

    def _cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            waiters, self._cancel_waiters = self._cancel_waiters, []
        for waiter in waiters:
            if waiter.set_running_or_notify_cancel():
                waiter.set_result(None)


class Cancelled(Event):
    """The client has cancelled `request`, whose stream has been ended: stop working on it."""

    def __init__(self, request: Request, message: bytes) -> None:
        super().__init__(request.session)
        self.request = request
        self._message = message

    @cached_property
    def reason(self) -> str | None:
        """Why, in the client's words."""
        params = json.loads(self._message).get("params", {}) if self._message else {}
        reason: str | None = params.get("reason")
        return reason


class SessionEvent(Event):
    """An event of a session."""

    session: Session


class SessionOpened(SessionEvent):
    """A client has initialized a session: the first event of it."""

    def __init__(self, session: Session, header_lines: bytes) -> None:
        super().__init__(session)
        self._header_lines = header_lines

    @cached_property
    def headers(self) -> Headers:
        """The headers of the HTTP request that initialized the session."""
        return Headers(self._header_lines)


class SessionClosed(SessionEvent):
    """The session has ended: deleted by the client, idle, or closed. The last event of it."""


class PrimaryOpened(SessionEvent):
    """The client has opened the session's primary stream, for the first time or again."""


class PrimaryClosed(SessionEvent):
    """The primary stream is gone, or hung up; messages for it wait in the session's mailbox."""


class CommandFailed(Event):
    """A command could not be carried out, because of `error`; often the client has gone."""

    def __init__(
        self, error: StreamableHTTPError, session: Session | None, request: Request | None
    ) -> None:
        super().__init__(session)
        self.error = error
        self.request = request
        """What the command was for; None if the host keeps the request no longer."""

    def __repr__(self) -> str:
        return f"<CommandFailed {self.error!r} {self.request or self.session}>"
