"""Python values to C values and back."""

from __future__ import annotations

import json
from ctypes import c_char_p, c_void_p, cast, string_at
from typing import Any, Iterator, Mapping

from ._abi import shttp_bytes
from .errors import InvalidArgumentError

EMPTY = shttp_bytes()

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def borrowed(data: bytes) -> shttp_bytes:
    """`data` as the library wants it; the result keeps `data` alive."""
    return shttp_bytes(cast(c_char_p(data), c_void_p), len(data))


def copied(value: shttp_bytes) -> bytes:
    """The library's bytes, copied: it keeps them only until the next events are taken."""
    return string_at(value.data, value.len) if value.len else b""


def dump(value: Any) -> bytes:
    """`value` as JSON text. Bytes are taken as JSON text already. Raises ValueError, TypeError."""
    if isinstance(value, bytes):
        return value
    return _encode(value).encode()


def milliseconds(value: int) -> int:
    """`value` as a uint32_t: ctypes would cut a number that does not fit."""
    if not 0 <= value <= 0xFFFFFFFF:
        raise InvalidArgumentError(f"{value} ms is not in 0 ... {0xFFFFFFFF}")
    return value


class Headers(Mapping[str, str]):
    """The header lines of an HTTP request, under names of any case; repeated lines are joined."""

    def __init__(self, lines: bytes) -> None:
        self._fields: dict[str, str] = {}
        for line in lines.decode("latin-1").split("\r\n"):
            name, colon, value = line.partition(":")
            if colon:
                name, value = name.lower(), value.strip()
                before = self._fields.get(name)
                self._fields[name] = value if before is None else f"{before}, {value}"

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)
