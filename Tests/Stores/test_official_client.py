"""The official client, unmodified, over kill -9 and restart: one object, which goes on."""

from __future__ import annotations

import asyncio
import functools

import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import CreateMessageResult, TextContent
from peer import SECONDS, Server

KILLS = 8


def on_asyncio(test):
    @functools.wraps(test)
    def run(**keywords):
        asyncio.run(asyncio.wait_for(test(**keywords), 80))

    return run


async def until(condition):
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


async def hears(client, count):
    """Waits until the client has heard all that was broadcast, in order and once."""
    await until(lambda: client.seqs() == list(range(1, count + 1)))


class Official:
    """The client, and what it has heard."""

    def __init__(self, server):
        self.logs = []
        self.prompts = []
        self._client = Client(
            f"http://127.0.0.1:{server.port}/mcp",
            mode="legacy",
            logging_callback=self._log,
            sampling_callback=self._sample,
            read_timeout_seconds=SECONDS,
        )

    async def __aenter__(self):
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *error):
        await self._client.__aexit__(*error)

    async def _log(self, params):
        self.logs.append(params.data)

    async def _sample(self, context, params):
        self.prompts.append(params.messages[0].content.text)
        text = TextContent(type="text", text=f"re: {self.prompts[-1]}")
        return CreateMessageResult(role="assistant", content=text, model="m")

    async def call(self, name, **arguments):
        return (await self._client.call_tool(name, arguments)).content[0].text

    async def progress(self, count):
        steps = []

        async def heard(progress, total, message):
            steps.append((progress, total))

        result = await self._client.call_tool("progress", {"count": count, "delay_ms": 1}, progress_callback=heard)
        assert result.content[0].text == "done"
        return steps

    def seqs(self):
        """What was broadcast to it."""
        return [one["seq"] for one in self.logs if isinstance(one, dict)]

    async def everything(self):
        """What a session can do."""
        assert len((await self._client.list_tools()).tools) == 6
        assert await self.call("echo", text="ä") == "ä"
        assert await self.progress(20) == [(step, 20) for step in range(1, 21)]
        self.logs.clear()
        assert await self.call("log", count=20, delay_ms=1) == "done"
        assert [one for one in self.logs if isinstance(one, int)] == list(range(1, 21))
        assert await self.call("ask", prompt="who?") == "re: who?"


@pytest.mark.parametrize("options", [[], ["--store-sync", "true"]])
@on_asyncio
async def test_it_goes_on(database, options):
    with Server("--store", f"sqlite:{database}", *options) as server:
        async with Official(server) as client:
            for _ in range(KILLS):
                await client.everything()
                await asyncio.to_thread(server.restart)
            await client.everything()


@pytest.mark.parametrize("is_gentle", [False, True])
@on_asyncio
async def test_its_primary_stream_comes_back(database, is_gentle):
    """What was said before, meanwhile and after. A stream that was cut is cut once: at the second time the client
    gives it up, whatever the server does."""
    with Server("--store", f"sqlite:{database}") as server:
        async with Official(server) as client, Official(server) as other:
            said = 0
            for _ in range(3 if is_gentle else 1):
                for _ in range(3):
                    said += 1
                    await other.call("broadcast", seq=said)
                await hears(client, said)
                server.end() if is_gentle else server.kill()
                server.start()
                for _ in range(3):  # before it has come back: it waits for it
                    said += 1
                    assert await client.call("echo", text="here") == "here"
                    await other.call("broadcast", seq=said)
                await hears(client, said)


@on_asyncio
async def test_a_call_that_was_open(database):
    """It ends with the error that says so, after what was said before."""
    with Server("--store", f"sqlite:{database}", "--store-sync", "true") as server:
        async with Official(server) as client:
            call = asyncio.create_task(client.call("log", count=10_000, delay_ms=5))
            await until(lambda: len(client.logs) >= 10)
            await asyncio.to_thread(server.restart)
            with pytest.raises(MCPError, match="ended before it had answered"):
                await call
            assert client.logs == list(range(1, len(client.logs) + 1))
            await client.everything()
