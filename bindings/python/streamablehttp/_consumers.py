"""The two ways to take events: on an asyncio loop, and on a thread that waits."""

from __future__ import annotations

import asyncio
import select
import sys
import threading
import time
from typing import Callable, Protocol

from ._pump import Pump
from .events import Event

PENDING_MAX = 4096


class Consumer(Protocol):
    """Whoever takes the events of a server."""

    def is_here(self) -> bool:
        """It takes them on the calling thread."""

    def wait(self, done: Callable[[], bool], timeout: float | None) -> bool:
        """Takes events on this thread until `done`; False after `timeout` seconds."""


SIGNAL_SECONDS = 0.5
"""A signal between Python's last look for one and the poll does not end the poll: it waits so long."""


class ThreadConsumer:
    """Takes events on the thread that made it."""

    def __init__(self, pump: Pump) -> None:
        self._pump = pump
        self._thread = threading.get_ident()
        self._poll = select.poll()
        self._poll.register(pump.descriptor, select.POLLIN)

    def is_here(self) -> bool:
        return threading.get_ident() == self._thread

    def wait(self, done: Callable[[], bool], timeout: float | None) -> bool:
        deadline = None if timeout is None else time.monotonic() + timeout
        while not done():
            if self._pump.closed:
                return False
            rest = SIGNAL_SECONDS if deadline is None else deadline - time.monotonic()
            if rest <= 0:
                return False
            self._poll.poll(min(rest, SIGNAL_SECONDS) * 1000)
            self._pump.take()
        return True

    def next(self) -> Event | None:
        """The next event; None when the server has closed."""
        events = self._pump.events
        self.wait(lambda: bool(events), None)
        return events.popleft() if events else None


class LoopConsumer:
    """Takes events whenever an asyncio loop finds the descriptor readable.

    While PENDING_MAX events wait for the host it takes no more: the library's own bounded queue
    then fills, and clients are slowed down instead of this process growing.
    """

    def __init__(
        self, pump: Pump, loop: asyncio.AbstractEventLoop, on_closed: Callable[[], object]
    ) -> None:
        self.loop = loop
        self._pending_max = PENDING_MAX
        self._pump = pump
        self._on_closed = on_closed
        self._waiter: asyncio.Future[None] | None = None
        self._ended = asyncio.Event()
        self._reading = False
        self._read(True)

    def is_here(self) -> bool:
        try:
            return asyncio.get_running_loop() is self.loop
        except RuntimeError:
            return False

    def wait(self, done: Callable[[], bool], timeout: float | None) -> bool:
        raise RuntimeError("await the call: its answer arrives on this thread's event loop")

    async def next(self) -> Event | None:
        """The next event; None when the server has closed."""
        if self._waiter is not None:
            raise RuntimeError("another task is waiting for the events of this server")
        events = self._pump.events
        while not events and not self._pump.closed:
            self._waiter = self.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        event = events.popleft() if events else None
        if len(events) <= self._pending_max // 2:
            self._read(True)
        return event

    async def ended(self) -> None:
        """Returns when the server has closed; nobody need iterate meanwhile."""
        self._pending_max = sys.maxsize
        self._read(True)
        await self._ended.wait()

    def stop(self) -> None:
        """Takes no more events. [any thread]"""
        if self.is_here() or self.loop.is_closed():
            self._stop()
        else:
            self.loop.call_soon_threadsafe(self._stop)

    def _stop(self) -> None:
        self._read(False)
        self._ended.set()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _readable(self) -> None:
        self._pump.take()
        if self._pump.closed:
            self._on_closed()
        elif len(self._pump.events) >= self._pending_max:
            self._read(False)
        self._wake()

    def _read(self, reading: bool) -> None:
        if reading == self._reading or (reading and self._pump.closed):
            return
        self._reading = reading
        if reading:
            self.loop.add_reader(self._pump.descriptor, self._readable)
        elif not self.loop.is_closed():
            self.loop.remove_reader(self._pump.descriptor)
