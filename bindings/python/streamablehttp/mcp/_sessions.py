"""From the library's events to the SDK's kernel: sessions, requests, notifications."""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

import pydantic_core

from streamablehttp import (
    Authorization,
    Cancelled,
    ClosedError,
    CommandFailed,
    HTTPRequest,
    LimitError,
    NotFoundError,
    Notification,
    Request,
    RequestCancelledError,
    Server,
    Session,
    SessionClosed,
    SessionOpened,
    StreamableHTTPError,
)
from streamablehttp._values import load

from . import _engine, _kernel
from ._context import ASKING, SILENT, SINGLE, Exchange, Notice, Standalone, Watchers, logger
from ._request import LazyRequest

REQUESTS_MAX = 1024
"""How many requests are served at a time; further ones wait."""

END_SECONDS = 5.0
"""How long requests that are left at the end may take to notice that they are cancelled."""

OPENING_MAX = 4096
"""How many answered initialize are remembered until their sessions open."""

RESUMABLE = "2025-11-25"

_NO_ANSWER = (NotFoundError, RequestCancelledError, ClosedError)


class Entry:
    """A client's session: its connection, and the kernel that serves it."""

    __slots__ = ("connection", "outbound", "retry_ms", "run", "runner", "transport", "untraced")

    def __init__(self, bridge: Bridge, transport: Any, resumed: Session | None = None) -> None:
        """`resumed`: a session that needs no initialize any more."""
        self.outbound = Standalone(bridge.watchers)
        if resumed is None:
            self.connection = _kernel.Connection.for_loop(self.outbound)
        else:
            self.connection = _kernel.resumed(self.outbound, resumed)
        self.runner = _kernel.ServerRunner(bridge.mcp, self.connection, bridge.state)
        self.run: Run = self.runner.on_request
        self.untraced: Run = _kernel.Untraced(bridge.mcp, self.connection, bridge.state).on_request
        """The same, for params without `_meta`."""
        self.transport = transport
        self.retry_ms: int | None = None


Run = Callable[[Any, str, Any], Awaitable[Any]]
"""Serves a request: a dispatch context, method, params. The result is a dict, or JSON in bytes."""


