"""The same server on an asyncio loop."""

import asyncio
import threading

import pytest

from streamablehttp import (
    Cancelled,
    ClosedError,
    Request,
    Server,
    SessionEndedError,
    SessionOpened,
)
from streamablehttp._consumers import PENDING_MAX
from wire import SECONDS, Client, on_asyncio


async def of_kind(events, kind=Request):
    async for event in events:
        if isinstance(event, kind):
            return event
    raise AssertionError(f"closed before {kind.__name__}")


async def ready_client(server, **options):
    client = Client(server.port)
    await asyncio.to_thread(client.initialize, **options)
    return client


@on_asyncio
async def test_requests_as_they_come():
    async with Server(name="x") as server:
        client = await ready_client(server)
        exchange = client.request("x", {"n": 1})
        request = await of_kind(server.events())
        request.respond(request.params)
        assert (await asyncio.to_thread(exchange.next))["result"] == {"n": 1}
    assert server.closed


@on_asyncio
async def test_the_iteration_ends_when_the_server_closes():
    server = Server(name="x")
    seen = []

    async def iterate():
        async for event in server:
            seen.append(type(event).__name__)  # noqa: PERF401

    task = asyncio.create_task(iterate())
    await ready_client(server)
    while len(seen) < 2:
        await asyncio.sleep(0)
    server.close()
    await task
    assert server.closed
    assert seen == ["SessionOpened", "Notification", "SessionClosed"]
    assert [event async for event in server.events()] == []


@on_asyncio
async def test_a_task_for_each_request_waits_for_the_client():
    async with Server(name="x") as server:

        async def answer(request):
            request.respond(await request.call("roots/list", request.params))

        async def iterate():
            async for event in server.events():
                if isinstance(event, Request):
                    tasks.add(asyncio.create_task(answer(event)))

        tasks = {asyncio.create_task(iterate())}
        client = await ready_client(server)
        exchanges = [client.request("x", {"n": number}) for number in range(10)]
        for exchange in reversed(exchanges):
            question = await asyncio.to_thread(exchange.next)
            client.answer(question, question["params"])
        answers = [await asyncio.to_thread(exchange.next) for exchange in exchanges]
        assert [answer["result"]["n"] for answer in answers] == list(range(10))
    await asyncio.gather(*tasks)


@on_asyncio
async def test_awaiting_inside_the_iteration():
    async with Server(name="x") as server:
        client = await ready_client(server)
        exchange = client.request("x")
        async for event in server.events():
            if isinstance(event, Request):
                call = event.call("roots/list")
                question = await asyncio.to_thread(exchange.next)
                client.answer(question, {"roots": []})
                assert await call == {"roots": []}
                assert await call == {"roots": []}
                break
        client.hang_up()


@on_asyncio
async def test_a_timeout_and_a_cancelled_task_give_the_call_up():
    async with Server(name="x") as server:
        client = await ready_client(server)
        exchange = client.request("x")
        request = await of_kind(server.events())
        with pytest.raises(asyncio.TimeoutError):
            await request.call("roots/list", timeout=0.01)

        async def ask():
            await request.call("roots/list")

        task = asyncio.create_task(ask())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        request.respond({})
        methods = [await asyncio.to_thread(exchange.next) for _ in range(5)]
        assert [message.get("method") for message in methods] == [
            "roots/list",
            "notifications/cancelled",
            "roots/list",
            "notifications/cancelled",
            None,
        ]


@on_asyncio
async def test_waiting_for_the_client_to_cancel():
    async with Server(name="x") as server:
        client = await ready_client(server)
        client.request("slow", id=3)
        events = server.events()
        request = await of_kind(events)
        waits = [asyncio.create_task(request.wait_cancelled()) for _ in range(2)]
        given_up = asyncio.create_task(request.wait_cancelled())
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.to_thread(client.notify, "notifications/cancelled", {"requestId": 3})
        assert (await of_kind(events, Cancelled)).request is request
        await asyncio.gather(*waits)
        await request.wait_cancelled()
        assert request._state.waiters == []


