"""Ownership of the library's objects, also in a forked child."""

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
    """For `__reduce__`: a copy, or an object in another process, could not use the original."""
    raise TypeError(
        f"a {type(thing).__name__} can be neither copied nor pickled: it belongs to the server of this process"
    )


class Forgetful(Protocol):
    """An object that refers to a server, whose thread and sockets stay with the parent."""

    def forget(self) -> None:
        """Runs first in the child: drops its references, and calls no function of the library."""


_forgetful: weakref.WeakSet[Forgetful] = weakref.WeakSet()
_hook = threading.Lock()
_is_hooked = False


def forget_in_child(thing: Forgetful) -> None:
    """Calls `thing.forget()` in every forked child of this process."""
    global _is_hooked
    with _hook:
        if not _is_hooked:
            os.register_at_fork(after_in_child=_forget_all)
            _is_hooked = True
        _forgetful.add(thing)


def _forget_all() -> None:
    global _hook
    _hook = threading.Lock()  # a thread of the parent may hold it, and does not exist here
    for thing in list(_forgetful):
        thing.forget()
    _forgetful.clear()


class Commands(Protocol):
    """A server that takes commands."""

    @property
    def closed(self) -> bool: ...

    @property
    def is_forked(self) -> bool: ...

    def invoke(self, function: Callable[..., Any], *arguments: Any) -> Any: ...

    def check_process(self) -> None: ...


class Handle:
    """Owns one object of the library, and is closed once that is destroyed.

    Every use goes through `invoke`, so that no thread can destroy the object while another one uses
    it. The lock is reentrant for signal handlers.

    A forked child has the object but not its thread: there, it is closed.
    """

    callback_thread: int | None = None
    """The library's own thread, which runs nothing of Python but callbacks."""

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
        """Whether this is a child of the process that created the object."""
        return os.getpid() != self._process

    def invoke(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Calls `function` with the object before `arguments`. Raises ClosedError once closed.

        In a callback the lock is not needed: the object is destroyed after that has returned. And
        the lock may be held by `close`, which waits for that.
        """
        if self.callback_thread == threading.get_ident():
            return function(self._pointer(), *arguments)
        with self._lock:
            return function(self._pointer(), *arguments)

    def _pointer(self) -> Any:
        try:
            return self._as_parameter_
        except AttributeError:
            raise ClosedError(FORKED if self.is_forked else "this has been closed") from None

    def check_process(self) -> None:
        """Raises ClosedError in a fork."""
        if self.is_forked:
            raise ClosedError(FORKED)

    def close(self) -> None:
        """Destroys the object, in a callback soon after that. A second call does nothing."""
        if self.is_forked:  # without the lock: its owner may not exist here
            return self.forget()
        if self.callback_thread == threading.get_ident():  # the callback has to return first
            if not self.closed:
                threading.Thread(target=self.close).start()
            return
        with self._lock:
            if not self.closed:
                pointer = self._as_parameter_
                del self._as_parameter_
                self._destroy(pointer)

    def forget(self) -> None:
        self._lock = threading.RLock()
        self.callback_thread = None
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
        # At exit the module's globals may be gone, and the system frees everything anyway.
        if not sys.is_finalizing():
            self.close()
