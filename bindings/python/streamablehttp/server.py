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
"""How long leaving a `with` block waits for streams to end before it cuts them."""


class Server:
    """Listens from the moment it is made, on a thread of the library's own.

    Sockets, framing, sessions, keep-alives and slow readers are that thread's and never wait for
    the interpreter. The host takes events, in one of two ways, and answers requests::

        async with Server(name="hello", version="1", capabilities={"tools": {}}) as server:
            async for event in server.events():   # on asyncio
                ...

        with Server(name="hello", version="1") as server:
            for event in server:                  # on a thread of its own
                ...

    One of them, and one consumer, at a time; start a task or thread for work that takes long.
    The iteration ends once the server has closed. Answers to calls are delivered while somebody
    iterates, or waits for one with `Call.result`. Lines of the library's log go to the logger
    "streamablehttp".

    `name` and `version` (the serverInfo), `capabilities` and `instructions` are what the library
    answers initialize with; with `raw` it leaves initialize and ping to the host. `host` is an
    address in digits, or "localhost" for 127.0.0.1, and port 0 one that the system chooses;
    `unix_path` is a socket to listen on in place of both. `response_mode` is "stream", "json"
    (`json_response` is short for it) or "auto"; `progress_route` is "primary" or "request". Without
    `replay` nothing is kept for clients that lose a connection, and none can resume a stream.
    `allowed_origins` and `allowed_hosts` are exact values, "*" allows all; by default a server on
    loopback allows only loopback. Pages of `cors_origins` may use the server from browsers. With
    `bearer_tokens`, a mapping of each token to its principal or a list of tokens, every request
    needs one of them; with `authorize` the host decides about each, by an `Authorization` event.
    `resource_metadata` is what RFC 9728 serves. `log_level` is "error", "warning", "notice",
    "debug" or "off". `unix_mode` is the permissions of the Unix socket, such as 0o660. With
    `half_close` a client that has finished sending still gets its answers. The numbers of `Limits` are keyword arguments too. streamablehttp.h describes
    each at length.

    In a fork of the process the object is dead: it raises ClosedError, and leaving it, dropping it
    and exiting touch nothing of the parent's.

    Raises TypeError, InvalidOptionError, AddressInUseError, AddressUnavailableError, and the like.
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
        """The address that it listens on, in digits."""
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
        """The sessions that are open, as of the events taken. [any thread]"""
        return [session for session in list(self._pump.sessions.values()) if not session.closed]

    @property
    def closed(self) -> bool:
        """The server has closed, and everything it had is freed."""
        return self._handle.closed

    def __repr__(self) -> str:
        return f"<Server {'closed' if self.closed else self.url}>"

    __reduce__ = stays_here

    def events(self) -> AsyncIterator[Event]:
        """The events, on the running asyncio loop, until the server has closed.

        Raises RuntimeError if another loop or a thread is taking them, and ClosedError in a fork.
        """
        return self._events(self._attach())

    __aiter__ = events

    def __iter__(self) -> Iterator[Event]:
        """The events, on this thread, until the server has closed.

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
                del event  # the host alone says how long it lives
        finally:
            self._link.consumer = None
            if self._pump.closed:
                self._destroy()

    def broadcast(self, method: str, params: Any = None) -> None:
        """Sends a notification on the primary stream of every session. [any thread]

        `params` is a dict or a list, or bytes of JSON. Raises StatelessError on a server without
        sessions.
        """
        self._handle.invoke(
            library.shttp_server_broadcast, method_name(method), message_params(params)
        )

    def close(self) -> None:
        """Stops listening and ends every session and stream; the iteration ends after that.

        It returns at once, and may be called on any thread and in a signal handler.
        """
        try:
            self._handle.invoke(library.shttp_server_close)
        except ClosedError:
            pass

    def drain(self, deadline_ms: int = 10_000) -> None:
        """Ends the server in good order: for SIGTERM.

        New requests get 503, primary streams end and their clients are told to come back in a
        second; open requests may be answered until `deadline_ms` have passed. The rest is as with
        close(): it returns at once, and may be called on any thread and in a signal handler.
        """
        deadline = milliseconds("deadline_ms", deadline_ms)
        try:
            self._handle.invoke(library.shttp_server_drain, deadline)
        except ClosedError:
            pass

    def stats(self) -> dict[str, int]:
        """The fields of shttp_stats: what the server holds, and what has happened. Any thread."""
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
        """Closes, waits until that is done, and frees everything."""
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
        """Closes, waits until that is done, and frees everything."""
        self.close()
        if not self.closed:
            try:
                await asyncio.wait_for(self._attach().ended(), CLOSE_SECONDS)
            except asyncio.TimeoutError:
                pass
            self._destroy()

    def _attach(self) -> LoopConsumer:
        """Takes the events on the running asyncio loop from now on."""
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
            del event  # the host alone says how long it lives

    def _destroy(self) -> None:
        """Frees everything; does nothing the second time."""
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
        # A session or a request that somebody still holds must not keep a server that nobody hears.
        if sys.is_finalizing() or not hasattr(self, "_ended"):
            return
        self._handle.close()
        if not self._handle.is_forked:
            self._link.end_calls()

    def forget(self) -> None:
        """For a fork of the process, which calls it by itself."""
        consumer = self._link.consumer
        if consumer is not None:
            consumer.forget()
        self._handle.forget()
        self._link.forget()
        self._pump.forget()
        self._ended = threading.Event()
        self._ended.set()


def _would_do(loop: Handle, options: shttp_server_options) -> bool:
    """The library makes a server of these options."""
    pointer = shttp_server_p()
    try:
        loop.invoke(library.shttp_server_create, byref(options), byref(pointer))
    except InvalidOptionError:
        return False
    library.shttp_server_destroy(pointer)
    return True
