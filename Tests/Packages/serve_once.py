"""Starts a server, asks it as a client would, and prints which libraries the process has loaded.

usage: serve_once.py [uvloop] [system-libuv] [store] [redis PATH]: under uvloop, which has a libuv of its own; after the
system's libuv, whose functions everybody in the process then finds first; with SQLite; with the Redis at
a socket.
"""

import asyncio
import ctypes
import json
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

SECONDS = 20
directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def post(url, session, **message):
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    if session:
        headers |= {"Mcp-Session-Id": session, "MCP-Protocol-Version": "2025-11-25"}
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    request = urllib.request.Request(url, body, headers)
    end = time.monotonic() + SECONDS
    while True:
        try:
            with directly.open(request, timeout=SECONDS) as response:
                return response.headers.get("Mcp-Session-Id"), response.read()
        except urllib.error.HTTPError as error:
            if error.code != 503 or time.monotonic() > end:
                raise
            time.sleep(0.1)  # Redis is not reached yet


def ask(url):
    client = {"name": "client", "version": "1"}
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
    session, _ = post(url, None, id=1, method="initialize", params=params)
    post(url, session, method="notifications/initialized")
    _, answer = post(url, session, id=2, method="tools/list")
    return json.loads(answer)["result"]


async def serve(folder):
    from streamablehttp import Request, Server

    async def answer(server):
        async for event in server.events():
            if isinstance(event, Request):
                event.respond({"tools": []})

    store = f"sqlite:{folder}/kept.db" if "store" in sys.argv else None
    if "redis" in sys.argv:
        store = f"unix:{sys.argv[sys.argv.index('redis') + 1]}"
    async with Server(name="once", version="1", capabilities={"tools": {}}, json_response=True, store=store) as server:
        answering = asyncio.create_task(answer(server))
        assert await asyncio.to_thread(ask, server.url) == {"tools": []}
        answering.cancel()


def print_libraries():
    lines = Path("/proc/self/maps").read_text().splitlines()
    for file in sorted({line.split()[-1] for line in lines if ".so" in line}):
        if any(
            name in file for name in ("libstreamablehttp", "libuv", "libjansson", "libsqlite3", "libhiredis", "uvloop")
        ):
            print(file)


if "system-libuv" in sys.argv:
    ctypes.CDLL("libuv.so.1", ctypes.RTLD_GLOBAL)
factory = None
if "uvloop" in sys.argv:
    import uvloop

    factory = uvloop.new_event_loop

with asyncio.Runner(loop_factory=factory) as runner, tempfile.TemporaryDirectory() as folder:
    runner.run(asyncio.wait_for(serve(folder), SECONDS))
print_libraries()
