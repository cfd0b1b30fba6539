"""One exception for each status: classes and nothing else. Import them from `errors`."""

from __future__ import annotations

import errno

from ._abi import shttp_status
from ._bases import StreamableHTTPError, SystemStatusError

__all__ = [
    "AddressInUseError",
    "AddressPermissionError",
    "AddressUnavailableError",
    "BusyError",
    "ClosedError",
    "DescriptorsError",
    "DisconnectedError",
    "InvalidArgumentError",
    "InvalidMessageError",
    "InvalidOptionError",
    "JSONResponseError",
    "LimitError",
    "NoStreamError",
    "NotFoundError",
    "NotReadyError",
    "NotRepresentableError",
    "NotResumableError",
    "RequestCancelledError",
    "SessionEndedError",
    "StatelessError",
    "SystemCallError",
    "WrongThreadError",
]


class InvalidArgumentError(StreamableHTTPError, ValueError):
    """An argument is out of range."""

    status = shttp_status.SHTTP_ERR_INVALID_ARGUMENT


class InvalidOptionError(StreamableHTTPError, ValueError):
    """An option of the server is invalid."""

    status = shttp_status.SHTTP_ERR_INVALID_OPTION


class InvalidMessageError(StreamableHTTPError, ValueError):
    """Not JSON, or a method that is empty or reserved."""

    status = shttp_status.SHTTP_ERR_INVALID_MESSAGE


class WrongThreadError(StreamableHTTPError, RuntimeError):
    """A function was called on a thread other than the one it belongs to."""

    status = shttp_status.SHTTP_ERR_WRONG_THREAD


class NotFoundError(StreamableHTTPError, LookupError):
    """The session, request or call has ended, or never existed."""

    status = shttp_status.SHTTP_ERR_NOT_FOUND


class DisconnectedError(StreamableHTTPError):
    """The client has disconnected: the stream for the message has no connection."""

    status = shttp_status.SHTTP_ERR_DISCONNECTED


class SessionEndedError(StreamableHTTPError):
    """The session ended before the client answered."""

    status = shttp_status.SHTTP_ERR_SESSION_ENDED


class RequestCancelledError(StreamableHTTPError):
    """The client cancelled the request."""

    status = shttp_status.SHTTP_ERR_CANCELLED


class NotRepresentableError(StreamableHTTPError, ValueError):
    """The message is JSON that jansson cannot represent. Only C hosts get this."""

    status = shttp_status.SHTTP_ERR_NOT_REPRESENTABLE


class AddressInUseError(SystemStatusError):
    """The address is already in use."""

    status = shttp_status.SHTTP_ERR_ADDRESS_IN_USE
    status_errno = errno.EADDRINUSE


class AddressUnavailableError(SystemStatusError):
    """Not an address of this machine, or not an address at all."""

    status = shttp_status.SHTTP_ERR_ADDRESS_UNAVAILABLE
    status_errno = errno.EADDRNOTAVAIL


class AddressPermissionError(SystemStatusError, PermissionError):
    """The user has no permission to use the address."""

    status = shttp_status.SHTTP_ERR_PERMISSION
    status_errno = errno.EACCES


class DescriptorsError(SystemStatusError):
    """The process has no file descriptors left."""

    status = shttp_status.SHTTP_ERR_DESCRIPTORS
    status_errno = errno.EMFILE


class SystemCallError(SystemStatusError):
    """Another error of the operating system; the library's log has its text."""

    status = shttp_status.SHTTP_ERR_SYSTEM


class StatelessError(StreamableHTTPError):
    """Needs a session, and the server is stateless."""

    status = shttp_status.SHTTP_ERR_STATELESS


class JSONResponseError(StreamableHTTPError):
    """Needs a stream, and the answer is one JSON document."""

    status = shttp_status.SHTTP_ERR_JSON_RESPONSE


class NoStreamError(StreamableHTTPError):
    """No stream of the session can carry the message."""

    status = shttp_status.SHTTP_ERR_NO_STREAM


class NotReadyError(StreamableHTTPError):
    """The client has not sent ``notifications/initialized`` yet."""

    status = shttp_status.SHTTP_ERR_NOT_READY


class LimitError(StreamableHTTPError):
    """A bounded queue or table is full."""

    status = shttp_status.SHTTP_ERR_LIMIT


class ClosedError(StreamableHTTPError):
    """The server is closing, or has closed."""

    status = shttp_status.SHTTP_ERR_CLOSED


class BusyError(StreamableHTTPError):
    """The loop is already running, or the server already listens."""

    status = shttp_status.SHTTP_ERR_BUSY


class NotResumableError(StreamableHTTPError):
    """The client cannot resume: nothing is kept, or its revision does not support it."""

    status = shttp_status.SHTTP_ERR_NOT_RESUMABLE
