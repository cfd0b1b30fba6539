"""What requests and sessions hold of their server: its commands, and the calls under way."""

from __future__ import annotations

import itertools
import json
from ctypes import byref
from typing import TYPE_CHECKING, Any, Callable

from ._abi import shttp_bytes
from ._library import error
from ._values import EMPTY, borrowed, dump
from .calls import Call
from .errors import ClientError, ClosedError

if TYPE_CHECKING:
    from ._consumers import Consumer
    from ._handles import Handle


class Link:
    """Commands of one server. Every method may be called on any thread."""

    def __init__(self, server: Handle) -> None:
        self.invoke = server.invoke
        self.consumer: Consumer | None = None
        self._calls: dict[int, Call] = {}
        self._tokens = itertools.count(1)

    def call(
        self, function: Any, target: Any, method: str, params: Any, timeout: float | None
    ) -> Call:
        """Makes a call with `function`, shttp_request_call or shttp_session_call."""
        call = Call(self, next(self._tokens), timeout)
        text, json_params = borrowed(method.encode()), optional(params)
        # The answer may be taken on another thread before the function has returned.
        self._calls[call._token] = call
        try:
            self.invoke(function, target, text, json_params, call._token, byref(call._call))
        except BaseException:
            self.forget(call._token)
            raise
        return call

    def forget(self, token: int) -> Call | None:
        """Whoever gets the call from here, and nobody else, ends it."""
        return self._calls.pop(token, None)

    def end_call(self, token: int, status: int, message: bytes) -> None:
        """The client's answer to a call, or the status that stands for it."""
        call = self.forget(token)
        if call is None:
            return
        if status:
            call.set_exception(error(status))
            return
        response = json.loads(message)
        failure = response.get("error")
        if failure is None:
            call.set_result(response.get("result"))
        else:
            call.set_exception(
                ClientError(failure.get("code", 0), failure.get("message", ""), failure.get("data"))
            )

    def end_calls(self) -> None:
        """Fails what is still under way when the server has gone."""
        for token in list(self._calls):
            call = self.forget(token)
            if call is not None:
                call.set_exception(ClosedError("the server has closed"))

    def take_events_until(
        self, done: Callable[[], bool], timeout: float | None
    ) -> float | None:
        """Takes events if that is this thread's job. The seconds that are left to wait."""
        consumer = self.consumer
        if consumer is None or not consumer.is_here():
            return timeout
        consumer.wait(done, timeout)
        return 0


def optional(value: Any) -> shttp_bytes:
    """JSON for the library; nothing for None."""
    return EMPTY if value is None else borrowed(dump(value))
