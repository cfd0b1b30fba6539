"""Section 5: no client loses what it was sent, waits for a head, or is cut off while it reads."""

from __future__ import annotations

import contextlib
import time

import pytest
from exact import Session, call, message, post

NEVER = -1


# ---- Cursors that are not kept any more --------------------------------------------------------

LITTLE = {
    "by count": ["--replay_events_max", 4],
    "by size": ["--replay_bytes_max", 400],
    "by age": ["--replay_ms", 1],
    "by all sessions' size": ["--replay_total_bytes_max", 400],
}
LOST = 20


def lose(session):
    """The cursor of a primary stream, after which more was sent than is kept."""
    with session.listen() as primary:
        session.say(call("notify"))
        primary.message()
        cursor = primary.last_id
        session.say(call("notify", n=LOST))
        for _ in range(LOST):
            primary.message()
    session.host.heard("primary_closed")
    time.sleep(0.01)  # by age, even the last of them is too old now
    return cursor


@pytest.mark.parametrize("why", LITTLE)
def test_a_primary_whose_cursor_is_lost_goes_on(start, why):
    """200, first of all a comment that says so, and what is sent from then on."""
    session = Session(start("host", *LITTLE[why]))
    with session.resume(lose(session)) as primary:
        assert primary.status == 200
        first = primary.next()
        assert "lost" in (first.comment or ""), first
        session.say(call("notify", method="notifications/later"))
        assert primary.message()["method"] == "notifications/later"
        assert primary.last_id is not None


def test_what_waits_in_the_mailbox_follows_the_gap(start):
    session = Session(start("host", *LITTLE["by count"]))
    cursor = lose(session)
    session.say(call("notify", n=2, method="notifications/waiting"))
    with session.resume(cursor) as primary:
        assert [primary.message()["method"] for _ in range(2)] == ["notifications/waiting"] * 2


def test_a_gap_is_one_and_the_next_return_is_none(start):
    session = Session(start("host", *LITTLE["by count"]))
    with session.resume(lose(session)) as primary:
        session.say(call("notify", method="notifications/later"))
        primary.message()
        cursor = primary.last_id
    session.say(call("notify", method="notifications/last"))
    with session.resume(cursor) as primary:
        assert primary.message()["method"] == "notifications/last"
        assert not any("lost" in (event.comment or "") for event in primary.seen)


def test_a_gap_is_told_to_the_host(start):
    host = start("host", *LITTLE["by count"])
    session = Session(host)
    cursor = lose(session)
    with session.resume(cursor):
        host.heard("primary_gap")
        assert session.value("stats")["primary_gaps"] == 1


def test_a_primary_with_a_gap_may_be_asked_on(start):
    """What a client gets last tells where it comes in, so that it can come back once more."""
    host = start("host", *LITTLE["by count"])
    session = Session(host)
    with session.resume(lose(session)) as primary:
        session.say(call("notify", n=2))
        primary.message()
        cursor = primary.last_id
        primary.message()
        last = primary.last_id
    with session.resume(cursor) as primary:
        primary.message()
        assert primary.last_id == last


@pytest.mark.parametrize("why", ["by count", "by size", "by all sessions' size"])
def test_a_requests_stream_whose_cursor_is_lost_is_refused(start, why):
    session = Session(start("host", *LITTLE[why]))
    ids = session.say(call("logs", n=LOST)).ids
    with session.resume(ids[0]) as stream:
        assert stream.status == 400
    session.must_serve()


def test_the_cursor_of_another_sessions_primary_is_refused(start):
    host = start("host", *LITTLE["by count"])
    cursor = lose(Session(host))
    other = Session(host)
    with other.resume(cursor) as stream:
        assert stream.status == 400
    other.must_serve()


# ---- The head ----------------------------------------------------------------------------------

SILENT_MS = 3000
HEAD_SECONDS = 1.5  # of head_ms, which is 250, and half as long as the silence
MODES = {
    "stream": [],
    "auto": ["--response_mode", 2],
    "stateless": ["--stateless", 1],
    "stateless and auto": ["--stateless", 1, "--response_mode", 2],
    "without replay": ["--replay_events_max", NEVER],
}
REVISIONS = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]


