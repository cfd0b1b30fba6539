"""The two ways to take events: on an asyncio loop, and on a blocking thread."""

from __future__ import annotations

import asyncio
import select
import sys
import threading
import time
import weakref
from typing import Callable, Protocol

from ._handles import FORKED
from ._pump import Pump
from ._values import wrong_type
from .calls import Calls
from .errors import ClosedError
from .events import Idle
from .message import Event
from .request import Request

PENDING_MAX = 4096

IDLE_SECONDS = 0.5
"""How long the variable of a loop may keep a request alive as its only reference."""


class Consumer(Protocol):
    """The object that takes the events of a server."""

    def is_here(self) -> bool:
        """Whether it takes them on the calling thread."""

    def is_gone(self) -> bool:
        """Whether it has stopped taking events."""

    def wait(self, done: Callable[[], bool], timeout: float | None) -> bool:
        """Takes events on this thread until `done`; False after `timeout` seconds."""

    def wake(self) -> None:
        """Notifies it that another thread has taken events. [any thread]"""

    def forget(self) -> None:
        """For a forked child: the events belong to the parent."""


SIGNAL_SECONDS = 0.5
"""The maximum delay of a signal that arrives between Python's last check and the poll."""


class ThreadConsumer:
    """Takes events on the thread that created it."""

    def __init__(self, pump: Pump) -> None:
        self._pump = pump
        self._thread = threading.get_ident()
        self._poll = select.poll()
        self._poll.register(pump.descriptor, select.POLLIN)

    def is_here(self) -> bool:
        return threading.get_ident() == self._thread

    def is_gone(self) -> bool:
        return self._pump.closed

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
        pump = self._pump
        while not pump.events:
            if self.wait(lambda: bool(pump.events), IDLE_SECONDS):
                break
            if pump.is_forked:
                raise ClosedError(FORKED)
            if pump.closed:
                return None
            if pump.is_last_open():
                pump.last = None
                return Idle()
        return pump.hand_over()

    def wake(self) -> None:
        pass  # it checks every SIGNAL_SECONDS

    def forget(self) -> None:
        pass


class LoopConsumer:
    """Takes events whenever an asyncio loop finds the descriptor readable.

    While PENDING_MAX events are queued for the host it takes no more: then the library's own
    bounded queue fills, and clients are slowed down instead of using more memory here.
    """

    def __init__(self, pump: Pump, loop: asyncio.AbstractEventLoop, on_closed: Callable[[], object]) -> None:
        self.loop = loop
        self._pending_max = PENDING_MAX
        self._pump = pump
        self._on_closed = on_closed
        self._waiter: asyncio.Future[None] | None = None
        self._ended = asyncio.Event()
        self._idle: asyncio.TimerHandle | None = None
        self._reading = False
        self._handler: Callable[[Event], object] | None = None
        self._read(True)

    def is_here(self) -> bool:
        try:
            return asyncio.get_running_loop() is self.loop
        except RuntimeError:
            return False

    def is_gone(self) -> bool:
        return self.loop.is_closed()

    def wait(self, done: Callable[[], bool], timeout: float | None) -> bool:
        raise RuntimeError("await the call: its answer arrives on this thread's event loop")

    async def next(self) -> Event | None:
        """The next event; None when the server has closed."""
        self._check_alone()
        pump, events = self._pump, self._pump.events
        while not events and not pump.closed:
            self._waiter = self.loop.create_future()
            if pump.last is not None and self._idle is None:
                self._look_out(pump.last)
            try:
                await self._waiter
            finally:
                self._waiter = None
        if pump.is_forked:
            raise ClosedError(FORKED)
        event = pump.hand_over()
        if len(events) <= self._pending_max // 2:
            self._read(True)
        return event

    async def serve(self, handler: Callable[[Event], object]) -> None:
        """Calls `handler` with each event, until the server has closed."""
        self._check_alone()
        if not callable(handler) or asyncio.iscoroutinefunction(handler):
            raise wrong_type("handler", "a plain function", handler)
        self._handler = handler
        try:
            self.loop.call_soon(self._hand_over)
            self._read(True)
            await self._ended.wait()
        finally:
            self._handler = None
        if self._pump.is_forked:
            raise ClosedError(FORKED)

    def _check_alone(self) -> None:
        if self._waiter is not None or self._handler is not None:
            raise RuntimeError("another task is waiting for the events of this server")

    def _hand_over(self) -> None:
        """Calls the handler with what was taken. One that raises does not stop the others."""
        pump = self._pump
        while self._handler is not None and pump.events:
            try:
                # The event has no name here: only the handler keeps references to it.
                self._handler(pump.hand_over())  # type: ignore[arg-type]  # there is one
            except Exception as problem:
                self.loop.call_exception_handler(
                    {"message": "the handler of an event has raised", "exception": problem}
                )

    async def ended(self) -> None:
        """Returns when the server has closed. No iteration is needed for that."""
        self._pending_max = sys.maxsize
        self._read(True)
        await self._ended.wait()

    def stop(self) -> None:
        """Takes no more events. [any thread]"""
        if self.is_here() or self.loop.is_closed():
            self._stop()
        else:
            self.loop.call_soon_threadsafe(self._stop)

    def wake(self) -> None:
        try:
            self.loop.call_soon_threadsafe(self._readable)
        except RuntimeError:
            pass  # the loop has been closed

    def forget(self) -> None:
        # The loop shares its epoll instance with the parent: do not change it.
        self._reading = False

    def _look_out(self, last: weakref.ref[Request]) -> None:
        self._idle = self.loop.call_later(IDLE_SECONDS, self._look, last)

    def _look(self, last: weakref.ref[Request]) -> None:
        self._idle = None
        pump = self._pump
        if self._waiter is None or pump.closed or pump.last is None:
            return
        if pump.last is not last:
            self._look_out(pump.last)  # a later request has waited for a shorter time
        elif pump.is_last_open():
            pump.last = None
            pump.events.append(Idle())
            self._wake()

    def _stop(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        self._read(False)
        self._ended.set()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _readable(self) -> None:
        if self._pump.is_forked:
            return
        try:
            self._pump.take()
            if self._handler is not None:
                self._hand_over()
        except BaseException:
            if not self._pump.closed:  # a batch may be incomplete
                self.loop.call_soon(self._readable)
            raise
        finally:
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


class Consumers:
    """Which consumer takes the events of a server; a waiting thread may stand in for one."""

    def __init__(self, pump: Pump, calls: Calls) -> None:
        self.current: Consumer | None = None
        self._pump = pump
        self._calls = calls
        calls.taker = self

    def taker(self) -> Consumer | None:
        """The current consumer, if any."""
        consumer = self.current
        return None if consumer is None or consumer.is_gone() else consumer

    def take_until(self, done: Callable[[], bool], timeout: float | None) -> bool:
        """Takes events until `done` or `timeout`; False if another thread is the consumer.

        If there is no consumer, the calling thread takes events until there is one.
        """
        consumer = self.taker()
        if consumer is not None:
            if not consumer.is_here():
                return False
            consumer.wait(done, timeout)
            return True
        stand_in = ThreadConsumer(self._pump)
        stand_in.wait(lambda: done() or self.taker() is not None, timeout)
        consumer = self.taker()
        if consumer is not None:
            consumer.wake()  # it may wait for events that were taken here
        elif stand_in.is_gone():
            self._calls.end_all()
        return True

    def forget(self) -> None:
        """For a forked child: the events belong to the parent."""
        if self.current is not None:
            self.current.forget()
        self.current = None
