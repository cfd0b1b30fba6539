"""Exceptions: one for each status of the library, and the client's own errors."""

from __future__ import annotations

from typing import Any

from . import _statuses
from ._bases import StreamableHTTPError
from ._statuses import *  # noqa: F403

__all__ = ["ClientError", "ServerError", "StreamableHTTPError"]
__all__ += _statuses.__all__


class ClientError(Exception):
    """The client answered a call with a JSON-RPC error."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(code, message, data)
        self.code = code
        self.message = message
        self.data = data

    def __str__(self) -> str:
        return f"{self.message} ({self.code})"


class ServerError(Exception):
    """The server answered a request of a `Client` with a JSON-RPC error, or refused it."""

    def __init__(self, code: int, message: str, data: Any = None, http_status: int = 200) -> None:
        super().__init__(code, message, data, http_status)
        self.code = code
        self.message = message
        self.data = data
        self.http_status = http_status

    def __str__(self) -> str:
        return f"{self.message} ({self.code}, HTTP {self.http_status})"


_BY_STATUS: dict[int, type[StreamableHTTPError]] = {
    kind.status: kind for kind in (getattr(_statuses, name) for name in _statuses.__all__)
}
for _kind in (StreamableHTTPError, *_BY_STATUS.values()):
    _kind.__module__ = __name__  # where users find it


def error_of(status: int, text: str) -> StreamableHTTPError:
    """The exception for a status; `text` is the library's description of it."""
    error = _BY_STATUS.get(status, StreamableHTTPError)(text)
    error.status = status
    return error
