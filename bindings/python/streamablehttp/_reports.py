"""Where to say what cannot be raised: the logger, and sys.unraisablehook."""

from __future__ import annotations

import logging

logger = logging.getLogger("streamablehttp")


class _Unraisable:
    """Passes an exception to sys.unraisablehook, which only the interpreter can call properly."""

    def __init__(self, problem: BaseException) -> None:
        self._problem = problem

    def __del__(self) -> None:
        raise self._problem


def report(problem: BaseException) -> None:
    """Reports an exception that cannot be raised to any caller."""
    _Unraisable(problem)
