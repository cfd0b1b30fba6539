"""A host's own storage: for the messages of streams, so that clients can resume them, and for sessions."""

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

EVENT_METHODS = ("keep", "end", "load", "forget")
SESSION_METHODS = ("keep", "touch", "find", "forget")


class Question:
    """What a store is asked: it is answered once, on any thread."""

    def __init__(self, server: Commands, key: int) -> None:
        self._server = server
        self._load = shttp_load(key)
        self._lock = threading.Lock()
        self._answered = False

    def fail(self) -> None:
        """The store cannot answer: the client is refused.

        Raises NotFoundError on a second answer or if the client has gone, and ClosedError.
        """
        self._answer(library.shttp_load_fail)

    def _answer(self, function: Any, *arguments: Any) -> None:
        self._server.check_process()  # before the lock, which a thread of the parent may hold
        with self._lock:
            if self._answered:
                raise NotFoundError("it has been answered")
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


class Load(Question):
    """A client that waits for the messages of a stream.

    Answer it once, with `finish` or `fail`, now or later, on any thread. Without an answer for ten
    seconds the client gets HTTP status 503. `fail` is for a stream that is unknown, or of which a
    message is missing: the client gets 400. When the last reference is deleted, it fails.
    """

    def finish(self, messages: Iterable[bytes], ended: bool = False, record: bytes | None = None) -> None:
        """All messages of the stream after the number that was asked for, in order.

        `ended`: the stream has ended with the last of them. If it has not, `record` is what `begin`
        was given for it, and empty for a primary stream: if the process that had the stream is
        gone, the client gets the messages and, as the last one, an error that says so; the store is
        told that, too. If a message is missing, the client is refused, as if it was `fail`.

        Raises TypeError, InvalidMessageError if one is not JSON or the record no object of JSON,
        LimitError, NotFoundError on a second answer or if the client has gone, and ClosedError.
        """
        kept = [_copied("messages", "bytes in a list", message) for message in messages]
        texts = (shttp_bytes * len(kept))(*map(borrowed, kept))
        described = None if record is None else _copied("record", "bytes", record)
        if described is None or ended:
            self._answer(library.shttp_load_finish, texts, len(kept), bool(ended))
        else:
            self._answer(library.shttp_load_finish_open, texts, len(kept), borrowed(described))


class Lookup(Question):
    """A client that has asked for a session, which this process does not know.

    Answer it once, with `found`, `none` or `fail`, now or later, on any thread. `fail`, no answer
    for ten seconds and deleting the last reference are no word about the session: the client gets
    HTTP status 503, and may ask again.
    """

    def found(self, record: bytes) -> None:
        """The session is there: this is its record, as `keep` was given it.

        A record that is not one of the library's is the same as `none`, and is logged. Raises
        TypeError, NotFoundError on a second answer or if the client has gone, LimitError and
        ClosedError.
        """
        self._answer(library.shttp_find_finish, borrowed(_copied("record", "bytes", record)))

    def none(self) -> None:
        """There is no such session: the client gets HTTP status 404. Raises as `found` does."""
        self._answer(library.shttp_find_finish, borrowed(b""))


def _copied(name: str, wanted: str, text: Any) -> bytes:
    if not isinstance(text, (bytes, bytearray, memoryview)):
        raise wrong_type(name, wanted, text)
    return bytes(text)


class EventStore(Protocol):
    """What `Server(event_store=...)` needs. All methods are called on the library's thread.

    The interpreter runs for each of them, and no socket is served meanwhile: return quickly, and
    let a thread do what takes long. They are called one at a time, in the order in which things
    happen; a store that writes later must answer a load as if it had written. They may call any
    method of the server and its objects, but must not wait for the server. An exception goes to
    sys.unraisablehook.

    `session` is the Mcp-Session-Id, without its `session_id_prefix`: a secret that gives access to the
    session. `stream` is unique among all streams, and is never reused.

    A store that outlives the process has another method, `begin`: see `LastingEventStore`.
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


class LastingEventStore(EventStore, Protocol):
    """An event store beside a `SessionStore`: clients resume the streams of a process that is gone."""

    def begin(self, session: str, stream: str, record: bytes) -> None:
        """Stores that the stream begins, for a request that `record` describes.

        It is for `Load.finish`: return it unchanged. Not called for primary streams, and not for a
        stream of one message, which `keep` and `end` follow at once.
        """


class SessionStore(Protocol):
    """What `Server(session_store=...)` needs: sessions that outlive the process.

    What `EventStore` says of its methods is true of these, and both get their calls in one order.
    `record` is the library's own, an object of JSON on one line: return it unchanged.
    """

    def keep(self, session: str, record: bytes, idle_ms: int) -> None:
        """Stores a record for `idle_ms` milliseconds (0: for ever), in place of the one before."""

    def touch(self, session: str, idle_ms: int) -> None:
        """The session is in use: keep it for `idle_ms` from now."""

    def find(self, session: str, lookup: Lookup) -> None:
        """Answers `lookup` with the session's record, if it is there. An exception fails it."""

    def forget(self, session: str) -> None:
        """The session has ended: no process may find it again."""


class Binding:
    """A store, and the server that it belongs to.

    The library has the key of a binding and no reference to it: so it keeps no server alive.
    """

    def __init__(self, name: str, store: Any, methods: Iterable[str]) -> None:
        for method in methods:
            if not callable(getattr(store, method, None)):
                raise wrong_type(name, f"an object with the method {method}", store)
        self.key = next(_keys)
        self.server: Handle | None = None
        """Set before the first call."""
        self._store = store
        _bindings[self.key] = self

    def has(self, method: str) -> bool:
        """Whether the store has a method that it need not have."""
        return callable(getattr(self._store, method, None))

    def tell(self, method: str, *arguments: Any) -> None:
        self._call(lambda: getattr(self._store, method)(*arguments))

    def ask(self, method: str, question: type[Question], key: int, *arguments: Any) -> None:
        """The last argument of the method is the question."""

        def ask() -> None:
            if self.server is None:
                return
            asked = question(self.server, key)
            try:
                getattr(self._store, method)(*arguments, asked)
            except BaseException:
                asked.abandon()
                raise

        self._call(ask)

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
