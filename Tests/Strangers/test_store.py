"""Section 1: no number of a client's and no answer of a host's event store stops the process."""

from __future__ import annotations

import pytest
from exact import Session, call

EDGES = [2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1, 2**64, 10**30]
LIES = ["honest", "signed", "anything", "many", "few", "ended", "open", "order", "garbage", "twice"]


def resume(session, last_id):
    """What a client gets that comes back: all, nothing, or a refusal."""
    with session.host.connect() as connection:
        connection.send(session.get(Last_Event_ID=last_id))
        response = connection.response("GET")
    assert response.status in (200, 204, 400)
    return response


def ended_stream(session):
    """The ids of a stream's events: three log messages and the answer."""
    return session.say(call("logs", n=3)).ids


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("number", EDGES, ids=str)
def test_a_clients_number_at_the_edge_and_a_store_that_lies(start, lie, number):
    session = Session(start("store_host", "--lie", lie))
    token = ended_stream(session)[-1].partition(".")[0]
    resume(session, f"{token}.{number}")
    session.must_serve()


@pytest.mark.parametrize("number", EDGES, ids=str)
def test_a_clients_number_at_the_edge_and_the_librarys_own_store(host, number):
    session = Session(host)
    token = ended_stream(session)[-1].partition(".")[0]
    assert resume(session, f"{token}.{number}").status == 400
    session.must_serve()


@pytest.mark.parametrize("lie", LIES)
def test_a_store_that_lies_about_a_stream_that_has_ended(start, lie):
    session = Session(start("store_host", "--lie", lie))
    is_refused = lie in ("open", "garbage")
    assert resume(session, ended_stream(session)[0]).status == (400 if is_refused else 200)
    session.must_serve()


@pytest.mark.parametrize("lie", LIES)
def test_a_store_that_lies_about_a_stream_that_goes_on(start, lie):
    host = start("store_host", "--lie", lie)
    session = Session(host)
    with session.begin(call("hang", n=3)) as connection:
        stream = connection.stream()
        stream.until(lambda message: message["params"]["data"] == 1)
        first = stream.last_id
        stream.until(lambda message: message["params"]["data"] == 3)
    with host.connect() as connection:
        connection.send(session.get(Last_Event_ID=first))
        status = connection.head().status
    assert status in ((400,) if lie in ("few", "garbage") else (200, 204, 400))
    session.must_serve()


def test_a_store_that_answers_when_its_client_has_gone(start):
    host = start("store_host", "--lie", "held")
    session = Session(host)
    last_id = ended_stream(session)[0]
    with host.connect() as connection:
        connection.send(session.get(Last_Event_ID=last_id))
        host.heard("load after")
    assert session.value("release") is None
    host.heard("finish SHTTP_(OK|ERR_NOT_FOUND)")
    session.must_serve()


def test_a_store_that_answers_when_its_session_has_gone(start):
    host = start("store_host", "--lie", "held")
    session, other = Session(host), Session(host)
    with host.connect() as connection:
        connection.send(session.get(Last_Event_ID=ended_stream(session)[0]))
        host.heard("load after")
        with host.connect() as again:
            again.send(session.get().replace(b"GET ", b"DELETE ", 1))
            assert again.response("DELETE").status in (200, 202, 204)
        host.heard("forget")
        assert other.value("release") is None
        host.heard("finish SHTTP_(OK|ERR_NOT_FOUND)")
    other.must_serve()


def test_a_store_that_never_answers_holds_nobody_else_up(start):
    host = start("store_host", "--lie", "never")
    session = Session(host)
    with host.connect() as connection:
        connection.send(session.get(Last_Event_ID=ended_stream(session)[0]))
        host.heard("load after")
        session.must_serve()
    session.must_serve()
