"""Clients that lose a connection, or are hung up on, and come back for the rest of a stream."""

import time

import pytest

from streamablehttp import (
    CommandFailed,
    DisconnectedError,
    InvalidArgumentError,
    JSONResponseError,
    NoStreamError,
    NotFoundError,
    NotResumableError,
    PrimaryClosed,
    PrimaryGap,
    PrimaryOpened,
    SessionClosed,
    SessionOpened,
    StatelessError,
)

OLDER = ["2025-03-26", "2025-06-18"]


def opened(one, revision="2025-11-25"):
    """A client of `one`, and its session."""
    client = one.client()
    client.initialize(revision)
    return client, one.next(SessionOpened).session


def said(exchange):
    """What is left of a stream of log messages, up to its end."""
    return [message["params"]["data"] if "params" in message else message["result"] for message in exchange.messages]


def numbers(exchange, count):
    return [exchange.next()["params"]["n"] for _ in range(count)]


# ---- A request's stream -----------------------------------------------------


def test_a_connection_that_is_cut_before_the_first_message(host):
    one = host()
    client, _ = opened(one)
    exchange = client.request("x")
    request = one.next()
    beginning = exchange.until_primed()
    exchange.close()
    request.log("info", 1)
    request.log("info", 2)
    request.respond({"n": 3})
    resumed = client.resume(beginning)
    assert said(resumed) == [1, 2, {"n": 3}]
    assert said(client.resume(beginning)) == [1, 2, {"n": 3}]
    end = client.resume(resumed)
    assert (end.status, end.body) == (204, b"")


@pytest.mark.parametrize("revision", ["2025-11-25", *OLDER])
def test_a_connection_that_is_cut_between_two_messages(host, revision):
    one = host()
    client, _ = opened(one, revision)
    exchange = client.request("x")
    request = one.next()
    request.log("info", 1)
    assert exchange.next()["params"]["data"] == 1
    exchange.close()
    request.log("info", 2)
    resumed = client.resume(exchange)
    assert resumed.next()["params"]["data"] == 2
    request.log("info", 3)
    assert resumed.next()["params"]["data"] == 3
    request.respond({})
    assert said(resumed) == [{}]


@pytest.mark.parametrize("revision", OLDER)
def test_older_clients_get_no_event_without_a_message(host, revision):
    one = host()
    client, _ = opened(one, revision)
    exchange = client.request("x")
    one.next().respond({})
    assert exchange.body.count(b"data:") == exchange.body.count(b"id:") == 1


def test_the_newer_connection_wins(host):
    one = host()
    client, _ = opened(one)
    exchange = client.request("x")
    request = one.next()
    request.log("info", 1)
    assert exchange.next()["params"]["data"] == 1
    resumed = client.resume(exchange)
    assert resumed.status == 200
    assert exchange.next() is None
    request.respond({})
    assert said(resumed) == [{}]


def test_what_comes_back_is_one_stream_and_no_other(host):
    one = host()
    client, session = opened(one)
    primary = client.listen()
    one.next(PrimaryOpened)
    exchanges = [client.request("x", id=number) for number in range(3)]
    requests = sorted((one.next() for _ in exchanges), key=lambda request: request.id)
    for request in requests:
        request.log("info", f"first of {request.id}")
    for exchange in exchanges:
        exchange.next()
        exchange.close()
    for request in reversed(requests):
        request.log("info", f"second of {request.id}")
        session.notify("notifications/x", {"n": request.id})
        request.respond({"n": request.id})
    for number, exchange in enumerate(exchanges):
        assert said(client.resume(exchange)) == [f"second of {number}", {"n": number}]
    assert numbers(primary, 3) == [2, 1, 0]


# ---- Hanging up -------------------------------------------------------------


@pytest.mark.parametrize("mode", ["stream", "auto"])
def test_the_host_hangs_up_and_the_client_comes_back(host, mode):
    one = host(response_mode=mode)
    client, _ = opened(one)
    exchange = client.request("x")
    request = one.next()
    request.hang_up(retry_ms=250)
    assert exchange.next() is None
    assert exchange.last_id is not None
    assert exchange.retry_ms == 250
    request.log("info", 1)
    resumed = client.resume(exchange)
    assert resumed.next()["params"]["data"] == 1
    request.hang_up()
    assert resumed.next() is None
    assert resumed.retry_ms == 1000
    request.respond({"n": 2})
    assert said(client.resume(resumed)) == [{"n": 2}]


