"""Ownership of the library's objects, and what becomes of them in a forked child."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from types import TracebackType
from typing import Any, Callable, NoReturn, Protocol

from .errors import ClosedError

FORKED = "the server belongs to the process that made it, and not to a fork of that"


def stays_here(thing: object) -> NoReturn:
    """As `__reduce__`: neither a copy nor another process could answer for the original."""
    raise TypeError(
        f"a {type(thing).__name__} can be neither copied nor pickled: it belongs to the server of"
        " this process"
    )


class Forgetful(Protocol):
    """What holds something of a server: its thread and its sockets stay with the parent."""

    def forget(self) -> None:
        """Runs in the child before anything else: lets go, and calls nothing of the library."""


_forgetful: weakref.WeakSet[Forgetful] = weakref.WeakSet()
_hook = threading.Lock()
_is_hooked = False


def forget_in_child(thing: Forgetful) -> None:
    """Has `thing.forget()` called in every fork of this process."""
    global _is_hooked
    with _hook:
        if not _is_hooked:
            os.register_at_fork(after_in_child=_forget_all)
            _is_hooked = True
        _forgetful.add(thing)


def _forget_all() -> None:
    global _hook
    _hook = threading.Lock()  # another thread of the parent's may hold it, and is not here
    for thing in list(_forgetful):
        thing.forget()
    _forgetful.clear()


class Handle:
    """Owns one object of the library, and is dead once that is destroyed.

    Every use goes through `invoke`, so that no thread can destroy the object while another is
    inside a function of it. The lock may be taken again by a signal handler.

    A forked child has the object, but not the thread that works on it: there, it is dead.
    """

    def __init__(self, pointer: Any, destroy: Callable[[Any], object]) -> None:
        self._lock = threading.RLock()
        self._destroy = destroy
        self._process = os.getpid()
        self._as_parameter_ = pointer
        forget_in_child(self)

    @property
    def closed(self) -> bool:
        return not hasattr(self, "_as_parameter_")

    @property
    def is_forked(self) -> bool:
        """This is a child of the process that the object belongs to."""
        return os.getpid() != self._process

    def invoke(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Calls `function` with the object before `arguments`. Raises ClosedError when dead."""
        with self._lock:
            try:
                pointer = self._as_parameter_
            except AttributeError:
                raise ClosedError(FORKED if self.is_forked else "this has been closed") from None
            return function(pointer, *arguments)

    def close(self) -> None:
        """Destroys the object; does nothing the second time."""
        if self.is_forked:  # not even the lock: whoever holds it may not be here
            return self.forget()
        with self._lock:
            if not self.closed:
                pointer = self._as_parameter_
                del self._as_parameter_
                self._destroy(pointer)

    def forget(self) -> None:
        self._lock = threading.RLock()
        self.__dict__.pop("_as_parameter_", None)

    def __enter__(self) -> Handle:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # At exit the module's globals may be gone, and the system takes everything back anyway.
        if not sys.is_finalizing():
            self.close()
