"""Requests that the host makes to the client."""

import asyncio
import concurrent.futures
import threading
import time

import pytest

from streamablehttp import (
    ClientError,
    ClosedError,
    NotReadyError,
    PrimaryOpened,
    Request,
    Server,
    SessionClosed,
    SessionEndedError,
    SessionOpened,
)
from wire import HUGE, SECONDS, Client


@pytest.fixture
def asked(host):
    """A request under way: the host, the client, the exchange and the request."""
    one = host()
    client = one.client()
    client.initialize(capabilities={"sampling": {}})
    exchange = client.request("x")
    return one, client, exchange, one.next()


def test_the_answer_of_the_client(asked):
    _, client, exchange, request = asked
    call = request.call("sampling/createMessage", {"messages": []})
    question = exchange.next()
    assert (question["method"], question["params"]) == ("sampling/createMessage", {"messages": []})
    assert not call.done()
    assert client.answer(question, {"text": "ja"}).status == 202
    assert call.result(SECONDS) == {"text": "ja"}
    request.respond({})
    assert "result" in exchange.next()


def test_an_answer_with_a_number_that_no_integer_of_pythons_is_read_from(asked):
    _, client, exchange, request = asked
    call = request.call("sampling/createMessage", {})
    question = exchange.next()
    assert client.answer(question, {"n": HUGE}).status == 202
    assert call.result(timeout=SECONDS) == {"n": float("inf")}


def test_an_error_of_the_client(asked):
    _, client, exchange, request = asked
    call = request.call("elicitation/create", {})
    client.answer(exchange.next(), error={"code": -1, "message": "no", "data": [1]})
    with pytest.raises(ClientError) as caught:
        call.result(SECONDS)
    assert (caught.value.code, caught.value.message, caught.value.data) == (-1, "no", [1])


def test_many_calls_are_answered_in_any_order(asked):
    _, client, exchange, request = asked
    calls = [request.call("x", {"n": number}) for number in range(20)]
    questions = [exchange.next() for _ in calls]
    for question in reversed(questions):
        client.answer(question, {"n": question["params"]["n"]})
    assert [call.result(SECONDS)["n"] for call in calls] == list(range(20))


def test_who_stops_waiting_gives_the_call_up(asked):
    one, client, exchange, request = asked
    call = request.call("roots/list", timeout=0.01)
    question = exchange.next()
    with pytest.raises(concurrent.futures.TimeoutError):
        call.result()
    assert call.cancelled()
    cancelled = exchange.next()
    assert cancelled["method"] == "notifications/cancelled"
    assert cancelled["params"]["requestId"] == question["id"]
    assert client.answer(question, {}).status == 202
    request.respond({})
    assert "result" in exchange.next()
    assert not one.server._calls.open


def test_the_session_ends_before_the_answer(asked):
    one, client, exchange, request = asked
    call = request.call("roots/list")
    exchange.next()
    client.delete()
    with pytest.raises(SessionEndedError):
        call.result(SECONDS)
    one.next(SessionClosed)
    assert not call.cancel()


def test_the_server_closes_before_the_answer(asked):
    one, _, _, request = asked
    call = request.call("roots/list")
    one.close()
    with pytest.raises((SessionEndedError, ClosedError)):
        call.result(SECONDS)


def test_a_call_that_belongs_to_no_request(host):
    one = host()
    client = one.client()
    client.initialize()
    primary = client.listen()
    session = one.next(PrimaryOpened).session
    call = session.call("ping")
    client.answer(primary.next(), {})
    assert call.result(SECONDS) == {}


def test_a_call_waits_in_the_mailbox_for_the_primary(host):
    one = host()
    client = one.client()
    client.initialize()
    call = one.next(SessionOpened).session.call("roots/list", {})
    client.answer(client.listen().next(), {"roots": []})
    assert call.result(SECONDS) == {"roots": []}


def test_a_client_that_is_not_ready_cannot_be_called(host):
    one = host()
    client = one.client()
    client.initialize(ready=False)
    session = one.next(SessionOpened).session
    with pytest.raises(NotReadyError):
        session.call("roots/list").result(SECONDS)


