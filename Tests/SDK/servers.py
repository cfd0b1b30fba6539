"""Servers written for the SDK and for FastMCP, that know nothing of the library. Run as a program it serves one.

usage: servers.py NAME uvicorn|library [--fast] [--listen-fd N] [--store NAME] [--state FOLDER]
prints `listening on URL`
"""

import argparse
import asyncio
import base64
import contextlib
import socket
import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

warnings.filterwarnings("ignore", message=".* as of 2026-07-28")

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Point(BaseModel):
    x: int
    y: float = 0.5
    label: str | None = None


class Answer(BaseModel):
    name: str
    age: int = 7


@contextlib.asynccontextmanager
async def lifespan(server: Any):
    yield {"started": True}


# ---- Both ---------------------------------------------------------------------------------


def add_common(mcp: Any, seen: list[str], Image: Any, **tags: Any) -> None:
    """What both have. `seen`: the middleware's methods. `tags` are those of a tool."""

    @mcp.tool()
    def add(a: int, b: int = 2) -> int:
        """Adds two numbers."""
        return a + b

    @mcp.tool()
    async def echo(text: str) -> str:
        return text

    @mcp.tool(title="A point", description="Moves a point", **tags)
    def move(point: Point, by: Annotated[int, Field(ge=0, le=10)] = 1) -> Point:
        return Point(x=point.x + by, y=point.y, label=point.label)

    @mcp.tool()
    def choose(color: Literal["red", "green"], many: list[int]) -> dict[str, list[int]]:
        return {color: many}

    @mcp.tool()
    def image() -> Image:  # type: ignore[valid-type]
        return Image(data=PIXEL, format="png")

    @mcp.tool()
    def mixed() -> list[Any]:
        return ["text", 7, {"a": None}, Image(data=PIXEL, format="png")]

    @mcp.tool()
    def nothing() -> None:
        pass

    @mcp.tool()
    def infinite() -> float:
        return float("inf")

    @mcp.tool()
    def raises(text: str) -> str:
        raise ValueError(f"no {text}")

    cancelled: list[str] = []

    @mcp.tool()
    async def slow() -> str:
        try:
            await asyncio.sleep(30)
        except BaseException as problem:
            cancelled.append(type(problem).__name__)
            raise
        return "slept"

    @mcp.tool()
    def was_cancelled() -> list[str]:
        return list(cancelled)

    @mcp.tool()
    def methods() -> list[str]:
        """What the middleware has seen, since the last time."""
        found, seen[:] = list(seen), []
        return found

    @mcp.resource("data://one", mime_type="text/plain")
    def one() -> str:
        return "first"

    @mcp.resource("data://bytes", mime_type="image/png")
    def data() -> bytes:
        return PIXEL

    @mcp.resource("data://item/{number}")
    def item(number: int) -> str:
        return f"item {number}"

    @mcp.resource("data://broken")
    def broken() -> str:
        raise RuntimeError("broken")

    @mcp.prompt()
    def greet(name: str, style: str = "short") -> str:
        """Greets somebody."""
        return f"Greet {name}, {style}"

    @mcp.custom_route("/health", methods=["GET", "POST"])
    async def health(request):
        from starlette.responses import JSONResponse

        return JSONResponse({"ok": True, "body": (await request.body()).decode(), "q": dict(request.query_params)})


# ---- The SDK ------------------------------------------------------------------------------


