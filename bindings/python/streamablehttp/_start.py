"""Creates a server and lets it listen. Exceptions say what is wrong with which option."""

from __future__ import annotations

import ipaddress
import os
from ctypes import byref
from typing import Any

from ._abi import shttp_server_options, shttp_server_p
from ._handles import Handle
from ._library import library
from ._values import EMPTY, encoded, wrong_type
from .errors import (
    AddressUnavailableError,
    InvalidOptionError,
    StreamableHTTPError,
    error_of,
)

LOOPBACK = "127.0.0.1"
UNIX_PATH_BYTES_MAX = 107


def create(loop: Handle, options: shttp_server_options) -> Any:
    """A server on `loop`. Raises InvalidOptionError, and others."""
    pointer = shttp_server_p()
    try:
        loop.invoke(library.shttp_server_create, byref(options), byref(pointer))
    except InvalidOptionError as error:
        raise InvalidOptionError(_blame(loop, options) or str(error)) from None
    return pointer


def listen(server: Any, host: str, port: int, unix_path: str | None) -> None:
    """Lets a server listen, before its loop runs. Raises AddressInUseError and others."""
    address = host.encode() if unix_path is None else b"unix:" + os.fsencode(unix_path)
    try:
        library.shttp_server_listen(server, address, port)
    except StreamableHTTPError as error:
        where = unix_path or f"host {host}, port {port}"
        raise error_of(error.status, f"{where}: {error}") from None


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
    "event_store": ("event_store", None, "nothing is resumed if stateless, or without replay"),
}
"""Fields that only the library checks: keyword, empty value, and a description of valid values."""


def _blame(loop: Handle, options: shttp_server_options) -> str | None:
    """Finds the field because of which the library refuses the options: it does not report it."""
    for field, (keyword, nothing, hint) in _HINTS.items():
        trial = shttp_server_options.from_buffer_copy(options)
        setattr(trial, field, nothing)
        if _would_do(loop, trial):
            return f"{keyword} cannot be used: {hint}"
    return None


def _would_do(loop: Handle, options: shttp_server_options) -> bool:
    """Whether the library accepts these options."""
    pointer = shttp_server_p()
    try:
        loop.invoke(library.shttp_server_create, byref(options), byref(pointer))
    except InvalidOptionError:
        return False
    library.shttp_server_destroy(pointer)
    return True


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