@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("mode", MODES)
def test_the_head_does_not_wait_for_the_answer(start, mode, revision):
    host = start("host", *MODES[mode])
    silent = call("sleep", ms=SILENT_MS)
    if "stateless" in mode:
        request = post(silent, MCP_Protocol_Version=revision)
    else:
        request = Session(host, revision).post(silent)
    began = time.monotonic()
    with host.connect() as connection:
        connection.send(request)
        stream = connection.stream()
        assert time.monotonic() - began < HEAD_SECONDS
        assert stream.head["Content-Type"].startswith("text/event-stream")
        has_priming = mode in ("stream", "auto") and revision == "2025-11-25"
        if has_priming:
            first = stream.next()
            assert first.id and not first.data
            assert time.monotonic() - began < HEAD_SECONDS


def test_the_head_leaves_after_head_ms(start):
    host = start("host", "--head_ms", 1000)
    session = Session(host)
    began = time.monotonic()
    with session.begin(call("sleep", ms=SILENT_MS)) as connection:
        connection.head()
    assert 0.9 <= time.monotonic() - began < 2


def test_an_answer_that_is_quicker_than_the_head_is_still_a_document(start):
    session = Session(start("host", "--response_mode", 2))
    assert session.say(call("size"))["Content-Type"] == "application/json"


# ---- Slow readers --------------------------------------------------------------------------------

BYTES = 12 << 20
RATE = 4 << 20
SHORT_MS = 1000
READERS = {
    "that closes": (["--body_ms", SHORT_MS], {"Connection": "close"}),
    "that keeps its connection": (["--connection_idle_ms", SHORT_MS], {}),
    "that closes, of a document": (["--body_ms", SHORT_MS, "--response_mode", 1], {"Connection": "close"}),
    "that keeps its connection, of a document": (["--connection_idle_ms", SHORT_MS, "--response_mode", 1], {}),
    "with all of these": (["--body_ms", SHORT_MS, "--header_ms", SHORT_MS, "--connection_idle_ms", SHORT_MS], {}),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_slow_and_steady_reader_gets_all(start, reader):
    """Four megabytes a second, three times as long as the server waits for somebody who does not read."""
    options, fields = READERS[reader]
    session = Session(start("host", *options))
    began = time.monotonic()
    with session.begin(call("size", n=BYTES), slow=True, rate=RATE, **fields) as connection:
        response = connection.response()
    assert len(response.body) > BYTES
    assert response.last["result"]["value"] == "x" * BYTES
    assert time.monotonic() - began > 2 * SHORT_MS / 1000, "it was no slow reader"


def test_a_reader_that_stops_is_let_go(start):
    host = start("host", "--body_ms", SHORT_MS)
    session = Session(host)
    with session.begin(call("size", n=BYTES), slow=True, Connection="close") as connection:
        connection.head()
        deadline = time.monotonic() + 10
        while session.value("stats", id="stats")["unsent_bytes"] > BYTES / 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)


# ---- Clients that are gone ---------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0, 1, 2], ids=["stream", "json", "auto"])
@pytest.mark.parametrize("way", ["close", "reset"])
def test_the_work_of_a_stateless_client_that_has_gone_is_cancelled(start, mode, way):
    host = start("host", "--stateless", 1, "--response_mode", mode)
    with host.connect() as connection:
        connection.send(post(call("hang")))
        host.heard("hangs")
        connection.close() if way == "close" else connection.reset()
    host.heard("cancelled .* SHTTP_ERR_DISCONNECTED", seconds=5)


def test_the_work_of_a_client_with_a_session_that_has_gone_goes_on(host):
    session = Session(host)
    before = host.count("cancelled")
    with session.begin(call("hang")):
        host.heard("hangs")
    session.must_serve()
    assert host.count("cancelled") == before


CANCELLED = message("notifications/cancelled", {"requestId": 4711, "reason": "too late"})


def test_a_cancellation_that_comes_too_late_is_a_notification(host):
    session = Session(host)
    session.say(call("size", id=4711))
    assert session.say(CANCELLED).status == 202
    assert '"requestId": 4711' in host.heard("notification notifications/cancelled (.*)")[1]


def test_a_cancellation_of_what_never_was_is_a_notification(start):
    host = start()
    assert Session(host).say(CANCELLED).status == 202
    host.heard("notification notifications/cancelled")


def test_a_cancellation_without_a_session_is_a_notification(start):
    host = start("host", "--stateless", 1)
    with host.connect() as connection:
        connection.send(post(CANCELLED))
        assert connection.response().status == 202
    host.heard("notification notifications/cancelled")


