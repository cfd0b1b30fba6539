"""Events by a function of the host's, room on streams, and what a raw host knows of a session."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref

import pytest

from streamablehttp import NotFoundError, Request, Server, SessionOpened
from wire import SECONDS, on_asyncio

RESULT = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "raw", "version": "1"}}


def options(**more):
    return {"name": "host", "version": "1", "port": None, **more}


@on_asyncio
async def test_a_handler_gets_every_event_in_order():
    kinds, failures = [], []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context["exception"]))

    def handler(event):
        kinds.append(type(event).__name__)
        if isinstance(event, Request):
            event.respond({})
            raise ValueError("after the answer")

    async with Server(**options()) as server:
        served = asyncio.ensure_future(server.serve(handler))
        async with server.client() as client:
            await client.initialize()
            assert await client.request("a") == {}
            assert await client.request("b") == {}
            with pytest.raises(RuntimeError):
                await server.serve(handler)
            with pytest.raises(RuntimeError):
                async for _ in server:
                    pass
        server.close()
        await asyncio.wait_for(served, SECONDS)
    assert kinds[0] == "SessionOpened" and kinds.count("Request") == 2 and "SessionClosed" in kinds
    assert [str(one) for one in failures] == ["after the answer"] * 2


@on_asyncio
async def test_a_handler_must_be_a_function():
    async def handler(event):
        pass

    async with Server(**options()) as server:
        for wrong in (handler, None, 7):
            with pytest.raises(TypeError):
                await server.serve(wrong)  # type: ignore[arg-type]


@on_asyncio
async def test_a_request_that_the_handler_drops_fails():
    async with Server(**options()) as server:
        served = asyncio.ensure_future(server.serve(lambda event: None))
        async with server.client() as client:
            await client.initialize()
            with pytest.raises(Exception, match="did not answer"):
                await client.request("a")
        server.close()
        await asyncio.wait_for(served, SECONDS)


@on_asyncio
async def test_serving_can_be_stopped_and_goes_on():
    got = []
    async with Server(**options()) as server:
        served = asyncio.ensure_future(server.serve(lambda event: None))
        await asyncio.sleep(0.01)
        served.cancel()
        await asyncio.gather(served, return_exceptions=True)
        client = server.client()
        opening = asyncio.ensure_future(client.initialize())
        await asyncio.sleep(0.05)

        def handler(event):
            got.append(event)
            if isinstance(event, Request):
                event.respond({})

        served = asyncio.ensure_future(server.serve(handler))
        await opening
        assert await client.request("a") == {}
        await client.close()
        server.close()
        await asyncio.wait_for(served, SECONDS)
    assert isinstance(got[0], SessionOpened)


# ---- Room ------------------------------------------------------------------------


@on_asyncio
async def test_a_slow_reader_slows_the_host_down_and_loses_nothing():
    lines, bytes_each = 400, 10_000
    most = 0
    done = threading.Event()
    producers = []

    async def produce(request):
        nonlocal most
        with request:
            for line in range(lines):
                await request.writable()
                request.log("info", {"line": line, "text": "x" * bytes_each})
                most = max(most, server.stats()["unsent_bytes"])
            request.respond({})
            done.set()

    def handler(event):
        if isinstance(event, Request):
            producers.append(asyncio.ensure_future(produce(event)))

    more = {"unsent_bytes_max": 1 << 18, "replay": False}
    async with Server(**options(capabilities={"logging": {}}, **more)) as server:
        served = asyncio.ensure_future(server.serve(handler))
        async with server.client() as client:
            await client.initialize()
            seen = []

            async def read_slowly():
                message = client._numbered("tools/call", {"name": "x"})
                async for one in client._exchange("POST", message):
                    seen.append(one)
                    if len(seen) == 1:
                        await asyncio.sleep(0.3)
                        assert not done.is_set()

            await read_slowly()
            numbers = [one["params"]["data"]["line"] for one in seen if "params" in one]
            assert numbers == list(range(lines))
            assert server.stats()["log_drops"] == 0 and server.stats()["slow_connections"] == 0
            assert most < 1 << 18
        server.close()
        await asyncio.wait_for(served, SECONDS)


@on_asyncio
async def test_a_mailbox_has_room_when_its_client_reads():
    sessions = []
    async with Server(**options(mailbox_messages_max=4)) as server:
        served = asyncio.ensure_future(
            server.serve(lambda event: sessions.append(event.session) if isinstance(event, SessionOpened) else None)
        )
        client = server.client()
        await client.request("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}})
        while not sessions:
            await asyncio.sleep(0.01)
        (session,) = sessions
        await session.writable()
        for n in range(4):
            session.notify("n", {"n": n})
        waits = [session.writable(), session.writable()]
        await asyncio.sleep(0.1)
        assert not any(wait.done() for wait in waits)
        await client.notify("notifications/initialized")
        await client._open("GET", None)
        for wait in waits:
            await asyncio.wait_for(wait, SECONDS)
        assert [(await client.notification("n")).params["n"] for _ in range(4)] == [0, 1, 2, 3]
        await client.close()
        with pytest.raises(NotFoundError):
            while True:
                await session.writable()
        server.close()
        await asyncio.wait_for(served, SECONDS)


@on_asyncio
async def test_room_after_the_end():
    async with Server(**options()) as server:
        requests = []
        served = asyncio.ensure_future(
            server.serve(lambda event: requests.append(event) if isinstance(event, Request) else None)
        )
        async with server.client() as client:
            await client.initialize()
            task = asyncio.ensure_future(client.request("a"))
            while not requests:
                await asyncio.sleep(0.01)
            requests[0].respond({})
            with pytest.raises(NotFoundError):
                requests[0].writable()
            await task
        server.close()
        await asyncio.wait_for(served, SECONDS)
    built = Request(method="a")
    await built.writable()
    assert built.sent == [("when_writable",)]


def test_room_on_a_thread(host):
    one = host()
    client = one.client()
    client.initialize()
    exchange = client.request("a")
    request = one.next()
    assert request.writable().result(SECONDS) is None
    assert request.session.writable().result(SECONDS) is None
    request.respond({})
    assert exchange.next()["result"] == {}


# ---- A raw initialize --------------------------------------------------------------


@on_asyncio
async def test_a_raw_host_knows_the_session_before_it_answers():
    seen = []

    def handler(event):
        seen.append(event)
        if isinstance(event, Request):
            event.session.data = "mine"
            event.respond({**RESULT, "session": event.session.id})

    async with Server(raw=True, port=None) as server:
        served = asyncio.ensure_future(server.serve(handler))
        async with server.client() as client:
            result = await client.initialize()
            assert result["session"] == client.session_id
        server.close()
        await asyncio.wait_for(served, SECONDS)
    request, opened = seen[:2]
    assert request.session is opened.session and opened.session.data == "mine"
    assert opened.session.client_info["name"] == "client" and opened.session.revision == "2025-11-25"


@pytest.mark.parametrize("answer", ["fail", "wrong", "invalid"])
@on_asyncio
async def test_a_refused_initialize_ends_the_request(answer):
    sessions = []

    def handler(event):
        if not isinstance(event, Request):
            return
        sessions.append(weakref.ref(event.session))
        if answer == "fail":
            event.fail(-32602, "no")
            assert event.session.closed
        else:
            event.respond({**RESULT, "protocolVersion": "1999-01-01"} if answer == "wrong" else [])

    async with Server(raw=True, port=None) as server:
        served = asyncio.ensure_future(server.serve(handler))
        async with server.client(timeout=5) as client:
            with pytest.raises(Exception, match="no"):
                await client.initialize()
        while server.stats()["sessions"]:
            await asyncio.sleep(0.01)
        assert server.sessions == []
        server.close()
        await asyncio.wait_for(served, SECONDS)
    gc.collect()
    assert sessions[0]() is None  # nobody keeps it


@on_asyncio
async def test_the_oldest_revision():
    """2024-11-05 on this transport: what the official SDK and FastMCP negotiate."""

    def handler(event):
        if isinstance(event, Request):
            event.respond({**RESULT, "protocolVersion": "2024-11-05"} if event.method == "initialize" else {})

    for more in ({"raw": True}, {"name": "host"}):
        async with Server(port=None, **more) as server:
            served = asyncio.ensure_future(server.serve(handler))
            async with server.client(revision="2024-11-05") as client:
                assert (await client.initialize())["protocolVersion"] == "2024-11-05"
                assert await client.request("a") == {}
            server.close()
            await asyncio.wait_for(served, SECONDS)