def sdk(name: str = "compared", **settings: Any):
    from mcp.server.mcpserver import Context, Image, MCPServer
    from mcp.server.mcpserver.prompts.base import AssistantMessage, UserMessage
    from mcp_types import CallToolResult, SamplingMessage, TextContent

    seen: list[str] = []

    async def watch(context, call_next):
        seen.append(context.method)
        return await call_next(context)

    mcp = MCPServer(name, instructions="Call the tools.", version="1.2.3", lifespan=lifespan, **settings)
    mcp._lowlevel_server.middleware.append(watch)
    add_common(mcp, seen, Image)

    @mcp.tool()
    def own_result() -> CallToolResult:
        return CallToolResult(
            content=[TextContent(type="text", text="own")], structured_content={"a": [1, None]}, is_error=True
        )

    @mcp.tool()
    async def talk(ctx: Context, times: int) -> str:
        for number in range(times):
            await ctx.report_progress(number, times, f"step {number}")
            await ctx.info(f"log {number}", logger_name="talk")
        await ctx.debug({"a": [1]})
        return "talked"

    @mcp.tool()
    async def elicit(ctx: Context) -> str:
        result = await ctx.elicit("Who are you?", Answer)
        return f"{result.action} {getattr(result, 'data', None)}"

    @mcp.tool()
    async def sample(ctx: Context, prompt: str) -> str:
        result = await ctx.session.create_message(
            [SamplingMessage(role="user", content=TextContent(type="text", text=prompt))],
            max_tokens=10,
            related_request_id=ctx.request_id,
        )
        return result.content.text

    @mcp.tool()
    async def roots(ctx: Context) -> list[str]:
        return [str(one.uri) for one in (await ctx.session.list_roots()).roots]

    @mcp.tool()
    async def context(ctx: Context) -> dict[str, Any]:
        """What a handler finds in its context."""
        request = ctx.request_context.request
        body = await request.json()
        return {
            "headers": {k: request.headers.get(k) for k in ("content-type", "accept", "mcp-method")},
            "method": request.method,
            "path": request.url.path,
            "query": dict(request.query_params),
            "scheme": request.url.scheme,
            "client": request.client.host,
            "body": body["method"],
            "disconnected": await request.is_disconnected(),
            "lifespan": ctx.request_context.lifespan_context,
            "revision": ctx.request_context.protocol_version,
            "capabilities": str(ctx.session.client_capabilities),
            "can_ask": ctx.session.can_send_request,
            "user": str(request.scope.get("user") and request.user.display_name),
            "id": type(ctx.request_id).__name__,
            "app": type(request.app).__name__,
        }

    @mcp.tool()
    async def changes(ctx: Context) -> str:
        await ctx.session.send_tool_list_changed()
        await ctx.session.send_resource_updated("data://one")
        await ctx.notify_tools_changed()
        await ctx.notify_resource_updated("data://one")
        return "changed"

    @mcp.tool()
    async def add_tool(ctx: Context, name: str) -> str:
        mcp.add_tool(lambda: name, name=name)
        return name

    @mcp.tool()
    async def user() -> dict[str, Any]:
        from mcp.server.auth.middleware.auth_context import get_access_token

        token = get_access_token()
        return {} if token is None else token.model_dump(mode="json", exclude={"expires_at"})

    @mcp.prompt(title="A dialogue")
    def dialogue() -> list[Any]:
        return [UserMessage("hello"), AssistantMessage("hi")]

    @mcp.completion()
    async def complete(ref, argument, context):
        from mcp_types import Completion

        return Completion(values=[argument.value + "!"], total=1, has_more=False)

    @mcp.custom_route("/stream", methods=["GET"])
    async def stream(request):
        from starlette.responses import StreamingResponse

        async def parts():
            for number in range(3):
                yield f"part {number}\n"
                await asyncio.sleep(0.01)

        return StreamingResponse(parts(), media_type="text/plain", headers={"x-a": "1"})

    return mcp


# ---- FastMCP ------------------------------------------------------------------------------


def fast(**settings: Any):
    from fastmcp import Context, FastMCP
    from fastmcp.server.dependencies import get_access_token, get_http_headers, get_http_request
    from fastmcp.server.middleware import Middleware
    from fastmcp.utilities.types import Image

    seen: list[str] = []

    class Watch(Middleware):
        async def on_message(self, context, call_next):
            seen.append(f"{context.type} {context.method}")
            return await call_next(context)

    mcp = FastMCP("compared", instructions="Call the tools.", version="1.2.3", middleware=[Watch()], **settings)
    add_common(mcp, seen, Image, tags={"geometry"})

    @mcp.tool
    async def talk(ctx: Context, times: int) -> str:
        for number in range(times):
            await ctx.report_progress(number, times, f"step {number}")
            await ctx.info(f"log {number}", logger_name="talk")
        return "talked"

    @mcp.tool
    async def elicit(ctx: Context) -> str:
        result = await ctx.elicit("Who are you?", Answer)
        return f"{result.action} {getattr(result, 'data', None)}"

    @mcp.tool
    async def sample(ctx: Context, prompt: str) -> str:
        return str((await ctx.sample(prompt, max_tokens=10)).text)

    @mcp.tool
    async def roots(ctx: Context) -> list[str]:
        return [str(one.uri) for one in await ctx.list_roots()]

    @mcp.tool
    async def context(ctx: Context) -> dict[str, Any]:
        request = get_http_request()
        return {
            "headers": {k: get_http_headers(include_all=True).get(k) for k in ("content-type", "accept")},
            "path": request.url.path,
            "query": dict(request.query_params),
            "client": request.client.host,
            "transport": ctx.transport,
            "token": get_access_token() is not None,
            "session": len(ctx.session_id) > 0,
        }

    @mcp.tool
    async def state(ctx: Context, value: str | None = None) -> Any:
        """Keeps something for the session."""
        before = await ctx.get_state("value")
        if value is not None:
            await ctx.set_state("value", value)
        return before

    @mcp.tool
    async def hide(ctx: Context) -> str:
        await ctx.disable_components(tags={"geometry"})
        return "hidden"

    @mcp.tool
    async def user() -> dict[str, Any]:
        token = get_access_token()
        return {} if token is None else token.model_dump(mode="json", exclude={"expires_at"})

    child: Any = FastMCP("child")

    @child.tool
    def inner() -> str:
        return "inside"

    mcp.mount(child, namespace="child")
    return mcp


