"""The options of a server, from keyword arguments to the C struct."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable, Mapping
from ctypes import byref, sizeof
from typing import Any, Callable, TypedDict

from ._abi import shttp_log_level, shttp_progress_route, shttp_response_mode, shttp_server_options
from ._library import library
from ._values import EMPTY, UINT32_MAX, borrowed, dump, encoded, exact, integer, text, wrong_type
from .errors import AddressUnavailableError, InvalidOptionError

LOOPBACK = "127.0.0.1"
UNIX_PATH_BYTES_MAX = 107
NEVER = UINT32_MAX
"""For `session_idle_ms`, `keepalive_ms`, `detached_ms`, `replay_ms`, `head_ms`, `fence_ms`."""

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
    """Numeric options. The unit is the last part of the name; 0 means the default."""

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
    half_close: bool,
    unix_mode: int | None,
    raw: bool,
    limits: Mapping[str, int],
) -> shttp_server_options:
    """The C struct. It keeps references to everything it points to."""
    options = shttp_server_options()
    library.shttp_server_options_init_sized(byref(options), sizeof(options))
    if raw:
        if name is not None or capabilities is not None or instructions is not None:
            raise InvalidOptionError("raw: the host answers initialize, so it has name, capabilities and instructions")
    else:
        if name is None:
            raise InvalidOptionError("name is needed, unless raw")
        encoded("name", name), encoded("version", version)
        options.server_info = borrowed(dump("name", {"name": name, "version": version}))
        options.server_capabilities = borrowed(_object("capabilities", {} if capabilities is None else capabilities))
        options.instructions = text("instructions", instructions)
    if response_mode is None:
        response_mode = "json" if json_response else "stream"
    elif json_response and response_mode != "json":
        raise InvalidOptionError(f"json_response and response_mode {response_mode!r} contradict")
    options.response_mode = _choice("response_mode", response_mode, RESPONSE_MODES)
    options.progress_route = _choice("progress_route", progress_route, PROGRESS_ROUTES)
    options.log_level = _choice("log_level", log_level, LOG_LEVELS)
    options.stateless = bool(stateless)
    options.half_close = bool(half_close)
    if unix_mode is not None:
        options.unix_mode = integer("unix_mode", unix_mode, 1, 0o777, InvalidOptionError)
    options.path = _text("path", path)
    options.allowed_origins = _list("allowed_origins", allowed_origins)
    options.allowed_hosts = _list("allowed_hosts", allowed_hosts)
    options.cors_origins = _list("cors_origins", cors_origins)
    if authorize and bearer_tokens is not None:
        raise InvalidOptionError("authorize and bearer_tokens contradict: who is asked, and when?")
    options.authorize = bool(authorize)
    options.bearer_tokens = _tokens(bearer_tokens)
    if resource_metadata is not None:
        options.resource_metadata = borrowed(_object("resource_metadata", resource_metadata))
    if not replay:
        if any(name_of_limit.startswith("replay_") for name_of_limit in limits):
            raise InvalidOptionError("without replay nothing is kept, so nothing is to be limited")
        options.replay_events_max = UINT32_MAX
    for name_of_limit, value in limits.items():
        if name_of_limit not in Limits.__annotations__:
            raise TypeError(f"Server has no option {name_of_limit!r}")
        number = integer(name_of_limit, value, 0, UINT32_MAX, InvalidOptionError)
        setattr(options, name_of_limit, number)
    return options


_HINTS: dict[str, tuple[str, Any, str]] = {
    "path": ("path", None, "it begins with a slash, and is printable ASCII without ? and #"),
    "server_capabilities": ("capabilities", EMPTY, "it nests too deeply, or is not an object"),
    "bearer_tokens": (
        "bearer_tokens",
        None,
        "there is at least one token, each once, of letters, digits and -._~+/=; a principal is not"
        " empty, and has no colon",
    ),
    "resource_metadata": (
        "resource_metadata",
        EMPTY,
        'it needs "resource", an absolute URL, and "authorization_servers"',
    ),
}
"""Fields that only the library checks: keyword, empty value, and a description of valid values."""


def blame(options: shttp_server_options, is_accepted: Callable[[shttp_server_options], bool]) -> str | None:
    """Finds the field because of which the library refuses the options: it does not report it."""
    for field, (keyword, nothing, hint) in _HINTS.items():
        trial = shttp_server_options.from_buffer_copy(options)
        setattr(trial, field, nothing)
        if is_accepted(trial):
            return f"{keyword} cannot be used: {hint}"
    return None


def internet_address(host: str) -> str:
    """The numeric address of `host`. Raises TypeError, AddressUnavailableError.

    Names are not resolved, except localhost, which needs no lookup.
    """
    encoded("host", host)
    if host.lower() == "localhost":
        return LOOPBACK
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise AddressUnavailableError(
            f"host: {host!r} is no address in digits, such as 127.0.0.1, 0.0.0.0 or ::1; names"
            " other than localhost are not looked up, and a Unix socket is a unix_path"
        ) from None
    return host


def unix_socket_path(path: str | os.PathLike[str]) -> str:
    """The path of a Unix socket. Raises TypeError, InvalidOptionError."""
    try:
        name = os.fsencode(path)
    except TypeError:
        raise wrong_type("unix_path", "a str or a path", path) from None
    except UnicodeEncodeError:
        raise InvalidOptionError("unix_path: not the name of a file") from None
    if not name or b"\0" in name or len(name) > UNIX_PATH_BYTES_MAX:
        raise InvalidOptionError(
            f"unix_path: {path!r} is empty, has a NUL in it, or is longer than the"
            f" {UNIX_PATH_BYTES_MAX} bytes that the system takes"
        )
    return os.fsdecode(name)


def _choice(option: str, value: str, choices: Mapping[str, int]) -> int:
    if not isinstance(value, str):
        raise wrong_type(option, "a str", value)
    try:
        return choices[value]
    except KeyError:
        raise InvalidOptionError(f"{option}: {value!r} is none of {', '.join(map(repr, choices))}") from None


def _object(option: str, value: Mapping[str, Any]) -> bytes:
    if not isinstance(value, (Mapping, bytes)):
        raise wrong_type(option, "a dict", value)
    return dump(option, value)


def _text(option: str, value: str) -> bytes:
    data = encoded(option, value)
    if b"\0" in data:
        raise InvalidOptionError(f"{option} has a NUL in it")
    return data


def _tokens(tokens: Mapping[str, str] | Iterable[str] | None) -> bytes | None:
    if isinstance(tokens, Mapping):
        for part in (*tokens.keys(), *tokens.values()):
            encoded("bearer_tokens", part)
        for principal in tokens.values():
            exact("bearer_tokens", principal, InvalidOptionError)
        tokens = [f"{principal}:{token}" for token, principal in tokens.items()]
    return _list("bearer_tokens", tokens)


def _list(option: str, values: Iterable[str] | None) -> bytes | None:
    if values is None:
        return None
    try:
        items = [values] if isinstance(values, str) else list(values)
    except TypeError:
        raise wrong_type(option, "a list of str", values) from None
    for item in items:
        if "," in encoded(option, item).decode():
            raise InvalidOptionError(
                f"{option}: one value has a comma in it; give a list"
                + (" of tokens, or a dict of {token: principal}" if option == "bearer_tokens" else "")
            )
    return _text(option, ",".join(items))
