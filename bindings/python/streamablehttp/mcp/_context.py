"""One request of a client, as the SDK's kernel sees it: a dispatch context."""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
from collections import deque
from collections.abc import Coroutine, Mapping
from typing import Any

from streamablehttp import (
    ClientError,
    ClosedError,
    DisconnectedError,
    JSONResponseError,
    NotFoundError,
    RequestCancelledError,
    Session,
    SessionEndedError,
    StreamableHTTPError,
)

from . import _engine
from ._kernel import (
    CONNECTION_CLOSED,
    REQUEST_TIMEOUT,
    MCPError,
    NoBackChannelError,
    ServerMessageMetadata,
    SpanKind,
    TransportContext,
    anyio,
    inject_trace_context,
    otel_span,
)

logger = logging.getLogger("streamablehttp.mcp")

ASKING = TransportContext(kind="jsonrpc", can_send_request=True)
SILENT = TransportContext(kind="jsonrpc", can_send_request=False)
SINGLE = TransportContext(kind="streamable-http", can_send_request=False)

_LOG_FIELDS = frozenset({"level", "data", "logger"})
_GONE = (NotFoundError, RequestCancelledError, ClosedError, SessionEndedError, DisconnectedError)


class Watchers:
    """Who wants the progress of the requests that a server makes to its clients."""

    def __init__(self) -> None:
        self._tokens = itertools.count(1)
        self._watchers: dict[str, tuple[Any, Any]] = {}

    def add(self, watcher: Any, session: Any) -> str:
        """A token for a request to the client of `session`."""
        token = f"server-{next(self._tokens)}"
        self._watchers[token] = (watcher, session)
        return token

    def remove(self, token: str) -> None:
        self._watchers.pop(token, None)

    def find(self, params: Any, session: Any) -> Any:
        """A coroutine that tells a watcher of the progress in `params`; None if nobody watches it.

        Only the client that was asked can tell it: others can guess the token.
        """
        if not self._watchers or not isinstance(params, dict):
            return None
        token, progress = params.get("progressToken"), params.get("progress")
        if not isinstance(token, str) or isinstance(progress, bool) or not isinstance(progress, (int, float)):
            return None
        watcher, asked = self._watchers.get(token, (None, None))
        if watcher is None or asked is not session:
            return None
        total, message = params.get("total"), params.get("message")
        return _tell(
            watcher,
            float(progress),
            float(total) if isinstance(total, (int, float)) else None,
            message if isinstance(message, str) else None,
        )


async def _tell(watcher: Any, progress: float, total: float | None, message: str | None) -> None:
    try:
        await watcher(progress, total, message)
    except Exception:
        logger.exception("a progress callback has raised")


class Exchange:
    """A request that is being served, or a notification: then `request` is its event, too."""

    __slots__ = (
        "_cancelled",
        "_http",
        "_notes",
        "_token",
        "_watchers",
        "is_cancelled",
        "is_closed",
        "request",
        "request_id",
        "retry_ms",
        "scope",
        "task",
        "transport",
    )

    def __init__(
        self,
        request: Any,
        request_id: Any,
        transport: TransportContext,
        http: Any,
        watchers: Watchers,
        token: Any = None,
        retry_ms: int | None = None,
    ) -> None:
        self.request = request
        self.request_id = request_id
        self.transport = transport
        self.is_closed = False
        self.retry_ms = retry_ms
        """How long clients wait that this makes come back; None if they cannot."""
        self.is_cancelled = False
        self.scope: Any = None
        """What cancels the handler, once it runs: anyio makes one only in a task."""
        self.task: Any = None
        self._http = http
        self._token = token
        self._watchers = watchers
        self._cancelled: Any = None
        self._notes = 0

    # ---- What the SDK reads ------------------------------------------------------

    @property
    def can_send_request(self) -> bool:
        return self.transport.can_send_request and not self.is_closed

    @property
    def message_metadata(self) -> Any:
        # Not kept: its methods refer to this object, which would then wait for the garbage collector.
        if self.retry_ms is None:
            return ServerMessageMetadata(request_context=self._http)
        return ServerMessageMetadata(
            request_context=self._http,
            close_sse_stream=self._hang_up,
            close_standalone_sse_stream=self._hang_up_primary,
        )

    @property
    def cancel_requested(self) -> Any:
        if self._cancelled is None:
            self._cancelled = anyio.Event()
            if self.is_cancelled:
                self._cancelled.set()
        return self._cancelled

    # ---- What the SDK sends ------------------------------------------------------

    async def notify(self, method: str, params: Mapping[str, Any] | None, opts: Any = None) -> None:
        """Sends a notification on the request's stream; drops it if there is none (any more)."""
        if self.is_closed:
            logger.debug("dropped %s: there is no open request", method)
            return
        try:
            await _engine.sent(lambda: self._send(method, params), self.request)
            await self._pause()
        except JSONResponseError:
            logger.debug("dropped %s: the answer is one JSON document", method)
        except _GONE:
            logger.debug("dropped %s: the client has gone", method)

    async def _pause(self) -> None:
        """A client that reads slowly slows the handler down."""
        self._notes += 1
        if self._notes % _engine.NOTES_MAX == 0:
            await _engine.room(self.request)

    def _send(self, method: str, params: Mapping[str, Any] | None) -> None:
        if method == "notifications/message" and params is not None and params.keys() <= _LOG_FIELDS:
            # The library may drop it for a client that does not read.
            self.request.log(params.get("level", "info"), params.get("data"), params.get("logger"))
        else:
            self.request.notify(method, None if params is None else dict(params))

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        if self._token is None or self.is_closed:
            return
        if _is_plain(progress) and (total is None or (_is_plain(total) and total > 0)):
            try:
                await _engine.sent(lambda: self.request.progress(progress, total, message), self.request)
                await self._pause()
            except (JSONResponseError, *_GONE):
                logger.debug("dropped progress: nobody can read it")
            return
        params: dict[str, Any] = {"progressToken": self._token, "progress": progress}
        if total is not None:
            params["total"] = total
        if message is not None:
            params["message"] = message
        await self.notify("notifications/progress", params)

    async def send_raw_request(self, method: str, params: Mapping[str, Any] | None, opts: Any = None) -> dict[str, Any]:
        if not self.can_send_request:
            raise NoBackChannelError(method)
        return await ask(self.request, method, params, opts, self._watchers)

    async def _hang_up(self) -> None:
        try:
            await _engine.sent(lambda: self.request.hang_up(self.retry_ms), self.request)
        except StreamableHTTPError as problem:
            logger.debug("the stream stays open: %s", problem)

    async def _hang_up_primary(self) -> None:
        session = self.request.session
        try:
            await _engine.sent(lambda: session.hang_up(self.retry_ms), session)
        except StreamableHTTPError as problem:
            logger.debug("the stream stays open: %s", problem)

    # ---- Its end -------------------------------------------------------------------

    def cancel(self) -> None:
        """The client has cancelled it, or has gone."""
        self.is_cancelled = True
        if self._cancelled is not None:
            self._cancelled.set()
        if self.scope is not None:
            self.scope.cancel()


