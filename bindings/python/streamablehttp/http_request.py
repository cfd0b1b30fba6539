"""A request for another path than the endpoint's, which the host answers."""

from __future__ import annotations

import asyncio
import concurrent.futures
import sys
import threading
import weakref
from collections import deque
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Union
from urllib.parse import unquote

from ._abi import shttp_exchange, shttp_header
from ._handles import Commands
from ._library import library
from ._recorder import Recorder, Sent, sent
from ._reports import logger, report
from ._values import borrowed, integer, lazy, raw_headers, shown, wrong_type
from .errors import ClosedError, DisconnectedError, LimitError, NotFoundError, StreamableHTTPError
from .message import Event

Text = Union[str, bytes]
ResponseHeaders = Union[Mapping[str, str], Iterable[tuple[Text, Text]]]

NOT_ANSWERED = b"Internal Server Error\n"

UNSENT_MAX = 1 << 20
"""What may be unsent of one answer, if `unsent_bytes_max` does not allow less."""

PART_BYTES = 32
"""More than what HTTP puts around a part of a body."""


class _State:
    """What changes of an exchange."""

    __slots__ = (
        "answered",
        "closed",
        "has_body",
        "is_handed_over",
        "lock",
        "parts",
        "started",
        "unsent",
        "waiters",
        "written",
    )

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.started = False
        self.answered = False
        self.closed = False
        self.has_body = True
        self.is_handed_over = False
        self.written = 0
        """The bytes of the body so far."""
        self.unsent = 0
        """About the memory of those that may not be with the socket yet."""
        self.parts: deque[tuple[int, int]] = deque()
        """Of each of these parts, its end in the body, and its memory."""
        self.waiters: list[tuple[concurrent.futures.Future[None], bool]] = []
        """Who waits; and whether for room, or for the end."""


