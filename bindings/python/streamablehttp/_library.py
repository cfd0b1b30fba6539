"""Finds libstreamablehttp, loads it and checks that it has the ABI version of this package."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

from . import _abi
from .errors import StreamableHTTPError, error_of

NAME = "libstreamablehttp.so"
SONAME = f"{NAME}.{_abi.SHTTP_ABI_VERSION}"

# These return an int that is not a status.
_NO_STATUS = {"shttp_loop_descriptor", "shttp_loop_timeout_ms", "shttp_server_descriptor"}


def _find() -> str:
    """The file from the environment, the package or the checkout; else the name for the loader."""
    if named := os.environ.get("STREAMABLEHTTP_LIBRARY"):
        return named
    package = Path(__file__).resolve().parent
    checkout = package.parent.parent.parent
    for path in (package / NAME, checkout / ".build-cmake" / "lib" / NAME):
        if path.exists():
            return str(path)
    return SONAME


def _load() -> ctypes.CDLL:
    path = _find()
    try:
        library = ctypes.CDLL(path)
        library.shttp_abi_version.argtypes = []
        library.shttp_abi_version.restype = ctypes.c_uint32
        abi = library.shttp_abi_version()
        if abi != _abi.SHTTP_ABI_VERSION:
            needed = _abi.SHTTP_ABI_VERSION
            raise ImportError(f"{path} has ABI {abi}, and this package needs ABI {needed}", path=path)
        _abi.declare(library)
    except OSError as error:
        raise ImportError(
            f"cannot load libstreamablehttp: {error} (build it with"
            " `cmake -B .build-cmake && cmake --build .build-cmake`, or name the file in"
            " STREAMABLEHTTP_LIBRARY)",
            path=path,
        ) from error
    except AttributeError as error:
        raise ImportError(f"{path} is not this version's libstreamablehttp: {error}") from error
    for name in _abi.FUNCTIONS:
        function = getattr(library, name)
        if function.restype is ctypes.c_int32 and name not in _NO_STATUS:
            function.errcheck = _check
    return library


def _check(status: int, function: Any, arguments: tuple[Any, ...]) -> int:
    if status:
        raise error(status)
    return status


def error(status: int) -> StreamableHTTPError:
    """The exception for a status, with the library's description."""
    return error_of(status, ctypes.string_at(library.shttp_status_text(status)).decode())


library = _load()


def version() -> str:
    """The version of the library, such as 0.1.0."""
    number = library.shttp_version()
    return f"{number >> 16}.{number >> 8 & 0xFF}.{number & 0xFF}"
