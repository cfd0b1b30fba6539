"""The only file that imports internals of the SDK and of FastMCP, with a check that they are what it knows.

One `Connection` and `ServerRunner` a session, one step below the SDK's streams. Importing it raises
UnsupportedServer if a release has changed something that the package builds on.
"""

from __future__ import annotations

import importlib.metadata
import inspect
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from ._errors import UnsupportedServer

VERSIONS = "mcp >= 2.0, < 3 and fastmcp >= 4.0.11, < 5"


def _installed(name: str) -> str:
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return f"no {name}"


def _refusal(problem: str) -> UnsupportedServer:
    return UnsupportedServer(
        f"{_installed('mcp')} is installed, and streamablehttp.mcp cannot serve it: {problem}."
        f" It works with {VERSIONS}; uvicorn.run(mcp.streamable_http_app()) works with any"
    )


try:
    import anyio
    import mcp_types.version
    from mcp.server._otel import OpenTelemetryMiddleware
    from mcp.server.auth.middleware.auth_context import AuthContextMiddleware, auth_context_var
    from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser, RequireAuthMiddleware
    from mcp.server.auth.provider import principal_components
    from mcp.server.connection import Connection
    from mcp.server.context import ServerRequestContext
    from mcp.server.lowlevel.server import Server
    from mcp.server.runner import ServerRunner, aclose_shielded
    from mcp.server.session import ServerSession
    from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
    from mcp.server.subscriptions import (
        ListenHandler,
        PromptsListChanged,
        ResourcesListChanged,
        ResourceUpdated,
        ToolsListChanged,
    )
    from mcp.shared._otel import inject_trace_context, otel_span
    from mcp.shared.exceptions import MCPError, NoBackChannelError
    from mcp.shared.inbound import validate_mcp_param_headers
    from mcp.shared.jsonrpc_dispatcher import handler_exception_to_error_data, progress_token_from_params
    from mcp.shared.message import ServerMessageMetadata
    from mcp.shared.transport_context import TransportContext
    from mcp_types import (
        CLIENT_CAPABILITIES_META_KEY,
        CLIENT_INFO_META_KEY,
        CONNECTION_CLOSED,
        INTERNAL_ERROR,
        INVALID_PARAMS,
        PROTOCOL_VERSION_META_KEY,
        REQUEST_TIMEOUT,
        CallToolRequestParams,
        CallToolResult,
        ErrorData,
        TextContent,
    )
    from opentelemetry import trace
    from opentelemetry.trace import SpanKind
except ImportError as problem:
    raise _refusal(str(problem)) from problem

__all__ = [
    "CLIENT_CAPABILITIES_META_KEY",
    "CLIENT_INFO_META_KEY",
    "CONNECTION_CLOSED",
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "MODERN",
    "PROTOCOL_VERSION_META_KEY",
    "REQUEST_TIMEOUT",
    "AuthContextMiddleware",
    "AuthenticatedUser",
    "CallToolRequestParams",
    "CallToolResult",
    "Connection",
    "ErrorData",
    "MCPError",
    "NoBackChannelError",
    "RequireAuthMiddleware",
    "Server",
    "ServerMessageMetadata",
    "ServerRequestContext",
    "ServerRunner",
    "ServerSession",
    "SpanKind",
    "TextContent",
    "TransportContext",
    "Untraced",
    "anyio",
    "auth_context_var",
    "close",
    "handler_exception_to_error_data",
    "inject_trace_context",
    "is_endpoint",
    "is_plain",
    "is_traced",
    "lifespan_state",
    "listen_bus",
    "otel_span",
    "principal_components",
    "progress_token_from_params",
    "published",
    "resumed",
    "scope_class",
    "serialize",
    "validate_mcp_param_headers",
]

MODERN: frozenset[str] = frozenset(mcp_types.version.MODERN_PROTOCOL_VERSIONS)
"""The revisions without sessions."""


def _parameters(function: Any) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]


