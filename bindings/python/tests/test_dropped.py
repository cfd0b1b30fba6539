"""A request that nobody holds any more is failed: its client would wait for ever."""

import asyncio
import copy
import gc
import logging
import pickle
import subprocess
import sys
import threading
import time

import pytest

from streamablehttp import (
    Cancelled,
    CommandFailed,
    Idle,
    LimitError,
    NotFoundError,
    Request,
    Server,
    SessionClosed,
    SessionOpened,
)
from streamablehttp._library import library
from streamablehttp._values import borrowed
from test_asyncio import of_kind, ready_client
from test_handles import environment
from wire import SECONDS, Client, Ended, on_asyncio

DROPPED = {"code": -32603, "message": "The handler did not answer"}


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Nothing is raised where nobody can catch it."""
    raised = []
    monkeypatch.setattr(sys, "unraisablehook", raised.append)
    yield raised
    assert not raised


def warnings(caplog, count=0):
    """The warnings so far, once there are `count`."""
    deadline = time.monotonic() + SECONDS
    while True:
        found = [record for record in caplog.records if record.levelno == logging.WARNING]
        if len(found) >= count or time.monotonic() > deadline:
            return found
        time.sleep(0.001)


def test_the_client_is_told_and_so_is_the_log(host, caplog):
    one = host()
    client = one.client()
    client.initialize()
    exchange = client.call_tool("bad")
    request = one.next()
    session = request.session
    del request
    assert exchange.next()["error"] == DROPPED
    assert exchange.next() is None
    (record,) = warnings(caplog, 1)
    assert record.name == "streamablehttp"
    assert "'tools/call'" in record.getMessage() and repr(session) in record.getMessage()
    assert session.id not in record.getMessage()
    assert not one.server._requests.alive


@pytest.mark.parametrize(
    "options",
    [{"stateless": True}, {"json_response": True}, {"stateless": True, "json_response": True}],
    ids=lambda options: "-".join(options),
)
def test_in_every_mode(host, caplog, options):
    one = host(**options)
    client = one.client()
    client.initialize()
    exchange = client.call_tool("bad")
    one.next()
    assert exchange.next()["error"] == DROPPED
    assert len(warnings(caplog, 1)) == 1


def test_at_the_end_of_its_block_whoever_holds_it(host, caplog):
    one = host()
    client = one.client()
    client.initialize()
    exchange = client.call_tool("bad")
    request = one.next()
    with pytest.raises(ZeroDivisionError), request as same:
        assert same is request
        raise ZeroDivisionError
    assert exchange.next()["error"] == DROPPED
    assert len(warnings(caplog, 1)) == 1
    with pytest.raises(NotFoundError):
        request.respond({})
    del request, same
    exchange = client.call_tool("good")
    with one.next() as request:
        request.respond({})
    assert exchange.next()["result"] == {}
    assert len(warnings(caplog)) == 1


def test_a_session_is_not_used_up(host):
    one = host(session_requests_max=8)
    client = one.client()
    client.initialize()
    for _ in range(20):
        exchange = client.call_tool("bad")
        one.next()
        assert exchange.next()["error"] == DROPPED
    exchange = client.call_tool("good")
    one.next().respond({})
    assert exchange.next()["result"] == {}


def test_in_a_cycle_and_on_any_thread(host):
    one = host()
    client = one.client()
    client.initialize()
    exchange = client.call_tool("bad")
    gc.disable()
    try:
        request = one.next()
        one.next(Idle)  # from here on this thread alone holds it
        vars(request)["itself"] = request
        del request
        threading.Thread(target=gc.collect).start()
        assert exchange.next()["error"] == DROPPED
    finally:
        gc.enable()


def test_what_has_an_answer_is_left_alone(host, caplog):
    one = host()
    client = one.client()
    client.initialize()
    answered = client.request("a")
    one.next().respond({})
    failed = client.request("b")
    one.next().fail(1, "x")
    assert answered.next()["result"] == {}
    assert failed.next()["error"]["code"] == 1
    client.request("c", id=77)
    request = one.next()
    client.notify("notifications/cancelled", {"requestId": 77})
    assert one.next(Cancelled).request is request
    del request
    client.request("d")
    request = one.next()
    client.delete()
    one.next(SessionClosed)
    del request
    gc.collect()
    assert not warnings(caplog)
    assert not one.server._requests.dropped


def test_a_request_that_was_refused_an_answer_can_still_be_answered(host):
    one = host()
    client = one.client()
    client.initialize()
    exchange = client.request("x")
    request = one.next()
    for wrong in (object(), float("nan"), b"{"):
        with pytest.raises((TypeError, ValueError)):
            request.respond(wrong)
    request.respond({"n": 1})
    assert exchange.next()["result"] == {"n": 1}


def test_it_makes_no_event(host):
    """The library may find that the request has ended; that was no command of the host's."""
    one = host()
    client = one.client()
    client.initialize()
    exchange = client.request("x")
    request = one.next()
    one.server._handle.invoke(library.shttp_request_respond, request._request, borrowed(b"{}"))
    assert exchange.next()["result"] == {}
    del request
    other = client.request("z")
    request = one.next()
    request.respond({})
    other.next()
    assert list(one.server._requests.dropped)
    one.close()
    events = list(iter(one.events.get_nowait, None))
    assert not [event for event in events if isinstance(event, CommandFailed)]


