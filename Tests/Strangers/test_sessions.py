"""Section 2: nobody locks others out by opening sessions, and who loses one is told."""

from __future__ import annotations

import time

import pytest
from exact import Session, call, initialize, message, post

ELSEWHERE = "127.0.0.2"
SESSIONS_MAX = 50
SHARE_PERCENT = 20
EVICTED = r"session_closed (\d+) SHTTP_ERR_LIMIT"


def fill(host, count, source=None):
    """Sessions of one connection, which nobody uses."""
    with host.connect(source=source) as connection:
        return [Session(host, connection=connection) for _ in range(count)]


def key_of(host, number):
    """What the host calls the session that was opened as number so and so."""
    return host.heard(r"session_opened (\d+)", count=number + 1)[1]


@pytest.fixture
def host(start):
    return start("host", "--sessions_max", SESSIONS_MAX)


@pytest.mark.parametrize("source", [None, ELSEWHERE])
def test_a_newcomer_gets_in_and_the_longest_idle_session_goes(host, source):
    sessions = fill(host, SESSIONS_MAX)
    newcomer = Session(host, source=source)
    assert host.heard(EVICTED)[1] == key_of(host, 0)
    assert sessions[0].status() == 404
    assert sessions[-1].status() == 200
    newcomer.must_serve()


def test_sessions_that_had_a_call_or_a_primary_are_kept(host):
    caller, listener, attached = fill(host, 3)
    caller.say(call("size"))
    with listener.listen():
        pass
    host.heard("primary_closed")
    with attached.listen():
        idle = fill(host, 2 * SESSIONS_MAX)
        assert host.heard(EVICTED)[1] == key_of(host, 3)
        assert [session.status() for session in (caller, listener, attached)] == [200] * 3
    assert idle[0].status() == 404


def test_a_session_that_its_client_uses_goes_after_the_others(host):
    """Of two that had neither a call nor a primary, the one that was used longer ago."""
    sessions = fill(host, 2)
    time.sleep(0.01)  # Within one millisecond they are equal.
    sessions[0].say(message("notifications/stranger"))
    fill(host, SESSIONS_MAX - 1)
    assert host.heard(EVICTED)[1] == key_of(host, 1)


def test_a_flood_of_sessions_evicts_itself_and_not_those_who_work(host):
    worker = Session(host)
    worker.say(call("size"))
    fill(host, 4 * SESSIONS_MAX, source=ELSEWHERE)
    host.heard(EVICTED, count=3 * SESSIONS_MAX)
    worker.must_serve()


def test_what_others_have_is_no_shield(start):
    """However many unused sessions of others are older, one's own give way."""
    host = start("host", "--sessions_max", 1200)
    fill(host, 300)
    fill(host, 600, source=ELSEWHERE)
    newcomer = Session(host, source=ELSEWHERE)
    newcomer.must_serve()


def test_evictions_are_counted(host):
    evicted = fill(host, SESSIONS_MAX + 5)[-1].value("stats")["sessions_evicted"]
    assert evicted >= 5
    host.heard(EVICTED, count=evicted)


def test_ten_thousand_sessions_of_one_connection_lock_nobody_out(start):
    host = start()
    burst = 50
    with host.connect() as connection:
        for _ in range(10000 // burst):
            connection.send(post(initialize()) * burst)
            assert {connection.response().status for _ in range(burst)} == {200}
    for source in (None, ELSEWHERE):
        Session(host, source=source).must_serve()
    host.heard(EVICTED)


# ---- Shares --------------------------------------------------------------------------------------


def must_keep_to_its_share(host, others_before, **greedy):
    """Whoever opens session after session has no more than a share of the table, and the others keep theirs."""
    with host.connect(source=greedy.pop("source", None)) as connection:
        for _ in range(2 * SESSIONS_MAX):
            connection.send(post(initialize(), **greedy))
            assert connection.response().status in (200, 429, 503)
    for session in others_before:
        session.must_serve()
    share = SESSIONS_MAX * SHARE_PERCENT // 100
    others = 2 * len(others_before)  # must_serve() opens one of its own
    assert others_before[0].value("stats")["sessions"] <= share + others


def test_an_address_has_a_share_of_the_sessions(start):
    host = start("host", "--sessions_max", SESSIONS_MAX, "--address_share_percent", SHARE_PERCENT)
    others = fill(host, 3)
    must_keep_to_its_share(host, others, source=ELSEWHERE)


def test_a_principal_has_a_share_of_the_sessions(start):
    tokens = "one:secret-1,other:secret-2"
    options = ["--sessions_max", SESSIONS_MAX, "--principal_share_percent", SHARE_PERCENT, "--bearer_tokens", tokens]
    host = start("host", *options)
    others = [Session(host, Authorization="Bearer secret-1") for _ in range(3)]
    must_keep_to_its_share(host, others, Authorization="Bearer secret-2")
