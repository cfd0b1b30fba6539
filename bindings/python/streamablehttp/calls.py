"""Requests that the host makes to a client."""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from ._abi import shttp_call
from ._library import library
from ._values import seconds
from .errors import StreamableHTTPError

if TYPE_CHECKING:
    from ._link import Link


LOOK_SECONDS = 0.5
"""How often a waiting thread checks whether another thread still takes the events."""


class Call(concurrent.futures.Future[Any]):
    """The client's future response: await it, or call `result()` on a thread.

    Both return the client's result, or raise ClientError for its JSON-RPC error and a
    StreamableHTTPError if there is no response (SessionEndedError, DisconnectedError, ...). A
    timeout or a cancelled task cancels the call: the client gets notifications/cancelled, and a
    late response is dropped.
    """

    def __init__(self, link: Link, token: int, timeout: float | None) -> None:
        super().__init__()
        self._link = link
        self._token = token
        self._timeout = timeout
        self._call = shttp_call()

    def __await__(self) -> Generator[Any, None, Any]:
        """Raises asyncio.TimeoutError after the `timeout` (seconds) that the call was made with."""
        self._check_process()
        return asyncio.wait_for(asyncio.wrap_future(self), self._timeout).__await__()

    def result(self, timeout: float | None = None) -> Any:
        """Waits on this thread, by default for the `timeout` (seconds) of the call.

        Raises concurrent.futures.TimeoutError. On the thread that iterates over the server, and
        while no thread iterates, events are taken in the meantime and queued for the iteration. On
        the thread of an asyncio loop that iterates over it, the response could never arrive:
        RuntimeError.
        """
        self._wait(timeout)
        try:
            return super().result(0)
        except concurrent.futures.TimeoutError:
            self.cancel()
            raise

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Waits like `result()`, and returns the exception that it would raise, or None."""
        self._wait(timeout)
        try:
            return super().exception(0)
        except concurrent.futures.TimeoutError:
            self.cancel()
            raise

    def cancel(self) -> bool:
        """Cancels the call; False if it has already ended. [any thread]"""
        if self._link.forget_call(self._token) is None:
            return False
        try:
            self._link.invoke(library.shttp_call_close, self._call)
        except StreamableHTTPError:
            pass  # it has ended, or the client cannot be notified
        return super().cancel()

    def _wait(self, timeout: float | None) -> None:
        """Waits for the call or the timeout, and takes events if there is no other consumer."""
        timeout = self._timeout if timeout is None else seconds("timeout", timeout)
        self._check_process()
        end = None if timeout is None else time.monotonic() + timeout
        rest = timeout
        while not self.done() and (rest is None or rest > 0):
            if not self._link.take_events_until(self.done, rest):
                slice = LOOK_SECONDS if rest is None else min(rest, LOOK_SECONDS)
                concurrent.futures.wait([self], slice)
            rest = None if end is None else end - time.monotonic()

    def _check_process(self) -> None:
        """Raises ClosedError in a forked child, where no response can arrive."""
        if not self.done():
            self._link.check_process()
