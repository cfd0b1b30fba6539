"""A client's request, and all that a server has of them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import math
import sys
import threading
import weakref
from collections import deque
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from ._abi import shttp_request
from ._library import library
from ._recorder import Recorder, Sent, sent
from ._reports import logger as host_logger
from ._reports import report
from ._values import (
    EMPTY,
    borrowed,
    dump,
    encoded,
    finite,
    integer,
    lazy,
    load,
    message_params,
    method_name,
    milliseconds,
    optional,
    shown,
    text,
)
from .calls import Asking, Call, Calls
from .errors import (
    ClosedError,
    InvalidMessageError,
    LimitError,
    NotFoundError,
    RequestCancelledError,
)
from .message import Message
from .session import Session

INTERNAL_ERROR = -32603
NOT_ANSWERED = "The handler did not answer"

CLIENT_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"

DROPPED_MAX = 1024
"""How many dropped requests to remember: their failed commands are not reported."""

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


class _State:
    """What changes of a request."""

    __slots__ = ("answered", "cancelled", "is_handed_over", "lock", "waiters")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.answered = False
        self.cancelled = False
        self.is_handed_over = False
        """Whether the host has received it from a server: before that, it could not answer."""
        self.waiters: list[concurrent.futures.Future[None]] = []


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Request(Message, Asking):
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

    With revision 2026-07-28 a client that disconnects has cancelled its request, unless it was
    asked for something: then it comes back, and the request is the same object all the time.
    """

    id: int | str = lazy(lambda self: load(self._id))
    """The JSON-RPC id; 7 and "7" are different ids."""

    client_capabilities: dict[str, Any] = field(init=False, default=lazy(lambda self: _capabilities(self)))
    """What the client has declared: with this request (2026-07-28), or when it initialized."""

    _id: bytes = field(init=False)
    _request: shttp_request = field(init=False)
    _requests: Requests = field(init=False)
    _state: _State = field(init=False)

    __match_args__ = ("method", "params")

    def __init__(
        self,
        *,
        method: str,
        params: Any = None,
        id: int | str = 0,
        message: bytes | None = None,
        session: Session | None = None,
        headers: Mapping[str, str] | None = None,
        revision: str = "2025-11-25",
        principal: str = "",
        peer: str = "",
        target: str = "/mcp",
        tag: Any = None,
    ) -> None:
        """Makes a request without a server, for tests of a host; `sent` has what it is answered."""
        super().__init__(
            method=method,
            params=params,
            message=message,
            session=session,
            headers=headers,
            revision=revision,
            principal=principal,
            peer=peer,
            target=target,
            tag=tag,
        )
        self._begin(Requests(Calls(Recorder())), 0)
        vars(self)["id"] = id

    @classmethod
    def _of(cls, requests: Requests, key: int, id: bytes, **fields: Any) -> Request:
        """A request of a server; `fields` are those of a Message."""
        request = cls.__new__(cls)
        Message.__init__(request, **fields)
        request._begin(requests, key)
        vars(request)["_id"] = id
        return request

    def _begin(self, requests: Requests, key: int) -> None:
        vars(self).update(_requests=requests, _request=shttp_request(key), _state=_State())

    def _details(self) -> tuple[object, ...]:
        return (shown(self.method), f"id={shown(self.id)}")

    def _members(self) -> dict[str, Any]:
        return {"id": self.id, **super()._members()}

    def __enter__(self) -> Request:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._state.lock:
            is_open = self._is_open
            self._state.answered = True
        if is_open:
            self._requests.drop(self)

    @property
    def sent(self) -> list[Sent]:
        """The commands to a request that was built without a server: (name, argument, ...)."""
        return sent(self._requests.calls.server)

    @property
    def cancelled(self) -> bool:
        """Whether the request was cancelled or its session has ended: stop working on it."""
        return self._state.cancelled

    def wait_cancelled(self) -> Coroutine[Any, Any, None]:
        """Waits, when awaited, until the request is cancelled or dropped."""
        waiter: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._state.waiters.append(waiter)
        if self._state.cancelled:
            self._end_waits()
        # Not a coroutine method: a waiter would keep a reference to this object for ever.
        return _until_cancelled(waiter, self._state.waiters)

    def respond(self, result: Any) -> None:
        """Answers with a result: JSON-serializable, for MCP a dict; or bytes of JSON.

        Raises TypeError, InvalidMessageError, LimitError, and those described above.
        """
        with self._state.lock:
            self._invoke(library.shttp_request_respond, borrowed(dump("result", result)))
            self._state.answered = True

    def fail(self, code: int, message: str, data: Any = None, *, in_band: bool = False) -> None:
        """Answers with a JSON-RPC error; `code` has 32 bits, and `data` is JSON-serializable.

        With 2026-07-28 the code decides the HTTP status, 404 or 400, if nothing has been sent yet.
        `in_band` is for an error of another server that is passed on: the status is then 200.

        Raises TypeError, InvalidArgumentError, InvalidMessageError, LimitError, and those described
        above.
        """
        with self._state.lock:
            self._invoke(
                library.shttp_request_fail_in_band if in_band else library.shttp_request_fail,
                integer("code", code, -(1 << 31), (1 << 31) - 1),
                borrowed(encoded("message", message)),
                optional("data", data),
            )
            self._state.answered = True
        if self.session is not None and self.session._is_opening:
            self.session.closed = True  # it is never opened

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
        """Sends a log message on the request's stream; `level` is debug ... emergency.

        A client of 2026-07-28 gets it only if it has asked for this level with the request.
        """
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
        """Makes a request to the client while it waits for this one; `timeout` in seconds.

        A session's client gets it on the request's stream. One of 2026-07-28 gets it as a result
        that asks for input, with other calls that were made at the same time; it sends its request
        again with the answers, and `parked_ms` limits how long that may take. What is sent in the
        meantime is kept for it.

        Raises LimitError, and what is described above; StatelessError and JSONResponseError, too,
        if `revisions` has no 2026-07-28. Other statuses are raised by the Call: NotReadyError,
        NoCallsError (with 2026-07-28 only tools/call, prompts/get and resources/read can ask, and
        only for elicitation/create, sampling/createMessage and roots/list), NoCapabilityError, and
        DisconnectedError if the client has not come back in time.
        """
        self._check_open()
        return self._requests.calls.make(library.shttp_request_call, self._request, method, params, timeout)

    def _answering(self) -> Calls:
        self._check_open()
        return self._requests.calls

    def _declared(self) -> dict[str, Any] | None:
        """With 2026-07-28 the library checks it, for the request as it is repeated."""
        return None if self.session is None else self.session.client_capabilities

    def hang_up(self, retry_ms: int = 1000) -> None:
        """Closes the connection of the request's stream and keeps the stream, for long work.

        The client reconnects after `retry_ms`, and gets the messages sent in the meantime. Raises
        StatelessError and JSONResponseError. If the client cannot resume, because the server keeps
        no events (`replay`) or its revision is older than 2025-11-25, the only effect is a
        CommandFailed event with NotResumableError; the connection stays open.
        """
        self._invoke(library.shttp_request_hang_up, milliseconds("retry_ms", retry_ms))

    def writable(self) -> Call:
        """Waits, when awaited, until the request's stream has room: for hosts that send much.

        Await it before each message, or after each few, and a client that reads slowly slows the
        host down; without it, old log messages are dropped and then the connection is closed.
        `result(timeout)` waits on a thread. It also waits for room in the queue of commands, so it
        is what to do after LimitError. There is no room while more than a quarter of
        `unsent_bytes_max` is unread, until all is read; a client that has disconnected and may
        resume keeps nobody waiting.

        Raises NotFoundError if the request ends meanwhile, NotReadyError for initialize, and what
        is described above.
        """
        self._check_open()
        return self._requests.calls.room(library.shttp_request_when_writable, self._request)

    def _invoke(self, function: Any, *arguments: Any) -> None:
        self._check_open()
        self._requests.calls.server.invoke(function, self._request, *arguments)

    def _check_open(self) -> None:
        if self._state.cancelled:
            raise RequestCancelledError("the client has cancelled the request")
        if self._state.answered:
            raise NotFoundError("the request has been answered")

    @property
    def _is_open(self) -> bool:
        return not (self._state.answered or self._state.cancelled)

    def _cancel(self) -> None:
        """May be repeated after an interruption."""
        self._state.cancelled = True
        self._end_waits()

    def _end_waits(self) -> None:
        for waiter in list(self._state.waiters):
            try:
                waiter.set_result(None)
            except concurrent.futures.InvalidStateError:
                pass  # it is already set, or its waiter has gone

    def __del__(self) -> None:
        state = vars(self).get("_state")
        if state is not None and state.is_handed_over:
            self._requests.alive.pop(self._request.key, None)
            if self._is_open:
                self._requests.drop(self)