def test_the_host_asks_a_client_that_is_away(host):
    one = host()
    client, _ = opened(one)
    exchange = client.request("x")
    request = one.next()
    request.hang_up(10)
    assert exchange.next() is None
    call = request.call("roots/list")
    resumed = client.resume(exchange)
    client.answer(resumed.next(), {"roots": []})
    assert call.result(10) == {"roots": []}
    request.respond({})
    assert said(resumed) == [{}]


def test_a_client_that_is_away_cannot_be_hung_up_on(host):
    one = host()
    client, session = opened(one)
    exchange = client.request("x")
    request = one.next()
    request.hang_up()
    assert exchange.next() is None
    request.hang_up()
    failed = one.next(CommandFailed)
    assert isinstance(failed.error, DisconnectedError)
    assert failed.request is request
    session.hang_up()
    failed = one.next(CommandFailed)
    assert isinstance(failed.error, NoStreamError)
    assert failed.session is session


@pytest.mark.parametrize("revision", OLDER)
def test_older_clients_are_not_hung_up_on(host, revision):
    one = host()
    client, session = opened(one, revision)
    primary = client.listen()
    one.next(PrimaryOpened)
    exchange = client.request("x")
    request = one.next()
    request.hang_up()
    assert isinstance(one.next(CommandFailed).error, NotResumableError)
    session.hang_up()
    assert isinstance(one.next(CommandFailed).error, NotResumableError)
    request.respond({"n": 1})
    assert exchange.next()["result"] == {"n": 1}
    session.notify("notifications/x", {"n": 1})
    assert numbers(primary, 1) == [1]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"stateless": True}, StatelessError),
        ({"json_response": True}, JSONResponseError),
        ({"stateless": True, "json_response": True}, StatelessError),
    ],
)
def test_modes_that_cannot_hang_up(host, options, error):
    one = host(**options)
    client = one.client()
    client.initialize()
    exchange = client.request("x")
    request = one.next()
    with pytest.raises(error):
        request.hang_up()
    request.respond({"n": 1})
    assert exchange.next()["result"] == {"n": 1}


def test_arguments(host):
    one = host()
    client, session = opened(one)
    exchange = client.request("x")
    request = one.next()
    for number in (-1, 1 << 32):
        for target in (request, session):
            with pytest.raises(InvalidArgumentError):
                target.hang_up(number)
    request.respond({})
    with pytest.raises(NotFoundError):
        request.hang_up()
    assert exchange.next()["result"] == {}
    session.close()
    one.close()
    with pytest.raises(NotFoundError):
        session.hang_up()


# ---- The primary stream -----------------------------------------------------


def test_a_gap_in_the_primary_is_told(host):
    one = host(replay_events_max=2)
    client, session = opened(one)
    primary = client.listen()
    one.next(PrimaryOpened)
    session.notify("notifications/x", {"n": 0})
    assert numbers(primary, 1) == [0]
    cursor = primary.last_id
    for number in range(1, 10):
        session.notify("notifications/x", {"n": number})
    assert numbers(primary, 9) == list(range(1, 10))
    primary.close()
    one.next(PrimaryClosed)
    resumed = client.resume(cursor)  # as if all after the first had been lost
    one.next(PrimaryOpened)
    assert one.next(PrimaryGap).session is session
    session.notify("notifications/x", {"n": 10})
    assert numbers(resumed, 1)[-1] == 10
    assert one.server.stats()["primary_gaps"] == 1


def test_a_session_that_nobody_has_used_makes_room(host):
    one = host(sessions_max=1)
    first, second = one.client(), one.client()
    first.initialize()
    session = one.next(SessionOpened).session
    second.initialize()
    closed = one.next(SessionClosed)
    assert closed.session is session and closed.made_room
    second.delete()
    one.next(SessionOpened)
    assert not one.next(SessionClosed).made_room


