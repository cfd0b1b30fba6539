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

    def __init__(self, given: Any, apps: tuple[Any, ...], mount: str, path: str, asgi: Any, guard: Any) -> None:
        self.given = given
        """What the user gave."""
        self.apps = apps
        """The application, and those that are mounted in it on the way to the endpoint."""
        self.mount = mount
        """The path below which the last application is mounted; empty if it is the only one."""
        self.path = path
        self.asgi = asgi
        """The endpoint, which has the session manager: FastMCP's, once the application has started."""
        self.guard = guard
        """The RequireAuthMiddleware before it; None without authorization."""

    @property
    def is_fastmcp(self) -> bool:
        return getattr(self.apps[-1].state, "fastmcp_server", None) is not None

    @property
    def manager(self) -> Any:
        manager = self.asgi.session_manager
        if manager is None:
            raise UnsupportedServer("the endpoint has no session manager, even after the start of its application")
        return manager


def resolve(given: Any, host: str, port: int, options: dict[str, Any]) -> tuple[Any, list[Target]]:
    """The application, and its endpoints. Raises UnsupportedServer, UnsupportedOption."""
    for name in options.keys() & UVICORN.keys():
        line = uvicorn_line(given, host, port, **{name: options[name]})
        raise _unsupported(name, f"it is for {UVICORN[name]}", line)
    if options.get("event_store") is not None:
        why = "the library numbers the events itself, and keeps them"
        raise _unsupported("event_store", why, uvicorn_line(given, host, port))
    app = _app(given, host, options)
    found = [Target(given, *one) for one in _endpoints(app.routes, "", "", (app,))]
    if not found:
        raise UnsupportedServer(
            f"{type(given).__name__}: no endpoint of Streamable HTTP is among its routes."
            f" This line serves it: {uvicorn_line(given, host, port)}"
        )
    for one in found:
        if "{" in one.path:
            raise UnsupportedServer(
                f"{one.path}: the library serves one path, and none with parameters."
                f" This line serves it: {uvicorn_line(given, host, port)}"
            )
    return app, found


def has_other_routes(app: Any, found: list[Target]) -> bool:
    return _count(app.routes) > len(found)


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


Found = tuple[tuple[Any, ...], str, str, Any, Any]


def _endpoints(routes: Any, prefix: str, mount: str, apps: tuple[Any, ...]) -> Iterator[Found]:
    """The endpoints below `routes`: the applications on the way, their mounts and paths, and what guards them."""
    for route in routes:
        if hasattr(route, "host_regex"):
            continue  # below a Host: the library does not choose by names
        path = prefix + getattr(route, "path", "")
        if getattr(route, "routes", None):
            mounted = getattr(route, "app", None)
            inner = (*apps, mounted) if hasattr(mounted, "user_middleware") else apps
            yield from _endpoints(route.routes, path, path, inner)
            continue
        endpoint = getattr(route, "endpoint", None) or getattr(route, "app", None)
        guard = endpoint if isinstance(endpoint, _kernel.RequireAuthMiddleware) else None
        asgi = guard.app if guard is not None else endpoint
        if _kernel.is_endpoint(asgi):
            yield apps, mount, path or "/", asgi, guard


def _count(routes: Any) -> int:
    return sum(_count(route.routes) if getattr(route, "routes", None) else 1 for route in routes)