def _capabilities(request: Request) -> dict[str, Any]:
    """Of the request's own `_meta`; else those of its session."""
    meta = request.params.get("_meta") if isinstance(request.params, dict) else None
    declared = meta.get(CLIENT_CAPABILITIES) if isinstance(meta, dict) else None
    if isinstance(declared, dict):
        return declared
    return {} if request.session is None else request.session.client_capabilities


async def _until_cancelled(
    waiter: concurrent.futures.Future[None], waiters: list[concurrent.futures.Future[None]]
) -> None:
    try:
        if not waiter.done():
            await asyncio.wrap_future(waiter)
    finally:
        waiters.remove(waiter)


class Requests:
    """The requests of one server. Every method may be called on any thread."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self.alive: dict[int, weakref.ref[Request]] = {}
        """The existing requests, as weak references: a released request needs no events."""
        self.unfailed: deque[int] = deque()
        """Dropped requests that could not be failed yet, because the command queue was full."""
        self.dropped: deque[int] = deque(maxlen=DROPPED_MAX)

    def existing(self, key: int) -> Request | None:
        """The request, if there is a reference to it."""
        reference = self.alive.get(key)
        return reference() if reference else None

    def cancel_all(self, session: Session) -> None:
        """Cancels the requests of a session that has ended."""
        for reference in list(self.alive.values()):
            request = reference()
            if request is not None and request.session is session:
                request._cancel()

    def drop(self, request: Request) -> None:
        """Fails a request that was not answered and has no reference left.

        Called by `__del__`, so on any thread and at any time; it never raises.
        """
        try:
            server = self.calls.server
            if sys.is_finalizing() or server.is_forked or server.closed:
                return
            self.dropped.append(request._request.key)
            self._fail(request._request.key)
            request._end_waits()
            host_logger.warning(
                "The request %r of %s was dropped without an answer: its client gets error %d",
                request.method,
                request.session or "a client without a session",
                INTERNAL_ERROR,
            )
        except ClosedError:
            pass
        except Exception as problem:
            report(problem)

    def fail_unfailed(self) -> None:
        """Fails dropped requests, as far as the command queue has space again."""
        for _ in range(len(self.unfailed)):
            self._fail(self.unfailed[0])
            self.unfailed.popleft()

    def _fail(self, key: int) -> None:
        try:
            self.calls.server.invoke(
                library.shttp_request_fail,
                shttp_request(key),
                INTERNAL_ERROR,
                text("message", NOT_ANSWERED),
                EMPTY,
            )
        except LimitError:
            self.unfailed.append(key)

    def forget(self) -> None:
        """For a forked child: a thread of the parent may hold a lock."""
        for reference in list(self.alive.values()):
            request = reference()
            if request is not None:
                request._state.lock = threading.Lock()
