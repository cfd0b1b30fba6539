"""An echo tool on this project's Python package, as plainly as its README writes one. --json-response: no streams."""

import asyncio
import signal
import sys

from streamablehttp import Request, Server


async def main():
    server = Server(name="echo", version="1", capabilities={"tools": {}}, json_response="--json-response" in sys.argv)
    async with server:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.close)
        print("listening on", server.url, flush=True)
        async for event in server.events():
            if not isinstance(event, Request):
                continue
            if event.method == "tools/call" and event.params["name"] == "echo":
                event.respond({"content": [{"type": "text", "text": event.params["arguments"]["text"]}]})
            else:
                event.fail(-32601, "Method not found")


asyncio.run(main())
