"""The events of a server."""

from __future__ import annotations

import asyncio
import concurrent.futures
import math
import re
import threading
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ._abi import shttp_authorization, shttp_bytes, shttp_refusal, shttp_request
from ._handles import stays_here
from ._library import library
from ._values import (
    Headers,
    borrowed,
    dump,
    encoded,
    exact,
    finite,
    integer,
    load,
    message_params,
    method_name,
    milliseconds,
    optional,
    text,
    wrong_type,
)
from .errors import (
    InvalidArgumentError,
    InvalidMessageError,
    NotFoundError,
    RequestCancelledError,
    StreamableHTTPError,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from typing_extensions import Literal

    from ._link import Link
    from .calls import Call
    from .session import Session

PRINCIPAL_BYTES_MAX = 256
CHALLENGE_BYTES_MAX = 2048

LEVELS = (
    b"debug",
    b"info",
    b"notice",
    b"warning",
    b"error",
    b"critical",
    b"alert",
    b"emergency",
)

_REFUSALS = {
    "no_credentials": shttp_refusal.SHTTP_REFUSE_NO_CREDENTIALS,
    "invalid_token": shttp_refusal.SHTTP_REFUSE_INVALID_TOKEN,
    "insufficient_scope": shttp_refusal.SHTTP_REFUSE_INSUFFICIENT_SCOPE,
}
_PRINTABLE = re.compile(rb"[ -~]*")
_SCOPES = re.compile(rb"(?:[!#-\[\]-~]+(?: [!#-\[\]-~]+)*)?")


class Event:
    """The base class of all events. Ignore unknown classes: later versions may have more."""

    session: Session | None
    """The session of the event; None if the server is stateless."""

    def __init__(self, session: Session | None) -> None:
        self.session = session

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.session}>"

    __reduce__ = stays_here


class Idle(Event):
    """No event for half a second, and the last request is not answered yet.

    Ignore it. It replaces that request in the variable of a loop over the events. If there is no
    other reference to the request, the request then fails: see `Request`.
    """

    session: None


class Authorization(Event):
    """An HTTP request that waits to be authorized: answer it once, with `allow` or `refuse`.

    It is the first event of a request, if the server has `authorize`. The methods may be called now
    or later, on any thread. If the client has disconnected, the answer is ignored. After
    `authorize_ms` the request is refused with HTTP status 503.
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
        """The credentials after the scheme. Do not log them."""
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
        """Authorizes the request, as a request of `principal`.

        `principal` must be the same string for all tokens of one user, and has 1 to 256 bytes. A
        session does not exist for any principal but the one that opened it. Streams of the request
        end after `expires_in_ms`, and their client can resume them with new credentials; 0: never.

        Raises TypeError, InvalidArgumentError, NotFoundError on a second call, and ClosedError.
        """
        name = exact("principal", principal)
        if not 0 < len(name) <= PRINCIPAL_BYTES_MAX:
            raise InvalidArgumentError(
                f"principal: {len(name)} bytes are not in 1 ... {PRINCIPAL_BYTES_MAX}; use one name"
                " for everybody if users are not told apart"
            )
        self._answer(
            library.shttp_authorization_allow,
            borrowed(name),
            milliseconds("expires_in_ms", expires_in_ms),
        )

    def refuse(
        self,
        reason: Literal["no_credentials", "invalid_token", "insufficient_scope"] | None = None,
        scope: str = "",
        description: str = "",
    ) -> None:
        """Refuses the request, with 401 or, for "insufficient_scope", with 403.

        The default `reason` is "no_credentials" if there is no bearer token, else "invalid_token".
        `scope` lists the scopes that are needed, separated by single spaces; `description` is for
        the developer of the client, in printable ASCII. At most 2048 bytes each.

        Raises TypeError, InvalidArgumentError, NotFoundError on a second call, and ClosedError.
        """
        if reason is None:
            reason = "no_credentials" if self.token is None else "invalid_token"
        if not isinstance(reason, str):
            raise wrong_type("reason", "a str", reason)
        if reason not in _REFUSALS:
            raise InvalidArgumentError(f"reason: {reason!r} is none of {', '.join(map(repr, _REFUSALS))}")
        self._answer(
            library.shttp_authorization_refuse,
            _REFUSALS[reason],
            _header_text("scope", scope, _SCOPES, "scopes with a space between each two"),
            _header_text("description", description, _PRINTABLE, "printable ASCII"),
        )

    def _answer(self, function: Any, *arguments: Any) -> None:
        self._link.check_process()  # before the lock, which a thread of the parent may hold
        with self._lock:
            if self._answered:
                raise NotFoundError("the request has been allowed or refused")
            self._link.invoke(function, self._authorization, *arguments)
            self._answered = True


def _header_text(argument: str, value: str, pattern: re.Pattern[bytes], wanted: str) -> shttp_bytes:
    data = encoded(argument, value)
    if len(data) > CHALLENGE_BYTES_MAX or not pattern.fullmatch(data):
        raise InvalidArgumentError(f"{argument}: a header takes {wanted}, at most {CHALLENGE_BYTES_MAX} bytes")
    return borrowed(data)


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
        """The whole JSON-RPC message, unchanged."""
        self.revision = revision
        """The protocol revision in use, such as 2025-11-25."""
        self.principal = principal
        """The principal of the sender; empty without authorization."""
        self._header_lines = header_lines

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.method!r} {self.session}>"

    @cached_property
    def params(self) -> Any:
        """The params, parsed at the first access: a dict or a list; {} if there are none."""
        params = load(self.message).get("params")
        return {} if params is None else params

    @cached_property
    def headers(self) -> Headers:
        """The headers of the HTTP request."""
        return Headers(self._header_lines)


class Notification(Message):
    """A client's notification; it needs no answer."""


