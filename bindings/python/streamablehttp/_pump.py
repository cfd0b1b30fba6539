"""Takes events from the library's queue and converts them to Python objects."""

from __future__ import annotations

import logging
import sys
import threading
import weakref
from collections import deque
from ctypes import byref, c_size_t, sizeof
from threading import get_ident
from typing import Any, Callable

from ._abi import shttp_event, shttp_event_kind, shttp_log_level, shttp_status
from ._library import error, library
from ._reports import logger, report
from ._values import Headers, copied, decoded
from .authorization import Authorization
from .calls import Calls
from .events import (
    Access,
    Cancelled,
    CommandFailed,
    PrimaryClosed,
    PrimaryGap,
    PrimaryOpened,
    ResourceSubscribed,
    ResourceUnsubscribed,
    SessionClosed,
    SessionOpened,
)
from .http_request import Exchanges, HTTPRequest
from .message import Event, Notification
from .request import Request, Requests
from .session import Session

BATCH = 64
ATTEMPTS = 8
"""How often reading an event is tried if it raises an Exception: a signal handler may raise it."""

_LEVELS: dict[int, int] = {
    shttp_log_level.SHTTP_LOG_ERROR: logging.ERROR,
    shttp_log_level.SHTTP_LOG_WARNING: logging.WARNING,
    shttp_log_level.SHTTP_LOG_NOTICE: logging.INFO,
    shttp_log_level.SHTTP_LOG_DEBUG: logging.DEBUG,
}


