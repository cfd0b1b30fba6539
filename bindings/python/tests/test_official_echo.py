"""The official client against the C program examples/echo_server."""

import asyncio

import pytest

pytest.importorskip("mcp", reason="the official client is not installed")

from official import REVISIONS, connected, text
from wire import on_asyncio


@pytest.fixture(params=REVISIONS)
def revision(request, monkeypatch):
    monkeypatch.setattr("mcp.client.session.LATEST_HANDSHAKE_VERSION", request.param)
    return request.param


@on_asyncio
async def test_tools(echo_server, revision):
    async with connected(echo_server()) as (client, _):
        assert client.protocol_version == revision
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert names >= {"echo", "progress", "log", "ask", "broadcast"}
        for said in ("hello", "ünï ✓", "x" * 100_000, 'quote " \\ \n'):
            assert text(await client.call_tool("echo", {"text": said})) == said
        await client.send_ping()


@pytest.mark.parametrize("options", [[], ["--progress-route", "request"], ["--stateless"]])
@pytest.mark.parametrize("delay_ms", [0, 1])
@on_asyncio
async def test_progress_and_logs(echo_server, options, delay_ms):
    async with connected(echo_server(*options)) as (client, seen):
        arguments = {"count": 50, "delay_ms": delay_ms}
        await client.call_tool("progress", arguments, progress_callback=seen.on_progress)
        assert await seen.all_progress(50) == list(range(1, 51))
        if options:
            assert [progress for progress, _ in seen.progress] == list(range(1, 51))
        await client.call_tool("log", arguments)
        assert [log.data for log in seen.logs] == list(range(1, 51))


@on_asyncio
async def test_ask(echo_server, revision):
    async with connected(echo_server()) as (client, _):
        answers = await asyncio.gather(*(client.call_tool("ask", {"prompt": f"p{number}"}) for number in range(10)))
        for number, answer in enumerate(answers):
            assert f"heard p{number}" in text(answer)


@on_asyncio
async def test_broadcast_reaches_every_session_once_and_in_order(echo_server):
    url = echo_server()
    async with connected(url) as (first, seen_by_first), connected(url) as (_, seen_by_second):
        for seq in range(20):
            await first.call_tool("broadcast", {"seq": seq})
        for seen in (seen_by_first, seen_by_second):
            await seen.until(lambda seen=seen: len(seen.logs) >= 20)
            assert [log.data for log in seen.logs] == [{"seq": seq} for seq in range(20)]


@on_asyncio
async def test_json_response(echo_server):
    async with connected(echo_server("--json-response")) as (client, _):
        assert text(await client.call_tool("echo", {"text": "x"})) == "x"
        asked = await client.call_tool("ask", {"prompt": "p"})
        assert "JSON_RESPONSE" in text(asked)


@on_asyncio
async def test_stateless(echo_server):
    async with connected(echo_server("--stateless")) as (client, _):
        assert text(await client.call_tool("echo", {"text": "x"})) == "x"
        asked = await client.call_tool("ask", {"prompt": "p"})
        assert "STATELESS" in text(asked)


@on_asyncio
async def test_many_sessions(echo_server):
    url = echo_server()

    async def converse(number):
        async with connected(url) as (client, _):
            for turn in range(3):
                said = f"{number} {turn}"
                assert text(await client.call_tool("echo", {"text": said})) == said

    await asyncio.gather(*(converse(number) for number in range(15)))