def test_what_the_hosts_logging_raises_goes_no_further(host, quiet):
    one = host()
    client = one.client()
    client.initialize()
    logger = logging.getLogger("streamablehttp")

    def refuse(record):
        raise RuntimeError("a filter of the host's")

    logger.addFilter(refuse)
    try:
        exchange = client.request("x")
        one.next()
        assert exchange.next()["error"] == DROPPED
    finally:
        logger.removeFilter(refuse)
    assert [str(raised.exc_value) for raised in quiet] == ["a filter of the host's"]
    quiet.clear()


def test_it_is_failed_later_if_there_is_no_room_now(host, monkeypatch):
    one = host()
    client = one.client()
    client.initialize()
    exchange = client.request("x")
    request = one.next()
    handle, requests = one.server._handle, one.server._requests
    invoke = handle.invoke

    def full(function, *arguments):
        if function is library.shttp_request_fail:
            raise LimitError("full")
        return invoke(function, *arguments)

    monkeypatch.setattr(handle, "invoke", full)
    del request
    while not requests.unfailed:
        pass
    monkeypatch.setattr(handle, "invoke", invoke)
    client.request("y")
    request = one.next()
    assert exchange.next()["error"] == DROPPED
    assert not requests.unfailed
    request.respond({})


def test_the_variable_of_a_loop_does_not_keep_it():
    server = Server(name="x")
    seen, outcome = [], []

    def talk():
        client = Client(server.port)
        client.initialize()
        begun = time.monotonic()
        outcome.append(client.call_tool("bad").next())
        outcome.append(time.monotonic() - begun)
        server.close()

    thread = threading.Thread(target=talk)
    thread.start()
    for event in server:
        seen.append(type(event).__name__)
        try:
            if isinstance(event, Request):
                raise RuntimeError("a bug of the host's")
        except RuntimeError:
            pass
    thread.join(SECONDS)
    assert outcome[0]["error"] == DROPPED
    assert outcome[1] < 2
    assert seen == ["SessionOpened", "Notification", "Request", "Idle", "SessionClosed"]


def test_idle_comes_once_and_only_for_a_request_without_an_answer():
    server = Server(name="x")
    seen, kept, sent = [], [], []

    def talk():
        client = Client(server.port)
        client.initialize()
        client.request("answered").next()
        time.sleep(0.7)
        sent.append(client.request("kept"))
        time.sleep(1.5)
        kept.pop().respond({"n": 1})
        sent.append(sent[0].next())
        server.close()

    thread = threading.Thread(target=talk)
    thread.start()
    for event in server:
        seen.append(type(event).__name__)
        if isinstance(event, Request):
            event.respond({}) if event.method == "answered" else kept.append(event)
    thread.join(SECONDS)
    assert sent[1]["result"] == {"n": 1}
    requests = ["Request", "Request", "Idle"]
    assert seen == ["SessionOpened", "Notification", *requests, "SessionClosed"]


async def raising(request):
    raise RuntimeError(f"a bug of the host's: {request.method}")


