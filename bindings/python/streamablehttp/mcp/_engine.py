"""What this package needs of the binding, on top of what it offers, in one place."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from streamablehttp import LimitError

FRAMING = frozenset(
    (b"date", b"content-length", b"connection", b"keep-alive", b"trailer", b"transfer-encoding", b"upgrade")
)
"""Fields of a response that are the library's to send."""

NOTES_MAX = 16
"""After so many notifications a handler waits until its client has read."""


def response_headers(headers: Any) -> list[tuple[bytes, bytes]]:
    """The fields of an ASGI response without those that the library sends."""
    return [(bytes(name), bytes(value)) for name, value in headers if bytes(name).lower() not in FRAMING]


async def gone(message: Any) -> None:
    """Returns when the client of a request has gone; never for a notification."""
    if hasattr(message, "wait_cancelled"):
        await message.wait_cancelled()
    else:
        await asyncio.Event().wait()


async def sent(send: Callable[[], object], writable: Callable[[], Awaitable[object]]) -> None:
    """Calls `send`, again when there is room if there was none."""
    while True:
        try:
            send()
            return
        except LimitError:
            await writable()
