"""The same echo tool on the official package's low-level server, its leanest interface. --json-response: no streams."""

import asyncio
import signal
import socket
import sys

import uvicorn
from mcp.server.lowlevel import Server
from mcp.types import CallToolResult, TextContent


async def call_tool(_, params):
    return CallToolResult(content=[TextContent(type="text", text=params.arguments["text"])])


async def main():
    app = Server("echo", version="1", on_call_tool=call_tool).streamable_http_app(
        json_response="--json-response" in sys.argv
    )
    # asyncio turns Nagle's algorithm off only for sockets that name their protocol.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
    await uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False)).serve(sockets=[listener])


# uvicorn ends by the signal that it got, once it has cleaned up: this makes it an ordinary exit.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
asyncio.run(main())