# ---- With authorization ---------------------------------------------------------------------

TOKENS = {
    "alice": ("alice", ["read", "write"]),
    "alice-2": ("alice", ["read", "write"]),
    "bob": ("bob", ["read", "write"]),
    "reader": ("reader", ["read"]),
    "other": ("other", ["write"]),
}


class Verifier:
    """Knows the tokens of TOKENS; those with an end of `-revoked` were known once."""

    def __init__(self) -> None:
        self.revoked: set[str] = set()

    async def verify_token(self, token: str):
        from mcp.server.auth.provider import AccessToken

        if token not in TOKENS or token in self.revoked:
            return None
        client, scopes = TOKENS[token]
        return AccessToken(token=token, client_id=client, scopes=scopes, subject=client)


def sdk_auth():
    from mcp.server.auth.settings import AuthSettings

    settings = {
        "issuer_url": "https://issuer.example",
        "resource_server_url": "http://127.0.0.1:8000/mcp",
        "required_scopes": ["read"],
    }
    auth = AuthSettings.model_validate(settings)
    verifier = Verifier()
    mcp = sdk(auth=auth, token_verifier=verifier)

    @mcp.custom_route("/revoke", methods=["POST"])
    async def revoke(request):
        from starlette.responses import Response

        verifier.revoked = verifier.revoked | {(await request.body()).decode()}
        return Response(status_code=204)

    return mcp


def fast_auth():
    from fastmcp.server.auth import StaticTokenVerifier

    mcp = fast()
    mcp.auth = StaticTokenVerifier(
        tokens={
            token: {"client_id": client, "scopes": scopes, "sub": client} for token, (client, scopes) in TOKENS.items()
        },
        required_scopes=["read"],
    )
    return mcp


SERVERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "sdk": (sdk, {}),
    "sdk-json": (sdk, {"json_response": True}),
    "sdk-stateless": (sdk, {"stateless_http": True}),
    "sdk-stateless-json": (sdk, {"stateless_http": True, "json_response": True}),
    "sdk-auth": (sdk_auth, {}),
    "fastmcp": (fast, {}),
    "fastmcp-json": (fast, {"json_response": True}),
    "fastmcp-stateless": (fast, {"stateless_http": True}),
    "fastmcp-auth": (fast_auth, {}),
}
"""How to make each, and the options of its application."""


def folder(path: str):
    """A store of FastMCP's own for what it keeps of sessions."""
    from key_value.aio.stores.filetree import FileTreeStore

    Path(path).mkdir(exist_ok=True)
    return FileTreeStore(data_directory=Path(path))


def serve(name: str, way: str, is_fast: bool, listen_fd: int | None, store: str | None, state: str | None) -> None:
    make, options = SERVERS[name]
    mcp = make() if state is None else make(session_state_store=folder(state))
    if way == "library":
        import streamablehttp.mcp

        streamablehttp.mcp.run(
            mcp,
            port=0,
            listen_fd=listen_fd,
            fast=is_fast,
            engine={} if store is None else {"store": store, "store_sync": True},
            drain_seconds=2,
            on_ready=lambda url: print(f"listening on {url}", flush=True),
            **options,
        )
        return
    import uvicorn

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    app = mcp.http_app(**options) if hasattr(mcp, "http_app") else mcp.streamable_http_app(**options)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=2))
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
    server.run(sockets=[listener])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=SERVERS)
    parser.add_argument("way", choices=["uvicorn", "library"])
    parser.add_argument("--fast", action="store_true", dest="is_fast")
    parser.add_argument("--listen-fd", type=int, help="of the library")
    parser.add_argument("--store", help="of the library")
    parser.add_argument("--state", help="a folder for what FastMCP keeps of sessions")
    serve(**vars(parser.parse_args()))