@dataclass(frozen=True, eq=False, init=False, repr=False)
class HTTPRequest(Event):
    """A request for another path than the endpoint's: only if the server has `other_paths`.

    Answer it once, now or later, on any thread: with `respond`, or in parts with `start`, `write`
    and `end`. Neither its Origin nor its credentials were checked: who may do what is for the host
    to decide. A client that has gone sets `closed`; the methods then raise DisconnectedError.

    When the last reference is deleted before the answer is complete, the client gets status 500 or,
    if the answer has begun, its end; a warning goes to the logger "streamablehttp".
    """

    session: None
    method: str
    """The HTTP method, such as GET."""
    target: str
    """The target of the request, such as /health?x=1."""
    headers: list[tuple[bytes, bytes]]
    """The headers, names in lower case, in their order."""
    body: bytes
    peer: str
    """Where the client is, such as 127.0.0.1:54321, or unix:pid=17. Behind a proxy, the proxy."""
    path: str = field(init=False, default=lazy(lambda self: unquote(split_target(self.target)[0])))
    """The path of the target, with its percent-encoded bytes decoded."""
    query: str = field(init=False, default=lazy(lambda self: split_target(self.target)[1]))
    """The query of the target, as it was sent; empty if there is none."""

    _exchange: shttp_exchange = field(init=False)
    _exchanges: Exchanges = field(init=False)
    _state: _State = field(init=False)

    __match_args__ = ("method", "path")

    def __init__(
        self,
        *,
        method: str = "GET",
        target: str = "/",
        headers: ResponseHeaders = (),
        body: bytes = b"",
        peer: str = "",
    ) -> None:
        """Makes one without a server, for tests of a host; `sent` has what it is answered."""
        super().__init__()
        lines = [(name.lower(), value) for name, value in _pairs(headers)]
        self._begin(Exchanges(Recorder(), 1 << 20), 0, method, target, lines, body, peer)

    @classmethod
    def _of(cls, exchanges: Exchanges, key: int, method: str, target: str, *rest: Any) -> HTTPRequest:
        """One of a server."""
        request = cls.__new__(cls)
        Event.__init__(request)
        request._begin(exchanges, key, method, target, *rest)
        return request

    def _begin(
        self,
        exchanges: Exchanges,
        key: int,
        method: str,
        target: str,
        headers: bytes | list[tuple[bytes, bytes]],
        body: bytes,
        peer: str,
    ) -> None:
        vars(self).update(
            method=method,
            target=target,
            headers=raw_headers(headers) if isinstance(headers, bytes) else headers,
            body=body,
            peer=peer,
            _exchange=shttp_exchange(key),
            _exchanges=exchanges,
            _state=_State(),
        )

    def _details(self) -> tuple[object, ...]:
        # A query may have a token in it.
        return (shown(self.method), shown(self.target.partition("?")[0]))

    @property
    def closed(self) -> bool:
        """Whether the client has gone before the answer was complete: stop working on it."""
        return self._state.closed

    @property
    def sent(self) -> list[Sent]:
        """The answer to one that was built without a server: (name, argument, ...)."""
        return sent(self._exchanges.server)

    def respond(self, status: int, headers: ResponseHeaders = (), body: Text = b"") -> None:
        """Answers with a status (200 ... 599), headers and a body; a str is sent in UTF-8.

        The library adds Date, Content-Length and Connection: those, Keep-Alive, Trailer,
        Transfer-Encoding and Upgrade are refused here. There is no body with 204 and 304, nor for
        HEAD: what is given is not sent.

        Raises TypeError, InvalidArgumentError, InvalidHeaderError, LimitError, NotFoundError on a
        second call, DisconnectedError and ClosedError.
        """
        with self._state.lock:
            self._check(begun=False)
            self._head(library.shttp_exchange_respond, status, headers, _body("body", body))
            self._state.answered = True
        self._wake()

    def start(self, status: int, headers: ResponseHeaders = ()) -> None:
        """Begins an answer whose body follows in parts. See `respond`."""
        with self._state.lock:
            self._check(begun=False)
            self._head(library.shttp_exchange_start, status, headers)
            self._state.started = True
            self._state.has_body = self.method != "HEAD" and status not in (204, 304)

    def write(self, data: Text) -> None:
        """Sends a part of the body.

        Raises LimitError if the client has not read enough of the earlier parts (1 MB, or half of
        `unsent_bytes_max`): nothing is sent then, so await `writable()` and write it again. A
        client that reads nothing for `body_ms` is disconnected.
        """
        part = _body("data", data)
        state, most = self._state, self._exchanges.unsent_max
        with state.lock:
            self._check(begun=True)
            cost = len(part) + PART_BYTES
            if state.unsent and state.unsent + cost > most:
                raise LimitError("the client has not read enough of what was written before")
            self._invoke(library.shttp_exchange_write, part)
            if part and state.has_body:
                state.written += len(part)
                state.unsent += cost
                state.parts.append((state.written, cost))

    def end(self) -> None:
        """Ends the body."""
        with self._state.lock:
            self._check(begun=True)
            self._invoke(library.shttp_exchange_end)
            self._state.answered = True
        self._wake()

    def writable(self) -> Coroutine[Any, Any, None]:
        """Waits, when awaited, until all that was written is with the socket, or the end."""
        return self._wait(for_room=True)

    def wait_closed(self) -> Coroutine[Any, Any, None]:
        """Waits, when awaited, until the client has gone, or the answer is complete: `closed` says which."""
        return self._wait(for_room=False)

    def _wait(self, for_room: bool) -> Coroutine[Any, Any, None]:
        waiter: concurrent.futures.Future[None] = concurrent.futures.Future()
        with self._state.lock:
            self._state.waiters.append((waiter, for_room))
        self._wake()
        # Not a coroutine method: a waiter would keep a reference to this object for ever.
        return _until(waiter, self._state)

    def _taken(self, count: int) -> None:
        """The socket has taken `count` bytes of the body. May be repeated."""
        state = self._state
        with state.lock:
            while state.parts and state.parts[0][0] <= count:
                state.unsent -= state.parts.popleft()[1]
        self._wake()

    def _close(self) -> None:
        """The client has gone. May be repeated."""
        self._state.closed = True
        self._wake()

    def _wake(self) -> None:
        state = self._state
        with state.lock:
            over = state.closed or state.answered
            done = [one for one in state.waiters if over or (one[1] and not state.unsent)]
            state.waiters = [one for one in state.waiters if one not in done]
        for waiter, _ in done:
            try:
                waiter.set_result(None)
            except concurrent.futures.InvalidStateError:
                pass  # its waiter has gone

    def _check(self, begun: bool) -> None:
        state = self._state
        if state.closed:
            raise DisconnectedError("the client has disconnected")
        if state.answered or state.started > begun:
            raise NotFoundError("the request has been answered")
        if begun > state.started:
            raise NotFoundError("the answer has not begun: start() comes first")

    def _head(self, function: Any, status: int, headers: ResponseHeaders, *rest: bytes) -> None:
        number = integer("status", status, 200, 599)
        self._invoke(function, number, _pairs(headers), *rest)

    def _invoke(self, function: Any, *arguments: Any) -> None:
        invoke_response(self._exchanges.server, function, self._exchange, *arguments)

    def __del__(self) -> None:
        state = vars(self).get("_state")
        if state is not None and state.is_handed_over:
            self._exchanges.alive.pop(self._exchange.key, None)
            if not (state.answered or state.closed):
                self._exchanges.drop(self)


