"""The part of a server that requests and sessions refer to: commands and open calls."""

from __future__ import annotations

import itertools
import logging
import sys
import threading
import weakref
from collections import deque
from concurrent.futures import InvalidStateError
from ctypes import byref
from typing import TYPE_CHECKING, Any, Callable

from ._abi import shttp_request
from ._handles import FORKED
from ._library import error, library
from ._values import EMPTY, load, message_params, method_name, seconds, text
from .calls import Call
from .errors import ClientError, ClosedError, InvalidMessageError, LimitError

if TYPE_CHECKING:
    from ._consumers import Consumer
    from ._handles import Handle
    from .events import Request

INTERNAL_ERROR = -32603
NOT_ANSWERED = "The handler did not answer"

DROPPED_MAX = 1024
"""How many dropped requests to remember: their failed commands are not reported."""

logger = logging.getLogger("streamablehttp")


class Link:
    """Commands of one server. Every method may be called on any thread."""

    def __init__(self, server: Handle) -> None:
        self.invoke = server.invoke
        self.consumer: Consumer | None = None
        self.stand_in: Callable[[], Consumer] | None = None
        """Creates a consumer for a call that waits while there is no other consumer."""
        self.is_forked = False
        self.requests: dict[int, weakref.ref[Request]] = {}
        """The existing requests, as weak references: a released request needs no events."""
        self.unfailed: deque[int] = deque()
        """Dropped requests that could not be failed yet, because the command queue was full."""
        self.dropped: deque[int] = deque(maxlen=DROPPED_MAX)
        self._server = server
        self._calls: dict[int, Call] = {}
        self._tokens = itertools.count(1)

    # ---- Dropped requests ---------------------------------------------------------

    def drop(self, request: Request) -> None:
        """Fails a request that was not answered and has no reference left.

        Called by `__del__`, so on any thread and at any time; it never raises.
        """
        try:
            if sys.is_finalizing() or self._server.is_forked or self._server.closed:
                return
            self.dropped.append(request._request.key)
            self._fail(request._request.key)
            request._end_waits()
            logger.warning(
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
            self.invoke(
                library.shttp_request_fail,
                shttp_request(key),
                INTERNAL_ERROR,
                text("message", NOT_ANSWERED),
                EMPTY,
            )
        except LimitError:
            self.unfailed.append(key)

    # ---- Calls --------------------------------------------------------------------

    def call(self, function: Any, target: Any, method: str, params: Any, timeout: float | None) -> Call:
        """Makes a call with `function`: shttp_request_call or shttp_session_call."""
        name, json_params = method_name(method), message_params(params)
        call = Call(self, next(self._tokens), seconds("timeout", timeout))
        # The response may arrive on another thread before the function has returned.
        self._calls[call._token] = call
        try:
            self.invoke(function, target, name, json_params, call._token, byref(call._call))
        except BaseException:
            self.forget_call(call._token)
            raise
        return call

    def forget_call(self, token: int) -> Call | None:
        """Removes and returns a call. Only the caller that gets it may cancel it."""
        return self._calls.pop(token, None)

    def end_call(self, token: int, status: int, message: bytes) -> None:
        """Completes a call with the client's response, or with a status instead of it.

        May be repeated after an interruption, so the call is removed last.
        """
        call = self._calls.get(token)
        if call is None:
            return
        try:
            outcome = error(status) if status else _outcome(message)
            if isinstance(outcome, Exception):
                call.set_exception(outcome)
            else:
                call.set_result(outcome.get("result"))
        except InvalidStateError:
            pass  # it was cancelled
        self.forget_call(token)

    def end_calls(self) -> None:
        """Fails all open calls after the server has closed."""
        for token in list(self._calls):
            call = self.forget_call(token)
            if call is not None and not call.done():
                call.set_exception(ClosedError("the server has closed"))

    def taker(self) -> Consumer | None:
        """The current consumer, if any."""
        consumer = self.consumer
        return None if consumer is None or consumer.is_gone() else consumer

    def take_events_until(self, done: Callable[[], bool], timeout: float | None) -> bool:
        """Takes events until `done` or `timeout`; False if another thread is the consumer.

        If there is no consumer, the calling thread takes events until there is one.
        """
        consumer = self.taker()
        if consumer is not None:
            if not consumer.is_here():
                return False
            consumer.wait(done, timeout)
            return True
        if self.stand_in is None:
            return False
        stand_in = self.stand_in()
        stand_in.wait(lambda: done() or self.taker() is not None, timeout)
        consumer = self.taker()
        if consumer is not None:
            consumer.wake()  # it may wait for events that were taken here
        elif stand_in.is_gone():
            self.end_calls()
        return True

    # ---- Forks --------------------------------------------------------------------

    def check_process(self) -> None:
        """Raises ClosedError in a child of the server's process."""
        if self.is_forked:
            raise ClosedError(FORKED)

    def forget(self) -> None:
        self.is_forked = True
        self.consumer = None
        self._calls.clear()
        for reference in list(self.requests.values()):
            request = reference()
            if request is not None:
                request._lock = threading.Lock()


def _outcome(message: bytes) -> Exception | dict[str, Any]:
    """A client's JSON-RPC response, or the exception for it."""
    try:
        response: dict[str, Any] = load(message)
    except (RecursionError, ValueError) as problem:
        return InvalidMessageError(f"the client's answer cannot be read: {problem}")
    failure = response.get("error")
    if failure is None:
        return response
    return ClientError(failure.get("code", 0), failure.get("message", ""), failure.get("data"))


class _WhileTakingEvents:
    """Passes an exception to sys.unraisablehook, which only the interpreter can call properly."""

    def __init__(self, problem: BaseException) -> None:
        self._problem = problem

    def __del__(self) -> None:
        raise self._problem


def report(problem: BaseException) -> None:
    """Reports an exception that cannot be raised to any caller."""
    _WhileTakingEvents(problem)
