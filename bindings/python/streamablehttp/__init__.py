"""MCP's Streamable HTTP transport for Python programs: sessions, streams, routing.

A `Server` delivers JSON-RPC messages to the host as events, and sends its answers. The host decides
what the messages mean: tools, resources and prompts. Importing this package loads
libstreamablehttp; it has no other effect.
"""

from __future__ import annotations

from ._library import version
from ._options import NEVER
from ._values import Headers
from .calls import Call
from .errors import (
    AddressInUseError,
    AddressPermissionError,
    AddressUnavailableError,
    BusyError,
    ClientError,
    ClosedError,
    DescriptorsError,
    DisconnectedError,
    InvalidArgumentError,
    InvalidMessageError,
    InvalidOptionError,
    JSONResponseError,
    LimitError,
    NoStreamError,
    NotFoundError,
    NotReadyError,
    NotRepresentableError,
    NotResumableError,
    RequestCancelledError,
    SessionEndedError,
    StatelessError,
    StreamableHTTPError,
    SystemCallError,
    WrongThreadError,
)
from .events import (
    Authorization,
    Cancelled,
    CommandFailed,
    Event,
    Idle,
    Message,
    Notification,
    PrimaryClosed,
    PrimaryGap,
    PrimaryOpened,
    Request,
    SessionClosed,
    SessionEvent,
    SessionOpened,
)
from .server import Server
from .session import Session

__version__ = "0.1.0"

__all__ = [
    "NEVER",
    "AddressInUseError",
    "AddressPermissionError",
    "AddressUnavailableError",
    "Authorization",
    "BusyError",
    "Call",
    "Cancelled",
    "ClientError",
    "ClosedError",
    "CommandFailed",
    "DescriptorsError",
    "DisconnectedError",
    "Event",
    "Headers",
    "Idle",
    "InvalidArgumentError",
    "InvalidMessageError",
    "InvalidOptionError",
    "JSONResponseError",
    "LimitError",
    "Message",
    "NoStreamError",
    "NotFoundError",
    "NotReadyError",
    "NotRepresentableError",
    "NotResumableError",
    "Notification",
    "PrimaryClosed",
    "PrimaryGap",
    "PrimaryOpened",
    "Request",
    "RequestCancelledError",
    "Server",
    "Session",
    "SessionClosed",
    "SessionEndedError",
    "SessionEvent",
    "SessionOpened",
    "StatelessError",
    "StreamableHTTPError",
    "SystemCallError",
    "WrongThreadError",
    "version",
]
