"""The options of a server, from keyword arguments to the C struct."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ctypes import byref, sizeof
from typing import Any, TypedDict

from ._abi import shttp_log_level, shttp_progress_route, shttp_response_mode, shttp_server_options
from ._library import library
from ._values import borrowed, dump
from .errors import InvalidOptionError

UINT32_MAX = 0xFFFFFFFF
NEVER = UINT32_MAX
"""For `session_idle_ms`, `keepalive_ms`, `detached_ms` and `replay_ms`."""

RESPONSE_MODES = {
    "stream": shttp_response_mode.SHTTP_RESPONSE_STREAM,
    "json": shttp_response_mode.SHTTP_RESPONSE_JSON,
    "auto": shttp_response_mode.SHTTP_RESPONSE_AUTO,
}
PROGRESS_ROUTES = {
    "primary": shttp_progress_route.SHTTP_PROGRESS_PRIMARY,
    "request": shttp_progress_route.SHTTP_PROGRESS_REQUEST,
}
LOG_LEVELS = {
    "error": shttp_log_level.SHTTP_LOG_ERROR,
    "warning": shttp_log_level.SHTTP_LOG_WARNING,
    "notice": shttp_log_level.SHTTP_LOG_NOTICE,
    "debug": shttp_log_level.SHTTP_LOG_DEBUG,
    "off": shttp_log_level.SHTTP_LOG_OFF,
}


class Limits(TypedDict, total=False):
    """Options that are numbers: their unit stands last in the name, and 0 is the default."""

    message_bytes_max: int
    """A longer body is refused with HTTP status 413. Default 4194304."""
    header_bytes_max: int
    """A longer request head is refused with HTTP status 431. Default 65536."""
    headers_max: int
    """A request head with more lines is refused with HTTP status 431. Default 100."""
    json_depth_max: int
    """JSON with more levels of arrays and objects is refused. Default 64."""
    connections_max: int
    """Connections at one time. Default 16384."""
    sessions_max: int
    """Sessions at one time; initialize is then refused with HTTP status 503. Default 10000."""
    session_requests_max: int
    """Requests of one session that wait for an answer, and as many calls. Default 256."""
    session_idle_ms: int
    """A session that nobody uses for so long is closed. Default 1800000; NEVER."""
    initialize_ms: int
    """How long a client may take to send notifications/initialized. Default 30000."""
    keepalive_ms: int
    """How often a quiet stream gets a comment. Default 15000; NEVER."""
    header_ms: int
    """How long the head of a request may take to arrive. Default 30000."""
    body_ms: int
    """How long its body may take to arrive after that. Default 30000."""
    detached_ms: int
    """How long a request goes on whose client has gone and stays away. Default 300000; NEVER."""
    authorize_ms: int
    """How long the host may leave an Authorization unanswered. Default 10000."""
    connection_idle_ms: int
    """A connection without a request or a stream for so long is closed. Default 120000."""
    mailbox_messages_max: int
    """Messages kept for each session while no primary stream is attached. Default 64."""
    mailbox_bytes_max: int
    """The same limit by size. Default 65536."""
    unsent_bytes_max: int
    """What a client may leave unread on a connection. Beyond, older progress and the oldest log
    messages are dropped, and if that does not do, the connection is closed. Default 16777216."""
    session_unsent_bytes_max: int
    """The same limit for all streams of a session. Default 33554432."""
    total_unsent_bytes_max: int
    """The same limit for all connections together. Default 268435456."""
    queue_events_max: int
    """Events that wait to be taken; beyond, the server reads no more. Default 4096."""
    command_bytes_max: int
    """Commands not carried out yet; beyond, they raise LimitError. Default 67108864."""
    replay_events_max: int
    """Messages kept for each session, for clients that come back. Default 1024."""
    replay_bytes_max: int
    """The same limit by size. Default 1048576."""
    replay_total_bytes_max: int
    """The same limit for all sessions together. Default 268435456."""
    replay_ms: int
    """How long a message is kept. Default 300000; NEVER."""


def server_options(
    *,
    name: str | None,
    version: str,
    capabilities: Mapping[str, Any] | None,
    instructions: str | None,
    path: str,
    stateless: bool,
    json_response: bool,
    response_mode: str | None,
    progress_route: str,
    replay: bool,
    allowed_origins: Iterable[str] | None,
    allowed_hosts: Iterable[str] | None,
    cors_origins: Iterable[str] | None,
    authorize: bool,
    bearer_tokens: Mapping[str, str] | Iterable[str] | None,
    resource_metadata: Mapping[str, Any] | None,
    log_level: str,
    raw: bool,
    limits: Mapping[str, int],
) -> shttp_server_options:
    """The C struct, which keeps alive what it points to."""
    options = shttp_server_options()
    library.shttp_server_options_init_sized(byref(options), sizeof(options))
    if raw:
        if name is not None or capabilities is not None or instructions is not None:
            raise InvalidOptionError(
                "raw: the host answers initialize, so it has name, capabilities and instructions"
            )
    else:
        if name is None:
            raise InvalidOptionError("name is needed, unless raw")
        options.server_info = borrowed(dump({"name": name, "version": version}))
        options.server_capabilities = borrowed(dump({} if capabilities is None else capabilities))
        if instructions is not None:
            options.instructions = borrowed(instructions.encode())
    if response_mode is None:
        response_mode = "json" if json_response else "stream"
    elif json_response and response_mode != "json":
        raise InvalidOptionError(f"json_response and response_mode {response_mode!r} contradict")
    options.response_mode = _choice("response_mode", response_mode, RESPONSE_MODES)
    options.progress_route = _choice("progress_route", progress_route, PROGRESS_ROUTES)
    options.log_level = _choice("log_level", log_level, LOG_LEVELS)
    options.stateless = bool(stateless)
    options.path = _text("path", path)
    options.allowed_origins = _list("allowed_origins", allowed_origins)
    options.allowed_hosts = _list("allowed_hosts", allowed_hosts)
    options.cors_origins = _list("cors_origins", cors_origins)
    options.authorize = bool(authorize)
    options.bearer_tokens = _tokens(bearer_tokens)
    if resource_metadata is not None:
        options.resource_metadata = borrowed(dump(resource_metadata))
    if not replay:
        if any(name_of_limit.startswith("replay_") for name_of_limit in limits):
            raise InvalidOptionError("without replay nothing is kept, so nothing is to be limited")
        options.replay_events_max = UINT32_MAX
    for name_of_limit, value in limits.items():
        if name_of_limit not in Limits.__annotations__:
            raise TypeError(f"Server has no option {name_of_limit!r}")
        # ctypes would cut a number that does not fit.
        if not 0 <= value <= UINT32_MAX:
            raise InvalidOptionError(f"{name_of_limit}: {value} is not in 0 ... {UINT32_MAX}")
        setattr(options, name_of_limit, value)
    return options


def _choice(option: str, value: str, choices: Mapping[str, int]) -> int:
    try:
        return choices[value]
    except KeyError:
        raise InvalidOptionError(
            f"{option}: {value!r} is none of {', '.join(map(repr, choices))}"
        ) from None


def _text(option: str, value: str) -> bytes:
    if "\0" in value:
        raise InvalidOptionError(f"{option} has a NUL in it")
    return value.encode()


def _tokens(tokens: Mapping[str, str] | Iterable[str] | None) -> bytes | None:
    if isinstance(tokens, Mapping):
        tokens = [f"{principal}:{token}" for token, principal in tokens.items()]
    return _list("bearer_tokens", tokens)


def _list(option: str, values: Iterable[str] | None) -> bytes | None:
    if values is None:
        return None
    items = [values] if isinstance(values, str) else list(values)
    if any("," in item for item in items):
        raise InvalidOptionError(f"{option}: one value has a comma in it")
    return _text(option, ",".join(items))
