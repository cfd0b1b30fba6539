"""MCP's Streamable HTTP transport for Python programs: sessions, streams, routing.

A `Server` delivers JSON-RPC messages to the host as events, and sends its answers. The host decides
what the messages mean: tools, resources and prompts. Importing this package loads
libstreamablehttp; it has no other effect.
"""

from __future__ import annotations

from . import _statuses
from ._library import version
from ._statuses import *  # noqa: F403
from ._store import EventStore, LastingEventStore, Load, Lookup, SessionStore
from ._table import NEVER, Options
from ._values import Headers
from .calls import Call
from .client import Client
from .errors import ClientError, ServerError, StreamableHTTPError
from .events import (
    Access,
    Authorization,
    Cancelled,
    CommandFailed,
    Event,
    HTTPRequest,
    Idle,
    Message,
    Notification,
    PrimaryClosed,
    PrimaryGap,
    PrimaryOpened,
    Request,
    ResourceSubscribed,
    ResourceUnsubscribed,
    SessionClosed,
    SessionEvent,
    SessionOpened,
)
from .server import Change, Server
from .session import Session

__version__ = "0.1.0"

__all__ = [
    "NEVER",
    "Access",
    "Authorization",
    "Call",
    "Cancelled",
    "Change",
    "Client",
    "ClientError",
    "CommandFailed",
    "Event",
    "EventStore",
    "HTTPRequest",
    "Headers",
    "Idle",
    "LastingEventStore",
    "Load",
    "Lookup",
    "Message",
    "Notification",
    "Options",
    "PrimaryClosed",
    "PrimaryGap",
    "PrimaryOpened",
    "Request",
    "ResourceSubscribed",
    "ResourceUnsubscribed",
    "Server",
    "ServerError",
    "Session",
    "SessionClosed",
    "SessionEvent",
    "SessionOpened",
    "SessionStore",
    "StreamableHTTPError",
    "version",
]
__all__ += _statuses.__all__