class Bridge:
    """Serves the events of one server with the handlers of an SDK server."""

    def __init__(
        self,
        server: Server,
        mcp: Any,
        state: Any,
        context: contextvars.Context,
        base: dict[str, Any],
        *,
        json_response: bool = False,
        retry_ms: int | None = None,
        requests_max: int = REQUESTS_MAX,
        variables: tuple[contextvars.ContextVar[Any], ...] = (),
        authorizer: Any = None,
        routes: Any = None,
        fast: bool = False,
    ) -> None:
        self.mcp = mcp
        """The SDK's low-level server."""
        self.state = state
        """What its lifespan has yielded."""
        self.watchers = Watchers()
        self.context = context
        self.loop = asyncio.get_running_loop()
        self._server = server
        self.base = base
        self._transport = SILENT if json_response else ASKING
        self._retry_ms = None if json_response else (retry_ms or 1000)
        self._requests_max = requests_max
        self._variables = variables
        self._authorizer = authorizer
        self._routes = routes
        self._scope: Any = _kernel.scope_class()
        self._open: dict[Any, Exchange] = {}
        self._waiting: OrderedDict[Any, None] = OrderedDict()
        """The requests that have not been started, the oldest first."""
        self._opening_sessions: OrderedDict[Any, None] = OrderedDict()
        self._entries: set[Entry] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._modern: Any = None
        self._fast: Any = None
        if fast:
            from ._fast import FastCalls

            self._fast = FastCalls(mcp, state)
        self._handlers: dict[type, Callable[[Any], None]] = {
            Request: self._request,
            Notification: self._notification,
            Cancelled: self._cancelled,
            SessionOpened: self._session_opened,
            SessionClosed: self._session_closed,
            CommandFailed: self._command_failed,
            Authorization: self._authorization,
            HTTPRequest: self._http_request,
        }

    async def run(self) -> None:
        """Serves until the server has closed."""
        try:
            await self._server.serve(self._handle)
        finally:
            await self._end()

    def _handle(self, event: Any) -> None:
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    async def _end(self) -> None:
        self._waiting.clear()
        tasks = [exchange.task for exchange in self._open.values()] + list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            _, left = await asyncio.wait(tasks, timeout=END_SECONDS)
            if left:
                logger.warning("%d handlers have not ended %s s after they were cancelled", len(left), END_SECONDS)
        entries = [*self._entries, *(session.data for session in self._opening_sessions)]
        self._entries.clear()
        self._opening_sessions.clear()
        for entry in entries:
            await _kernel.close(entry.connection)

    # ---- Tasks -----------------------------------------------------------------------

    if sys.version_info >= (3, 11):

        def _task(self, work: Coroutine[Any, Any, None], context: contextvars.Context) -> asyncio.Task[None]:
            return self.loop.create_task(work, context=context)
    else:

        def _task(self, work: Coroutine[Any, Any, None], context: contextvars.Context) -> asyncio.Task[None]:
            task: asyncio.Task[None] = context.run(self.loop.create_task, work)
            return task

    def spawn(self, work: Any, context: contextvars.Context | None = None) -> None:
        """Starts work that is cancelled when the server has closed."""
        task = self._task(work, context or self.context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _bound(self, event: Any) -> tuple[contextvars.Context, LazyRequest]:
        """The context in which a message is served, and its HTTP request."""
        context = self.context.copy()
        grant = event.tag
        if grant is None:
            http = LazyRequest(event, self.base)
        else:
            http = LazyRequest(event, self.base, *grant)
            if isinstance(grant[0], _kernel.AuthenticatedUser):
                context.run(_kernel.auth_context_var.set, grant[0])
        for variable in self._variables:
            context.run(variable.set, http)
        return context, http

    # ---- Requests --------------------------------------------------------------------

    def _request(self, event: Request) -> None:
        if len(self._open) >= self._requests_max:
            self._waiting[event] = None
        else:
            self._start(event)

    def _start(self, event: Request) -> None:
        try:
            message = parsed(event.message)
        except (ValueError, RecursionError):
            return self._refuse(event, _kernel.INVALID_PARAMS, "Invalid request parameters", "")
        params = message.get("params")
        if params is not None and not isinstance(params, dict):
            return self._refuse(event, _kernel.INVALID_PARAMS, "Invalid request parameters", "")
        context, http = self._bound(event)
        retry_ms = None
        transport = SINGLE
        session = event.session
        if session is not None:
            entry: Entry | None = session.data
            if event.method == "initialize":
                run, transport = self._opening(session), SILENT
            elif entry is None:
                return self._refuse(event, _kernel.CONNECTION_CLOSED, "Connection closed")
            else:
                run = entry.untraced if params is None or "_meta" not in params else entry.run
                retry_ms, transport = entry.retry_ms, entry.transport
            if entry is not None and self._fast is not None and event.method == "tools/call":
                run = self._fast.way(entry, params) or run
        elif event.revision in _kernel.MODERN:
            run = self._modern_run()
        else:
            run = self._single(event.revision)
        token = None if params is None else _kernel.progress_token_from_params(params)
        exchange = Exchange(event, message["id"], transport, http, self.watchers, token, retry_ms)
        self._open[event] = exchange
        exchange.task = self._task(self._serve(exchange, run, event.method, params), context)

    async def _serve(self, exchange: Exchange, run: Run, method: str, params: Any) -> None:
        request = exchange.request
        try:
            with self._scope() as scope:
                exchange.scope = scope
                if exchange.is_cancelled:
                    return
                result = await run(exchange, method, params)
                exchange.is_closed = True
                if not request.cancelled:
                    await self._respond(request, result)
        except asyncio.CancelledError:
            self._end_now(request)
            raise
        except Exception as problem:
            exchange.is_closed = True
            await self._fail_with(request, problem)
        finally:
            exchange.is_closed = True
            self._open.pop(request, None)
            if self._waiting:
                self._start_next()

    def _start_next(self) -> None:
        while self._waiting and len(self._open) < self._requests_max:
            event, _ = self._waiting.popitem(last=False)
            if not event.cancelled:
                self._start(event)

    async def _respond(self, request: Request, result: Any) -> None:
        body = result if isinstance(result, bytes) else as_json(result)
        try:
            try:
                request.respond(body)
            except LimitError:
                await _engine.sent(lambda: request.respond(body), request)
        except _NO_ANSWER:
            pass

    async def _fail_with(self, request: Request, problem: Exception) -> None:
        error = _kernel.handler_exception_to_error_data(problem)
        if error is not None:
            return await self._fail(request, error.code, error.message, error.data)
        logger.error("handler for %r raised", request.method, exc_info=problem)
        if request.revision in _kernel.MODERN:
            await self._fail(request, _kernel.INTERNAL_ERROR, "Internal server error")
        else:
            await self._fail(request, 0, str(problem))  # as the SDK does

    async def _fail(self, request: Request, code: int, message: str, data: Any = None) -> None:
        try:
            details = None if data is None else as_json(data)
            await _engine.sent(lambda: request.fail(code, message, details), request)
        except _NO_ANSWER:
            pass
        except Exception:
            # A code that is no 32-bit integer, or data that is no JSON: the client gets another error.
            logger.exception("the error of a handler for %r cannot be sent", request.method)
            if code != _kernel.INTERNAL_ERROR or data is not None:
                await self._fail(request, _kernel.INTERNAL_ERROR, "Internal server error")

    def _refuse(self, request: Request, code: int, message: str, data: Any = None) -> None:
        self.spawn(self._fail(request, code, message, data))

    def _end_now(self, request: Request) -> None:
        """Answers a request whose handler was cancelled, if it still can be answered."""
        try:
            request.fail(_kernel.CONNECTION_CLOSED, "Connection closed")
        except StreamableHTTPError as problem:
            logger.debug("%r: %s", request, problem)

    # ---- The other ways to serve one ------------------------------------------------------

    def _opening(self, session: Any) -> Run:
        """The initialize of a session."""

        async def run(exchange: Any, method: str, params: Any) -> Any:
            entry = session.data = Entry(self, self._transport)
            entry.connection.session_id = session.id
            try:
                result = await entry.run(exchange, method, params)
            except BaseException:
                await _kernel.close(entry.connection)
                raise
            # Nobody else keeps it until it has opened. It does not open if its client has gone.
            self._opening_sessions[session] = None
            if len(self._opening_sessions) > OPENING_MAX:
                unopened, _ = self._opening_sessions.popitem(last=False)
                self.spawn(_kernel.close(unopened.data.connection))
            return result

        return run

    def _single(self, revision: str) -> Run:
        """A request without a session, by the rules of a revision that has sessions."""

        async def run(exchange: Any, method: str, params: Any) -> Any:
            connection = _kernel.Connection.from_envelope(revision, None, None)
            try:
                return await _kernel.ServerRunner(self.mcp, connection, self.state).on_request(exchange, method, params)
            finally:
                await _kernel.close(connection)

        return run

    def _modern_run(self) -> Run:
        if self._modern is None:
            from ._modern import Modern

            self._modern = Modern(self.mcp, self.state)
        run: Run = self._modern.serve
        return run

    # ---- Notifications -------------------------------------------------------------------

    def _notification(self, event: Notification) -> None:
        if event.revision in _kernel.MODERN:
            return  # as the SDK: it has acknowledged it
        params = event.params
        if not isinstance(params, dict) or (not params and b'"params"' not in event.message):
            params = None
        self._notify(event, event.method, params)

    def _notify(self, event: Any, method: str, params: Mapping[str, Any] | None) -> None:
        context, http = self._bound(event)
        if method == "notifications/progress" and (told := self.watchers.find(params, event.session)):
            self.spawn(told, context.copy())
        session = event.session
        if session is None:
            connection = _kernel.Connection.from_envelope(event.revision, None, None)
            notice = Notice(event, SINGLE, http, self.watchers, None)
            runner = _kernel.ServerRunner(self.mcp, connection, self.state)
            self.spawn(self._serve_single(runner, notice, method, params), context)
        elif session.data is not None:
            entry: Entry = session.data
            notice = Notice(event, entry.transport, http, self.watchers, entry.outbound)
            self.spawn(entry.runner.on_notify(notice, method, params), context)

    async def _serve_single(self, runner: Any, notice: Any, method: str, params: Any) -> None:
        try:
            await runner.on_notify(notice, method, params)
        finally:
            await _kernel.close(runner.connection)

    def _cancelled(self, event: Cancelled) -> None:
        self._waiting.pop(event.request, None)
        exchange = self._open.get(event.request)
        if exchange is not None:
            exchange.cancel()
        params = event.params
        if params and event.request.revision not in _kernel.MODERN:
            self._notify(event.request, "notifications/cancelled", params)

    # ---- Sessions ------------------------------------------------------------------------

    def _session_opened(self, event: SessionOpened) -> None:
        session = event.session
        self._opening_sessions.pop(session, None)
        if event.resumed:
            session.data = Entry(self, self._transport, session)
        entry: Entry | None = session.data
        if entry is None:  # too many others have been answered since
            return session.close()
        if session.revision >= RESUMABLE:
            entry.retry_ms = self._retry_ms
        self._entries.add(entry)
        if early := entry.outbound.open(session):
            self.spawn(early)

    def _session_closed(self, event: SessionClosed) -> None:
        session = event.session
        entry: Entry | None = session.data
        self._opening_sessions.pop(session, None)
        for request in [one for one in self._waiting if one.session is session]:
            del self._waiting[request]
        for request, exchange in list(self._open.items()):
            if request.session is session:
                exchange.cancel()
        if entry is not None:
            session.data = None
            self._entries.discard(entry)
            entry.outbound.close()
            self.spawn(_kernel.close(entry.connection))

    def _command_failed(self, event: CommandFailed) -> None:
        logger.debug("%r", event)

    # ---- Authorization -------------------------------------------------------------------

    def _authorization(self, event: Authorization) -> None:
        self.spawn(self._authorizer.decide(event))

    def _http_request(self, event: HTTPRequest) -> None:
        self.spawn(self._routes.serve(event))


def parsed(text: bytes) -> Any:
    """A message as the SDK parses it; what that refuses, such as an unpaired surrogate, as the binding does."""
    try:
        return pydantic_core.from_json(text)
    except ValueError:
        return load(text)


def as_json(value: Any) -> bytes:
    """A result as JSON, as the SDK writes it."""
    try:
        return pydantic_core.to_json(value, inf_nan_mode="null")
    except pydantic_core.PydanticSerializationError:
        from streamablehttp._values import dump

        return dump("result", value)
