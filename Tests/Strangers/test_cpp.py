"""Section 1: what happens when a callback of the host's throws, or destroys the server in the middle of everything."""

from __future__ import annotations

import contextlib
import re
import signal
import socket

import pytest
from exact import Session, call, request
from hosts import LOOPS
from http_reader import Ended

CALLBACKS = ["event", "log", "keep", "end", "load", "forget", "free"]


def provoke(callback, session):
    """Makes the library call the one that throws, after the tool has armed it."""
    throw = session.say(call("throw"))
    match callback:
        case "log":
            with session.host.connect() as connection:
                connection.send(b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n")
                connection.response("GET")
        case "load":
            session.resume(throw.ids[0])
        case "forget":
            with session.host.connect() as connection:
                connection.send(request("DELETE", **session.fields))
                connection.response("DELETE")


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("callback", CALLBACKS)
def test_an_exception_out_of_a_callback_is_the_end(start, callback, loop):
    """std::terminate() and nothing else: no frame of the library's is unwound, no catch of the host's entered."""
    host = start("throwing_host", "--loop", loop, "--from", callback)
    session = Session(host)
    with contextlib.suppress(Ended, ConnectionError):
        provoke(callback, session)
    assert host.wait() == -signal.SIGABRT
    assert host.count("caught") == 0


@pytest.mark.parametrize("loop", LOOPS)
def test_no_callback_comes_after_the_server_was_destroyed_in_one(start, loop):
    host = start("throwing_host", "--loop", loop, "--from", "destroy")
    session = Session(host)
    with session.listen(), session.begin(call("throw")):
        host.heard("destroyed")
    assert host.terminate() == 0
    assert host.count("late") == 0, host.lines


# ---- listen() --------------------------------------------------------------------------------


@pytest.fixture
def full_socket(tmp_path):
    """The path of a Unix socket that somebody has, who takes no more connections."""
    path = str(tmp_path / "socket")
    waiting = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                waiting.append(socket.socket(socket.AF_UNIX))
                waiting[-1].setblocking(False)
                waiting[-1].connect(path)
        yield path
        for one in waiting:
            one.close()


@pytest.mark.parametrize("loop", LOOPS)
def test_a_full_unix_socket_is_in_use_and_does_not_hold_listen_up(start, full_socket, loop):
    host = start("host", "--loop", loop, "--listen", f"unix:{full_socket}", wait=False)
    assert host.wait(5) == 1
    refused = re.fullmatch(r"SHTTP_ERR_ADDRESS_IN_USE: shttp_server_listen, (\d+) ms", host.errors[0])
    assert refused and int(refused[1]) < 1000, host.errors


def test_a_unix_socket_that_somebody_serves_is_in_use(start, tmp_path):
    first = start("host", "--listen", f"unix:{tmp_path}/socket")
    second = start("host", "--listen", f"unix:{tmp_path}/socket", wait=False)
    assert second.wait() == 1
    assert "SHTTP_ERR_ADDRESS_IN_USE" in second.errors[0]
    Session(first).must_serve()
