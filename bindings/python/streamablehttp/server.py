"""A Streamable HTTP server inside this process."""

from __future__ import annotations

import asyncio
import atexit
import os
import socket
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from ctypes import byref, sizeof
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Literal, get_args
from urllib.parse import quote

from ._abi import shttp_change, shttp_loop_p, shttp_stats
from ._consumers import Consumers, LoopConsumer, ThreadConsumer
from ._handles import Handle, forget_in_child, stays_here
from ._library import library
from ._options import server_options, signature
from ._pump import Pump
from ._start import Listening, Sockets, create, internet_address, listen, unix_socket_path
from ._store import EVENT_METHODS, SESSION_METHODS, Binding, EventStore, SessionStore
from ._store_calls import event_store as event_struct
from ._store_calls import session_store as session_struct
from ._table import OPTIONS, Options
from ._values import borrowed, dump, encoded, integer, message_params, method_name, milliseconds, wrong_type
from .calls import Call, Calls
from .client import Client
from .errors import ClosedError, InvalidArgumentError, InvalidOptionError
from .http_request import Exchanges
from .message import Event
from .request import Requests
from .session import Session

if TYPE_CHECKING:
    from typing_extensions import Unpack

Change = Literal["tools", "prompts", "resources", "resource"]
"""What has changed: one of the lists, or one resource."""

CLOSE_SECONDS = 5.0
"""How long leaving a `with` block waits for streams to end before it closes them."""