EXPECTED: dict[str, tuple[Callable[[], Any], Any]] = {
    "ServerRunner(server, connection, lifespan_state)": (
        lambda: _parameters(ServerRunner)[:3],
        ["server", "connection", "lifespan_state"],
    ),
    "ServerRunner.on_request(context, method, params)": (
        lambda: _parameters(ServerRunner._on_request),
        ["dctx", "method", "params"],
    ),
    "ServerRunner.on_notify(context, method, params)": (
        lambda: _parameters(ServerRunner._on_notify),
        ["dctx", "method", "params"],
    ),
    "Connection.for_loop(outbound, session_id)": (
        lambda: _parameters(Connection.for_loop)[:2],
        ["outbound", "session_id"],
    ),
    "Connection.from_envelope(protocol_version, client_info, client_capabilities, outbound)": (
        lambda: _parameters(Connection.from_envelope)[:4],
        ["protocol_version", "client_info", "client_capabilities", "outbound"],
    ),
    "a Connection that needs no initialize": (
        lambda: Connection.from_envelope("2025-11-25", None, None).initialize_accepted,
        True,
    ),
    "what a Connection has": (
        lambda: (
            vars(Connection.for_loop(object())).keys()  # type: ignore[arg-type]
            >= {"outbound", "protocol_version", "session_id", "initialized", "state", "exit_stack"}
        ),
        True,
    ),
    "ServerRunner._serialize(method, version, result)": (
        lambda: _parameters(ServerRunner._serialize),
        ["method", "version", "result"],
    ),
    "ServerRunner._compose_server_middleware(inner)": (
        lambda: _parameters(ServerRunner._compose_server_middleware),
        ["inner"],
    ),
    "aclose_shielded(connection)": (lambda: _parameters(aclose_shielded), ["connection"]),
    "ServerMessageMetadata(request_context, close_sse_stream)": (
        lambda: (
            {"request_context", "close_sse_stream", "close_standalone_sse_stream"}
            <= set(_parameters(ServerMessageMetadata))
        ),
        True,
    ),
    "TransportContext(kind, can_send_request, headers)": (
        lambda: _parameters(TransportContext),
        ["kind", "can_send_request", "headers"],
    ),
    "what a session manager is told": (
        lambda: (
            {"app", "event_store", "json_response", "stateless", "security_settings", "retry_interval"}
            <= set(_parameters(StreamableHTTPSessionManager))
        ),
        True,
    ),
    "the lifespan state of a session manager": (
        lambda: "_lifespan_state" in vars(StreamableHTTPSessionManager(app=None)),  # type: ignore[arg-type]
        True,
    ),
    "the bus of a ListenHandler": (lambda: vars(ListenHandler("bus")).get("_bus"), "bus"),  # type: ignore[arg-type]
    "RequireAuthMiddleware(app, required_scopes)": (
        lambda: _parameters(RequireAuthMiddleware)[:2],
        ["app", "required_scopes"],
    ),
}
"""What the package builds on: how to look at it, and what must be seen."""


def check(expected: dict[str, tuple[Callable[[], Any], Any]] = EXPECTED) -> None:
    """Raises UnsupportedServer if something is not as expected."""
    for what, (look, wanted) in expected.items():
        try:
            found = look()
        except Exception as problem:
            raise _refusal(f"{what} is not as expected ({problem})") from problem
        if found != wanted:
            raise _refusal(f"{what} is not as expected")


check()


# ---- What else is private ----------------------------------------------------


def lifespan_state(manager: Any) -> Any:
    """What the server's lifespan has yielded, while the session manager runs."""
    return manager._lifespan_state


def listen_bus(server: Any) -> Any:
    """The bus of changes that a server's subscriptions/listen serves; None if it serves none.

    Raises UnsupportedServer if the server has a handler of its own: the library serves those streams.
    """
    entry = server.get_request_handler("subscriptions/listen")
    if entry is None:
        return None
    if not isinstance(entry.handler, ListenHandler):
        raise UnsupportedServer(
            "a handler for subscriptions/listen that is no ListenHandler: the library serves these streams,"
            " from the bus of one. This line serves it: uvicorn.run(mcp.streamable_http_app())"
        )
    return entry.handler._bus