class Request(Message):
    """A client's request: answer it once, with `respond` or `fail`, now or later.

    The methods may be called on any thread. They raise if an argument is invalid, if the server's
    mode does not support the command, if the request was answered (NotFoundError) or cancelled
    (RequestCancelledError). Failures that the library detects later (the client has disconnected, a
    mailbox is full) are reported by a CommandFailed event. In every str an unpaired surrogate is
    replaced by U+FFFD, also in JSON.

    Keep a reference until it is answered. When the last reference is deleted, for example because
    its handler has raised, the request is failed with error -32603, and a warning goes to the
    logger "streamablehttp". As a context manager it is failed this way at the end of the block,
    even if there are other references: a failed task keeps its variables as long as there is a
    reference to the task.
    """

    _is_handed_over = False
    """Whether the host has received it: before that, it could not be answered."""

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

    def __enter__(self) -> Request:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            is_open = self._is_open
            self._answered = True
        if is_open:
            self._link.drop(self)

    @cached_property
    def id(self) -> int | str:
        """The JSON-RPC id; 7 and "7" are different ids."""
        id: int | str = load(self._id)
        return id

    @property
    def cancelled(self) -> bool:
        """Whether the request was cancelled or its session has ended: stop working on it."""
        return self._cancelled

    def wait_cancelled(self) -> Coroutine[Any, Any, None]:
        """Waits, when awaited, until the request is cancelled or dropped."""
        waiter: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._cancel_waiters.append(waiter)
        if self._cancelled:
            self._end_waits()
        # Not a coroutine method: a waiter would keep a reference to this object for ever.
        return _until_cancelled(waiter)

    def respond(self, result: Any) -> None:
        """Answers with a result: JSON-serializable, for MCP a dict; or bytes of JSON.

        Raises TypeError, InvalidMessageError, LimitError, and those described above.
        """
        with self._lock:
            self._invoke(library.shttp_request_respond, borrowed(dump("result", result)))
            self._answered = True

    def fail(self, code: int, message: str, data: Any = None) -> None:
        """Answers with a JSON-RPC error; `code` has 32 bits, and `data` is JSON-serializable.

        Raises TypeError, InvalidArgumentError, InvalidMessageError, LimitError, and those described
        above.
        """
        with self._lock:
            self._invoke(
                library.shttp_request_fail,
                integer("code", code, -(1 << 31), (1 << 31) - 1),
                borrowed(encoded("message", message)),
                optional("data", data),
            )
            self._answered = True

    def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Sends the progress of the request; does nothing if the client did not ask for progress.

        It is sent on the session's primary stream or on the request's own: see `progress_route`.
        Both numbers must be finite; a `total` of 0 or less means unknown, like None.
        """
        self._invoke(
            library.shttp_request_progress,
            finite("progress", progress),
            math.nan if total is None else finite("total", total),
            text("message", message),
        )

    def log(self, level: str, data: Any, logger: str | None = None) -> None:
        """Sends a log message on the request's stream; `level` is debug ... emergency."""
        severity = encoded("level", level)
        if severity not in LEVELS:
            raise InvalidMessageError(f"level: {level!r} is none of {b', '.join(LEVELS).decode()}")
        self._invoke(
            library.shttp_request_log,
            borrowed(severity),
            text("logger", logger),
            borrowed(dump("data", data)),
        )

    def notify(self, method: str, params: Any = None) -> None:
        """Sends a notification that belongs to the request, on the request's stream.

        `params` is a dict or a list, or bytes of JSON.
        """
        self._invoke(library.shttp_request_notify, method_name(method), message_params(params))

    def call(self, method: str, params: Any = None, timeout: float | None = None) -> Call:
        """Makes a request to the client on the request's stream; `timeout` in seconds.

        Raises StatelessError, JSONResponseError and LimitError; other statuses, such as
        NotReadyError, are raised by the Call.
        """
        self._check_open()
        return self._link.call(library.shttp_request_call, self._request, method, params, timeout)

    def hang_up(self, retry_ms: int = 1000) -> None:
        """Closes the connection of the request's stream and keeps the stream, for long work.

        The client reconnects after `retry_ms`, and gets the messages sent in the meantime. Raises
        StatelessError and JSONResponseError. If the client cannot resume, because the server keeps
        no events (`replay`) or its revision is older than 2025-11-25, the only effect is a
        CommandFailed event with NotResumableError; the connection stays open.
        """
        self._invoke(library.shttp_request_hang_up, milliseconds("retry_ms", retry_ms))

    def _invoke(self, function: Any, *arguments: Any) -> None:
        self._check_open()
        self._link.invoke(function, self._request, *arguments)

    def _check_open(self) -> None:
        if self._cancelled:
            raise RequestCancelledError("the client has cancelled the request")
        if self._answered:
            raise NotFoundError("the request has been answered")

    @property
    def _is_open(self) -> bool:
        return not (self._answered or self._cancelled)

    def _cancel(self) -> None:
        """May be repeated after an interruption."""
        self._cancelled = True
        self._end_waits()

    def _end_waits(self) -> None:
        for waiter in list(self._cancel_waiters):
            try:
                waiter.set_result(None)
            except concurrent.futures.InvalidStateError:
                pass  # it is already set, or its waiter has gone

    def __del__(self) -> None:
        if self._is_handed_over:
            self._link.requests.pop(self._request.key, None)
            if not (self._answered or self._cancelled):
                self._link.drop(self)


