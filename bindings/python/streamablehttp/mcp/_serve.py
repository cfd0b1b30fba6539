"""Starts and stops a server: the application's lifespan, the library, the bridge between them."""

from __future__ import annotations

import asyncio
import contextvars
import signal
import sys
import threading
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from streamablehttp import NEVER, ClosedError, LimitError, Server
from streamablehttp._values import integer, seconds, wrong_type

from . import _engine, _kernel
from ._authorize import Authorizer, Rules
from ._context import logger
from ._errors import UnsupportedOption, unsupported, uvicorn_line
from ._routes import Routes
from ._sessions import REQUESTS_MAX, Bridge
from ._target import Target, has_other_routes, resolve

DRAIN_SECONDS = 10.0

STORES = {"store", "session_store"}
"""Options that keep sessions, of one endpoint."""


class Serving:
    """A server that is being served."""

    def __init__(self, endpoints: list[Endpoint]) -> None:
        self._servers = [one.server for one in endpoints]
        self.url = self._servers[0].url
        """The URL of the endpoint, for clients on this machine; of the first, if there are several."""
        self.port = self._servers[0].port
        """The port it listens on; 0 on a Unix socket."""
        self._ended = asyncio.gather(*(asyncio.create_task(one.bridge.run()) for one in endpoints))

    @property
    def ended(self) -> asyncio.Future[Any]:
        """Done when the server has closed: await it. To stop waiting for it does not stop the server."""
        return asyncio.shield(self._ended)

    def stats(self) -> dict[str, int]:
        """The counters of `streamablehttp.Server.stats`, of all endpoints."""
        totals: dict[str, int] = {}
        for server in self._servers:
            for name, count in server.stats().items():
                totals[name] = totals.get(name, 0) + count
        return totals

    def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Shuts down gracefully: open requests may be answered for that time. Await `ended` to wait for it."""
        deadline = drain_ms("seconds", seconds)
        for server in self._servers:
            server.drain(deadline)

    def close(self) -> None:
        """Shuts down now."""
        for server in self._servers:
            server.close()


class Endpoint:
    """A server of the library for an endpoint, and the bridge to its handlers."""

    def __init__(self, found: Target, place: dict[str, Any], plan: Plan, state: Any, routes: Any) -> None:
        host, port = plan.host, plan.port
        rules = Rules(found, host, port)
        settings = {**engine_options(found, host, port), **rules.options}
        if plan.response_mode is not None:
            settings["response_mode"] = plan.response_mode
        settings.update(plan.engine)
        base = base_scope(found, host, state)
        authorizer = None
        if rules.asked or found.guard is not None:
            authorizer = Authorizer(rules.asked, found.guard, base)
            settings["authorize"] = True
        self._publisher = Publisher(found.manager.app)
        self.server = Server(raw=True, other_paths=routes is not None, **place, **settings)
        unix_path = self.server.unix_path
        base["server"] = (self.server.host, self.server.port) if unix_path is None else (unix_path, None)
        self.bridge = bridge(found, self.server, base, settings, plan, authorizer, routes)

    async def __aenter__(self) -> Endpoint:
        await self.server.__aenter__()
        self._publisher.begin(self.server)
        return self

    async def __aexit__(self, *error: Any) -> None:
        try:
            self._publisher.end()
        finally:
            await self.server.__aexit__(*error)


@dataclass
class Plan:
    """How to serve an application."""

    host: str
    port: int
    unix_path: Any
    listen_fd: Any
    fast: bool
    response_mode: str | None
    requests_max: int
    engine: dict[str, Any]

    def __post_init__(self) -> None:
        integer("requests_max", self.requests_max, 0, sys.maxsize)

    def place(self) -> dict[str, Any]:
        """Where the first server listens: the others share its connections."""
        if self.listen_fd is not None:
            return {"host": self.host, "listen_fd": self.listen_fd}
        return {"host": self.host, "port": self.port, "unix_path": self.unix_path}


@asynccontextmanager
async def serve(target: Any, options: dict[str, Any], plan: Plan) -> AsyncIterator[Serving]:
    app, found = resolve(target, plan.host, plan.port, options)
    for name in STORES & plan.engine.keys():
        if len(found) > 1:
            raise UnsupportedOption(f"{name}: its sessions are those of one endpoint: serve each on a port of its own")
    check_loop(target)
    failure: BaseException | None = None
    async with app.router.lifespan_context(app) as state, AsyncExitStack() as stack:
        # The SDK's lifespan has a task group, which would wrap what is raised inside it.
        try:
            routes = None
            if has_other_routes(app, found):
                routes = Routes(app, base_scope(found[0], plan.host, state))
            endpoints: list[Endpoint] = []
            for one in found:
                place = {"host": plan.host, "port": None} if endpoints else plan.place()
                endpoint = Endpoint(one, place, plan, state, None if endpoints else routes)
                endpoints.append(await stack.enter_async_context(endpoint))
                if len(endpoints) > 1:
                    endpoints[0].server.mount(endpoint.server)
            if routes is not None:
                routes.base["server"] = endpoints[0].bridge.base["server"]
            serving = Serving(endpoints)
            try:
                yield serving
            finally:
                serving.close()
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
    plan: Plan,
    authorizer: Any,
    routes: Any,
) -> Bridge:
    manager = found.manager
    context = contextvars.copy_context()
    variables: tuple[contextvars.ContextVar[Any], ...] = ()
    if found.is_fastmcp:
        fastmcp = _kernel.FastMCPContext()
        context.run(fastmcp.enter)
        variables = (fastmcp.request,)
    return Bridge(
        server,
        manager.app,
        _kernel.lifespan_state(manager),
        context,
        base,
        json_response=settings["response_mode"] == "json",
        retry_ms=manager.retry_interval,
        requests_max=plan.requests_max or REQUESTS_MAX,
        variables=variables,
        authorizer=authorizer,
        routes=routes,
        fast=plan.fast,
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
        "root_path": found.mount,
        **({"app_root_path": ""} if found.mount else {}),
        "path_params": {},
        "server": (host, 0),
        "app": found.apps[-1],
        "router": found.apps[0].router,
        "endpoint": found.guard or found.asgi,
        "state": dict(state or {}),
    }


def check_loop(target: Any) -> None:
    """Raises UnsupportedOption on trio."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        line = f"asyncio.run(main()) with streamablehttp.mcp, or {uvicorn_line(target)}"
        raise unsupported("trio", "an asyncio loop is needed", line) from None


