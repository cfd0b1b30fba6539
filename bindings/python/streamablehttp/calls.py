"""Requests that the host makes to a client."""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from typing import TYPE_CHECKING, Any, Generator

from ._abi import shttp_call
from ._library import library
from ._values import seconds
from .errors import StreamableHTTPError

if TYPE_CHECKING:
    from ._link import Link


LOOK_SECONDS = 0.5
"""How often a thread that waits looks whether another still takes the events."""


class Call(concurrent.futures.Future[Any]):
    """The client's answer to come: await it, or take `result()` on a thread.

    Both give the result of the client, or raise ClientError for its JSON-RPC error and a
    StreamableHTTPError when no answer will come (SessionEndedError, DisconnectedError, ...).
    Whoever stops waiting, by a timeout or a cancelled task, gives the call up: the client is
    told with notifications/cancelled, and a late answer is dropped.
    """

    def __init__(self, link: Link, token: int, timeout: float | None) -> None:
        super().__init__()
        self._link = link
        self._token = token
        self._timeout = timeout
        self._call = shttp_call()

    def __await__(self) -> Generator[Any, None, Any]:
        """Raises asyncio.TimeoutError after the seconds of `timeout` the call was made with."""
        self._check_process()
        return asyncio.wait_for(asyncio.wrap_future(self), self._timeout).__await__()

    def result(self, timeout: float | None = None) -> Any:
        """Waits on this thread, by default the seconds of `timeout` the call was made with.

        Raises concurrent.futures.TimeoutError. On the thread that iterates over the server, and
        while nobody iterates, events are taken meanwhile and kept for the iteration. On the thread
        of an asyncio loop that iterates over it, the answer could never arrive: RuntimeError.
        """
        self._wait(timeout)
        try:
            return super().result(0)
        except concurrent.futures.TimeoutError:
            self.cancel()
            raise

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Waits as `result()` does; what that would raise, or None."""
        self._wait(timeout)
        try:
            return super().exception(0)
        except concurrent.futures.TimeoutError:
            self.cancel()
            raise

    def cancel(self) -> bool:
        """Gives the call up; False if it has ended already. [any thread]"""
        if self._link.forget_call(self._token) is None:
            return False
        try:
            self._link.invoke(library.shttp_call_close, self._call)
        except StreamableHTTPError:
            pass  # it has ended, or the client cannot be told
        return super().cancel()

    def _wait(self, timeout: float | None) -> None:
        """Waits for the end, of the call or of the time, and takes events if nobody else does."""
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
        """In a fork nobody takes the answer. Raises ClosedError."""
        if not self.done():
            self._link.check_process()