async def _until_cancelled(waiter: concurrent.futures.Future[None]) -> None:
    await asyncio.wrap_future(waiter)


class Cancelled(Event):
    """`request` has ended without an answer: stop working on it.

    Its client has cancelled it or has disconnected for good, or its session or the server has
    closed.
    """

    def __init__(self, request: Request, message: bytes) -> None:
        super().__init__(request.session)
        self.request = request
        self._message = message

    @cached_property
    def reason(self) -> str | None:
        """The client's reason; None if it gave none."""
        params = load(self._message).get("params") if self._message else None
        reason = params.get("reason") if isinstance(params, dict) else None
        return reason if isinstance(reason, str) else None


class SessionEvent(Event):
    """An event of a session."""

    session: Session


class SessionOpened(SessionEvent):
    """A client has initialized a session: the session's first event."""

    def __init__(self, session: Session, header_lines: bytes) -> None:
        super().__init__(session)
        self._header_lines = header_lines

    @cached_property
    def headers(self) -> Headers:
        """The headers of the HTTP request that initialized the session."""
        return Headers(self._header_lines)


class SessionClosed(SessionEvent):
    """The session has ended: deleted by the client, idle, or closed. The session's last event."""

    def __init__(self, session: Session, made_room: bool = False) -> None:
        super().__init__(session)
        self.made_room = made_room
        """Whether it was an unused session that was closed to make room for another one."""


class PrimaryOpened(SessionEvent):
    """The client has opened the session's primary stream, for the first time or again."""


class PrimaryGap(SessionEvent):
    """The client has resumed its primary stream, but missed events are no longer kept.

    The client has lost them; it receives everything that is sent from now on. Send again what it
    needs to know, for example that a list has changed. This event follows PrimaryOpened.
    """


class PrimaryClosed(SessionEvent):
    """The primary stream has no connection; messages are queued in the session's mailbox."""


class CommandFailed(Event):
    """A command has failed with `error`; often because the client has disconnected."""

    def __init__(self, error: StreamableHTTPError, session: Session | None, request: Request | None) -> None:
        super().__init__(session)
        self.error = error
        self.request = request
        """The request of the command; None if there is none, or no reference to it is left."""

    def __repr__(self) -> str:
        return f"<CommandFailed {self.error!r} {self.request or self.session}>"
