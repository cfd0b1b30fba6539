"""Starts and stops a server: the application's lifespan, the library, the bridge between them."""

from __future__ import annotations

import asyncio
import contextvars
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from streamablehttp import NEVER, Server

from . import _kernel
from ._authorize import Authorizer, Rules
from ._context import logger
from ._errors import unsupported, uvicorn_line
from ._sessions import REQUESTS_MAX, Bridge
from ._target import Target, resolve

DRAIN_SECONDS = 10.0


class Serving:
    """A server that is being served."""

    def __init__(self, server: Server, bridge: Bridge) -> None:
        self._server = server
        self._bridge = bridge
        self.url = server.url
        """The URL of the endpoint, for clients on this machine."""
        self.port = server.port
        """The port it listens on; 0 on a Unix socket."""
        self.ended = asyncio.create_task(bridge.run())
        """Done when the server has closed."""

    def stats(self) -> dict[str, int]:
        """The counters of `streamablehttp.Server.stats`."""
        return self._server.stats()

    def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Shuts down gracefully: open requests may be answered for that time. Await `ended` to wait for it."""
        self._server.drain(int(seconds * 1000))

    def close(self) -> None:
        """Shuts down now."""
        self._server.close()


@asynccontextmanager
async def serve(
    target: Any,
    *,
    host: str,
    port: int,
    unix_path: Any,
    fast: bool,
    response_mode: str | None,
    requests_max: int,
    engine: dict[str, Any],
    options: dict[str, Any],
) -> AsyncIterator[Serving]:
    found = resolve(target, host, port, options)
    rules = Rules(found, host, port)
    failure: BaseException | None = None
    async with found.app.router.lifespan_context(found.app) as state:
        # The SDK's lifespan has a task group, which would wrap what is raised inside it.
        try:
            settings = engine_options(found, host, port)
            settings.update(rules.options)
            if response_mode is not None:
                settings["response_mode"] = response_mode
            settings.update(engine)
            base = base_scope(found, host, state)
            authorizer = None
            if rules.asked or found.guard is not None:
                authorizer = Authorizer(rules.asked, found.guard, base)
                settings["authorize"] = True
            publisher = Publisher(found.manager.app)
            server = Server(host=host, port=port, unix_path=unix_path, raw=True, **settings)
            async with server:
                base["server"] = (host, server.port) if unix_path is None else (str(unix_path), None)
                serving = Serving(server, bridge(found, server, base, settings, authorizer, fast, requests_max))
                publisher.begin(server)
                try:
                    yield serving
                finally:
                    publisher.end()
                    server.close()
                    await serving.ended
        except BaseException as problem:
            failure = problem
    if failure is not None:
        raise failure


def bridge(
    found: Target,
    server: Server,
    base: dict[str, Any],
    settings: dict[str, Any],
    authorizer: Any,
    fast: bool,
    requests_max: int,
) -> Bridge:
    manager = found.manager
    context = contextvars.copy_context()
    variables: tuple[contextvars.ContextVar[Any], ...] = ()
    if found.is_fastmcp:
        fastmcp = _kernel.FastMCPContext()
        context.run(fastmcp.enter)
        variables = (fastmcp.request,)
    routes = None
    if settings.get("other_paths"):
        from ._routes import Routes

        routes = Routes(found.app, base)
    return Bridge(
        server,
        manager.app,
        _kernel.lifespan_state(manager),
        context,
        base,
        json_response=settings["response_mode"] == "json",
        retry_ms=manager.retry_interval,
        requests_max=requests_max or REQUESTS_MAX,
        variables=variables,
        authorizer=authorizer,
        routes=routes,
        fast=fast,
    )


def engine_options(found: Target, host: str, port: int) -> dict[str, Any]:
    """The library's options, from those of the session manager."""
    manager = found.manager
    if manager.event_store is not None:
        line = uvicorn_line(found.given, host, port)
        raise unsupported("event_store", "the library numbers the events itself, and keeps them", line)
    options: dict[str, Any] = {
        "path": found.path,
        "response_mode": "json" if manager.json_response else "stream",
        "stateless": manager.stateless,
        "progress_route": "request",
        # The SDK's limits are for all clients together, and it does not wait for notifications/initialized.
        "address_share_percent": 100,
        "principal_share_percent": 100,
        "initialize_ms": NEVER,
    }
    if not manager.stateless:
        idle = getattr(manager, "session_idle_timeout", None)
        options["session_idle_ms"] = NEVER if idle is None else max(1, min(int(idle * 1000), NEVER - 1))
        most = getattr(manager, "max_sessions", None)
        options["sessions_max"] = NEVER if most is None else most
    if body := getattr(manager, "max_request_body_size", None):
        options["message_bytes_max"] = body
    options.update(protection(manager.security_settings, found.is_fastmcp))
    if found.has_routes:
        options["other_paths"] = True
    return options


def protection(settings: Any, is_fastmcp: bool) -> dict[str, Any]:
    """The SDK's check of Host and Origin, as options of the library. FastMCP has a middleware for it."""
    if is_fastmcp or settings is None or not settings.enable_dns_rebinding_protection:
        return {"allowed_hosts": ["*"], "allowed_origins": ["*"]}
    return {"allowed_hosts": list(settings.allowed_hosts), "allowed_origins": list(settings.allowed_origins)}


def base_scope(found: Target, host: str, state: Any) -> dict[str, Any]:
    """What the ASGI scopes of all requests have in common."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
        "path_params": {},
        "server": (host, 0),
        "app": found.app,
        "router": found.app.router,
        "endpoint": found.guard or found.asgi,
        "state": dict(state or {}),
    }


class Publisher:
    """Lets what an SDK server publishes reach the streams of subscriptions/listen."""

    def __init__(self, mcp: Any) -> None:
        """Raises UnsupportedServer."""
        self._bus = _kernel.listen_bus(mcp)
        self._server: Server | None = None
        self.end: Any = lambda: None
        """Ends it."""

    def begin(self, server: Server) -> None:
        self._server = server
        if self._bus is not None:
            self.end = self._bus.subscribe(self._publish)

    def _publish(self, event: Any) -> None:
        change = _kernel.published(event)
        if change is not None and self._server is not None:
            self._server.publish(change[0], change[1])  # type: ignore[arg-type]


# ---- A program of its own ------------------------------------------------------------------


async def until_signalled(target: Any, drain_seconds: float, on_ready: Any, **options: Any) -> None:
    """Serves until SIGTERM or SIGINT: the first drains, the second closes."""
    loop = asyncio.get_running_loop()
    async with serve(target, **options) as serving:
        count = 0

        def stop() -> None:
            nonlocal count
            count += 1
            if count == 1:
                serving.drain(drain_seconds)
            else:
                serving.close()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        try:
            logger.info("serving %s", serving.url)
            on_ready(serving.url)
            await serving.ended
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)


def run(target: Any, drain_seconds: float, on_ready: Any, **options: Any) -> None:
    work = until_signalled(target, drain_seconds, on_ready, **options)
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        loop = uvloop.new_event_loop()
        try:
            asyncio.set_event_loop(loop)
            loop.run_until_complete(work)
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            asyncio.set_event_loop(None)
            loop.close()
