"""A host on the Python package, for strangers: a task for each request, and a line for each thing that happens.

    python_host.py [--log-raises true] [--NAME VALUE]...

Options are the keyword arguments of `Server`; a value is JSON, or else a string. With --log-raises the host has a
logging filter that raises. SIGPIPE has the default
disposition, as in a program that is not Python's. The tools are those of host.c that tests of both hosts
use, and `throw`, whose task raises, `drop`, which forgets the request, and `give {command,arguments}`, which
calls a method of the request with these arguments, and answers what it raised.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys

from streamablehttp import Cancelled, CommandFailed, Notification, Request, Server


def say(text):
    print(text, flush=True)


def respond(request, value):
    request.respond({"content": [], "value": value})


async def size(request, n=1):
    respond(request, "x" * n)


async def sleep(request, ms=0):
    await asyncio.sleep(ms / 1000)
    respond(request, None)


async def logs(request, n=1, size=1):
    for _ in range(n):
        request.log("info", "x" * size, "stranger")
    respond(request, None)


async def progress(request, n=1, size=1, ms=0):
    for step in range(1, n + 1):
        request.progress(step, n)
    await asyncio.sleep(ms / 1000)
    respond(request, "x" * size)


async def hang(request):
    say(f"hangs {request.id}")
    await request.wait_cancelled()


async def throw(request):
    raise RuntimeError("a handler of the host's")


async def drop(request):
    pass


async def give(request, command, arguments):
    """The arguments come as a JSON text of their own, for they may be no valid Unicode."""
    raised = None
    try:
        getattr(request, command)(*json.loads(arguments))
    except Exception as error:
        kind = ValueError if isinstance(error, ValueError) else type(error)
        raised = f"{kind.__name__}: {error}"
    if raised or command != "fail":
        respond(request, raised)


async def sigpipe(request):
    disposition = signal.getsignal(signal.SIGPIPE)
    name = "default" if disposition == signal.SIG_DFL else "other"
    respond(request, {"disposition": name, "called": 0, "blocked": False})


async def stats(request, server):
    respond(request, server.stats())


TOOLS = {tool.__name__: tool for tool in (size, sleep, logs, progress, hang, throw, drop, give, sigpipe)}


def option(value):
    try:
        return json.loads(value)
    except ValueError:
        return value


def begin(work, tasks):
    """A variable of the loop below would keep a task that has failed, and with it the request."""
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


async def serve(options):
    tasks = set()
    async with Server(name="stranger", capabilities={"tools": {}}, **options) as server:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.close)
        say("listening on " + (f"unix:{server.unix_path}" if server.unix_path else server.url))
        async for event in server.events():
            match event:
                case Request():
                    tool = event.params.get("name")
                    if tool == "stats":
                        begin(stats(event, server), tasks)
                    else:
                        begin(TOOLS[tool](event, **event.params.get("arguments", {})), tasks)
                case Notification():
                    say(f"notification {event.method}")
                case Cancelled():
                    say(f"cancelled {event.request.id}")
                case CommandFailed():
                    say(f"status command {event.error!r}")


def refuse(record):
    raise RuntimeError("a logging filter of the host's")


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    logging.basicConfig(stream=sys.stdout, format="log %(levelname)s %(name)s %(message)s")
    names, values = sys.argv[1::2], sys.argv[2::2]
    options = {name.removeprefix("--"): option(value) for name, value in zip(names, values, strict=True)}
    if options.pop("log-raises", False):
        logger = logging.getLogger("streamablehttp")
        logger.setLevel(logging.DEBUG)
        logger.addFilter(refuse)
    asyncio.run(serve(options))


if __name__ == "__main__":
    main()