class Publisher:
    """Lets what an SDK server publishes reach the streams of subscriptions/listen."""

    def __init__(self, mcp: Any) -> None:
        """Raises UnsupportedServer."""
        self._bus = _kernel.listen_bus(mcp)
        self._server: Server | None = None
        self._changes: dict[tuple[str, str | None], None] = {}
        """What has to be told, once there is room in the queue of commands."""
        self._retry: asyncio.TimerHandle | None = None
        self.end: Any = lambda: None
        """Ends it."""

    def begin(self, server: Server) -> None:
        self._server = server
        if self._bus is not None:
            self.end = self._bus.subscribe(self._publish)

    def _publish(self, event: Any) -> None:
        change = _kernel.published(event)
        if change is not None:
            self._changes[change] = None
            if self._retry is None:
                self._tell()

    def _tell(self) -> None:
        self._retry = None
        while self._changes and self._server is not None:
            kind, uri = next(iter(self._changes))
            try:
                self._server.publish(kind, uri)  # type: ignore[arg-type]
            except LimitError:
                self._retry = asyncio.get_running_loop().call_later(_engine.RETRY_SECONDS, self._tell)
                return
            except ClosedError:
                pass
            except Exception:
                logger.exception("a change of %s cannot be published", uri or kind)
            del self._changes[kind, uri]


# ---- A program of its own ------------------------------------------------------------------


def drain_ms(argument: str, duration: float) -> int:
    """A deadline in milliseconds. Raises TypeError, InvalidArgumentError."""
    checked = seconds(argument, duration)
    if checked is None:
        raise wrong_type(argument, "a number", duration)
    return min(int(checked * 1000), NEVER - 1)


async def until_signalled(
    target: Any, options: dict[str, Any], plan: Plan, drain_seconds: float, on_ready: Callable[[str], object]
) -> None:
    """Serves until SIGTERM or SIGINT: the first drains, the second closes."""
    async with serve(target, options, plan) as serving:
        count = 0

        def stop() -> None:
            nonlocal count
            count += 1
            if count == 1:
                serving.drain(drain_seconds)
            else:
                serving.close()

        with signals(stop):
            logger.info("serving %s", serving.url)
            on_ready(serving.url)
            await serving.ended


@contextmanager
def signals(stop: Callable[[], object]) -> Iterator[None]:
    """Calls `stop` at each SIGTERM and SIGINT; on another thread than the main one nobody can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            if handler is not None:  # None: it is none of Python's
                signal.signal(number, handler)


def run(
    target: Any, options: dict[str, Any], plan: Plan, drain_seconds: float, on_ready: Callable[[str], object]
) -> None:
    drain_ms("drain_seconds", drain_seconds)
    uvloop = None if has_policy() else installed_uvloop()
    work = until_signalled(target, options, plan, drain_seconds, on_ready)
    if uvloop is None:
        asyncio.run(work)
    elif sys.version_info >= (3, 11):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work)
    else:
        policy = asyncio.get_event_loop_policy()
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
        try:
            asyncio.run(work)
        finally:
            asyncio.set_event_loop_policy(policy)


def has_policy() -> bool:
    """Whether the program has chosen its event loops."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from 3.14 on
        policy = asyncio.get_event_loop_policy()
        return type(policy) is not asyncio.DefaultEventLoopPolicy


def installed_uvloop() -> Any:
    try:
        import uvloop  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return None
    return uvloop
