"""A Streamable HTTP server inside this process."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from ctypes import byref, sizeof
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ._abi import shttp_loop_p, shttp_server_options, shttp_server_p, shttp_stats
from ._consumers import LoopConsumer, ThreadConsumer
from ._handles import Handle, forget_in_child, stays_here
from ._library import library
from ._link import Link
from ._options import Limits, blame, internet_address, server_options, unix_socket_path
from ._pump import Pump
from ._values import integer, message_params, method_name, milliseconds
from .errors import ClosedError, InvalidOptionError, StreamableHTTPError, error_of
from .events import Event
from .session import Session

if TYPE_CHECKING:
    from typing_extensions import Literal, Unpack

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

    The library answers initialize with `name` and `version` (the serverInfo), `capabilities` and
    `instructions`; with `raw` it leaves initialize and ping to the host. `host` is a numeric
    address, or "localhost" for 127.0.0.1; with port 0 the system chooses one; `unix_path` is a Unix
    socket to listen on instead of both. `response_mode` is "stream", "json" (the same as
    `json_response`) or "auto"; `progress_route` is "primary" or "request". Without `replay` no
    events are kept, and clients cannot resume a stream. `allowed_origins` and `allowed_hosts` are
    allow-lists of exact values, "*" allows all; by default a server on loopback allows only
    loopback. Web pages of `cors_origins` may use the server from browsers. With `bearer_tokens`, a
    mapping of tokens to principals or a list of tokens, every request needs one of them; with
    `authorize` the host decides on each request, by an `Authorization` event. `resource_metadata`
    is the metadata document of RFC 9728. `log_level` is "error", "warning", "notice", "debug" or
    "off". `unix_mode` is the file mode of the Unix socket, such as 0o660. With `half_close` a
    client that has closed its sending side still gets its answers. The numbers of `Limits` are
    keyword arguments, too. streamablehttp.h describes all options in detail.

    In a forked child the object is closed: it raises ClosedError; leaving the `with` block,
    deleting the object and exiting have no effect on the parent.

    Raises TypeError, InvalidOptionError, AddressInUseError, AddressUnavailableError and others.
    """

    def __init__(
        self,
        *,
        name: str | None = None,
        version: str = "0",
        capabilities: Mapping[str, Any] | None = None,
        instructions: str | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        unix_path: str | os.PathLike[str] | None = None,
        unix_mode: int | None = None,
        path: str = "/mcp",
        stateless: bool = False,
        json_response: bool = False,
        response_mode: Literal["stream", "json", "auto"] | None = None,
        progress_route: Literal["primary", "request"] = "primary",
        replay: bool = True,
        allowed_origins: Iterable[str] | None = None,
        allowed_hosts: Iterable[str] | None = None,
        cors_origins: Iterable[str] | None = None,
        authorize: bool = False,
        bearer_tokens: Mapping[str, str] | Iterable[str] | None = None,
        resource_metadata: Mapping[str, Any] | None = None,
        log_level: Literal["error", "warning", "notice", "debug", "off"] = "warning",
        half_close: bool = False,
        raw: bool = False,
        **limits: Unpack[Limits],
    ) -> None:
        options = server_options(
            name=name,
            version=version,
            capabilities=capabilities,
            instructions=instructions,
            path=path,
            stateless=stateless,
            json_response=json_response,
            response_mode=response_mode,
            progress_route=progress_route,
            replay=replay,
            allowed_origins=allowed_origins,
            allowed_hosts=allowed_hosts,
            cors_origins=cors_origins,
            authorize=authorize,
            bearer_tokens=bearer_tokens,
            resource_metadata=resource_metadata,
            log_level=log_level,
            half_close=half_close,
            unix_mode=unix_mode,
            raw=raw,
            limits=limits,  # type: ignore[arg-type]
        )
        port = integer("port", port, 0, 0xFFFF)
        self.host = internet_address(host)
        """The numeric address that it listens on."""
        self.unix_path = None if unix_path is None else unix_socket_path(unix_path)
        if unix_mode is not None and unix_path is None:
            raise InvalidOptionError("unix_mode: it is for a unix_path, and there is none")
        self.path = path
        address = self.host.encode()
        if self.unix_path is not None:
            address = b"unix:" + os.fsencode(self.unix_path)
        loop_pointer, server_pointer = shttp_loop_p(), shttp_server_p()
        library.shttp_loop_create(None, byref(loop_pointer))
        loop = Handle(loop_pointer, library.shttp_loop_destroy)
        try:
            try:
                loop.invoke(library.shttp_server_create, byref(options), byref(server_pointer))
            except InvalidOptionError as error:
                reason = blame(options, lambda trial: _would_do(loop, trial))
                raise InvalidOptionError(reason or str(error)) from None
            try:
                library.shttp_server_listen(server_pointer, address, port)
            except StreamableHTTPError as error:
                where = self.unix_path or f"host {self.host}, port {port}"
                raise error_of(error.status, f"{where}: {error}") from None
            self.port: int = library.shttp_server_port(server_pointer)
            """The port it listens on; 0 on a Unix socket."""
            descriptor = library.shttp_server_descriptor(server_pointer)
            loop.invoke(library.shttp_loop_run_thread)
        except BaseException:
            loop.close()
            raise
        # Destroying the loop joins its thread and destroys the server on it.
        self._handle = Handle(server_pointer, lambda pointer: loop.close())
        self._link = Link(self._handle)
        pump = self._pump = Pump(self._link, descriptor)
        self._link.stand_in = lambda: ThreadConsumer(pump)
        self._ended = threading.Event()
        forget_in_child(self)

    @property
    def url(self) -> str:
        """The endpoint, for clients on this machine."""
        if self.unix_path is not None:
            return f"http+unix://{quote(self.unix_path, safe='')}{self.path}"
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host).replace("%", "%25")
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}{self.path}"

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
        self._link.check_process()
        if self._link.taker() is not None:
            raise RuntimeError("somebody is taking the events of this server already")
        consumer = self._link.consumer = ThreadConsumer(self._pump)
        try:
            while (event := consumer.next()) is not None:
                yield event
                del event  # only the host keeps references to it
        finally:
            self._link.consumer = None
            if self._pump.closed:
                self._destroy()

    def broadcast(self, method: str, params: Any = None) -> None:
        """Sends a notification on the primary stream of every session. [any thread]

        `params` is a dict or a list, or bytes of JSON. Raises StatelessError on a server without
        sessions.
        """
        self._handle.invoke(library.shttp_server_broadcast, method_name(method), message_params(params))

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
        consumer = self._link.taker()
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
        self._link.check_process()
        loop = asyncio.get_running_loop()
        consumer = self._link.taker()
        if isinstance(consumer, LoopConsumer) and consumer.loop is loop:
            return consumer
        if consumer is not None:
            raise RuntimeError("somebody is taking the events of this server already")
        self._link.consumer = consumer = LoopConsumer(self._pump, loop, self._destroy)
        return consumer

    async def _events(self, consumer: LoopConsumer) -> AsyncIterator[Event]:
        while (event := await consumer.next()) is not None:
            yield event
            del event  # only the host keeps references to it

    def _destroy(self) -> None:
        """Frees all resources. A second call does nothing."""
        consumer = self._link.consumer
        if isinstance(consumer, LoopConsumer):
            consumer.stop()
        self._link.consumer = None
        with self._pump.taking:
            self._pump.end()
            self._handle.close()
        self._link.end_calls()
        self._ended.set()

    def __del__(self) -> None:
        # References to a session or a request must not keep a server alive that has no consumer.
        if sys.is_finalizing() or not hasattr(self, "_ended"):
            return
        self._handle.close()
        if not self._handle.is_forked:
            self._link.end_calls()

    def forget(self) -> None:
        """Runs in a forked child, automatically."""
        consumer = self._link.consumer
        if consumer is not None:
            consumer.forget()
        self._handle.forget()
        self._link.forget()
        self._pump.forget()
        self._ended = threading.Event()
        self._ended.set()


def _would_do(loop: Handle, options: shttp_server_options) -> bool:
    """Whether the library accepts these options."""
    pointer = shttp_server_p()
    try:
        loop.invoke(library.shttp_server_create, byref(options), byref(pointer))
    except InvalidOptionError:
        return False
    library.shttp_server_destroy(pointer)
    return True