class Pump:
    """The events of one server. Call and log events end here, the others are queued in `events`.

    One thread at a time takes events; the consumer decides which.
    """

    def __init__(self, calls: Calls, requests: Requests, exchanges: Exchanges, descriptor: int) -> None:
        self.descriptor = descriptor
        self.events: deque[Event] = deque()
        self.sessions: dict[int, Session] = {}
        self._opening: weakref.WeakValueDictionary[int, Session] = weakref.WeakValueDictionary()
        """Sessions whose initialize the host has not answered yet."""
        self.closed = False
        self.is_forked = False
        # Up to Python 3.10 an interruption may leave a lock held: an RLock lets its owner in.
        self.taking = threading.RLock()
        self.last: weakref.ref[Request] | None = None
        """The event handed over last, if it was a request."""
        self._server = calls.server
        self._calls = calls
        self._requests = requests
        self._exchanges = exchanges
        self._tags: dict[int, Any] = {}
        """The tags of requests that are not over, by the keys of their authorizations."""
        self._batch = (shttp_event * BATCH)()
        self._count = c_size_t()
        """The size of the current batch; 0 once all its events are in `events`."""
        self._read: list[Event | None] = []
        self._first = 0
        self._taker: int | None = None
        self._is_ending = False

    # ---- From the library ---------------------------------------------------------

    def take(self) -> None:
        """Takes one batch, without blocking.

        No event of it is lost. If a signal handler raises meanwhile (KeyboardInterrupt, for
        example), the exception is raised after the whole batch has been read. Exceptions of the
        host's logging go to sys.unraisablehook.
        """
        thread = get_ident()
        if self._taker == thread and self._is_inside_take():
            raise RuntimeError("events are being taken here: wait for the answer elsewhere")
        with self.taking:
            if self.closed:
                return
            try:
                self._taker = thread
                if self._requests.unfailed:
                    self._requests.fail_unfailed()
                if self._exchanges.unfinished:
                    self._exchanges.finish_unfinished()
                self._take_batch()
            except BaseException as problem:
                if not self._count.value:  # nothing is half read
                    self._read.clear()
                    raise
                self._finish_batch([problem])
            finally:
                self._taker = None

    def _is_inside_take(self) -> bool:
        """Whether `take` was called recursively, by a callback of a call or the host's logging."""
        frame = sys._getframe(1).f_back
        while frame is not None:
            if frame.f_code is Pump.take.__code__ and frame.f_locals.get("self") is self:
                return True
            frame = frame.f_back
        return False

    def _finish_batch(self, interruptions: list[BaseException]) -> None:
        """Completes a batch after an exception. Raises the first of all exceptions."""
        index = len(self._read)
        failures = int(isinstance(interruptions[0], Exception))
        while self._count.value:
            try:
                self._take_batch()
            except BaseException as problem:
                if index != len(self._read):
                    index, failures = len(self._read), 0
                interruptions.append(problem)
                failures += isinstance(problem, Exception)
                if failures == ATTEMPTS:
                    # Not an interruption, it is repeated too often: this event cannot be read.
                    self._read.append(None)
                    interruptions = [one for one in interruptions if not isinstance(one, Exception)]
                    report(problem)
        self._read.clear()
        for late in interruptions[1:]:
            report(late)
        if interruptions:
            try:
                raise interruptions[0]
            finally:
                interruptions.clear()  # breaks the reference cycle between them and this frame

    def _take_batch(self) -> None:
        """Reads a batch. After an exception at any point it can be called again, and continues.

        So appending an event marks it as read, in one step, and readers must be repeatable.
        """
        events, read = self.events, self._read
        count = self._count.value
        if not count:
            self._first = len(events)
            self._server.invoke(
                library.shttp_server_take_events_sized,
                self._batch,
                sizeof(shttp_event),
                BATCH,
                byref(self._count),
            )
            count = self._count.value
        while len(read) < count:
            raw = self._batch[len(read)]
            reader = _READERS.get(raw.kind)
            read.append(reader(self, raw) if reader else None)
        if len(events) <= self._first:
            events.extend(filter(None, read))
        if self._is_ending:
            self.closed = True
        self._count.value = 0
        read.clear()  # it would keep references to requests that the host has released

    # ---- To the host --------------------------------------------------------------

    def hand_over(self) -> Event | None:
        """Removes and returns the next event; None if there is none."""
        if not self.events:
            return None
        event = self.events[0]
        if isinstance(event, Request):
            event._state.is_handed_over = True
            self.last = weakref.ref(event)
        else:
            self.last = None
            if isinstance(event, HTTPRequest):
                event._state.is_handed_over = True
            if isinstance(event, SessionClosed):
                self.sessions.pop(event.session._session.key, None)
        # As the last step: an interruption before it has no effect.
        return self.events.popleft()

    def is_last_open(self) -> bool:
        """Whether the event handed over last is a request that still exists and is not answered."""
        request = self.last() if self.last is not None else None
        return request is not None and request._is_open

    # ---- The end ------------------------------------------------------------------

    def end(self) -> None:
        """Stops taking events: the memory that a batch points to is about to be freed."""
        self.closed = True
        self._count.value = 0

    def forget(self) -> None:
        """For a forked child: the events belong to the parent."""
        self.is_forked = True
        self.taking = threading.RLock()
        self._taker = None
        self.end()
        self.events.clear()
        self._read.clear()

    # ---- Readers, one for each kind -----------------------------------------------

    def _session(self, raw: shttp_event) -> Session | None:
        return self.sessions.get(raw.session.key)

    def _authorization(self, raw: shttp_event) -> Authorization:
        return Authorization._of(
            self._server,
            raw.authorization.key,
            self._tags,
            method=decoded(raw.http_method),
            target=copied(raw.target).decode("latin-1"),
            scheme=copied(raw.scheme).decode("latin-1"),
            credentials=copied(raw.credentials).decode("latin-1"),
            headers=Headers(copied(raw.headers)),
            peer=decoded(raw.peer),
        )

    def _request(self, raw: shttp_event) -> Request:
        key = raw.request.key
        fields = self._message(raw)
        if raw.wire_id.len:
            fields["session"] = self._new_session(raw)
        request = Request._of(self._requests, key, copied(raw.id), **fields)
        self._requests.alive[key] = weakref.ref(request)
        return request

    def _new_session(self, raw: shttp_event) -> Session:
        """The session that an initialize is about to open."""
        key = raw.session.key
        session = self._opening.get(key)
        if session is None:
            names = decoded(raw.wire_id), decoded(raw.principal), decoded(raw.revision)
            session = Session._of(self._calls, key, *names, b"", b"")
            session._is_opening = True
            self._opening[key] = session
        return session

    def _notification(self, raw: shttp_event) -> Notification:
        return Notification(**self._message(raw))

    def _message(self, raw: shttp_event) -> dict[str, Any]:
        """The fields of a Message."""
        return {
            "method": decoded(raw.method),
            "message": copied(raw.message),
            "session": self._session(raw),
            "headers": Headers(copied(raw.headers)),
            "revision": decoded(raw.revision),
            "principal": decoded(raw.principal),
            "peer": decoded(raw.peer),
            "target": copied(raw.target).decode("latin-1"),
            "tag": self._tags.get(raw.tag) if raw.tag else None,
        }

    def _response(self, raw: shttp_event) -> None:
        self._calls.end(raw.call_data or 0, raw.status, copied(raw.message))

    def _listed(self, raw: shttp_event) -> None:
        self._calls.end_list(raw.call_data or 0, copied(raw.message))

    def _cancelled(self, raw: shttp_event) -> Cancelled | None:
        request = self._requests.existing(raw.request.key)
        if request is None:
            return None
        request._cancel()
        return Cancelled._of(request, copied(raw.message))

    def _session_opened(self, raw: shttp_event) -> SessionOpened:
        key = raw.session.key
        session = self.sessions[key] = self.sessions.get(key) or self._new_session(raw)
        session._opened(decoded(raw.revision), copied(raw.client_info), copied(raw.client_capabilities))
        self._opening.pop(key, None)
        headers, peer = Headers(copied(raw.headers)), decoded(raw.peer)
        return SessionOpened(session=session, resumed=bool(raw.resumed), headers=headers, peer=peer)

    def _session_closed(self, raw: shttp_event) -> SessionClosed | None:
        session = self._session(raw)
        if session is None:
            return None
        session.closed = True
        self._requests.cancel_all(session)
        made_room = raw.status == shttp_status.SHTTP_ERR_LIMIT
        return SessionClosed(session=session, made_room=made_room)

    def _primary_opened(self, raw: shttp_event) -> PrimaryOpened | None:
        session = self._session(raw)
        return PrimaryOpened(session=session) if session else None

    def _primary_gap(self, raw: shttp_event) -> PrimaryGap | None:
        session = self._session(raw)
        return PrimaryGap(session=session) if session else None

    def _primary_closed(self, raw: shttp_event) -> PrimaryClosed | None:
        session = self._session(raw)
        return PrimaryClosed(session=session) if session else None

    def _resource_subscribed(self, raw: shttp_event) -> ResourceSubscribed:
        return ResourceSubscribed(uri=decoded(raw.uri))

    def _resource_unsubscribed(self, raw: shttp_event) -> ResourceUnsubscribed:
        return ResourceUnsubscribed(uri=decoded(raw.uri))

    def _writable(self, raw: shttp_event) -> None:
        self._calls.end_room(bool(raw.request.key), raw.request.key or raw.session.key, raw.status)

    def _command_failed(self, raw: shttp_event) -> CommandFailed | None:
        if raw.call.key and raw.status == shttp_status.SHTTP_ERR_NOT_FOUND:
            return None  # the call was cancelled at the same time as its response arrived
        if raw.authorization.key:
            self._tags.pop(raw.authorization.key, None)
            return None  # its client has disconnected, or the host was too slow
        if raw.exchange.key:
            return self._answer_failed(raw)
        request = self._requests.existing(raw.request.key)
        if request is None and raw.request.key in self._requests.dropped:
            return None  # not a command of the host
        session = request.session if request else self._session(raw)
        return CommandFailed(error=error(raw.status), session=session, request=request)

    def _answer_failed(self, raw: shttp_event) -> CommandFailed | None:
        is_over = raw.status in (shttp_status.SHTTP_ERR_NOT_FOUND, shttp_status.SHTTP_ERR_DISCONNECTED)
        return None if is_over else CommandFailed(error=error(raw.status))

    def _http_request(self, raw: shttp_event) -> HTTPRequest:
        key = raw.exchange.key
        method, target = decoded(raw.http_method), copied(raw.target).decode("latin-1")
        rest = (copied(raw.headers), copied(raw.body), decoded(raw.peer))
        request = HTTPRequest._of(self._exchanges, key, method, target, *rest)
        self._exchanges.alive[key] = weakref.ref(request)
        return request

    def _http_closed(self, raw: shttp_event) -> None:
        request = self._exchanges.existing(raw.exchange.key)
        if request is not None:
            request._close()

    def _http_writable(self, raw: shttp_event) -> None:
        request = self._exchanges.existing(raw.exchange.key)
        if request is not None:
            request._taken(raw.bytes_sent)

    def _tag_released(self, raw: shttp_event) -> None:
        self._tags.pop(raw.tag, None)

    def _access(self, raw: shttp_event) -> Access:
        return Access(
            peer=decoded(raw.peer),
            http_method=decoded(raw.http_method),
            target=decoded(raw.target),
            status=raw.http_status,
            method=decoded(raw.method),
            principal=decoded(raw.principal),
            bytes_received=raw.bytes_received,
            bytes_sent=raw.bytes_sent,
            seconds=raw.duration_us / 1_000_000,
            cut=bool(raw.cut),
            session=self._session(raw),
        )

    def _log(self, raw: shttp_event) -> None:
        text = decoded(raw.text)
        about = {
            "peer": decoded(raw.peer),
            "session": self._session(raw),
            "http_method": decoded(raw.http_method),
            "target": decoded(raw.target),
            "method": decoded(raw.method),
        }
        try:
            logger.log(_LEVELS.get(raw.level, logging.ERROR), "%s", text, extra=about)
        except Exception as problem:  # raised by the host's filters or handlers
            report(problem)

    def _server_closed(self, raw: shttp_event) -> None:
        self._is_ending = True


