"""The official client, unmodified, behind a balancer that sends each of its requests to any of three nodes."""

from __future__ import annotations

import asyncio
import functools
import random

import httpx2
import pytest
from mcp import MCPError
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CreateMessageResult, ElicitResult, TextContent
from peer import SECONDS, ModernClient
from peer import Client as Peer

pytestmark = pytest.mark.filterwarnings("ignore:.* (removed|deprecated) as of 2026-07-28")


def on_asyncio(test):
    @functools.wraps(test)
    def run(**keywords):
        asyncio.run(asyncio.wait_for(test(**keywords), 80))

    return run


async def until(condition):
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


class Official:
    """The client, and what it has heard."""

    def __init__(self, server, mode="legacy"):
        self.logs = []
        self.changes = []
        self.client = Client(
            f"http://127.0.0.1:{server.port}/mcp",
            mode=mode,
            logging_callback=self._log,
            sampling_callback=self._sample,
            elicitation_callback=self._elicit,
            message_handler=self._message,
            read_timeout_seconds=SECONDS,
        )

    async def __aenter__(self):
        await self.client.__aenter__()
        return self

    async def __aexit__(self, *error):
        await self.client.__aexit__(*error)

    async def _log(self, params):
        self.logs.append(params.data)

    async def _sample(self, context, params):
        text = TextContent(type="text", text=f"re: {params.messages[0].content.text}")
        return CreateMessageResult(role="assistant", content=text, model="m")

    async def _elicit(self, context, params):
        return ElicitResult(action="accept", content={"name": "Ada"})

    async def _message(self, message):
        method = getattr(message, "method", "")
        if method.startswith(("notifications/resources", "notifications/tools")):
            self.changes.append((method.removeprefix("notifications/"), getattr(message.params, "uri", None)))

    async def call(self, name, **arguments):
        return (await self.client.call_tool(name, arguments)).structured_content["value"]

    async def progress(self, count):
        """What its callback has heard when the result is there."""
        steps = []

        async def heard(progress, total, message):
            steps.append(progress)

        await self.client.call_tool("progress", {"count": count}, progress_callback=heard)
        return steps


def publish(node, **change):
    return asyncio.to_thread(ModernClient(node).call, "publish", **change)


@on_asyncio
async def test_everything_a_session_can_do(nodes):
    nodes.balancer.taken.clear()
    async with Official(nodes.balancer) as one, Official(nodes.balancer) as other:
        for client in (one, other) * 5:
            assert "echo" in {tool.name for tool in (await client.client.list_tools()).tools}
            assert await client.call("echo", text="ä") == "ä"
            assert await client.progress(20) == list(range(1, 21))
            client.logs.clear()
            assert await client.call("log", count=20, delay_ms=1) == "done"
            assert client.logs == list(range(1, 21))
            assert await client.call("ask", prompt="who?") == "re: who?"
            assert await client.call("question", message="who?") == "Ada"
    assert min(nodes.balancer.taken[node.port] for node in nodes.nodes) > 10, "it went to all of them"


@on_asyncio
async def test_the_log_level(nodes):
    """Each node would have its own, if the host that has the session were not always the same."""
    async with Official(nodes.balancer) as client:
        for level, count in (("error", 0), ("info", 5), ("warning", 0), ("debug", 5)):
            await client.client.set_logging_level(level)
            client.logs.clear()
            for _ in range(3):
                assert await client.call("log", count=5) == "done"
            assert len(client.logs) == 3 * count


@on_asyncio
async def test_a_resource_that_changes_at_another_node(nodes):
    async with Official(nodes.balancer) as watching, Official(nodes.balancer) as other:
        await watching.client.subscribe_resource("official:1")
        for node in nodes.nodes:
            watching.changes.clear()
            await publish(node, change="resource", uri="official:1")
            await publish(node, change="tools")
            await until(lambda: any("tools" in method for method, _ in watching.changes))
            assert watching.changes == [("resources/updated", "official:1"), ("tools/list_changed", None)]
        await watching.client.unsubscribe_resource("official:1")
        watching.changes.clear()
        await publish(nodes.nodes[1], change="resource", uri="official:1")
        await publish(nodes.nodes[1], change="tools")
        await until(lambda: watching.changes)
        assert all("tools" in method for method, _ in (*watching.changes, *other.changes))


