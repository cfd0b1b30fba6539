"""Section 1: a client that leaves while it is answered takes nobody with it, whoever runs the loop."""

from __future__ import annotations

import contextlib
import socket

import pytest
from exact import Session, call, message
from hosts import LOOPS

MANY = 300
ROUNDS = 20
BUSY_MS = 100
TOKEN = "secret"
PING = message("ping", id=1)


class AnyHost:
    """One of the hosts, and what its tools are called."""

    KINDS = (*LOOPS, "python", "echo")

    def __init__(self, start, kind, path=None):
        self.is_echo = kind == "echo"
        self._start = start
        self._kind = kind
        self._path = path

    def start(self, token=None):
        """Starts it, on the Unix socket if there is a path."""
        match self._kind:
            case "python":
                where = ["--unix_path", self._path] if self._path else []
                guard = ["--bearer_tokens", f'["{token}"]'] if token else []
                return self._start("python_host", *where, *guard)
            case "echo":
                return self._start("echo_server", *(["--bearer-tokens", token] if token else []))
        where = ["--listen", f"unix:{self._path}"] if self._path else []
        guard = ["--bearer_tokens", token] if token else []
        return self._start("host", "--loop", self._kind, *where, *guard)

    def logs(self, n):
        return call("log", count=n) if self.is_echo else call("logs", n=n)

    def progress(self, n, token):
        return call("progress", token=token, **{"count" if self.is_echo else "n": n})

    def size(self, n):
        return call("echo", text="x" * n) if self.is_echo else call("size", n=n)


def kinds_and_places():
    for kind in AnyHost.KINDS:
        yield kind, "tcp"
        if kind != "echo":  # which cannot listen on one
            yield kind, "unix"


@pytest.fixture(params=kinds_and_places(), ids="-".join)
def any_host(request, start, tmp_path):
    kind, place = request.param
    return AnyHost(start, kind, str(tmp_path / "socket") if place == "unix" else None)


def leave(host, *requests, after_bytes=0):
    """Sends, waits for some bytes or for none, and is gone."""
    with host.connect(slow=after_bytes > 0) as connection, contextlib.suppress(ConnectionError):
        connection.send(*requests)
        if after_bytes:
            connection.receive(after_bytes)


def test_pipelined_requests_without_a_token(any_host):
    host = any_host.start(token=TOKEN)
    for _ in range(ROUNDS):
        leave(host, b"GET /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n" * MANY)
    host.must_live()
    Session(host, Authorization=f"Bearer {TOKEN}").must_serve()


def test_pipelined_pings(any_host):
    host = any_host.start()
    session = Session(host)
    for _ in range(ROUNDS):
        leave(host, session.post(PING) * MANY)
    session.must_serve()


def test_a_stream_of_30000_log_messages_left_in_its_middle(any_host):
    host = any_host.start()
    session = Session(host)
    for _ in range(3):
        leave(host, session.post(any_host.logs(30000)), after_bytes=1)
    session.must_serve()


def test_a_result_of_three_megabytes_left_in_its_middle(any_host):
    host = any_host.start()
    session = Session(host)
    for _ in range(ROUNDS):
        leave(host, session.post(any_host.size(3 << 20)), after_bytes=1)
    session.must_serve()


def test_progress_on_a_primary_stream_whose_client_resets_it(any_host):
    host = any_host.start()
    session = Session(host)
    for number in range(ROUNDS):
        primary = session.listen(slow=True)
        caller = session.begin(any_host.progress(MANY, token=f"t{number}"))
        primary.connection.receive(1)
        primary.connection.reset()
        caller.close()
    session.must_serve()


def test_a_client_that_has_shut_its_reading_side(any_host):
    host = any_host.start()
    session = Session(host)
    for _ in range(ROUNDS):
        with host.connect() as connection:
            connection.socket.shutdown(socket.SHUT_RD)
            connection.send(session.post(any_host.logs(MANY)))
            connection.receive(1)
    session.must_serve()


# ---- Clients that are gone before the first byte, while the host's own code is at work ------

ANSWERS = {
    "log messages": call("logs", n=30000, busy_ms=BUSY_MS),
    "a large result": call("size", n=3 << 20, busy_ms=BUSY_MS),
    "a small result": call("size", n=1, busy_ms=BUSY_MS),
    "progress": call("progress", token="t", n=30000, busy_ms=BUSY_MS),
}


@pytest.mark.parametrize("place", ["tcp", "unix"])
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("answer", ANSWERS)
def test_a_client_that_leaves_while_its_request_is_served(start, answer, loop, place, tmp_path):
    host = AnyHost(start, loop, str(tmp_path / "socket") if place == "unix" else None).start()
    session = Session(host)
    with session.begin(ANSWERS[answer]):
        host.heard("busy")
    session.must_serve()


@pytest.mark.parametrize("loop", LOOPS)
def test_a_primary_stream_whose_client_leaves_while_a_notification_is_made(start, loop, tmp_path):
    host = AnyHost(start, loop, str(tmp_path / "socket")).start()
    session = Session(host)
    with session.listen() as primary, session.begin(call("notify", n=10, busy_ms=BUSY_MS)) as caller:
        host.heard("busy")
        primary.close()
        assert caller.response().status == 200
    session.must_serve()


# ---- The host's own disposition --------------------------------------------------------------


@pytest.mark.parametrize("disposition", ["default", "handler"])
@pytest.mark.parametrize("loop", LOOPS)
def test_the_hosts_disposition_stays_its_own(start, loop, disposition, tmp_path):
    """It is what it was, it is not called, and no callback runs with the signal blocked."""
    host = start("host", "--loop", loop, "--sigpipe", disposition, "--listen", f"unix:{tmp_path}/socket")
    session = Session(host)
    for count in range(1, 4):
        with session.begin(call("size", id=count, n=3 << 20, busy_ms=BUSY_MS)):
            host.heard("busy", count=count)
        leave(host, session.post(PING) * MANY)
    host.must_live()
    assert session.value("sigpipe") == {"disposition": disposition, "called": 0, "blocked": False}
