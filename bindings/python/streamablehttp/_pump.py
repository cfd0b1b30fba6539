"""Moves events out of the library's queue and makes Python objects of them."""

from __future__ import annotations

import logging
import threading
from collections import deque
from ctypes import byref, c_size_t, sizeof
from typing import TYPE_CHECKING, Callable
from weakref import WeakValueDictionary

from ._abi import shttp_event, shttp_event_kind, shttp_log_level, shttp_status
from ._library import error, library
from ._values import copied
from .events import (
    Authorization,
    Cancelled,
    CommandFailed,
    Event,
    Notification,
    PrimaryClosed,
    PrimaryOpened,
    Request,
    SessionClosed,
    SessionOpened,
)
from .session import Session

if TYPE_CHECKING:
    from ._link import Link

BATCH = 64

_logger = logging.getLogger("streamablehttp")
_LEVELS: dict[int, int] = {
    shttp_log_level.SHTTP_LOG_ERROR: logging.ERROR,
    shttp_log_level.SHTTP_LOG_WARNING: logging.WARNING,
    shttp_log_level.SHTTP_LOG_NOTICE: logging.INFO,
    shttp_log_level.SHTTP_LOG_DEBUG: logging.DEBUG,
}


class Pump:
    """The events of one server: those of calls and logs end here, the others in `events`.

    One thread at a time takes events; who that is, the consumer decides.
    """

    def __init__(self, link: Link, descriptor: int) -> None:
        self.descriptor = descriptor
        self.events: deque[Event] = deque()
        self.sessions: dict[int, Session] = {}
        self.closed = False
        self.taking = threading.Lock()
        self._link = link
        # Weak: a request that the host has let go of needs no news.
        self._requests: WeakValueDictionary[int, Request] = WeakValueDictionary()
        self._batch = (shttp_event * BATCH)()
        self._count = c_size_t()

    def take(self) -> None:
        """Takes one batch, without waiting."""
        with self.taking:
            if self.closed:
                return
            self._link.invoke(
                library.shttp_server_take_events_sized,
                self._batch,
                sizeof(shttp_event),
                BATCH,
                byref(self._count),
            )
            for index in range(self._count.value):
                raw = self._batch[index]
                read = _READERS.get(raw.kind)
                event = read(self, raw) if read else None
                if event is not None:
                    self.events.append(event)

    def _session(self, raw: shttp_event) -> Session | None:
        return self.sessions.get(raw.session.key)

    def _authorization(self, raw: shttp_event) -> Authorization:
        return Authorization(
            self._link,
            raw.authorization.key,
            copied(raw.http_method).decode(),
            copied(raw.target).decode("latin-1"),
            copied(raw.scheme).decode("latin-1"),
            copied(raw.credentials).decode("latin-1"),
            copied(raw.headers),
        )

    def _request(self, raw: shttp_event) -> Request:
        key = raw.request.key
        request = self._requests[key] = Request(
            self._link,
            key,
            self._session(raw),
            copied(raw.method).decode(),
            copied(raw.id),
            copied(raw.message),
            copied(raw.headers),
            copied(raw.revision).decode(),
            copied(raw.principal).decode(),
        )
        return request

    def _notification(self, raw: shttp_event) -> Notification:
        return Notification(
            self._session(raw),
            copied(raw.method).decode(),
            copied(raw.message),
            copied(raw.headers),
            copied(raw.revision).decode(),
            copied(raw.principal).decode(),
        )

    def _response(self, raw: shttp_event) -> None:
        self._link.end_call(raw.call_data or 0, raw.status, copied(raw.message))

    def _cancelled(self, raw: shttp_event) -> Cancelled | None:
        request = self._requests.pop(raw.request.key, None)
        if request is None:
            return None
        request._cancel()
        return Cancelled(request, copied(raw.message))

    def _session_opened(self, raw: shttp_event) -> SessionOpened:
        key = raw.session.key
        session = self.sessions[key] = Session(
            self._link,
            key,
            copied(raw.wire_id).decode(),
            copied(raw.principal).decode(),
            copied(raw.revision).decode(),
            copied(raw.client_info),
            copied(raw.client_capabilities),
        )
        return SessionOpened(session, copied(raw.headers))

    def _session_closed(self, raw: shttp_event) -> SessionClosed | None:
        session = self.sessions.pop(raw.session.key, None)
        if session is None:
            return None
        session.closed = True
        for request in list(self._requests.values()):
            if request.session is session:
                request._cancel()
        return SessionClosed(session)

    def _primary_opened(self, raw: shttp_event) -> PrimaryOpened | None:
        session = self._session(raw)
        return PrimaryOpened(session) if session else None

    def _primary_closed(self, raw: shttp_event) -> PrimaryClosed | None:
        session = self._session(raw)
        return PrimaryClosed(session) if session else None

    def _command_failed(self, raw: shttp_event) -> CommandFailed | None:
        if raw.call.key and raw.status == shttp_status.SHTTP_ERR_NOT_FOUND:
            return None  # the call was given up as its answer came
        if raw.authorization.key:
            return None  # its client has gone, or the host was too slow
        request = self._requests.get(raw.request.key)
        session = request.session if request else self._session(raw)
        return CommandFailed(error(raw.status), session, request)

    def _log(self, raw: shttp_event) -> None:
        _logger.log(_LEVELS.get(raw.level, logging.ERROR), "%s", copied(raw.text).decode())

    def _server_closed(self, raw: shttp_event) -> None:
        self.closed = True


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
    shttp_event_kind.SHTTP_EVENT_COMMAND_FAILED: Pump._command_failed,
    shttp_event_kind.SHTTP_EVENT_LOG: Pump._log,
    shttp_event_kind.SHTTP_EVENT_CLOSED: Pump._server_closed,
}
