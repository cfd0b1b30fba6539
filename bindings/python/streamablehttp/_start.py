"""Creates a server and lets it listen. Exceptions have the library's reason."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from ctypes import byref, create_string_buffer, sizeof
from typing import Any, Callable, Union

from ._abi import shttp_server_options, shttp_server_p
from ._handles import Handle
from ._library import library
from ._table import OPTIONS
from ._values import encoded, integer, wrong_type
from .errors import (
    AddressUnavailableError,
    InvalidArgumentError,
    InvalidOptionError,
    StreamableHTTPError,
    error_of,
)

REASON_BYTES_MAX = 512

Listening = Union[int, socket.socket]
"""A socket that listens: its descriptor, or an object of Python's."""


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


class Sockets:
    """Sockets that listen already."""

    def __init__(self, given: Listening | Iterable[Listening]) -> None:
        """Raises TypeError, InvalidArgumentError."""
        self._given = [given] if isinstance(given, (int, socket.socket)) else list(given)
        if not self._given:
            raise InvalidArgumentError("listen_fd is empty: leave it out, or use port=None")

    def listen(self, server: Any) -> tuple[str, str | None]:
        """Lets a server listen on duplicates. Returns the address of the first, or its path."""
        names = [self._listen(server, one) for one in self._given]
        return names[0]

    def _listen(self, server: Any, given: Listening) -> tuple[str, str | None]:
        number = given.fileno() if isinstance(given, socket.socket) else integer("listen_fd", given, 0, 0x7FFFFFFF)
        try:
            copy = socket.socket(fileno=os.dup(number))
        except OSError as problem:
            raise InvalidArgumentError(f"listen_fd: {number} is no socket: {problem.strerror}") from None
        with copy:
            name = copy.getsockname()
            library.shttp_server_listen_fd(server, copy.fileno())
            copy.detach()
        if isinstance(name, tuple):
            return name[0], None
        return "127.0.0.1", os.fsdecode(name)


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