class Exchanges:
    """The requests for other paths of one server."""

    def __init__(self, server: Commands, unsent_bytes_max: int) -> None:
        self.server = server
        self.unsent_max = min(UNSENT_MAX, unsent_bytes_max // 2)
        self.alive: dict[int, weakref.ref[HTTPRequest]] = {}
        self.unfinished: deque[tuple[int, bool]] = deque()
        """Dropped requests that could not be answered yet, because the command queue was full."""

    def existing(self, key: int) -> HTTPRequest | None:
        reference = self.alive.get(key)
        return reference() if reference else None

    def drop(self, request: HTTPRequest) -> None:
        """Answers a request that has no reference left. Called by `__del__`; never raises."""
        try:
            if sys.is_finalizing() or self.server.is_forked or self.server.closed:
                return
            self._finish(request._exchange.key, request._state.started)
            logger.warning("%r was dropped before its answer was complete", request)
        except Exception as problem:
            report(problem)

    def finish_unfinished(self) -> None:
        """Answers dropped requests, as far as the command queue has space again."""
        for _ in range(len(self.unfinished)):
            self._finish(*self.unfinished[0])
            self.unfinished.popleft()

    def _finish(self, key: int, started: bool) -> None:
        exchange = shttp_exchange(key)
        try:
            if started:
                invoke_response(self.server, library.shttp_exchange_end, exchange)
            else:
                lines = [(b"content-type", b"text/plain")]
                invoke_response(self.server, library.shttp_exchange_respond, exchange, 500, lines, NOT_ANSWERED)
        except LimitError:
            self.unfinished.append((key, started))
        except ClosedError:
            pass

    def forget(self) -> None:
        """For a forked child: a thread of the parent may hold a lock."""
        for reference in list(self.alive.values()):
            request = reference()
            if request is not None:
                request._state.lock = threading.RLock()


def invoke_response(server: Commands, function: Any, target: Any, *arguments: Any) -> None:
    """Calls a function that takes a response. Lists of headers become arrays, and bytes structs."""
    if isinstance(server, Recorder):
        server.sent.append((function.__name__.split("_", 2)[2], *arguments))
        return
    values: list[Any] = []
    for argument in arguments:
        if isinstance(argument, list):
            lines = (shttp_header(borrowed(name), borrowed(value)) for name, value in argument)
            values += [(shttp_header * len(argument))(*lines), len(argument)]
        else:
            values.append(borrowed(argument) if isinstance(argument, bytes) else argument)
    server.invoke(function, target, *values)


def response_arguments(status: int, headers: ResponseHeaders, body: Text) -> tuple[Any, ...]:
    """The arguments of a whole response, checked."""
    return integer("status", status, 200, 599), _pairs(headers), _body("body", body)


def _pairs(headers: ResponseHeaders) -> list[tuple[bytes, bytes]]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    try:
        return [(_line("name", name), _line("value", value)) for name, value in pairs]
    except (TypeError, ValueError) as error:
        if isinstance(error, StreamableHTTPError):
            raise
        raise TypeError(f"headers: pairs of a name and a value are needed ({error})") from None


def _line(what: str, value: Text) -> bytes:
    if isinstance(value, str):
        return value.encode("latin-1")
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise wrong_type(what, "a str or bytes", value)


def _body(argument: str, value: Text) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise wrong_type(argument, "bytes or a str", value)


def split_target(target: str) -> tuple[str, str]:
    """The path and the query of a target, which may be a whole URL, or have a fragment."""
    path, _, query = target.partition("#")[0].partition("?")
    if "://" in path and not path.startswith("/"):
        path = "/" + path.split("://", 1)[1].partition("/")[2]
    return path, query


async def _until(waiter: concurrent.futures.Future[None], state: _State) -> None:
    try:
        if not waiter.done():
            await asyncio.wrap_future(waiter)
    finally:
        with state.lock:
            state.waiters = [one for one in state.waiters if one[0] is not waiter]
