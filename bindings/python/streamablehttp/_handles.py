"""Ownership of the library's objects."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Any, Callable

from .errors import ClosedError


class Handle:
    """Owns one object of the library, and is dead once that is destroyed.

    Every use goes through `invoke`, so that no thread can destroy the object while another is
    inside a function of it. The lock may be taken again by a signal handler.
    """

    def __init__(self, pointer: Any, destroy: Callable[[Any], object]) -> None:
        self._lock = threading.RLock()
        self._destroy = destroy
        self._as_parameter_ = pointer

    @property
    def closed(self) -> bool:
        return not hasattr(self, "_as_parameter_")

    def invoke(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Calls `function` with the object before `arguments`. Raises ClosedError when dead."""
        with self._lock:
            try:
                pointer = self._as_parameter_
            except AttributeError:
                raise ClosedError("this has been closed") from None
            return function(pointer, *arguments)

    def close(self) -> None:
        """Destroys the object; does nothing the second time."""
        with self._lock:
            if not self.closed:
                pointer = self._as_parameter_
                del self._as_parameter_
                self._destroy(pointer)

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
