"""Sessions of clients."""

from __future__ import annotations

from typing import Any

from ._abi import shttp_session
from ._handles import stays_here
from ._library import library
from ._recorder import Recorder, Sent, sent
from ._values import lazy, load, message_params, method_name, milliseconds, shown
from .calls import Asking, Call, Calls
from .errors import NotFoundError


class Session(Asking):
    """A client's session, from SessionOpened to SessionClosed; one object for all its events.

    One of a store can be opened again after SessionClosed: that is another object, with the same `id`.

    With `raw`, the initialize request has it already: `id` is the one that the answer will carry,
    and everything else is known once SessionOpened has been taken.

    Clients of revision 2026-07-28 have none.

    The methods may be called on any thread. They raise NotFoundError after the SessionClosed event
    has been taken; before that, a CommandFailed event reports that the session has ended.
    """

    id: str
    """The Mcp-Session-Id. It is a secret that gives access to the session: do not log it."""
    principal: str
    """The principal that opened it and that alone may use it; empty without authorization."""
    revision: str
    """The protocol revision, such as 2025-11-25."""
    client_info: dict[str, Any] = lazy(lambda self: load(self._info or b"{}"))
    """The clientInfo of initialize, parsed at the first access."""
    client_capabilities: dict[str, Any] = lazy(lambda self: load(self._capabilities or b"{}"))
    """The capabilities of initialize, parsed at the first access."""
    data: Any
    """Free for the host's use."""
    closed: bool

    def __init__(
        self,
        *,
        id: str = "",
        principal: str = "",
        revision: str = "2025-11-25",
        client_info: dict[str, Any] | None = None,
        client_capabilities: dict[str, Any] | None = None,
    ) -> None:
        """Makes a session without a server, for tests of a host; `sent` has its commands."""
        self._begin(Calls(Recorder()), 0, id, principal, revision)
        self.client_info = client_info or {}
        self.client_capabilities = client_capabilities or {}

    @classmethod
    def _of(
        cls,
        calls: Calls,
        key: int,
        id: str,
        principal: str,
        revision: str,
        info: bytes,
        capabilities: bytes,
    ) -> Session:
        """A session of a server."""
        session = cls.__new__(cls)
        session._begin(calls, key, id, principal, revision)
        session._info = info
        session._capabilities = capabilities
        return session

    def _begin(self, calls: Calls, key: int, id: str, principal: str, revision: str) -> None:
        self._calls = calls
        self._session = shttp_session(key)
        self.id = id
        self.principal = principal
        self.revision = revision
        self._info = self._capabilities = b""
        self.data = None
        self.closed = False
        self._is_opening = False

    def _opened(self, revision: str, info: bytes, capabilities: bytes) -> None:
        """The host has accepted initialize. May be repeated after an interruption."""
        self.revision = revision
        self._info = info
        self._capabilities = capabilities
        for name in ("client_info", "client_capabilities"):
            vars(self).pop(name, None)
        self._is_opening = False

    @property
    def sent(self) -> list[Sent]:
        """The commands to a session that was built without a server: (name, argument, ...)."""
        return sent(self._calls.server)

    def __repr__(self) -> str:
        state = " closed" if self.closed else ""
        # The name comes from the client, and may contain newlines.
        name = shown(self.client_info.get("name", "?"))
        return f"<Session {self._session.key:#x} {name}{state}>"

    __reduce__ = stays_here

    def notify(self, method: str, params: Any = None) -> None:
        """Sends a notification on the primary stream, or queues it until there is one.

        `params` is a dict or a list, or bytes of JSON. A CommandFailed event with LimitError means
        that the mailbox was full.
        """
        self._check_open()
        self._calls.server.invoke(
            library.shttp_session_notify,
            self._session,
            method_name(method),
            message_params(params),
        )

    def call(self, method: str, params: Any = None, timeout: float | None = None) -> Call:
        """Makes a request to the client on the primary stream; `timeout` in seconds.

        While a request of the client is being served, prefer `Request.call`: it needs no primary
        stream.
        """
        self._check_open()
        return self._calls.make(library.shttp_session_call, self._session, method, params, timeout)

    def _answering(self) -> Calls:
        self._check_open()
        return self._calls

    def _declared(self) -> dict[str, Any]:
        return self.client_capabilities

    def hang_up(self, retry_ms: int = 1000) -> None:
        """Closes the connection of the primary stream and keeps the stream.

        The client reconnects after `retry_ms`; messages are queued for it. A CommandFailed event
        reports that it cannot resume (NotResumableError), or has no primary stream (NoStreamError).
        """
        self._check_open()
        self._calls.server.invoke(library.shttp_session_hang_up, self._session, milliseconds("retry_ms", retry_ms))

    def writable(self) -> Call:
        """Waits, when awaited, until the primary stream has room; see `Request.writable`.

        While no primary stream is open, there is room if the mailbox is less than half full; else
        it waits for the client to open the stream and read. Raises NotFoundError if the session
        ends meanwhile.
        """
        self._check_open()
        return self._calls.room(library.shttp_session_when_writable, self._session)

    def close(self) -> None:
        """Ends the session: the client's later requests get 404, and it initializes again."""
        self._check_open()
        self._calls.server.invoke(library.shttp_session_close, self._session)

    def _check_open(self) -> None:
        if self.closed:
            raise NotFoundError("the session has ended")
