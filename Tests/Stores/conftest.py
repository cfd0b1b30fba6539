"""A bound on time, and a place for the database."""

from __future__ import annotations

import signal

import pytest

TEST_SECONDS = 100


@pytest.fixture(autouse=True)
def bounded():
    """A test that hangs fails, with the line it hangs in."""

    def expire(number, frame):
        raise TimeoutError(f"the test took more than {TEST_SECONDS} s")

    before = signal.signal(signal.SIGALRM, expire)
    signal.alarm(TEST_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def database(tmp_path):
    return tmp_path / "kept.db"