def published(event: Any) -> tuple[str, str | None] | None:
    """An event of a bus as the arguments of `Server.publish`."""
    if isinstance(event, ResourceUpdated):
        return "resource", event.uri
    for kind, name in (
        (ToolsListChanged, "tools"),
        (PromptsListChanged, "prompts"),
        (ResourcesListChanged, "resources"),
    ):
        if isinstance(event, kind):
            return name, None
    return None


def resumed(outbound: Any, session: Any) -> Any:
    """The connection of a session whose initialize another process has served."""
    capabilities = session.client_capabilities
    connection = Connection.from_envelope(session.revision, session.client_info, capabilities, outbound=outbound)
    connection.session_id = session.id
    return connection


async def close(connection: Any) -> None:
    """Runs what handlers have left to be done at the end of a connection."""
    # Without callbacks there is nothing to shield.
    if getattr(connection.exit_stack, "_exit_callbacks", True):
        await aclose_shielded(connection)


def is_plain(server: Any) -> bool:
    """Whether only the middlewares are there that the SDK itself puts there."""
    from mcp.server.request_state import RequestStateBoundary

    return all(type(one) in (OpenTelemetryMiddleware, RequestStateBoundary) for one in server.middleware)


def serialize(runner: Any, method: str, version: str, result: Any) -> Any:
    """A handler's result as the kernel sends it."""
    return runner._serialize(method, version, result)


def is_traced() -> bool:
    """Whether somebody has configured OpenTelemetry, so that spans go somewhere."""
    return trace._TRACER_PROVIDER is not None


class Untraced(ServerRunner[Any]):
    """Makes no span while nobody collects them. Only for requests without `_meta`, which may carry a trace."""

    def _compose_server_middleware(self, inner: Any) -> Any:
        if is_traced():
            return super()._compose_server_middleware(inner)
        call = inner
        for middleware in reversed(self.server.middleware):
            if type(middleware) is not OpenTelemetryMiddleware:
                call = partial(_enter, middleware, call)
        return call


def _enter(middleware: Any, call_next: Any, context: Any) -> Any:
    return middleware(context, call_next)


def scope_class() -> Any:
    """What anyio.CancelScope() makes on this loop: to call it directly is cheaper."""
    return type(anyio.CancelScope())


# ---- FastMCP, only if the program has imported it ----------------------------


def is_endpoint(thing: Any) -> bool:
    """Whether it is the ASGI application of an endpoint, which has a session manager."""
    classes: list[Any] = [StreamableHTTPASGIApp]
    if fastmcp := sys.modules.get("fastmcp.server.http"):
        classes.append(fastmcp.StreamableHTTPASGIApp)
    return isinstance(thing, tuple(classes))


def fastmcp_middleware(name: str) -> Any:
    """A class of FastMCP's; None if the program has not imported FastMCP."""
    module = sys.modules.get("fastmcp.server.http")
    return None if module is None else getattr(module, name, None)


class FastMCPContext:
    """The context variables in which FastMCP looks for the HTTP request and the transport."""

    def __init__(self) -> None:
        http = sys.modules["fastmcp.server.http"]
        context = sys.modules["fastmcp.server.context"]
        try:
            self.request = http._current_http_request
            self._set_transport = context.set_transport
        except AttributeError as problem:
            raise UnsupportedServer(
                f"{_installed('fastmcp')} is installed, and streamablehttp.mcp cannot serve it: {problem}."
                f" It works with {VERSIONS}; uvicorn.run(mcp.http_app()) works with any"
            ) from problem

    def enter(self) -> None:
        """Says that everything that starts from here is served by HTTP."""
        self._set_transport("streamable-http")
