"""Fixtures: a bound on time, and hosts that end with their test."""

from __future__ import annotations

import resource
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "Support"))

from hosts import Host, death

TEST_SECONDS = 60


def pytest_configure(config):
    """As many descriptors as there may be."""
    config.addinivalue_line("markers", "seconds(n): the test may take so long")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def pytest_collection_modifyitems(items):
    """The foreign clients come last: their environments are made meanwhile."""
    items.sort(key=lambda item: item.path.name == "test_foreign_clients.py")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """A test that hangs, or its fixtures, fails with the line it hangs in."""
    mark = item.get_closest_marker("seconds")
    seconds = mark.args[0] if mark else TEST_SECONDS

    def expire(number, frame):
        pytest.fail(f"the test took more than {seconds} s")  # which no test takes for an error of a socket's

    before = signal.signal(signal.SIGALRM, expire)
    signal.alarm(seconds)
    try:
        return (yield)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def start():
    """Starts hosts, by program and options."""
    hosts = []

    def start(name="host", *options, **more):
        hosts.append(Host(name, *options, **more))
        return hosts[-1]

    yield start
    for host in hosts:
        if (status := host.process.poll()) is not None:
            print(f"a host had ended with {death(status)}, and said at last {host.lines[-3:]} {host.errors[-3:]}")
        host.end()


@pytest.fixture(scope="module")
def host():
    """A host with all defaults, for the tests of a module that leave nothing behind."""
    host = Host("host")
    yield host
    host.end()
