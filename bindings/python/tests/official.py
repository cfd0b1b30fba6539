"""The official client, and what its callbacks have seen."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import httpx2
import mcp_types as types
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from wire import SECONDS

REVISIONS = ["2025-03-26", "2025-06-18", "2025-11-25"]
MODERN = "2026-07-28"


class Seen:
    """Collects what the server said outside of results."""

    def __init__(self):
        self.progress = []
        self.logs = []
        self.sampled = []
        self.elicited = []
        self.rooted = 0
        self.notifications = []
        self._changed = asyncio.Event()

    async def on_progress(self, progress, total, message):
        self.progress.append((progress, total))

    async def on_log(self, params):
        self.logs.append(params)

    async def on_message(self, message):
        self.notifications.append(message)
        self._changed.set()

    async def sample(self, context, params):
        self.sampled.append(params)
        text = types.TextContent(type="text", text=f"heard {params.messages[0].content.text}")
        return types.CreateMessageResult(role="assistant", content=text, model="m")

    async def elicit(self, context, params):
        self.elicited.append(params)
        return types.ElicitResult(action="accept", content={"username": "u", "email": "e@x"})

    async def list_roots(self, context):
        self.rooted += 1
        return types.ListRootsResult(roots=[types.Root(uri="file:///a", name="a")])

    async def until(self, condition):
        """Waits until the notifications seen fulfil `condition`."""
        while not condition():
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), SECONDS)

    async def all_progress(self, count):
        """The progress values the server sent, once there are `count`.

        The client forgets a progress callback as soon as it has read the result, and it reads the
        primary stream and the call's independently; its message handler gets everything.
        """
        method = "notifications/progress"
        await self.until(lambda: len(self.of_method(method)) >= count)
        return sorted(one.params.progress for one in self.of_method(method))

    def of_method(self, method):
        return [one for one in self.notifications if getattr(one, "method", None) == method]


@asynccontextmanager
async def connected(url, mode="legacy", log_level=None):
    """The client with every callback, connected."""
    seen = Seen()
    async with Client(
        url,
        mode=mode,
        read_timeout_seconds=SECONDS,
        sampling_callback=seen.sample,
        elicitation_callback=seen.elicit,
        list_roots_callback=seen.list_roots,
        log_level=log_level,
        logging_callback=seen.on_log,
        message_handler=seen.on_message,
    ) as client:
        yield client, seen


@asynccontextmanager
async def overheard(url):
    """The client without callbacks, and the HTTP responses that it gets."""
    responses = []

    async def note(response):
        responses.append(response)

    async with httpx2.AsyncClient(event_hooks={"response": [note]}) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode="legacy", read_timeout_seconds=SECONDS) as client:
            yield client, responses


def text(result):
    return result.content[0].text
