"""A host's own storage for the messages of streams, so that clients can resume them."""

from __future__ import annotations

import itertools
import sys
import threading
import weakref
from collections.abc import Iterable
from typing import Any, Callable, Protocol

from ._abi import shttp_bytes, shttp_load
from ._handles import Commands, Handle
from ._library import library
from ._reports import report
from ._values import borrowed, wrong_type
from .errors import NotFoundError, StreamableHTTPError

METHODS = ("keep", "end", "load", "forget")


class Load:
    """A client that waits for the messages of a stream.

    Answer it once, with `finish` or `fail`, now or later, on any thread. Without an answer for ten
    seconds the client gets HTTP status 503. When the last reference is deleted, it fails.
    """

    def __init__(self, server: Commands, key: int) -> None:
        self._server = server
        self._load = shttp_load(key)
        self._lock = threading.Lock()
        self._answered = False

    def finish(self, messages: Iterable[bytes], ended: bool = False) -> None:
        """All messages of the stream after the number that was asked for, in order.

        `ended`: the stream has ended with the last of them. If a message is missing, the client is
        refused, as if it was `fail`.

        Raises TypeError, InvalidMessageError if one is not JSON, LimitError, NotFoundError on a
        second answer or if the client has gone, and ClosedError.
        """
        kept = []
        for message in messages:
            if not isinstance(message, (bytes, bytearray, memoryview)):
                raise wrong_type("messages", "bytes in a list", message)
            kept.append(bytes(message))
        texts = (shttp_bytes * len(kept))(*map(borrowed, kept))
        self._answer(library.shttp_load_finish, texts, len(kept), bool(ended))

    def fail(self) -> None:
        """Not all of the messages are there, or the stream is unknown: the client is refused.

        Raises NotFoundError on a second answer or if the client has gone, and ClosedError.
        """
        self._answer(library.shttp_load_fail)

    def _answer(self, function: Any, *arguments: Any) -> None:
        self._server.check_process()  # before the lock, which a thread of the parent may hold
        with self._lock:
            if self._answered:
                raise NotFoundError("the load has been answered")
            self._server.invoke(function, self._load, *arguments)
            self._answered = True

    def abandon(self) -> None:
        """Fails, unless it was answered. It never raises."""
        if not (self._answered or self._server.is_forked):
            try:
                self.fail()
            except StreamableHTTPError:
                pass  # the client or the server has gone

    def __del__(self) -> None:
        if not sys.is_finalizing():
            self.abandon()


class EventStore(Protocol):
    """What `Server(event_store=...)` needs. All methods are called on the library's thread.

    The interpreter runs for each of them, and no socket is served meanwhile: return quickly, and
    let a thread do what takes long. They are called one at a time, in the order in which things
    happen; a store that writes later must answer a load as if it had written. They may call any
    method of the server and its objects, but must not wait for the server. An exception goes to
    sys.unraisablehook.

    `session` is the Mcp-Session-Id, a secret that gives access to the session; `stream` is unique
    among all streams, and is never reused.
    """

    def keep(self, session: str, stream: str, number: int, message: bytes) -> None:
        """Stores a message of a stream. They are numbered from 1, without gaps."""

    def end(self, session: str, stream: str) -> None:
        """Stores that the stream has ended: no message follows."""

    def load(self, session: str, stream: str, after: int, load: Load) -> None:
        """Finds all messages of the stream after number `after` (0: all), and answers `load`.

        The stream may be unknown, or belong to another session: `load.fail()`. An exception fails
        the load, too.
        """

    def forget(self, session: str) -> None:
        """Deletes the messages of a session that has ended."""


class Binding:
    """A store, and the server that it belongs to.

    The library has the key of a binding and no reference to it: so it keeps no server alive.
    """

    def __init__(self, store: EventStore) -> None:
        for method in METHODS:
            if not callable(getattr(store, method, None)):
                raise wrong_type("event_store", f"an object with the method {method}", store)
        self.key = next(_keys)
        self.server: Handle | None = None
        """Set before the first call."""
        self._store = store
        _bindings[self.key] = self

    def keep(self, session: str, stream: str, number: int, message: bytes) -> None:
        self._call(lambda: self._store.keep(session, stream, number, message))

    def end(self, session: str, stream: str) -> None:
        self._call(lambda: self._store.end(session, stream))

    def load(self, session: str, stream: str, after: int, key: int) -> None:
        def ask() -> None:
            if self.server is None:
                return
            load = Load(self.server, key)
            try:
                self._store.load(session, stream, after, load)
            except BaseException:
                load.abandon()
                raise

        self._call(ask)

    def forget(self, session: str) -> None:
        self._call(lambda: self._store.forget(session))

    def _call(self, method: Callable[[], None]) -> None:
        if self.server is not None:
            self.server.callback_thread = threading.get_ident()
        try:
            method()
        except BaseException as problem:
            report(problem)


_keys = itertools.count(1)
_bindings: weakref.WeakValueDictionary[int, Binding] = weakref.WeakValueDictionary()


def binding_of(key: int) -> Binding | None:
    """The binding that a callback is for; None if its server has been deleted."""
    return _bindings.get(key)