def test_a_cancellation_in_time_is_none(start):
    host = start()
    session = Session(host)
    with session.begin(call("hang", id=4711)):
        host.heard("hangs")
        assert session.say(CANCELLED).status == 202
        host.heard("cancelled .* SHTTP_ERR_CANCELLED")
    assert session.say(message("notifications/stranger")).status == 202
    host.heard("notification notifications/stranger")
    assert host.count("notification notifications/cancelled") == 0


# ---- Progress that nobody wants ------------------------------------------------------------------

WAYS = {
    "stream": [],
    "json": ["--response_mode", 1],
    "auto": ["--response_mode", 2],
    "json, on the request": ["--response_mode", 1, "--progress_route", 1],
    "stateless": ["--stateless", 1],
    "stateless and json": ["--stateless", 1, "--response_mode", 1],
    "stateless and auto": ["--stateless", 1, "--response_mode", 2],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("loop", ["own", "thread"])
def test_progress_without_a_token_is_ok(start, way, loop):
    host = start("host", "--loop", loop, *WAYS[way])
    if "stateless" in way:
        with host.connect() as connection:
            connection.send(post(call("progress", n=3)))
            response = connection.response()
    else:
        response = Session(host).say(call("progress", n=3))
    assert response.last["result"]["value"] == "x"
    assert len(response.messages) == 1
    assert host.terminate() == 0
    assert host.count("status") == 0, host.lines


# ---- Half of a connection --------------------------------------------------------------------------


def shut_behind(session):
    connection = session.begin(call("sleep", ms=500))
    connection.socket.shutdown(1)
    return connection


def test_who_shuts_the_writing_side_is_gone(host):
    with shut_behind(Session(host)) as connection, contextlib.suppress(AssertionError):
        response = connection.response()
        assert not response.messages, "an answer"
        raise RuntimeError(f"a whole response: {response}")


def test_with_half_close_the_answer_comes(start):
    with shut_behind(Session(start("host", "--half_close", 1))) as connection:
        assert connection.response().last["result"]["value"] is None
        assert connection.receive() == b""


def test_with_half_close_who_is_really_gone_is_gone(start):
    host = start("host", "--half_close", 1, "--stateless", 1)
    with host.connect() as connection:
        connection.send(post(call("hang")))
        host.heard("hangs")
        connection.reset()
    host.heard("cancelled")


# ---- Principals ------------------------------------------------------------------------------------


def test_an_empty_principal_is_refused(start):
    host = start("host", "--authorize", 1, "--authorize_ms", 200)
    with host.connect() as connection:
        connection.send(post(message("ping", id=1)))
        host.heard("status allow SHTTP_ERR_INVALID_ARGUMENT")
        assert connection.response().status == 503
    Session(host, Authorization="Bearer somebody").must_serve()


def test_clients_whom_a_busy_host_keeps_waiting_are_not_late(start):
    """The server does not read while the host is behind: neither what has begun nor what comes anew is timed out."""
    limits = {"queue_events_max": 2, "header_ms": 500, "body_ms": 500, "connection_idle_ms": 1000}
    words = [word for name, value in limits.items() for word in (f"--{name}", value)]
    host = start("host", "--loop", "thread", *words)
    session = Session(host)
    with contextlib.ExitStack() as crowd:
        waiting = {name: crowd.enter_context(host.connect()) for name in ("head", "body", "whole")}
        asked = {name: session.post(call("size", id=name, n=1)) for name in waiting}
        crowd.enter_context(session.begin(call("size", id="busy", busy_ms=3000)))
        host.heard("busy")
        waiting["head"].send(asked["head"][:20])
        waiting["body"].send(asked["body"][:-5])
        for _ in range(6):
            crowd.enter_context(host.connect()).send(session.post(message("notifications/x")))
        time.sleep(0.2)
        waiting["head"].send(asked["head"][20:30])
        waiting["body"].send(asked["body"][-5:-3])
        time.sleep(0.2)  # What comes now stays with the kernel.
        waiting["head"].send(asked["head"][30:])
        waiting["body"].send(asked["body"][-3:])
        waiting["whole"].send(asked["whole"])
        for name, connection in waiting.items():
            assert connection.response().last["id"] == name
