"""The same echo tool on the official package's MCPServer, or on FastMCP: on uvicorn, or on this library.

usage: sdk_server.py mcpserver|fastmcp uvicorn|library|fast [--json-response]
"""

import asyncio
import logging
import socket
import sys


def mcpserver():
    from mcp.server.mcpserver import MCPServer
    from mcp.types import CallToolResult, TextContent

    mcp = MCPServer("echo", log_level="ERROR")

    @mcp.tool()
    async def echo(text: str) -> CallToolResult:
        return CallToolResult(content=[TextContent(type="text", text=text)])

    return mcp, mcp.streamable_http_app


def fastmcp():
    from fastmcp import FastMCP
    from fastmcp.tools import ToolResult

    mcp = FastMCP("echo")

    @mcp.tool
    async def echo(text: str) -> ToolResult:
        return ToolResult(content=text)

    return mcp, mcp.http_app


def serve_on_uvicorn(app):
    """With uvloop and httptools, as `uvicorn[standard]` has them."""
    import uvicorn

    # asyncio turns Nagle's algorithm off only for sockets that name their protocol.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
    config = uvicorn.Config(app, log_level="error", access_log=False, loop="uvloop", http="httptools")
    uvicorn.Server(config).run(sockets=[listener])


def serve_on_the_library(mcp, is_fast, is_json):
    import streamablehttp.mcp

    streamablehttp.mcp.run(
        mcp,
        port=0,
        fast=is_fast,
        json_response=is_json,
        on_ready=lambda url: print("listening on", url, flush=True),
    )


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    server, app = {"mcpserver": mcpserver, "fastmcp": fastmcp}[sys.argv[1]]()
    is_json = "--json-response" in sys.argv
    if sys.argv[2] == "uvicorn":
        import signal

        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            serve_on_uvicorn(app(json_response=is_json))
        except (SystemExit, KeyboardInterrupt, asyncio.CancelledError):
            sys.exit(0)
    else:
        serve_on_the_library(server, sys.argv[2] == "fast", is_json)
