"""What this package needs of the binding beyond its documented interface, in one place."""

from __future__ import annotations

import asyncio
from typing import Any

import streamablehttp
from streamablehttp import LimitError
from streamablehttp._values import load

HTTPRequest: Any = getattr(streamablehttp, "HTTPRequest", None)
"""The event of a request to another path; None if the library has none yet."""

GRANTS_MAX = 4096


def raw_headers(message: Any) -> list[tuple[bytes, bytes]]:
    """The header lines of an event, as ASGI has them."""
    lines = message.headers._lines
    if not isinstance(lines, bytes):
        return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in lines.items()]
    pairs = []
    for line in lines.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon:
            pairs.append((name.lower(), value.strip()))
    return pairs


def session_key(request: Any) -> int:
    """What a raw initialize and the session that it opens have in common."""
    return int(vars(request).get("_session_key", 0))


def session_key_of(session: Any) -> int:
    """The same of a session."""
    return int(session._session.key)


def cancelled_params(event: Any) -> dict[str, Any] | None:
    """The params of the client's notifications/cancelled; None if it sent none."""
    message = vars(event).get("_message")
    params = load(message).get("params") if message else None
    return params if isinstance(params, dict) else None


def wire_id(request: Any) -> str | None:
    """The Mcp-Session-Id that a raw initialize will get, if the library tells it before the answer."""
    return vars(request).get("wire_id") or None


async def gone(message: Any) -> None:
    """Returns when the client of a request has gone; never for a notification."""
    if hasattr(message, "wait_cancelled"):
        await message.wait_cancelled()
    else:
        await asyncio.Event().wait()


async def sent(target: Any, send: Any) -> None:
    """Calls `send`, again when there is room if there was none."""
    while True:
        try:
            send()
            return
        except LimitError:
            if hasattr(target, "writable"):
                await target.writable()
            else:
                await asyncio.sleep(0.005)


class Grants:
    """Whom the requests belong to that were authorized, until their messages arrive."""

    def __init__(self) -> None:
        self._grants: dict[tuple[str, str], Any] = {}

    def allow(self, authorization: Any, principal: str, grant: Any) -> None:
        """Authorizes a request, and keeps `grant` for `of`."""
        self._grants[principal, authorization.headers.get("authorization", "")] = grant
        while len(self._grants) > GRANTS_MAX:
            self._grants.pop(next(iter(self._grants)))
        authorization.allow(principal)

    def of(self, message: Any) -> Any:
        """The grant of a message's request."""
        return self._grants.get((message.principal, message.headers.get("authorization", "")))


def refuse(authorization: Any, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    """Answers a request that was not authorized."""
    if hasattr(authorization, "answer"):
        authorization.answer(status, headers, body)
    elif status == 403:
        authorization.refuse("insufficient_scope")
    else:
        authorization.refuse()
