"""One of several servers that share a store. SIGTERM drains it.

usage: node.py [--options JSON] [--journal PATH] --port N    prints `listening on URL`

Every result says which process made it. The tools, of which each call with a `key` is written into the journal:

    echo {text}               answers the text
    log {count, delay_ms}     logs 1..count, if the session's log level admits that, then answers
    progress {count}          reports progress 1..count, then answers
    sleep {ms}                answers after so long
    ask {prompt}              sends the prompt to the client's model, and answers with its reply
    question {message}        asks the client's user, and answers with what they say, after then_ms
    broadcast {seq}           sends a log message to every session, then answers
    publish {change, uri}     says that something has changed, then answers
    events                    answers what the host was told, in order
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal

from streamablehttp import (
    Cancelled,
    Notification,
    PrimaryClosed,
    PrimaryOpened,
    Request,
    RequestCancelledError,
    Server,
    SessionClosed,
    SessionOpened,
)

DRAIN_MS = 4000
CAPABILITIES = {
    "tools": {"listChanged": True},
    "resources": {"listChanged": True, "subscribe": True},
    "logging": {},
}
LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


async def echo(host, request, arguments):
    return arguments.get("text", "")


async def log(host, request, arguments):
    for number in range(1, arguments["count"] + 1):
        if request.session is None or LEVELS.index(request.session.data or "debug") <= LEVELS.index("info"):
            request.log("info", number)
        if delay_ms := arguments.get("delay_ms"):
            await asyncio.sleep(delay_ms / 1000)
    return "done"


async def progress(host, request, arguments):
    for number in range(1, arguments["count"] + 1):
        request.progress(number, arguments["count"])
    return "done"


async def sleep(host, request, arguments):
    await asyncio.sleep(arguments["ms"] / 1000)
    return "done"


async def ask(host, request, arguments):
    message = {"role": "user", "content": {"type": "text", "text": arguments["prompt"]}}
    return (await request.sample([message], 100))["content"]["text"]


async def question(host, request, arguments):
    name = (await request.elicit(arguments["message"], SCHEMA))["content"]["name"]
    await asyncio.sleep(arguments.get("then_ms", 0) / 1000)
    return name


async def broadcast(host, request, arguments):
    message = {"level": "info", "data": {"seq": arguments["seq"]}}
    host.server.broadcast("notifications/message", message)
    return "sent"


async def publish(host, request, arguments):
    host.server.publish(arguments["change"], arguments.get("uri"))
    return "sent"


async def events(host, request, arguments):
    return host.events


TOOLS = {one.__name__: one for one in (echo, log, progress, sleep, ask, question, broadcast, publish, events)}


class Host:
    def __init__(self, server, journal):
        self.server = server
        self.events = []
        self._journal = journal
        self._tasks = {}

    def take(self, event):
        match event:
            case Request(method="tools/call") if event.params["name"] in TOOLS:
                task = self._tasks[event] = asyncio.create_task(self._call(event))
                task.add_done_callback(lambda _: self._tasks.pop(event))
            case Request(method="tools/list"):
                tools = [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]
                event.respond({"tools": tools})
            case Request(method="logging/setLevel"):
                event.session.data = event.params["level"]
                event.respond({})
            case Request():
                event.fail(-32601, "Method not found")
            case Cancelled():
                self.events.append(["cancelled", key_of(event.request)])
                if event.request in self._tasks:
                    self._tasks[event.request].cancel()
            case SessionOpened():
                self.events.append(["opened", event.session.id, event.resumed])
            case SessionClosed():
                self.events.append(["closed", event.session.id])
            case PrimaryOpened():
                self.events.append(["primary opened", event.session.id])
            case PrimaryClosed():
                self.events.append(["primary closed", event.session.id])
            case Notification():
                self.events.append(["notification", event.method])

    async def _call(self, request):
        arguments = request.params.get("arguments", {})
        if key := key_of(request):
            os.write(self._journal, f"{key}\n".encode())
        with request:
            try:
                value = await TOOLS[request.params["name"]](self, request, arguments)
                content = [{"type": "text", "text": str(value)}]
                request.respond({"content": content, "structuredContent": {"value": value, "node": os.getpid()}})
            except RequestCancelledError:
                pass  # its client has gone, or its session has


def key_of(request):
    return request.params.get("arguments", {}).get("key")


async def main(options, journal, port):
    journal = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    options = {"capabilities": CAPABILITIES, "keep_subscriptions": True, "log_level": "notice", **json.loads(options)}
    async with Server(name="node", version="1", port=port, address_share_percent=100, **options) as server:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.drain, DRAIN_MS)
        print(f"listening on {server.url}", flush=True)
        await server.serve(Host(server, journal).take)


parser = argparse.ArgumentParser()
parser.add_argument("--options", default="{}")
parser.add_argument("--journal", default=os.devnull)
parser.add_argument("--port", type=int)
logging.basicConfig(format="%(relativeCreated)d ms %(levelname)s %(message)s", level=logging.INFO)
asyncio.run(main(**vars(parser.parse_args())))
