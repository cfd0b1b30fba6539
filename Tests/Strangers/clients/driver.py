"""What a foreign client does, in an environment of its own: a line of JSON for each deed, and how it went.

usage: driver.py NAME URLS DEED..., where URLS is JSON: the plain server's, one's that answers in `auto`, one's that
keeps little of what it has sent, and the everything server's.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
import traceback

import adapters
from proxy import Proxy
from versions import BY_TOKEN, VERSIONS

DEED_SECONDS = 60
BURST_MAX = 50
BURSTS_TRIED = 3
WORK_MS = 3000
ARRIVAL_SECONDS = 10
FORGOTTEN = 20
CONVERSATIONS = 9
MODERN = "2026-07-28"
LIST_CHANGED = "notifications/tools/list_changed"


class Heard:
    """The notifications that a client has been told of."""

    def __init__(self):
        self.methods = []
        self._changed = asyncio.Event()

    def __call__(self, method):
        self.methods.append(method)
        self._changed.set()

    async def until(self, method):
        async with asyncio.timeout(ARRIVAL_SECONDS):
            while method not in self.methods:
                self._changed.clear()
                await self._changed.wait()


class Driver:
    def __init__(self, version, urls):
        self.version = version
        self.urls = urls
        self._adapter = getattr(adapters, version.adapter)

    def client(self, url, **more):
        return self._adapter(url, **more)

    def everything(self, mode, **more):
        return self.client(self.urls["everything"], mode=mode, **more)

    async def with_primary(self, client, heard):
        """Returns when the client's primary stream carries messages."""
        await client.call("notify", method=LIST_CHANGED)
        await heard.until(LIST_CHANGED)
        heard.methods.clear()

    # ---- Deeds ----

    async def calls(self):
        """Small and large answers, one after the other and together."""
        async with self.client(self.urls["plain"]) as client:
            for n in (1, 100, 100_000, 500_000):
                await client.call("size", n=n)
            await asyncio.gather(*(client.call("size", n=n) for n in range(20)))

    async def bursts(self):
        """Progress in bursts with the result right behind: every callback has been called when the call returns.

        Both are on their way by themselves, so that a machine which stands still for a moment can bring them in
        any order: it may be tried again, and no server that lets them race comes through once.
        """
        for _ in range(BURSTS_TRIED):
            missed = await self._bursts_missed()
            if not missed:
                return
        raise AssertionError(f"{len(missed)} of {self.version.rounds} rounds: {', '.join(missed[:10])}")

    async def _bursts_missed(self):
        heard, missed = Heard(), []
        async with self.client(self.urls["plain"], on_method=heard) as client:
            await self.with_primary(client, heard)
            for number in range(self.version.rounds):
                burst, seen = 1 + number * 7 % BURST_MAX, []
                await client.call("progress", on_progress=seen.append, n=burst)
                if seen != list(range(1, burst + 1)):
                    missed.append(f"{len(seen)} of {burst}")
        return missed

    async def sampling(self):
        """The server asks while it serves a call."""
        async with self.client(self.urls["plain"]) as client:
            for prompt in ("one", "two"):
                result = await client.call("ask", prompt=prompt)
                assert adapters.HEARD + prompt in str(result), result

    async def cut(self):
        """The connection of a call is cut in its middle, after it has said something."""
        await self._cut("plain", "progress", n=0, logs=1, ms=WORK_MS)

    async def cut_in_silence(self):
        """Before it has said anything."""
        if self.version.resumes == BY_TOKEN:
            return "it comes back only after an event"
        await self._cut("plain", "sleep", ms=WORK_MS)

    async def cut_in_silence_with_auto(self):
        """On a server that would rather answer with a document."""
        if self.version.resumes == BY_TOKEN:
            return "it comes back only after an event"
        await self._cut("auto", "sleep", ms=WORK_MS)

    async def _cut(self, which, tool, **arguments):
        tokens = []
        async with Proxy(self.urls[which]) as proxy, self.client(proxy.url, on_token=tokens.append) as client:
            await client.call("size")
            answered = proxy.answered("POST")
            by_token = self.version.resumes == BY_TOKEN
            work = asyncio.create_task((client.begin if by_token else client.call)(tool, **arguments))
            try:
                async with asyncio.timeout(WORK_MS / 2000):
                    await proxy.until_answered("POST", answered + 1)
                    while by_token and not tokens:
                        await asyncio.sleep(0.01)
            except TimeoutError:
                pass  # No head in all this time: the cut comes all the same.
            proxy.cut("POST")
            if by_token:
                work.cancel()
                await client.resume(tool, tokens[-1], **arguments)
            else:
                await work
            await client.call("size")

    async def lost_cursor(self):
        """What was sent on the primary stream is lost, and the server does not keep it either."""
        if not self.version.returns_to_primary:
            return "it does not come back for its primary stream"
        heard = Heard()
        async with Proxy(self.urls["forgetful"]) as proxy, self.client(proxy.url, on_method=heard) as client:
            await self.with_primary(client, heard)
            answered = proxy.answered("GET")
            proxy.swallow("GET")
            await client.call("notify", n=FORGOTTEN)
            proxy.cut("GET")
            await proxy.until_answered("GET", answered + 1)
            await client.call("notify", method=LIST_CHANGED)
            await heard.until(LIST_CHANGED)
        return None

    # ---- Deeds of 2026-07-28, in each of the client's modes ----

    async def discovery(self):
        for mode in self.version.modes:
            async with self.everything(mode) as client:
                assert client.revision() == MODERN, client.revision()
                names = await client.tools()
                assert names[0] == "test_simple_text", names
                assert "Region: \u00fc" in str(await client.call("test_x_mcp_header", region="\u00fc"))

    async def modern_bursts(self):
        """Progress comes on the call's own stream: none is missed."""
        for mode in self.version.modes:
            async with self.client(self.urls["plain"], mode=mode) as client:
                for number in range(self.version.rounds):
                    burst, seen = 1 + number * 7 % BURST_MAX, []
                    await client.call("progress", on_progress=seen.append, n=burst)
                    assert seen == list(range(1, burst + 1)), (burst, seen)

    async def modern_cut(self):
        """A stream that is cut has cancelled its call, which the client says; the next call is served.

        The cut comes after the head of the response: before it, mcp 2.3.0 ends the whole client.
        """
        for mode in self.version.modes:
            heard = Heard()
            async with Proxy(self.urls["plain"]) as proxy, self.client(proxy.url, mode=mode) as client:
                work = asyncio.create_task(client.call("progress", on_progress=heard, n=1, ms=WORK_MS))
                await heard.until(1)
                proxy.cut("POST")
                try:
                    await work
                except Exception as error:
                    assert "stream ended" in str(error), error
                else:
                    raise AssertionError("the call has an answer")
                await client.call("size")

    async def logs(self):
        """By the level that the request asks for."""
        for mode in self.version.modes:
            for level, count in ((None, 0), ("info", 3), ("error", 0)):
                heard = Heard()
                async with self.everything(mode, on_method=heard, log_level=level) as client:
                    await client.call("test_logging_tool")
                assert heard.methods.count("notifications/message") == count, (level, heard.methods)

    async def round_trips(self):
        """What the host asks for, by the library's state and by its own."""
        for mode in self.version.modes:
            async with self.everything(mode) as client:
                for tool, expected in (
                    ("test_elicitation", adapters.NAME),
                    ("test_streaming_elicitation", "action=accept"),
                    ("test_input_required_result_elicitation", f"Hello, {adapters.NAME}!"),
                    ("test_input_required_result_sampling", "the capital of France?"),
                    ("test_input_required_result_list_roots", adapters.ROOT),
                    ("test_input_required_result_multiple_inputs", "All three"),
                    ("test_input_required_result_multi_round", f"{adapters.NAME} likes {adapters.NAME}"),
                ):
                    assert expected in str(await client.call(tool)), tool
                asked = await asyncio.gather(*(client.call("test_sampling", prompt=str(n)) for n in range(10)))
                for n, result in enumerate(asked):
                    assert f"{adapters.HEARD}{n}" in str(result), result

    async def changes(self):
        """Streams of changes, in one client beside calls."""
        for mode in self.version.modes:
            watched = "test://watched-resource"
            async with (
                self.everything(mode) as client,
                client.listen(tools_list_changed=True) as lists,
                client.listen(resource_subscriptions=[watched]) as resources,
            ):
                await client.call("test_trigger_tool_change")
                assert type(await lists.__anext__()).__name__ == "ToolsListChanged"
                await client.call("test_trigger_resource_change")
                assert (await resources.__anext__()).uri == watched

    async def both_eras(self):
        """Clients of both eras at once, on one port; those of sessions hear of changes, too."""
        modes = [adapters.SESSIONS, *self.version.modes]

        async def converse(number):
            heard = Heard()
            async with self.everything(modes[number % len(modes)], on_method=heard) as client:
                for _ in range(3):
                    assert f"{adapters.HEARD}{number}" in str(await client.call("test_sampling", prompt=str(number)))
                    seen = []
                    await client.call("test_tool_with_progress", on_progress=seen.append)
                    assert set(seen) <= {0, 50, 100}, seen

        await asyncio.gather(*(converse(number) for number in range(CONVERSATIONS)))


def leaves(error):
    """The errors of a group, each with the place in this file where it came by."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for one in error.exceptions for leaf in leaves(one)]
    here = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == __file__]
    return [f"{type(error).__name__}: {str(error)[:500]} (line {here[-1] if here else '?'})"]


async def do(driver, deed):
    """How a deed went: `ok`, or why not; `skipped` says why there was nothing to do."""
    began = time.monotonic()
    outcome = {"deed": deed, "ok": True}
    try:
        async with asyncio.timeout(DEED_SECONDS):
            outcome["skipped"] = await getattr(driver, deed)()
    except BaseException as error:
        outcome.update(ok=False, why="; ".join(leaves(error)))
    return {**outcome, "seconds": round(time.monotonic() - began, 1)}


async def main():
    logging.disable(logging.CRITICAL)
    version = next(one for one in VERSIONS if one.name == sys.argv[1])
    driver = Driver(version, json.loads(sys.argv[2]))
    for deed in sys.argv[3:]:
        print(json.dumps(await do(driver, deed)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