class Standalone:
    """A session's channel for what belongs to no request: its primary stream."""

    def __init__(self, watchers: Watchers) -> None:
        self._watchers = watchers
        self._session: Any = None
        self._is_closed = False
        self._early: deque[tuple[str, Any]] = deque()
        """What its initialize had to say, and what comes until that is sent."""

    def open(self, session: Any) -> Coroutine[Any, Any, None] | None:
        """The session has opened. What is returned sends what there is to send."""
        self._session = session
        return self._send_early() if self._early else None

    async def _send_early(self) -> None:
        while self._early:
            await self._send(*self._early[0])
            self._early.popleft()

    def close(self) -> None:
        self._is_closed = True

    @property
    def is_open(self) -> bool:
        return self._session is not None

    async def notify(self, method: str, params: Mapping[str, Any] | None, opts: Any = None) -> None:
        if self._is_closed:
            logger.debug("dropped %s: the session has ended", method)
        elif self._session is None or self._early:
            self._early.append((method, None if params is None else dict(params)))
        else:
            await self._send(method, None if params is None else dict(params))

    async def _send(self, method: str, params: Any) -> None:
        session = self._session
        try:
            await _engine.sent(lambda: session.notify(method, params), session)
        except _GONE:
            logger.debug("dropped %s: the session has ended", method)

    async def send_raw_request(self, method: str, params: Mapping[str, Any] | None, opts: Any = None) -> dict[str, Any]:
        if self._is_closed:
            raise MCPError(code=CONNECTION_CLOSED, message="Connection closed")
        if self._session is None:
            raise NoBackChannelError(method)
        return await ask(self._session, method, params, opts, self._watchers)


class Notice(Exchange):
    """A notification that is being served: what its handler says goes to the primary stream."""

    __slots__ = ("_outbound",)

    def __init__(self, event: Any, transport: TransportContext, http: Any, watchers: Watchers, outbound: Any) -> None:
        super().__init__(event, None, transport, http, watchers)
        self._outbound = outbound

    async def notify(self, method: str, params: Mapping[str, Any] | None, opts: Any = None) -> None:
        if self._outbound is not None:
            await self._outbound.notify(method, params, opts)

    async def send_raw_request(self, method: str, params: Mapping[str, Any] | None, opts: Any = None) -> dict[str, Any]:
        if self._outbound is None or not self.can_send_request:
            raise NoBackChannelError(method)
        answer: dict[str, Any] = await self._outbound.send_raw_request(method, params, opts)
        return answer


def _is_plain(number: Any) -> bool:
    return isinstance(number, (int, float)) and math.isfinite(number)


async def ask(
    asker: Any, method: str, params: Mapping[str, Any] | None, opts: Any, watchers: Watchers
) -> dict[str, Any]:
    """A request to the client, by a request or a session. Raises MCPError."""
    opts = opts or {}
    sent = dict(params) if params is not None else {}
    meta = dict(sent.get("_meta") or {})
    watcher = opts.get("on_progress")
    session = asker if isinstance(asker, Session) else asker.session
    token = None if watcher is None else watchers.add(watcher, session)
    if token is not None:
        meta["progressToken"] = token
    name = sent.get("name")
    try:
        with otel_span(
            f"MCP send {method}{f' {name}' if isinstance(name, str) else ''}",
            kind=SpanKind.CLIENT,
            attributes={"mcp.method.name": method},
        ):
            inject_trace_context(meta)
            sent.pop("_meta", None)
            if meta:
                sent["_meta"] = meta
            return await _answer(asker, method, sent or None, opts.get("timeout"))
    finally:
        if token is not None:
            watchers.remove(token)


async def _answer(asker: Any, method: str, params: dict[str, Any] | None, timeout: float | None) -> dict[str, Any]:
    try:
        result = await (await _engine.sent(lambda: asker.call(method, params, timeout), asker))
    except ClientError as error:
        raise MCPError(code=error.code, message=error.message, data=error.data) from None
    except (asyncio.TimeoutError, TimeoutError):
        raise MCPError(code=REQUEST_TIMEOUT, message=f"Request {method!r} timed out") from None
    except _GONE:
        raise MCPError(code=CONNECTION_CLOSED, message="Connection closed") from None
    except StreamableHTTPError as problem:
        raise MCPError(code=CONNECTION_CLOSED, message=f"Connection closed: {problem}") from None
    return result if isinstance(result, dict) else {}
