"""What this package needs of the binding, on top of what it offers, in one place."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from streamablehttp import LimitError, NotReadyError
from streamablehttp.http_request import split_target as split_target

T = TypeVar("T")

FRAMING = frozenset(
    (b"date", b"content-length", b"connection", b"keep-alive", b"trailer", b"transfer-encoding", b"upgrade")
)
"""Fields of a response that are the library's to send."""

FAILED = b"Internal Server Error"
FAILED_HEADERS = [(b"content-type", b"text/plain; charset=utf-8")]
"""What an ASGI server answers, with 500, in place of an application that has raised."""

NOTES_MAX = 16
"""After so many notifications a handler waits until its client has read."""


def response_headers(headers: Any) -> list[tuple[bytes, bytes]]:
    """The fields of an ASGI response without those that the library sends."""
    return [(bytes(name), bytes(value)) for name, value in headers if bytes(name).lower() not in FRAMING]


RETRY_SECONDS = 0.01
"""How long to wait for room in the queue of commands, where nobody tells when there is."""


class Sender(Protocol):
    """A request, a session, or an HTTP request for another path."""

    def writable(self) -> Awaitable[object]: ...


async def gone(message: Any) -> None:
    """Returns when nobody waits for an answer (any more): a notification has been answered."""
    if getattr(message, "_is_open", False):
        await message.wait_cancelled()


async def room(sender: Sender) -> None:
    """Waits until what is sent next is not too much."""
    try:
        await sender.writable()
    except NotReadyError:
        pass  # initialize has no stream yet; but this came after all that was queued before


async def sent(send: Callable[[], T], sender: Sender | None = None) -> T:
    """Calls `send`, again when there is room if there was none."""
    waited = sender is None
    while True:
        try:
            return send()
        except LimitError:
            pass
        if waited:
            await asyncio.sleep(RETRY_SECONDS)
        if sender is not None:
            await room(sender)
            waited = True
