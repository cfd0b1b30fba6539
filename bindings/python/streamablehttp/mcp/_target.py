"""Finds in a server, or in the ASGI application of one, what is to be served, and how."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from . import _kernel
from ._errors import UnsupportedServer, uvicorn_line
from ._errors import unsupported as _unsupported

UVICORN = {
    **dict.fromkeys(("ssl_keyfile", "ssl_certfile", "ssl_keyfile_password", "ssl_ca_certs", "ssl_version"), "TLS"),
    **dict.fromkeys(("ssl_cert_reqs", "ssl_ciphers"), "TLS"),
    **dict.fromkeys(("workers", "reload", "reload_dirs", "reload_includes", "reload_excludes"), "a process manager"),
    **dict.fromkeys(("proxy_headers", "forwarded_allow_ips"), "the headers of proxies"),
    **dict.fromkeys(("log_config", "access_log", "use_colors", "log_level"), "uvicorn's log"),
    **dict.fromkeys(("root_path", "http", "ws", "loop", "lifespan", "interface", "uvicorn_config"), "uvicorn"),
}
"""Options that only uvicorn has, and whose they are."""


class Target:
    """An endpoint of an ASGI application."""

    def __init__(self, app: Any, given: Any, path: str, asgi: Any, guard: Any, has_routes: bool) -> None:
        self.app = app
        self.given = given
        """What the user gave."""
        self.path = path
        self.asgi = asgi
        """The endpoint, which has the session manager: FastMCP's, once the application has started."""
        self.guard = guard
        """The RequireAuthMiddleware before it; None without authorization."""
        self.has_routes = has_routes
        self.is_fastmcp = getattr(app.state, "fastmcp_server", None) is not None

    @property
    def manager(self) -> Any:
        manager = self.asgi.session_manager
        if manager is None:
            raise UnsupportedServer("the endpoint has no session manager, even after the start of its application")
        return manager


def resolve(given: Any, host: str, port: int, options: dict[str, Any]) -> Target:
    """What to serve. Raises UnsupportedServer, UnsupportedOption."""
    for name in options.keys() & UVICORN.keys():
        line = uvicorn_line(given, host, port, **{name: options[name]})
        raise _unsupported(name, f"it is for {UVICORN[name]}", line)
    for name in ("event_store",):
        if options.get(name) is not None:
            raise _unsupported(name, "the library numbers the events itself, and keeps them", uvicorn_line(given))
    app = _app(given, host, options)
    found = list(_endpoints(app.routes, ""))
    if not found:
        raise UnsupportedServer(
            f"{type(given).__name__}: no endpoint of Streamable HTTP is among its routes."
            f" This line serves it: {uvicorn_line(given, host, port)}"
        )
    if len(found) > 1:
        paths = ", ".join(path for path, _, _ in found)
        raise _unsupported("app", f"it has several endpoints: {paths}", uvicorn_line(given, host, port))
    path, asgi, guard = found[0]
    return Target(app, given, path, asgi, guard, _count(app.routes) > 1)


def _app(given: Any, host: str, options: dict[str, Any]) -> Any:
    """The application of a server, as the framework builds it; or the one that was given."""
    from starlette.applications import Starlette

    if isinstance(given, Starlette):
        if options:
            name = next(iter(options))
            raise _unsupported(name, "an application has its options already", uvicorn_line(given))
        return given
    fastmcp = sys.modules.get("fastmcp")
    if fastmcp is not None and isinstance(given, fastmcp.FastMCP):
        return given.http_app(**options)
    if hasattr(given, "streamable_http_app"):
        return given.streamable_http_app(host=host, **options)
    raise UnsupportedServer(
        f"{type(given).__name__}: an MCPServer, a Server, a FastMCP or a Starlette application is needed."
        f" This line serves any ASGI application: {uvicorn_line(given)}"
    )


def _endpoints(routes: Any, prefix: str) -> Iterator[tuple[str, Any, Any]]:
    """The endpoints below `routes`: their paths, applications, and what guards them."""
    for route in routes:
        if getattr(route, "routes", None):
            yield from _endpoints(route.routes, prefix + getattr(route, "path", ""))
            continue
        endpoint = getattr(route, "endpoint", None) or getattr(route, "app", None)
        guard = endpoint if isinstance(endpoint, _kernel.RequireAuthMiddleware) else None
        inner = guard.app if guard is not None else endpoint
        if _kernel.is_endpoint(inner):
            yield prefix + route.path or "/", inner, guard


def _count(routes: Any) -> int:
    return sum(_count(route.routes) if getattr(route, "routes", None) else 1 for route in routes)
