"""A server's life: signals, readers that are slow, clients that go, cancel, or speak another revision."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
import time

import httpx2
import mcp_types as types
import pytest
from mcp.client import Client
from mcp.server.mcpserver import Context, MCPServer

import streamablehttp.mcp
from test_authorization import HEADERS, INITIALIZE, LIST, Peer

SECONDS = 15


@pytest.fixture(autouse=True)
def quiet():
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def call(name, number=3, **arguments):
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": name, "arguments": arguments}}


# ---- Revisions ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sdk", "fastmcp"])
def test_clients_of_all_revisions_on_one_server(start, name):
    url = start(name, "library").url
    for revision in ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"):
        peer = Peer(url)
        opening = {**INITIALIZE, "params": {**INITIALIZE["params"], "protocolVersion": revision}}
        response = peer.post(opening)
        assert f'"protocolVersion":"{revision}"' in response.text.replace(" ", "")
        session = response.headers["mcp-session-id"]
        assert peer.post({"jsonrpc": "2.0", "method": "notifications/initialized"}, session=session).status_code == 202
        assert '"text":"5"' in peer.post(call("add", a=2, b=3), session=session).text

    async def modern():
        async with Client(url, mode="auto", read_timeout_seconds=SECONDS) as client:
            assert client.protocol_version == "2026-07-28"
            return (await client.call_tool("add", {"a": 2, "b": 3})).content[0].text

    assert asyncio.run(modern()) == "5"


def test_an_initialize_that_is_refused(start):
    """The client gets an answer, and no session."""
    peer = Peer(start("sdk", "library").url)
    response = peer.post({**INITIALIZE, "params": {"capabilities": {}}})
    assert '"code":-32602' in response.text.replace(" ", "")
    refused = response.headers.get("mcp-session-id")
    if refused is not None:
        assert peer.post(LIST, session=refused).status_code == 404


# ---- Cancellation -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sdk", "fastmcp"])
@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
def test_a_cancelled_call(start, name, mode):
    url = start(name, "library").url

    async def cancel():
        async with Client(url, mode=mode, read_timeout_seconds=SECONDS) as client:
            task = asyncio.create_task(client.call_tool("slow", {}))
            await asyncio.sleep(0.5)
            task.cancel()
            await asyncio.wait([task])
            end = time.monotonic() + 5
            while time.monotonic() < end:
                result = await client.call_tool("was_cancelled", {})
                if "CancelledError" in str(result.content):
                    seen = await client.call_tool("methods", {})
                    return str(seen.content)
                await asyncio.sleep(0.05)
            raise AssertionError("the handler was not cancelled")

    seen = asyncio.run(cancel())
    if mode == "legacy":
        assert "notifications/cancelled" in seen


def test_a_session_that_ends_cancels_its_calls(start):
    peer = Peer(start("sdk", "library").url)
    session = peer.open(None)
    thread = threading.Thread(target=lambda: Peer(peer.url).post(call("slow"), session=session))
    thread.start()
    time.sleep(0.5)
    assert peer.http.delete(peer.url, headers={"mcp-session-id": session}).status_code == 204
    thread.join(5)
    assert not thread.is_alive()
    other = peer.open(None)
    assert "CancelledError" in peer.post(call("was_cancelled"), session=other).text


# ---- Signals ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sdk", "fastmcp"])
def test_a_signal_with_open_streams(start, name):
    """A call and a primary stream are open: both are ended, and then the process ends."""
    server = start(name, "library")
    peer = Peer(server.url)
    session = peer.open(None)
    answers = []

    def listen():
        with httpx2.stream("GET", server.url, headers={**HEADERS, "mcp-session-id": session}, timeout=30) as stream:
            answers.append(("primary", "".join(stream.iter_text())))

    def ask():
        response = httpx2.post(
            server.url, json=call("slow"), headers={**HEADERS, "mcp-session-id": session}, timeout=30
        )
        answers.append(("call", response.text))

    threads = [threading.Thread(target=one) for one in (listen, ask)]
    for one in threads:
        one.start()
    time.sleep(0.7)
    began = time.monotonic()
    server.process.terminate()
    status = 200
    while status == 200:
        status = peer.post(LIST, session=session).status_code  # on the connection that is open
    assert status == 503
    with pytest.raises(httpx2.ConnectError):
        httpx2.post(server.url, json=INITIALIZE, headers=HEADERS)
    assert server.process.wait(10) == 0
    assert 1 < time.monotonic() - began < 8  # servers.py waits two seconds for open requests
    for one in threads:
        one.join(5)
    assert sorted(name for name, _ in answers) == ["call", "primary"]


# ---- Pressure -----------------------------------------------------------------------------


def served(make, **options):
    """Runs a coroutine function with the URL of a server in this process."""

    def decorate(test):
        def run():
            async def work():
                async with streamablehttp.mcp.serve(make(), port=0, **options) as server:
                    await asyncio.wait_for(test(server), SECONDS * 2)

            asyncio.run(work())

        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run

    return decorate


def asking():
    mcp = MCPServer("asking")
    running = [0, 0]

    @mcp.tool()
    async def ask(ctx: Context) -> str:
        running[0] += 1
        running[1] = max(running)
        try:
            result = await ctx.session.elicit_form("name?", {"type": "object", "properties": {}}, ctx.request_id)
            return result.action
        finally:
            running[0] -= 1

    @mcp.tool()
    def most() -> int:
        return running[1]

    return mcp


@served(asking, requests_max=4)
async def test_answers_are_taken_while_requests_wait(server):
    """Forty calls, four at a time, each of which asks its client: no deadlock."""

    async def elicit(context, params):
        await asyncio.sleep(0.01)
        return types.ElicitResult(action="accept", content={})

    async with Client(server.url, mode="legacy", elicitation_callback=elicit, read_timeout_seconds=SECONDS) as client:
        results = await asyncio.gather(*(client.call_tool("ask", {}) for _ in range(40)))
        assert [one.content[0].text for one in results] == ["accept"] * 40
        assert (await client.call_tool("most", {})).content[0].text == "4"


@served(asking, requests_max=2)
async def test_cancellations_are_taken_while_requests_wait(server):
    async def elicit(context, params):
        await asyncio.sleep(60)

    async with Client(server.url, mode="legacy", elicitation_callback=elicit, read_timeout_seconds=SECONDS) as client:
        tasks = [asyncio.create_task(client.call_tool("ask", {})) for _ in range(6)]
        await asyncio.sleep(0.5)
        for task in reversed(tasks):
            task.cancel()
        await asyncio.wait(tasks)
        assert (await client.call_tool("most", {})).content[0].text == "2"


said: list[int] = []
"""How many lines the handler of `talking` has sent."""


def talking():
    mcp = MCPServer("talking")
    said.clear()

    @mcp.tool()
    async def talk(ctx: Context, count: int) -> str:
        for number in range(count):
            await ctx.info("x" * 1000 + str(number))
            said.append(number + 1)
        return "said"

    @mcp.tool()
    def add(a: int, b: int) -> int:
        return a + b

    return mcp


@served(talking, engine={"unsent_bytes_max": 1 << 20})
async def test_a_slow_reader(server):
    """Its handler waits, it holds bounded memory, and others are served meanwhile."""
    loop = asyncio.get_running_loop()
    peer = Peer(server.url)
    session = await loop.run_in_executor(None, peer.open, None)
    body = json.dumps(call("talk", count=8000)).encode()
    head = (
        f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
        f"Mcp-Session-Id: {session}\r\n\r\n"
    )
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        slow.connect(("127.0.0.1", server.port))
        slow.sendall(head.encode() + body)
        held = 0
        for _ in range(20):
            await asyncio.sleep(0.1)
            held = max(held, server.stats()["held_bytes"])
            answer = await loop.run_in_executor(None, lambda: peer.post(call("add", 4, a=1, b=2), session=session))
            assert '"text":"3"' in answer.text
        assert held < 4 << 20
        assert said[-1] < 8000
        # Read on, and the call is answered.
        slow.settimeout(10)
        text = b""
        while b'"said"' not in text:
            part = await loop.run_in_executor(None, slow.recv, 1 << 16)
            assert part
            text = (text + part)[-(1 << 17) :]
