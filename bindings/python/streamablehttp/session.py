"""Sessions of clients."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from ._abi import shttp_session
from ._handles import stays_here
from ._library import library
from ._values import load, message_params, method_name, milliseconds
from .errors import NotFoundError

if TYPE_CHECKING:
    from ._link import Link
    from .calls import Call


class Session:
    """A client's session, from SessionOpened to SessionClosed; one object for all its events.

    The methods may be called on any thread. They raise NotFoundError after the SessionClosed event
    has been taken; before that, a CommandFailed event reports that the session has ended.
    """

    def __init__(
        self,
        link: Link,
        key: int,
        id: str,
        principal: str,
        revision: str,
        info: bytes,
        capabilities: bytes,
    ) -> None:
        self._link = link
        self._session = shttp_session(key)
        self.id = id
        """The Mcp-Session-Id. It is a secret that gives access to the session: do not log it."""
        self.principal = principal
        """The principal that opened it and that alone may use it; empty without authorization."""
        self.revision = revision
        """The protocol revision, such as 2025-11-25."""
        self._info = info
        self._capabilities = capabilities
        self.data: Any = None
        """Free for the host's use."""
        self.closed = False

    @cached_property
    def client_info(self) -> dict[str, Any]:
        """The clientInfo of initialize, parsed at the first access."""
        info: dict[str, Any] = load(self._info or b"{}")
        return info

    @cached_property
    def client_capabilities(self) -> dict[str, Any]:
        """The capabilities of initialize, parsed at the first access."""
        capabilities: dict[str, Any] = load(self._capabilities or b"{}")
        return capabilities

    def __repr__(self) -> str:
        state = " closed" if self.closed else ""
        # The name comes from the client, and may contain newlines.
        return f"<Session {self._session.key:#x} {self.client_info.get('name', '?')!r}{state}>"

    __reduce__ = stays_here

    def notify(self, method: str, params: Any = None) -> None:
        """Sends a notification on the primary stream, or queues it until there is one.

        `params` is a dict or a list, or bytes of JSON. A CommandFailed event with LimitError means
        that the mailbox was full.
        """
        self._check_open()
        self._link.invoke(
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
        return self._link.call(library.shttp_session_call, self._session, method, params, timeout)

    def hang_up(self, retry_ms: int = 1000) -> None:
        """Closes the connection of the primary stream and keeps the stream.

        The client reconnects after `retry_ms`; messages are queued for it. A CommandFailed event
        reports that it cannot resume (NotResumableError), or has no primary stream (NoStreamError).
        """
        self._check_open()
        self._link.invoke(library.shttp_session_hang_up, self._session, milliseconds("retry_ms", retry_ms))

    def close(self) -> None:
        """Ends the session: the client's later requests get 404, and it initializes again."""
        self._check_open()
        self._link.invoke(library.shttp_session_close, self._session)

    def _check_open(self) -> None:
        if self.closed:
            raise NotFoundError("the session has ended")