@pytest.mark.parametrize("keeps", ["nothing", "the cycle of a traceback"])
@on_asyncio
async def test_a_task_that_raises(keeps):
    """As hosts are written: the variable of the loop has the request, too."""
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)

    async def answer(request):
        try:
            await raising(request)
        except RuntimeError as error:
            if keeps != "nothing":
                error.itself = error
            raise

    async with Server(name="x") as server:

        async def iterate():
            async for event in server.events():
                seen.append(type(event))
                if isinstance(event, Request):
                    asyncio.create_task(answer(event))  # noqa: RUF006

        seen = []
        task = asyncio.create_task(iterate())
        client = await ready_client(server)
        exchange = client.call_tool("bad")
        while Idle not in seen:
            await asyncio.sleep(0.01)
        gc.collect()
        assert (await asyncio.to_thread(exchange.next))["error"] == DROPPED
        task.cancel()


@on_asyncio
async def test_many_tasks_that_raise(caplog):
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    async with Server(name="x") as server:

        async def iterate():
            async for event in server.events():
                if isinstance(event, Request):
                    asyncio.create_task(raising(event))  # noqa: RUF006
                del event

        task = asyncio.create_task(iterate())
        client = await ready_client(server)
        for _ in range(4):
            exchanges = [client.call_tool("bad") for _ in range(100)]
            answers = [await asyncio.to_thread(exchange.next) for exchange in exchanges]
            assert all(answer["error"] == DROPPED for answer in answers)
        assert len(await asyncio.to_thread(warnings, caplog, 400)) == 400
        task.cancel()


@on_asyncio
async def test_whoever_waits_for_its_cancellation_does_not_keep_it():
    async with Server(name="x") as server:
        client = await ready_client(server)
        exchange = client.call_tool("bad")
        request = await of_kind(server.events())
        wait = asyncio.create_task(request.wait_cancelled())
        await asyncio.sleep(0)
        del request
        assert (await asyncio.to_thread(exchange.next))["error"] == DROPPED
        await wait


def test_requests_that_nobody_has_taken_yet_wait():
    """An iteration that was left may be taken up again."""
    with Server(name="x") as server:
        client = Client(server.port)
        client.initialize()
        exchanges = [client.request("x", {"n": number}) for number in range(3)]
        while server.stats()["requests"] < len(exchanges):
            pass
        for event in server:
            if isinstance(event, SessionOpened):
                break
        gc.collect()
        answered = 0
        for event in server:
            if isinstance(event, Request):
                event.respond(event.params)
                answered += 1
                if answered == len(exchanges):
                    break
        assert [exchange.next()["result"]["n"] for exchange in exchanges] == [0, 1, 2]


def test_a_server_that_is_dropped_closes_though_its_requests_are_kept(caplog):
    server = Server(name="x")
    client = Client(server.port)
    client.initialize()
    exchange = client.request("x")
    kept = next(event for event in server if isinstance(event, Request))
    client.request("y")
    while server.stats()["requests"] < 2:
        pass
    handle = server._handle
    del server
    gc.collect()
    assert handle.closed
    with pytest.raises(Ended):
        exchange.next()
    del kept
    assert not warnings(caplog)


def test_a_request_can_be_neither_copied_nor_sent_to_another_process(host):
    """The copy would be dropped, and the original failed."""
    one = host()
    client = one.client()
    client.initialize()
    exchange = client.request("x")
    request = one.next()
    for duplicate in (copy.copy, copy.deepcopy, pickle.dumps):
        for thing in (request, request.session, one.server):
            with pytest.raises(TypeError, match=f"a {type(thing).__name__} can be neither"):
                duplicate(thing)
    request.respond({})
    assert exchange.next()["result"] == {}


@pytest.mark.parametrize("closed", ["", "server.close()"])
def test_nothing_happens_when_the_interpreter_exits(closed):
    program = (
        "import threading\n"
        "from streamablehttp import Request, Server\n"
        "from wire import Client\n"
        "server = Server(name='x')\n"
        "client = Client(server.port)\n"
        "client.initialize()\n"
        "client.request('x')\n"
        "kept = next(event for event in server if isinstance(event, Request))\n"
        f"cycle = [kept]; cycle.append(cycle); {closed}\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=30, env=environment())
    assert (run.returncode, run.stderr) == (0, b"")