_READERS: dict[int, Callable[[Pump, shttp_event], Event | None]] = {
    shttp_event_kind.SHTTP_EVENT_AUTHORIZE: Pump._authorization,
    shttp_event_kind.SHTTP_EVENT_REQUEST: Pump._request,
    shttp_event_kind.SHTTP_EVENT_NOTIFICATION: Pump._notification,
    shttp_event_kind.SHTTP_EVENT_RESPONSE: Pump._response,
    shttp_event_kind.SHTTP_EVENT_CANCELLED: Pump._cancelled,
    shttp_event_kind.SHTTP_EVENT_SESSION_OPENED: Pump._session_opened,
    shttp_event_kind.SHTTP_EVENT_SESSION_CLOSED: Pump._session_closed,
    shttp_event_kind.SHTTP_EVENT_PRIMARY_OPENED: Pump._primary_opened,
    shttp_event_kind.SHTTP_EVENT_PRIMARY_CLOSED: Pump._primary_closed,
    shttp_event_kind.SHTTP_EVENT_PRIMARY_GAP: Pump._primary_gap,
    shttp_event_kind.SHTTP_EVENT_RESOURCE_SUBSCRIBED: Pump._resource_subscribed,
    shttp_event_kind.SHTTP_EVENT_RESOURCE_UNSUBSCRIBED: Pump._resource_unsubscribed,
    shttp_event_kind.SHTTP_EVENT_WRITABLE: Pump._writable,
    shttp_event_kind.SHTTP_EVENT_COMMAND_FAILED: Pump._command_failed,
    shttp_event_kind.SHTTP_EVENT_ACCESS: Pump._access,
    shttp_event_kind.SHTTP_EVENT_SESSIONS: Pump._listed,
    shttp_event_kind.SHTTP_EVENT_LOG: Pump._log,
    shttp_event_kind.SHTTP_EVENT_HTTP_REQUEST: Pump._http_request,
    shttp_event_kind.SHTTP_EVENT_HTTP_CLOSED: Pump._http_closed,
    shttp_event_kind.SHTTP_EVENT_HTTP_WRITABLE: Pump._http_writable,
    shttp_event_kind.SHTTP_EVENT_TAG_RELEASED: Pump._tag_released,
    shttp_event_kind.SHTTP_EVENT_CLOSED: Pump._server_closed,
}