class Server:
    """A Streamable HTTP server. It listens as soon as it is created, on the library's own thread.

    That thread handles sockets, framing, sessions, keep-alives and slow readers, and never waits
    for the interpreter. The host takes events, in one of two ways, and answers requests::

        async with Server(name="hello", version="1", capabilities={"tools": {}}) as server:
            async for event in server.events():   # on asyncio
                ...

        with Server(name="hello", version="1") as server:
            for event in server:                  # on its own thread
                ...

    Use only one of them, and one consumer, at a time; start a task or thread for long work. The
    iteration ends when the server has closed. Responses to calls are delivered while events are
    iterated, or while a thread waits in `Call.result`. The library's log goes to the logger
    "streamablehttp".

    Clients of all protocol revisions talk to the one URL, each by the rules of its own, unless
    `revisions` names some of them; the host gets the same events for all. With 2026-07-28 there are
    no sessions, so `Request.session` is None.

    The library answers initialize and server/discover with `name` and `version` (the serverInfo), `capabilities` and
    `instructions`; with `raw` it leaves these and ping to the host. `host` is a numeric
    address, or "localhost" for 127.0.0.1; with port 0 the system chooses one, and with None it
    listens nowhere: see `client`. `unix_path` is a Unix socket to listen on instead of both, and
    `listen_fd` one or several sockets that listen already, such as systemd's: descriptors, or
    sockets of Python's; the server uses duplicates. `json_response` is the same as `response_mode="json"`.
    Without `replay` no messages are kept, and clients cannot resume a stream; `event_store` keeps
    them instead of the library (see `EventStore`). With `session_store` sessions outlive the process
    (see `SessionStore`); `store="sqlite:PATH"` does both. `Options` describes the other keyword
    arguments.

    In a forked child the object is closed: it raises ClosedError; leaving the `with` block,
    deleting the object and exiting have no effect on the parent.

    Raises TypeError, InvalidOptionError, AddressInUseError, AddressUnavailableError and others.
    """

    def __init__(
        self,
        *,
        name: str | None = None,
        version: str = "0",
        host: str = "127.0.0.1",
        port: int | None = 0,
        unix_path: str | os.PathLike[str] | None = None,
        listen_fd: Listening | Iterable[Listening] | None = None,
        json_response: bool = False,
        replay: bool = True,
        raw: bool = False,
        event_store: EventStore | None = None,
        session_store: SessionStore | None = None,
        **options: Unpack[Options],
    ) -> None:
        events = None if event_store is None else Binding("event_store", event_store, EVENT_METHODS)
        sessions = None if session_store is None else Binding("session_store", session_store, SESSION_METHODS)
        self._stores = [one for one in (events, sessions) if one is not None]
        struct = server_options(
            name=name,
            version=version,
            json_response=json_response,
            replay=replay,
            raw=raw,
            event_store=None if events is None else event_struct(events),
            session_store=None if sessions is None else session_struct(sessions),
            options=options,
        )
        port = None if port is None else integer("port", port, 0, 0xFFFF)
        self.host = internet_address(host)
        """The numeric address that it listens on."""
        self.unix_path = None if unix_path is None else unix_socket_path(unix_path)
        sockets = None if listen_fd is None else Sockets(listen_fd)
        if struct.unix_mode and unix_path is None:
            raise InvalidOptionError("unix_mode: it is for a unix_path, and there is none")
        self.path: str = options.get("path", OPTIONS["path"].default)
        loop_pointer = shttp_loop_p()
        library.shttp_loop_create(None, byref(loop_pointer))
        loop = Handle(loop_pointer, library.shttp_loop_destroy)
        try:
            pointer = create(loop, struct)
            if sockets is not None:
                self.host, self.unix_path = sockets.listen(pointer)
            elif self.unix_path is not None or port is not None:
                listen(pointer, self.host, port or 0, self.unix_path)
            self.port: int = library.shttp_server_port(pointer)
            """The port it listens on; 0 on a Unix socket, and if it listens nowhere."""
            descriptor = library.shttp_server_descriptor(pointer)
            # Destroying the loop joins its thread and destroys the server on it.
            self._handle = Handle(pointer, lambda pointer: loop.close())
            for one in self._stores:
                one.server = self._handle
            loop.invoke(library.shttp_loop_run_thread)
        except BaseException:
            loop.close()
            raise
        self._calls = Calls(self._handle)
        self._requests = Requests(self._calls)
        unsent = struct.unsent_bytes_max or OPTIONS["unsent_bytes_max"].default
        self._exchanges = Exchanges(self._handle, unsent)
        self._pump = Pump(self._calls, self._requests, self._exchanges, descriptor)
        self._consumers = Consumers(self._pump, self._calls)
        self._ended = threading.Event()
        forget_in_child(self)
        if self._stores or options.get("store"):
            _destroy_at_exit(self)

    @property
    def url(self) -> str:
        """The endpoint, for clients on this machine; without a port if it listens nowhere."""
        if self.unix_path is not None:
            return f"http+unix://{quote(self.unix_path, safe='')}{self.path}"
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host).replace("%", "%25")
        port = f":{self.port}" if self.port else ""
        return f"http://{f'[{host}]' if ':' in host else host}{port}{self.path}"

    @property
    def sessions(self) -> list[Session]:
        """The open sessions, according to the events taken so far. [any thread]"""
        return [session for session in list(self._pump.sessions.values()) if not session.closed]

    @property
    def closed(self) -> bool:
        """Whether the server has closed and its resources are freed."""
        return self._handle.closed

    def __repr__(self) -> str:
        return f"<Server {'closed' if self.closed else self.url}>"

    __reduce__ = stays_here

    def events(self) -> AsyncIterator[Event]:
        """Iterates over the events, on the running asyncio loop, until the server has closed.

        Raises RuntimeError if another loop or a thread is taking them, and ClosedError in a fork.
        """
        return self._events(self._attach())

    __aiter__ = events

    def __iter__(self) -> Iterator[Event]:
        """Iterates over the events, on this thread, until the server has closed.

        Raises RuntimeError if another thread or an asyncio loop is taking them, and ClosedError in
        a fork.
        """
        self._handle.check_process()
        if self._consumers.taker() is not None:
            raise RuntimeError("somebody is taking the events of this server already")
        consumer = self._consumers.current = ThreadConsumer(self._pump)
        try:
            while (event := consumer.next()) is not None:
                yield event
                del event  # only the host keeps references to it
        finally:
            self._consumers.current = None
            if self._pump.closed:
                self._destroy()

    async def serve(self, handler: Callable[[Event], object]) -> None:
        """Calls `handler` with each event, on the running asyncio loop, until the server has closed.

        The same as iterating, and cheaper where events come one by one: no task is woken for an
        event. `handler` is a plain function, which must not block: it answers, or starts a task.
        What it raises goes to the loop's exception handler, and the next event is served. Keep a
        reference to a request until it is answered.

        Raises TypeError, RuntimeError if somebody else takes the events, and ClosedError in a fork.
        """
        await self._attach().serve(handler)

    def client(self, **keywords: Any) -> Client:
        """A client inside this process, for tests of a host: see `Client`, whose arguments it takes.

        It needs no port, but somebody who takes the server's events::

            async with Server(name="hello", version="1", port=None) as server:
                task = asyncio.create_task(host(server))
                async with server.client() as client:
                    await client.initialize()
                    assert await client.request("tools/list") == {"tools": []}
        """
        return Client(self, **keywords)

    def adopt(self, connection: socket.socket | int) -> None:
        """Serves a connected socket as if its client had connected to the server. [any thread]

        For connections that were accepted elsewhere, and for one end of a socketpair(). It belongs
        to the server afterwards: a socket of Python's is detached.

        Raises TypeError, InvalidArgumentError if it is no connected stream socket, and ClosedError.
        """
        descriptor = connection.fileno() if isinstance(connection, socket.socket) else connection
        self._handle.invoke(library.shttp_server_adopt_fd, integer("connection", descriptor, -1, 0x7FFFFFFF))
        if isinstance(connection, socket.socket):
            connection.detach()

    def mount(self, other: Server) -> None:
        """Serves the endpoint of another server at this one's address, and the other way round.

        Both keep their options, sessions and events; which of them gets a request is decided by its
        path. `other` may listen nowhere (`port=None`); it is reached until it closes, so keep a
        reference to it. [any thread]

        Raises TypeError, BusyError if `other` is mounted already or both have the same path, and
        ClosedError.
        """
        if not isinstance(other, Server):
            raise wrong_type("other", "a Server", other)
        # Always in the same order: each holds a lock.
        if id(self) < id(other):
            self._handle.invoke(lambda front: other._handle.invoke(lambda one: library.shttp_server_mount(front, one)))
        else:
            other._handle.invoke(lambda one: self._handle.invoke(library.shttp_server_mount, one))

    def broadcast(self, method: str, params: Any = None) -> None:
        """Sends a notification on the primary stream of every session. [any thread]

        `params` is a dict or a list, or bytes of JSON. Raises StatelessError on a server without
        sessions.
        """
        self._handle.invoke(library.shttp_server_broadcast, method_name(method), message_params(params))

    def publish(self, change: Change, uri: str | None = None) -> None:
        """Tells the clients that want to know that something has changed. [any thread]

        `change` is "tools", "prompts" or "resources" for these lists, and "resource" for the one
        resource with that `uri`, which must then be given. Clients of 2026-07-28 hear of it on
        their streams of subscriptions/listen that asked for it. Sessions hear of lists on their
        primary streams, all of them, and of a resource if they have subscribed to it and the server
        has `keep_subscriptions`. A client that has not yet read of an earlier change is not told
        twice.

        A subscription covers its URI alone. If one covers others, publish each URI that covers the
        changed one; only C hosts with a callback can leave that to the library.

        Raises TypeError, InvalidArgumentError and LimitError.
        """
        if not isinstance(change, str):
            raise wrong_type("change", "a str", change)
        if change not in get_args(Change):
            raise InvalidArgumentError(f"change: {change!r} is none of {', '.join(map(repr, get_args(Change)))}")
        address = b"" if uri is None else encoded("uri", uri)
        if bool(address) != (change == "resource"):
            raise InvalidArgumentError("uri: a resource needs one, and a list has none")
        kind = shttp_change[f"SHTTP_CHANGE_{change.upper()}"]
        self._handle.invoke(library.shttp_server_publish, kind, borrowed(address))

    def set_tools(self, tools: Iterable[Mapping[str, Any]] | bytes) -> None:
        """Says what the tools' parameters are, so that repeated ones can be checked. [any thread]

        For clients of 2026-07-28, which repeat the parameters with x-mcp-header in HTTP headers:
        from then on, a tools/call whose headers contradict its arguments is refused with HTTP
        status 400. `tools` are objects with name and inputSchema, as in the result of tools/list,
        or JSON of them in bytes. Call it again when they change: each call replaces what was said
        before. A tool whose annotations are invalid is not checked, and the log says why.

        Raises TypeError, InvalidMessageError and LimitError.
        """
        if isinstance(tools, (str, Mapping)) or not isinstance(tools, Iterable):
            raise wrong_type("tools", "a list", tools)
        tools = dump("tools", tools if isinstance(tools, bytes) else list(tools))
        self._handle.invoke(library.shttp_server_set_tools, borrowed(tools))

    def close(self) -> None:
        """Stops listening and ends every session and stream; then the iteration ends.

        It does not block, and may be called on any thread and in a signal handler.
        """
        try:
            self._handle.invoke(library.shttp_server_close)
        except ClosedError:
            pass

    def drain(self, deadline_ms: int = 10_000) -> None:
        """Shuts the server down gracefully, for example on SIGTERM.

        New requests get 503. Primary streams end, and their clients are told to reconnect after one
        to two seconds. Open requests may be answered until `deadline_ms` have passed. Like close(),
        it does not block, and may be called on any thread and in a signal handler.
        """
        deadline = milliseconds("deadline_ms", deadline_ms)
        try:
            self._handle.invoke(library.shttp_server_drain, deadline)
        except ClosedError:
            pass

    def stats(self) -> dict[str, int]:
        """The counters of shttp_stats, by field name. [any thread]"""
        stats = shttp_stats()
        self._handle.invoke(library.shttp_server_stats_sized, byref(stats), sizeof(stats))
        return {name: getattr(stats, name) for name, *_ in stats._fields_}

    def list_sessions(self, after: str | None = None, limit: int = 1000, timeout: float | None = None) -> Call:
        """Lists sessions and open requests, with their age and what they wait for. [any thread]

        Await it, or call `result()` on a thread: a dict with at most `limit` (1 to 1000) sessions
        as shttp_server_sessions() in streamablehttp.h describes it. To read on, pass its "next" as
        `after`; it is None at the end. `timeout` is in seconds.
        """
        try:
            first = 0 if after is None else int(after, 16)
        except (TypeError, ValueError):
            raise InvalidArgumentError('after: it is the "next" of a page, such as "0x2a"') from None
        count = integer("limit", limit, 1, 1000)
        return self._calls.list_sessions(first, count, timeout)

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes the server, waits until it has closed, and frees its resources."""
        self.close()
        consumer = self._consumers.taker()
        if self.closed:
            pass
        elif consumer is None or consumer.is_here():
            ThreadConsumer(self._pump).wait(lambda: self._pump.closed, CLOSE_SECONDS)
        else:
            self._ended.wait(CLOSE_SECONDS)
        self._destroy()

    async def __aenter__(self) -> Server:
        self._attach()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes the server, waits until it has closed, and frees its resources."""
        self.close()
        if not self.closed:
            try:
                await asyncio.wait_for(self._attach().ended(), CLOSE_SECONDS)
            except asyncio.TimeoutError:
                pass
            self._destroy()

    def _attach(self) -> LoopConsumer:
        """Makes the running asyncio loop the consumer of the events."""
        self._handle.check_process()
        loop = asyncio.get_running_loop()
        consumer = self._consumers.taker()
        if isinstance(consumer, LoopConsumer) and consumer.loop is loop:
            return consumer
        if consumer is not None:
            raise RuntimeError("somebody is taking the events of this server already")
        self._consumers.current = consumer = LoopConsumer(self._pump, loop, self._destroy)
        return consumer

    async def _events(self, consumer: LoopConsumer) -> AsyncIterator[Event]:
        while (event := await consumer.next()) is not None:
            yield event
            del event  # only the host keeps references to it

    def _destroy(self) -> None:
        """Frees all resources. A second call does nothing."""
        consumer = self._consumers.current
        if isinstance(consumer, LoopConsumer):
            consumer.stop()
        self._consumers.current = None
        with self._pump.taking:
            self._pump.end()
            self._handle.close()
        self._calls.end_all()
        self._ended.set()

    def __del__(self) -> None:
        # References to a session or a request must not keep a server alive that has no consumer.
        if sys.is_finalizing() or not hasattr(self, "_ended"):
            return
        self._handle.close()
        if not self._handle.is_forked:
            self._calls.end_all()

    def forget(self) -> None:
        """Runs in a forked child, automatically."""
        self._consumers.forget()
        self._handle.forget()
        self._calls.forget()
        self._requests.forget()
        self._exchanges.forget()
        self._pump.forget()
        self._ended = threading.Event()
        self._ended.set()


_storing: weakref.WeakSet[Server] = weakref.WeakSet()


def _destroy_at_exit(server: Server) -> None:
    """Ends a server with a store before the interpreter, which could not run the store's methods.

    The library's own store writes what it has been told.
    """
    _storing.add(server)
    atexit.unregister(_destroy_all)
    atexit.register(_destroy_all)


def _destroy_all() -> None:
    for server in list(_storing):
        server._destroy()


Server.__signature__ = signature(Server)  # type: ignore[attr-defined]  # for help()