@pytest.mark.parametrize("json_response", [False, True])
@pytest.mark.parametrize("by", ["client", "host"])
def test_the_primary_goes_on_where_it_was(host, by, json_response):
    one = host(json_response=json_response)
    client, session = opened(one)
    primary = client.listen()
    one.next(PrimaryOpened)
    for number in (1, 2):
        session.notify("notifications/x", {"n": number})
    assert numbers(primary, 1) == [1]
    if by == "client":
        primary.close()
    else:
        last_seen = primary.last_id
        session.hang_up(retry_ms=20)
        assert numbers(primary, 1) == [2]
        assert primary.next() is None
        assert primary.retry_ms == 20
        primary.last_id = last_seen  # as if the second had been lost
    one.next(PrimaryClosed)
    session.notify("notifications/x", {"n": 3})
    resumed = client.resume(primary)
    one.next(PrimaryOpened)
    session.notify("notifications/x", {"n": 4})
    assert numbers(resumed, 3) == [2, 3, 4]


@pytest.mark.parametrize("how", ["resumed", "opened anew"])
def test_nothing_is_sent_twice_to_a_client_that_has_seen_it_all(host, how):
    one = host()
    client, session = opened(one)
    primary = client.listen()
    one.next(PrimaryOpened)
    session.notify("notifications/x", {"n": 1})
    assert numbers(primary, 1) == [1]
    session.hang_up(0)
    assert primary.next() is None
    again = client.resume(primary) if how == "resumed" else client.listen()
    one.next(PrimaryOpened)
    session.hang_up(0)
    assert again.next() is None
    session.notify("notifications/x", {"n": 2})
    last = client.resume(again.last_id or primary.last_id)
    assert numbers(last, 1) == [2]


# ---- What cannot be resumed -------------------------------------------------


def refused(exchange):
    assert exchange.status == 400
    assert exchange.next()["error"]["code"] == -32600
    return True


def test_ids_that_name_nothing_of_this_session(host):
    one = host()
    client, _ = opened(one)
    stranger, _ = opened(one)
    exchange = client.request("x")
    one.next().respond({})
    assert exchange.next()["result"] == {}
    assert refused(stranger.resume(exchange))
    token, number = exchange.last_id.split(".")
    for id in (
        "x",
        "." * 9,
        token,
        f"{token}.",
        f"{token}.-1",
        f"{token}.{int(number) + 1}",
        f"{token}.{'9' * 40}",
        f"{'0' * len(token)}.{number}",
    ):
        assert refused(client.resume(id)), id
    assert client.resume(exchange).status == 204
    client.delete()
    assert client.resume(exchange).status == 404


def test_a_server_that_keeps_nothing(host):
    one = host(replay=False)
    client, session = opened(one)
    primary = client.listen()
    one.next(PrimaryOpened)
    exchange = client.request("x")
    request = one.next()
    request.log("info", 1)
    with pytest.raises(NotResumableError):
        request.hang_up()
    with pytest.raises(NotResumableError):
        session.hang_up()
    session.notify("notifications/x", {"n": 1})
    assert numbers(primary, 1) == [1]
    request.respond({})
    assert said(exchange) == [1, {}]
    assert (primary.last_id, exchange.last_id) == (None, None)
    assert refused(client.resume(f"{'0' * 32}.0"))


@pytest.mark.parametrize(
    "limits",
    [{"replay_events_max": 2}, {"replay_bytes_max": 400}, {"replay_total_bytes_max": 400}],
    ids=lambda limits: next(iter(limits)),
)
def test_what_is_no_longer_kept_as_a_whole_is_refused(host, limits):
    one = host(**limits)
    client, _ = opened(one)
    exchange = client.request("x")
    request = one.next()
    beginning = exchange.until_primed()
    exchange.close()
    for _ in range(3):
        request.log("info", "x" * 200)
    assert refused(client.resume(beginning))
    request.respond({})


def test_messages_are_kept_for_a_time(host):
    one = host(replay_ms=100)
    client, _ = opened(one)
    exchange = client.request("x")
    request = one.next()
    beginning = exchange.until_primed()
    exchange.close()
    request.respond({})
    assert said(client.resume(beginning)) == [{}]
    time.sleep(0.3)
    assert refused(client.resume(beginning))
