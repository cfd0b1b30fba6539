"""Creates a server and lets it listen. Exceptions have the library's reason."""

from __future__ import annotations

import os
from ctypes import byref, create_string_buffer, sizeof
from typing import Any, Callable

from ._abi import shttp_server_options, shttp_server_p
from ._handles import Handle
from ._library import library
from ._table import OPTIONS
from ._values import encoded, wrong_type
from .errors import AddressUnavailableError, InvalidOptionError, StreamableHTTPError, error_of

REASON_BYTES_MAX = 512


def create(loop: Handle, options: shttp_server_options) -> Any:
    """A server on `loop`. Raises InvalidOptionError, and others."""
    pointer = shttp_server_p()
    _with_reason(
        lambda reason, size: loop.invoke(library.shttp_server_create, byref(options), byref(pointer), reason, size)
    )
    return pointer


def listen(server: Any, host: str, port: int, unix_path: str | None) -> None:
    """Lets a server listen, before its loop runs. Raises AddressInUseError and others."""
    address = encoded("host", host) if unix_path is None else b"unix:" + os.fsencode(unix_path)
    _with_reason(lambda reason, size: library.shttp_server_listen(server, address, port, reason, size))


def _with_reason(call: Callable[[Any, int], object]) -> None:
    reason = create_string_buffer(REASON_BYTES_MAX)
    try:
        call(reason, sizeof(reason))
    except StreamableHTTPError as error:
        text = reason.value.decode("utf-8", "replace") or str(error)
        raise error_of(error.status, _in_python(text)) from None


def _in_python(reason: str) -> str:
    """The reason, with the names of keyword arguments in place of the library's."""
    reason = reason.replace("or unix:/path", "or use unix_path")
    for name, option in OPTIONS.items():
        if name != option.field and reason.startswith(option.field):
            return name + reason[len(option.field) :]
    return reason


def internet_address(host: str) -> str:
    """`host` as it is: the library explains what it cannot use. Raises TypeError, and others."""
    if b"\0" in encoded("host", host) or host.startswith("unix:"):
        raise AddressUnavailableError(f"host: {host!r} is no address; a socket is a unix_path")
    return host


def unix_socket_path(path: str | os.PathLike[str]) -> str:
    """The path of a Unix socket. Raises TypeError, InvalidOptionError."""
    try:
        name = os.fsencode(path)
    except TypeError:
        raise wrong_type("unix_path", "a str or a path", path) from None
    except UnicodeEncodeError:
        raise InvalidOptionError("unix_path: not the name of a file") from None
    if not name or b"\0" in name:
        raise InvalidOptionError(f"unix_path: {path!r} is empty, or has a NUL in it")
    return os.fsdecode(name)
