"""Section 1: answers that wait for a slow primary stream are released one after the other, not one inside the other.

A result waits until the progress that was made before it is with the socket. Here a primary stream is not read, so
that every answer waits for it, until it goes away.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from exact import Session, call
from hosts import LOOPS

STACK_KB = 256


def stalled_primary(session):
    """The session's primary stream, which takes nothing any more."""
    primary = session.listen(slow=True).begin()
    assert session.value("notify", n=10, size=60000)["sent"] == 10
    return primary


def on_socket(tmp_path):
    return ["--listen", f"unix:{tmp_path}/socket"]


@pytest.mark.parametrize("loop", LOOPS)
def test_three_thousand_answers_on_as_many_connections_and_a_small_stack(start, loop, tmp_path):
    """All of them arrive, for nobody of these clients is slow."""
    answers = 3000
    options = ["--loop", loop, "--stack-kb", STACK_KB, "--session_requests_max", answers + 10]
    host = start("host", *options, *on_socket(tmp_path))
    session = Session(host)
    primary = stalled_primary(session)
    waiting = [session.begin(call("progress", id=number, token=number)) for number in range(answers)]
    while session.value("stats", id="stats")["requests_total"] < answers:
        pass
    primary.close()
    for number, connection in enumerate(waiting):
        assert connection.response().last["id"] == number
        connection.close()
    assert session.value("stats")["slow_connections"] == 0
    session.must_serve()


def seconds_to_release(start, answers, path):
    """What it costs the host to let go of so many answers whose clients have gone."""
    host = start("host", "--session_requests_max", answers + 10, "--listen", f"unix:{path}")
    session = Session(host)
    primary = stalled_primary(session)
    for number in range(answers):
        with session.begin(call("progress", id=number, token=number, logs=1)) as connection:
            connection.stream().message()
    schedule = Path(f"/proc/{host.process.pid}/schedstat")
    before = int(schedule.read_text().split()[0])
    primary.close()
    host.heard("primary_closed")
    session.must_serve()
    return (int(schedule.read_text().split()[0]) - before) / 1e9


def test_sixteen_thousand_answers_cost_four_times_what_four_thousand_do(start, tmp_path):
    """Sixteen times it would be if each looked through all. A cold cache makes more of four, and so do neighbours."""
    ratios = []
    for attempt in range(4):
        few = seconds_to_release(start, 4000, tmp_path / f"few{attempt}")
        many = seconds_to_release(start, 16000, tmp_path / f"many{attempt}")
        ratios.append(many / few)
        if ratios[-1] <= 8:
            return
    raise AssertionError(f"four times as many cost {ratios} times as much")


SESSIONS = 400
ANSWERS = 4
ANSWER_BYTES = 50_000  # less than a primary leaves unread, and more together
UNSENT_MAX = SESSIONS * 90_000


@pytest.mark.parametrize("stack_kb", [STACK_KB, 8192])
def test_a_chain_of_slow_clients_each_of_which_releases_more_than_it_frees(start, stack_kb):
    """The first that gives way lets its session's answers go, which are too much for the budget, and so on: the
    stack does not grow with the chain, and no more is shed than is over."""
    host = start("host", "--stack-kb", stack_kb, "--total_unsent_bytes_max", UNSENT_MAX)
    sessions = [Session(host) for _ in range(SESSIONS)]
    open_ones = []
    for session in sessions:
        open_ones.append(session.listen(slow=True))
        session.value("notify", n=100, size=1000)
        for number in range(ANSWERS):
            call_ = call("progress", id=number + 10, token=number, size=ANSWER_BYTES)
            open_ones.append(session.begin(call_, slow=True))
    observer = Session(host)
    turns = iter(sessions * 10)
    while not (stats := observer.value("stats"))["slow_connections"]:
        next(turns).value("notify", n=10, size=1000)
    host.must_live()
    waits = stats["unsent_bytes"] + stats.get("request_bytes", 0)
    assert waits >= UNSENT_MAX * 0.75, stats
    observer.must_serve()
    for one in open_ones:
        one.close()
