"""The server behind the proxies, or one of them. usage: host.py PATH_OR_PORT KEEPALIVE_MS [STORE SESSION_ID_PREFIX]

Its tools let the client decide when the next message is sent: each goes only after the client has said that the
last one arrived.

    steps {count}    reports progress 1; the next one at each notification test/next; then answers
    progress {count} reports progress 1..count, one every 50 ms, then answers
    sleep {ms}       answers after so long
    size {text}      answers how long the text is
    headers {name}   answers the value of a field of the HTTP request
    primary          answers whether the session has a primary stream
    notify {number}  sends a notification on the primary stream, then answers
    stats            answers the server's counters, and which process this is
"""

import asyncio
import functools
import os
import signal
import sys
from typing import Any

from streamablehttp import Cancelled, Notification, PrimaryClosed, PrimaryOpened, Request, Server, SessionOpened

DRAIN_MS = 5000
TOOLS = ("steps", "progress", "sleep", "size", "headers", "primary", "notify", "stats")


class State:
    """What is known of a session."""

    def __init__(self):
        self.has_primary = False
        self.said_next = asyncio.Semaphore(0)


async def steps(server, request, arguments):
    for number in range(1, arguments["count"] + 1):
        request.progress(number)
        await request.session.data.said_next.acquire()


async def progress(server, request, arguments):
    for number in range(1, arguments["count"] + 1):
        request.progress(number)
        await asyncio.sleep(0.05)


async def sleep(server, request, arguments):
    await asyncio.sleep(arguments["ms"] / 1000)


async def size(server, request, arguments):
    return len(arguments["text"])


async def headers(server, request, arguments):
    return request.headers.get(arguments["name"])


async def primary(server, request, arguments):
    return request.session.data.has_primary


async def notify(server, request, arguments):
    request.session.notify("test/notice", {"number": arguments["number"]})


async def stats(server, request, arguments):
    return {**server.stats(), "process": os.getpid()}


async def call(server, request):
    with request:
        if request.method == "tools/list":
            tools = [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]
            return request.respond({"tools": tools})
        name = request.params.get("name")
        if request.method != "tools/call" or name not in TOOLS:
            return request.fail(-32601, "Method not found")
        value = await globals()[name](server, request, request.params.get("arguments", {}))
        request.respond({"content": [], "structuredContent": {"value": value}})


def ended(running, request, _):
    del running[request]


async def main(place, keepalive_ms, store=None, session_id_prefix=None):
    running: dict[Request, asyncio.Task[None]] = {}
    where: dict[str, Any]
    if place.isdigit():
        where = {"port": int(place), "allowed_hosts": ["mcp.example.com"]}
    else:
        where = {"unix_path": place, "unix_mode": 0o660}
    async with Server(
        name="behind",
        version="1",
        capabilities={"tools": {}},
        **where,
        keepalive_ms=int(keepalive_ms),
        store=store,
        session_id_prefix=session_id_prefix,
        progress_route="request",
        address_share_percent=100,
    ) as server:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.drain, DRAIN_MS)
        print("listening", flush=True)
        async for event in server.events():
            match event:
                case Request():
                    task = running[event] = asyncio.create_task(call(server, event))
                    task.add_done_callback(functools.partial(ended, running, event))
                case Cancelled() if event.request in running:
                    running[event.request].cancel()
                case SessionOpened():
                    event.session.data = State()
                case PrimaryOpened():
                    event.session.data.has_primary = True
                case PrimaryClosed():
                    event.session.data.has_primary = False
                case Notification() if event.method == "test/next":
                    event.session.data.said_next.release()


asyncio.run(main(*sys.argv[1:]))