def test_a_host_with_one_thread_may_wait_inside_its_iteration():
    server = Server(name="x")
    exchanges = []

    def talk():
        client = Client(server.port)
        client.initialize()
        exchange = client.request("x")
        client.answer(exchange.next(), {"n": 1})
        exchanges.append(exchange.next())
        server.close()

    thread = threading.Thread(target=talk)
    thread.start()
    for event in server:
        if isinstance(event, Request):
            event.respond(event.call("roots/list").result(SECONDS))
    thread.join(SECONDS)
    assert exchanges[0]["result"] == {"n": 1}
    assert server.closed


def test_waiting_inside_the_iteration_ends_in_time():
    server = Server(name="x")
    outcome = []

    def talk():
        client = Client(server.port)
        client.initialize()
        outcome.append([message.get("method") for message in client.request("x").messages])
        server.close()

    thread = threading.Thread(target=talk)
    thread.start()
    for event in server:
        if isinstance(event, Request):
            with pytest.raises(concurrent.futures.TimeoutError):
                event.call("roots/list", timeout=0.01).result()
            event.respond({})
    thread.join(SECONDS)
    assert outcome == [["roots/list", "notifications/cancelled", None]]


def test_exception_waits_like_result():
    """On the thread that iterates nobody else would take the answer."""
    server = Server(name="x")
    outcome = []

    def talk():
        client = Client(server.port)
        client.initialize()
        exchange = client.request("x")
        client.answer(exchange.next(), error={"code": -1, "message": "no"})
        client.answer(exchange.next(), {})
        outcome.extend(exchange.messages)
        server.close()

    thread = threading.Thread(target=talk)
    thread.start()
    for event in server:
        if isinstance(event, Request):
            assert isinstance(event.call("roots/list").exception(SECONDS), ClientError)
            assert event.call("roots/list").exception(SECONDS) is None
            with pytest.raises(concurrent.futures.TimeoutError):
                event.call("roots/list").exception(0.01)
            event.respond({})
    thread.join(SECONDS)
    assert [message.get("method") for message in outcome] == [
        "roots/list",
        "notifications/cancelled",
        None,
    ]


@pytest.fixture
def left():
    """An iteration that was left: the server, its client, the exchange and the request."""
    with Server(name="x") as server:
        client = Client(server.port)
        client.initialize()
        exchange = client.request("x")
        for event in server:
            if isinstance(event, Request):
                break
        yield server, client, exchange, event
        client.hang_up()


def test_an_answer_arrives_though_nobody_iterates(left):
    server, client, exchange, request = left
    calls = [request.call("roots/list", {"n": number}) for number in range(4)]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waits = [pool.submit(call.result, SECONDS) for call in calls]
        client.request("later")
        for _ in calls:
            question = exchange.next()
            client.answer(question, question["params"])
        assert [wait.result(SECONDS)["n"] for wait in waits] == list(range(4))
    # What has come meanwhile is there.
    later = next(event for event in server if isinstance(event, Request))
    assert later.method == "later"
    request.respond({})
    later.respond({})
    call = later.session.call("roots/list", timeout=0.01)
    with pytest.raises(concurrent.futures.TimeoutError):
        call.result()
    assert not server._calls.open


def test_whoever_iterates_gets_what_a_wait_has_taken(left):
    server, client, exchange, request = left
    call = request.call("roots/list")
    question = exchange.next()

    async def iterate():
        async for event in server.events():
            if isinstance(event, Request):
                event.respond({"n": 1})
                return

    with concurrent.futures.ThreadPoolExecutor() as pool:
        wait = pool.submit(call.result, SECONDS)
        time.sleep(0.05)
        iteration = pool.submit(lambda: asyncio.run(asyncio.wait_for(iterate(), SECONDS)))
        assert client.request("y").next()["result"] == {"n": 1}
        iteration.result(SECONDS)
        client.answer(question, {"n": 2})
        assert wait.result(SECONDS) == {"n": 2}
    request.respond({})


def test_a_call_that_nobody_takes_the_answer_of_ends_with_the_server(left):
    server, _, exchange, request = left
    call = request.call("roots/list")
    exchange.next()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        wait = pool.submit(call.result)
        time.sleep(0.05)
        server.close()
        with pytest.raises((SessionEndedError, ClosedError)):
            wait.result(SECONDS)
