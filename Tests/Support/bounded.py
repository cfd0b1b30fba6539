"""A bound on the time of each test, for the conftest.py of several folders."""

from __future__ import annotations

import signal

import pytest


def bound(seconds):
    """A fixture for each test: one that hangs fails, with the line it hangs in."""

    @pytest.fixture(autouse=True)
    def bounded():
        def expire(number, frame):
            raise TimeoutError(f"the test took more than {seconds} s")

        before = signal.signal(signal.SIGALRM, expire)
        signal.alarm(seconds)
        yield
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)

    return bounded
