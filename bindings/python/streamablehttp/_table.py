"""The options of a server: data and nothing else.

The library sets the defaults; here they are only named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, TypedDict

from ._abi import shttp_log_level, shttp_progress_route, shttp_response_mode

NEVER = 0xFFFFFFFF
"""For the options whose description names it: never, or no such time-out."""


class Option(NamedTuple):
    """How a keyword argument becomes a field of shttp_server_options."""

    field: str
    kind: Literal["uint", "flag", "text", "json", "list", "tokens", "choice"]
    default: Any
    """What happens without the option. If it is None, None may be passed, too."""
    least: int = 0
    most: int = NEVER
    never: bool = False
    """Whether NEVER may be passed, even if it is more than `most`."""
    choices: Mapping[str, int] = {}


OPTIONS: dict[str, Option] = {
    "path": Option("path", "text", "/mcp"),
    "capabilities": Option("server_capabilities", "json", None),
    "instructions": Option("instructions", "text", None),
    "stateless": Option("stateless", "flag", False),
    "response_mode": Option(
        "response_mode",
        "choice",
        None,
        choices={
            "stream": shttp_response_mode.SHTTP_RESPONSE_STREAM,
            "json": shttp_response_mode.SHTTP_RESPONSE_JSON,
            "auto": shttp_response_mode.SHTTP_RESPONSE_AUTO,
        },
    ),
    "progress_route": Option(
        "progress_route",
        "choice",
        "primary",
        choices={
            "primary": shttp_progress_route.SHTTP_PROGRESS_PRIMARY,
            "request": shttp_progress_route.SHTTP_PROGRESS_REQUEST,
        },
    ),
    "allowed_origins": Option("allowed_origins", "list", None),
    "allowed_hosts": Option("allowed_hosts", "list", None),
    "cors_origins": Option("cors_origins", "list", None),
    "authorize": Option("authorize", "flag", False),
    "bearer_tokens": Option("bearer_tokens", "tokens", None),
    "resource_metadata": Option("resource_metadata", "json", None),
    "log_level": Option(
        "log_level",
        "choice",
        "warning",
        choices={
            "error": shttp_log_level.SHTTP_LOG_ERROR,
            "warning": shttp_log_level.SHTTP_LOG_WARNING,
            "notice": shttp_log_level.SHTTP_LOG_NOTICE,
            "debug": shttp_log_level.SHTTP_LOG_DEBUG,
            "off": shttp_log_level.SHTTP_LOG_OFF,
        },
    ),
    "half_close": Option("half_close", "flag", False),
    "unix_mode": Option("unix_mode", "uint", None, least=1, most=0o777),
    "message_bytes_max": Option("message_bytes_max", "uint", 4194304),
    "header_bytes_max": Option("header_bytes_max", "uint", 65536),
    "headers_max": Option("headers_max", "uint", 100),
    "json_depth_max": Option("json_depth_max", "uint", 64),
    "connections_max": Option("connections_max", "uint", 16384),
    "sessions_max": Option("sessions_max", "uint", 10000),
    "session_requests_max": Option("session_requests_max", "uint", 256),
    "session_idle_ms": Option("session_idle_ms", "uint", 1800000, never=True),
    "initialize_ms": Option("initialize_ms", "uint", 30000),
    "keepalive_ms": Option("keepalive_ms", "uint", 15000, never=True),
    "header_ms": Option("header_ms", "uint", 30000),
    "body_ms": Option("body_ms", "uint", 30000),
    "detached_ms": Option("detached_ms", "uint", 300000, never=True),
    "head_ms": Option("head_ms", "uint", 250, never=True),
    "fence_ms": Option("fence_ms", "uint", 3, most=1000, never=True),
    "authorize_ms": Option("authorize_ms", "uint", 10000),
    "connection_idle_ms": Option("connection_idle_ms", "uint", 120000),
    "mailbox_messages_max": Option("mailbox_messages_max", "uint", 64),
    "mailbox_bytes_max": Option("mailbox_bytes_max", "uint", 65536),
    "arriving_bytes_max": Option("arriving_bytes_max", "uint", 134217728),
    "request_bytes_max": Option("request_bytes_max", "uint", 67108864),
    "session_bytes_max": Option("session_bytes_max", "uint", 67108864),
    "client_info_bytes_max": Option("client_info_bytes_max", "uint", 65536),
    "address_share_percent": Option("address_share_percent", "uint", 50),
    "principal_share_percent": Option("principal_share_percent", "uint", 50),
    "unsent_bytes_max": Option("unsent_bytes_max", "uint", 16777216),
    "session_unsent_bytes_max": Option("session_unsent_bytes_max", "uint", 33554432),
    "total_unsent_bytes_max": Option("total_unsent_bytes_max", "uint", 268435456),
    "queue_events_max": Option("queue_events_max", "uint", 4096),
    "queue_bytes_max": Option("queue_bytes_max", "uint", 67108864),
    "command_bytes_max": Option("command_bytes_max", "uint", 67108864),
    "replay_events_max": Option("replay_events_max", "uint", 1024),
    "replay_bytes_max": Option("replay_bytes_max", "uint", 1048576),
    "replay_total_bytes_max": Option("replay_total_bytes_max", "uint", 268435456),
    "replay_ms": Option("replay_ms", "uint", 300000, never=True),
}


class Options(TypedDict, total=False):
    """Options of `Server`. The unit of a number is the last part of its name; 0 is the default."""

    path: str
    """The path of the endpoint: printable ASCII, without ? and #. Default "/mcp"."""
    capabilities: Mapping[str, Any] | None
    """The capabilities in the answer to initialize. Not together with `raw`. Default {}."""
    instructions: str | None
    """The instructions in the answer to initialize. Not together with `raw`. Default None."""
    stateless: bool
    """Without sessions: every request stands alone. Default False."""
    response_mode: Literal["stream", "json", "auto"] | None
    """The HTTP form of answers: an event stream, one JSON document, or an event stream only if
    something is sent before the result. Default "stream"."""
    progress_route: Literal["primary", "request"]
    """Which stream carries progress: the primary one, if there is one, or the request's own.
    Default "primary"."""
    allowed_origins: Iterable[str] | None
    """Values of Origin that are accepted, exactly as sent; "*" is all. Default None: a server on
    loopback accepts only origins on loopback."""
    allowed_hosts: Iterable[str] | None
    """Values of Host that are accepted, with or without the port; "*" is all. Default None: a
    server on loopback accepts only names of loopback."""
    cors_origins: Iterable[str] | None
    """Origins whose web pages may use the server from browsers. Default None."""
    authorize: bool
    """The host decides on each HTTP request, by an Authorization. Not together with
    `bearer_tokens`. Default False."""
    bearer_tokens: Mapping[str, str] | Iterable[str] | None
    """A mapping of accepted tokens to principals, or a list of tokens. Default None: no
    authorization."""
    resource_metadata: Mapping[str, Any] | None
    """The metadata document of RFC 9728, which is served without authorization. Default None."""
    log_level: Literal["error", "warning", "notice", "debug", "off"]
    """What is less severe is not logged. Default "warning"."""
    half_close: bool
    """A client that has closed its sending side still gets its answers. Default False."""
    unix_mode: int | None
    """The file mode of the Unix socket, such as 0o660. Default None: by the process's umask."""
    message_bytes_max: int
    """A longer body is refused with HTTP status 413. Default 4194304."""
    header_bytes_max: int
    """A longer request head is refused with HTTP status 431. Default 65536."""
    headers_max: int
    """A request head with more lines is refused with HTTP status 431. Default 100."""
    json_depth_max: int
    """JSON with more nested arrays and objects is refused. Default 64."""
    connections_max: int
    """Maximum number of open connections. Default 16384."""
    sessions_max: int
    """Maximum number of sessions. At the limit, one that was never used is closed, or initialize is
    refused with HTTP status 503. Default 10000."""
    session_requests_max: int
    """Maximum number of open requests of one session, and of open calls. Default 256."""
    session_idle_ms: int
    """A session that has been idle for this time is closed. Default 1800000; NEVER."""
    initialize_ms: int
    """Time-out for a client to send notifications/initialized. Default 30000."""
    keepalive_ms: int
    """Interval between comments on an idle stream. Default 15000; NEVER."""
    header_ms: int
    """Time-out for the head of a request to arrive. Default 30000."""
    body_ms: int
    """Time-out for the body to arrive after the head. Default 30000."""
    detached_ms: int
    """How long a request continues after its client has disconnected. Default 300000; NEVER."""
    head_ms: int
    """If a request has no answer after this time, the head of its stream is sent without one.
    Default 250; NEVER: with the first keep-alive at the latest."""
    fence_ms: int
    """How long a result is delayed after progress on the primary stream, for clients that would
    otherwise process the result first. Default 3, at most 1000; NEVER: no delay."""
    authorize_ms: int
    """Time-out for the host to answer an Authorization. Default 10000."""
    connection_idle_ms: int
    """A connection without a request or a stream is closed after this time. Default 120000."""
    mailbox_messages_max: int
    """Maximum number of messages queued per session without a primary stream. Default 64."""
    mailbox_bytes_max: int
    """The same limit in bytes. Default 65536."""
    arriving_bytes_max: int
    """Maximum memory of all requests that have arrived only in part. Over the limit, the largest is
    refused with HTTP status 503. Default 134217728."""
    request_bytes_max: int
    """Maximum memory of all open requests; further ones are refused with HTTP status 503. Default
    67108864."""
    session_bytes_max: int
    """Maximum memory of all sessions, including their mailboxes. Default 67108864."""
    client_info_bytes_max: int
    """Maximum size of a client's clientInfo and capabilities together. Default 65536."""
    address_share_percent: int
    """Share in per cent of the limits of connections, sessions, requests and replay that one
    address may use. Default 50; use 100 behind a proxy, which has one address for all clients."""
    principal_share_percent: int
    """The same share of sessions, requests and replay for one principal. Default 50."""
    unsent_bytes_max: int
    """Maximum unsent data of one connection. Over the limit, older progress and the oldest log
    messages are dropped; if that is not enough, the connection is closed. Default 16777216."""
    session_unsent_bytes_max: int
    """The same limit for all streams of a session. Default 33554432."""
    total_unsent_bytes_max: int
    """The same limit for all connections together. Default 268435456."""
    queue_events_max: int
    """Maximum number of queued events; at the limit, the server stops reading. Default 4096."""
    queue_bytes_max: int
    """The same limit in bytes. Default 67108864."""
    command_bytes_max: int
    """Maximum size of queued commands; further ones raise LimitError. Default 67108864."""
    replay_events_max: int
    """Maximum number of events kept per session, for clients that resume. Default 1024."""
    replay_bytes_max: int
    """The same limit in bytes. Default 1048576."""
    replay_total_bytes_max: int
    """The same limit for all sessions together. Default 268435456."""
    replay_ms: int
    """How long an event is kept. Default 300000; NEVER."""