@on_asyncio
async def test_waits_that_are_given_up_leave_nothing():
    request = Request(method="slow")
    for _ in range(100):
        wait = asyncio.ensure_future(request.wait_cancelled())
        await asyncio.sleep(0)
        wait.cancel()
        await asyncio.wait([wait])
    assert request._state.waiters == []


@on_asyncio
async def test_a_wait_for_what_has_happened_does_not_suspend():
    request = Request(method="slow")
    request._cancel()
    with pytest.raises(StopIteration):
        request.wait_cancelled().send(None)


@on_asyncio
async def test_one_consumer_at_a_time():
    async with Server(name="x") as server:
        with pytest.raises(RuntimeError, match="already"):
            next(iter(server))
        with pytest.raises(RuntimeError, match="already"):
            await asyncio.to_thread(lambda: asyncio.run(of_kind(server)))
        first = asyncio.create_task(of_kind(server.events(), SessionOpened))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="another task"):
            await of_kind(server.events())
        await ready_client(server)
        await first


@on_asyncio
async def test_the_loop_cannot_be_blocked_for_an_answer():
    async with Server(name="x") as server:
        client = await ready_client(server)
        client.request("x")
        request = await of_kind(server.events())
        call = request.call("roots/list")
        with pytest.raises(RuntimeError, match="await"):
            call.result()
        assert not call.done()
        client.hang_up()


@on_asyncio
async def test_commands_of_other_threads():
    async with Server(name="x") as server:
        client = await ready_client(server)
        exchange = client.request("x")
        request = await of_kind(server.events())
        question = asyncio.create_task(asyncio.to_thread(exchange.next))
        answer = asyncio.create_task(asyncio.to_thread(lambda: request.call("roots/list").result(SECONDS)))
        client.answer(await question, {"n": 1})
        assert await answer == {"n": 1}
        client.hang_up()


@on_asyncio
async def test_a_host_that_does_not_take_events_does_not_grow(monkeypatch):
    monkeypatch.setattr("streamablehttp._consumers.PENDING_MAX", 8)
    async with Server(name="x", queue_events_max=16, session_requests_max=1000) as server:
        client = await ready_client(server)
        exchanges = [client.request("x", {"n": number}) for number in range(300)]
        pending = server._pump.events
        while len(pending) < 8:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.05)
        assert len(pending) < 8 + 64
        count = 0
        async for event in server.events():
            if isinstance(event, Request):
                event.respond(event.params)
                count += 1
                if count == len(exchanges):
                    break
        answers = [await asyncio.to_thread(exchange.next) for exchange in exchanges]
        assert [answer["result"]["n"] for answer in answers] == list(range(300))
    assert PENDING_MAX > 8


def test_one_server_on_one_loop_after_another():
    with Server(name="x") as server:
        for _ in range(2):

            async def once():
                client = await ready_client(server)
                exchange = client.request("x")
                (await of_kind(server.events())).respond({})
                await asyncio.to_thread(exchange.next)

            asyncio.run(asyncio.wait_for(once(), SECONDS))


def test_a_loop_in_another_thread_is_closed_from_here():
    server = Server(name="x")
    started = threading.Event()

    async def iterate():
        async for _ in server.events():
            started.set()

    thread = threading.Thread(target=lambda: asyncio.run(iterate()))
    thread.start()
    with server:
        client = Client(server.port)
        client.initialize()
        assert started.wait(SECONDS)
    thread.join(SECONDS)
    assert not thread.is_alive()
    assert server.closed


@on_asyncio
async def test_a_plain_with_block_inside_a_coroutine():
    with Server(name="x") as server:
        client = await ready_client(server)
        exchange = client.request("x")
        (await of_kind(server.events())).respond({"n": 1})
        assert (await asyncio.to_thread(exchange.next))["result"] == {"n": 1}
        client.hang_up()
    assert server.closed


@on_asyncio
async def test_calls_fail_when_the_server_is_left():
    async with Server(name="x") as server:
        client = await ready_client(server)
        exchange = client.request("x")
        request = await of_kind(server.events())
        call = request.call("roots/list")
        await asyncio.to_thread(exchange.next)
    with pytest.raises((SessionEndedError, ClosedError)):
        await call
    with pytest.raises(ClosedError):
        server.broadcast("notifications/x")
