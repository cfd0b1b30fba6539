"""The official client on the transport of 2024-11-05, with a stream and an endpoint of its own: option `sse_path`."""

import asyncio
from contextlib import asynccontextmanager

import pytest

pytest.importorskip("mcp", reason="the official client is not installed")

from mcp.client import Client
from mcp.client.sse import sse_client

from official import Seen, text
from streamablehttp import Request, Server
from wire import SECONDS, on_asyncio


async def serve(server):
    async for event in server.events():
        if not isinstance(event, Request):
            continue
        if event.method == "tools/list":
            event.respond({"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in ("echo", "count")]})
            continue
        if event.method != "tools/call":
            event.fail(-32601, "Method not found")
            continue
        arguments = event.params["arguments"]
        if event.params["name"] == "count":
            for number in range(1, arguments["to"] + 1):
                event.progress(number, arguments["to"])
                event.log("info", number)
        event.respond({"content": [{"type": "text", "text": arguments.get("text", "counted")}]})


@asynccontextmanager
async def old_client(server):
    seen = Seen()
    transport = sse_client(server.url.replace("/mcp", "/sse"), timeout=SECONDS)
    async with Client(
        transport,
        mode="legacy",
        read_timeout_seconds=SECONDS,
        logging_callback=seen.on_log,
        message_handler=seen.on_message,
    ) as client:
        yield client, seen


@on_asyncio
async def test_old_transport():
    async with Server(name="old", version="1", capabilities={"tools": {}, "logging": {}}, sse_path="/sse") as server:
        serving = asyncio.create_task(serve(server))
        async with old_client(server) as (client, seen), old_client(server) as (other, unseen):
            for said in ("hello", "ünï ✓", "x" * 100_000):
                assert text(await client.call_tool("echo", {"text": said})) == said
            assert text(await client.call_tool("count", {"to": 20}, progress_callback=seen.on_progress)) == "counted"
            assert await seen.all_progress(20) == list(range(1, 21))
            await seen.until(lambda: len(seen.logs) == 20)
            answers = await asyncio.gather(*(other.call_tool("echo", {"text": str(number)}) for number in range(50)))
            assert [text(answer) for answer in answers] == [str(number) for number in range(50)]
            assert server.stats()["sessions"] == 2
            assert not unseen.logs
        serving.cancel()
