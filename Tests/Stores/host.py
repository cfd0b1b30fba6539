"""A host in Python on a socket that it was given. SIGTERM drains it.

usage: host.py --listen-fd N --store NAME [--store-sync]    prints `listening on URL`
"""

from __future__ import annotations

import argparse
import asyncio
import signal

from streamablehttp import Request, Server


def answer(event):
    if not isinstance(event, Request):
        return
    if event.method != "tools/call":
        return event.fail(-32601, "Method not found")
    arguments = event.params["arguments"]
    for number in range(1, arguments.get("count", 0) + 1):
        event.log("info", number)
    result = {"content": [{"type": "text", "text": arguments.get("text", "done")}]}
    asyncio.get_running_loop().call_later(arguments.get("delay_ms", 0) / 1000, respond, event, result)


def respond(request, result):
    if not request.cancelled:
        request.respond(result)


async def main(listen_fd, store, store_sync, port):
    options = {"listen_fd": listen_fd, "store": store, "store_sync": store_sync}
    async with Server(name="host", version="1", capabilities={"tools": {}, "logging": {}}, **options) as server:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.drain, 3_000)
        ticking = asyncio.create_task(tick(server))
        print(f"listening on {server.url}", flush=True)
        await server.serve(answer)
        ticking.cancel()


async def tick(server):
    """Tells every session something, all the time."""
    while True:
        await asyncio.sleep(0.02)
        server.broadcast("test/tick")


parser = argparse.ArgumentParser()
parser.add_argument("--listen-fd", type=int)
parser.add_argument("--store")
parser.add_argument("--store-sync", action="store_true")
parser.add_argument("--port")
asyncio.run(main(**vars(parser.parse_args())))