@on_asyncio
async def test_it_gives_up_a_call(nodes):
    """Its cancellation reaches the node that runs the call."""
    async with Official(nodes.balancer) as client:
        for number in range(6):
            key = f"given-up-{number}"
            call = asyncio.create_task(client.call("sleep", ms=60_000, key=key))
            await until(lambda key=key: nodes.done()[key])
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

            def is_cancelled(key=key):
                return any(node.events("cancelled", key) for node in nodes.nodes)

            async with asyncio.timeout(SECONDS):
                while not await asyncio.to_thread(is_cancelled):
                    await asyncio.sleep(0.01)
            assert await client.call("echo", text="on") == "on"


@on_asyncio
async def test_leaving_ends_the_session_everywhere(nodes):
    ids = set()

    async def note(response):
        ids.add(response.headers.get("mcp-session-id"))

    async with httpx2.AsyncClient(event_hooks={"response": [note]}) as http:
        transport = streamable_http_client(f"http://127.0.0.1:{nodes.balancer.port}/mcp", http_client=http)
        async with Client(transport, mode="legacy", read_timeout_seconds=SECONDS) as client:
            await client.call_tool("echo", {"text": "here"})
            peer = Peer(nodes.balancer)
            (peer.headers["Mcp-Session-Id"],) = ids - {None}
            peer.headers["MCP-Protocol-Version"] = "2025-11-25"
            for node in nodes.nodes:
                assert await asyncio.to_thread(peer.at(node).echo) == 200
    for node in nodes.nodes:
        assert await asyncio.to_thread(peer.at(node).echo) == 404


@on_asyncio
async def test_the_other_era(nodes):
    """2026-07-28: whoever is asked comes back to another node, and listens at any."""
    nodes.balancer.taken.clear()
    async with Official(nodes.balancer, mode="2026-07-28") as client:
        for _ in range(10):
            assert await client.call("echo", text="ä") == "ä"
            assert await client.progress(20) == list(range(1, 21))
            assert await client.call("ask", prompt="who?") == "re: who?"
            assert await client.call("question", message="who?") == "Ada"
    assert min(nodes.balancer.taken[node.port] for node in nodes.nodes) > 5, "it went to all of them"


@on_asyncio
async def test_nodes_that_are_killed(cluster):
    """It comes back by itself for a call that another node runs, and goes on with its session when that has gone."""
    three = cluster()
    async with Official(three.balancer) as client:
        for _ in range(5):
            result = await client.client.call_tool("echo", {"text": "who?"})
            home = three.node(result.structured_content["node"])
            relay = random.choice(three.others(home))
            client.logs.clear()
            three.balancer.ports[:] = [relay.port]
            call = asyncio.create_task(client.call("log", count=100, delay_ms=2))
            await until(lambda: len(client.logs) > 10)
            three.balancer.ports[:] = [node.port for node in three.others(relay)]
            relay.kill()
            assert await call == "done"
            assert client.logs == list(range(1, 101))
            home.kill()
            async with asyncio.timeout(SECONDS):
                while not await served(client):
                    await asyncio.sleep(0.05)
            for node in (home, relay):
                await asyncio.to_thread(node.start)
            three.balancer.ports[:] = [node.port for node in three.nodes]
            assert await client.call("ask", prompt="still?") == "re: still?"
            assert await client.progress(20) == list(range(1, 21))


async def served(client):
    """Whether its session is, by whoever is left."""
    try:
        return await client.call("echo", text="on") == "on"
    except MCPError:
        return False
