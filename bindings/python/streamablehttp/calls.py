"""Requests that the host makes to a client."""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import TYPE_CHECKING, Any, Generator

from ._abi import shttp_call
from ._library import library
from .errors import ClosedError, NotFoundError

if TYPE_CHECKING:
    from ._link import Link


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
        return asyncio.wait_for(asyncio.wrap_future(self), self._timeout).__await__()

    def result(self, timeout: float | None = None) -> Any:
        """Waits on this thread, by default the seconds of `timeout` the call was made with.

        Raises concurrent.futures.TimeoutError. On the thread that iterates over the server,
        events are taken meanwhile and kept for the iteration. On the thread of an asyncio loop
        that iterates over it, the answer could never arrive: RuntimeError.
        """
        timeout = self._timeout if timeout is None else timeout
        if not self.done():
            timeout = self._link.take_events_until(self.done, timeout)
        try:
            return super().result(timeout)
        except concurrent.futures.TimeoutError:
            self.cancel()
            raise

    def cancel(self) -> bool:
        """Gives the call up; False if it has ended already. [any thread]"""
        if self._link.forget(self._token) is None:
            return False
        try:
            self._link.invoke(library.shttp_call_close, self._call)
        except (NotFoundError, ClosedError):
            pass
        return super().cancel()
