"""Conversion of Python values to C values and back."""

from __future__ import annotations

import ctypes
import json
import math
import operator
import threading
from collections.abc import Iterator, Mapping
from ctypes import c_char_p, c_void_p, string_at
from typing import Any, Callable, SupportsIndex, TypeVar, cast

from ._abi import shttp_bytes
from .errors import InvalidArgumentError, InvalidMessageError, StreamableHTTPError

EMPTY = shttp_bytes()
UINT32_MAX = 0xFFFFFFFF
METHOD_BYTES_MAX = 1024
SHOWN_MAX = 100
_BLANKS = b" \t"
"""What may be around the value of a header: other white space is a part of it."""

T = TypeVar("T")

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


# ---- To C: invalid values are refused here, with the name of the argument ---


def borrowed(data: bytes) -> shttp_bytes:
    """`data` as shttp_bytes, which keeps a reference to `data`."""
    return shttp_bytes(ctypes.cast(c_char_p(data), c_void_p), len(data))


def encoded(argument: str, value: str) -> bytes:
    """A str in UTF-8. Raises TypeError.

    A str may contain unpaired surrogates, for example from JSON escapes, but UTF-8 cannot. They are
    replaced by U+FFFD.
    """
    if not isinstance(value, str):
        raise wrong_type(argument, "a str", value)
    try:
        return value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def exact(argument: str, value: str, error: type[StreamableHTTPError] = InvalidArgumentError) -> bytes:
    """A str in UTF-8 that identifies a user: nothing is replaced, so that names stay different.

    Raises TypeError, or `error`, which is a ValueError.
    """
    data = encoded(argument, value)
    if data.decode() != value:
        raise error(f"{argument}: {value!r} has a surrogate in it, and is no Unicode text")
    return data


def text(argument: str, value: str | None) -> shttp_bytes:
    """A str for the library; empty for None. Raises TypeError."""
    return EMPTY if value is None else borrowed(encoded(argument, value))


def method_name(method: str) -> shttp_bytes:
    """The method of a message. Raises TypeError, InvalidMessageError."""
    name = encoded("method", method)
    if not name or len(name) > METHOD_BYTES_MAX or name.startswith(b"rpc."):
        raise InvalidMessageError(
            f"method: {method[:100]!r} is empty, longer than {METHOD_BYTES_MAX} bytes, or one of JSON-RPC's own (rpc.)"
        )
    return borrowed(name)


def load(text: bytes) -> Any:
    """The value of JSON text.

    An integer with more digits than Python accepts (sys.set_int_max_str_digits) becomes a float,
    infinity, like other numbers that are too large.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        return json.loads(text, parse_int=_number)


def _number(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:
        return float(digits)


def dump(argument: str, value: Any) -> bytes:
    """`value` as JSON text; bytes are JSON text already. Raises TypeError, InvalidMessageError."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    try:
        json_text = _encode(value)
    except TypeError as error:
        raise TypeError(f"{argument}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidMessageError(f"{argument}: {error}") from error
    try:
        return json_text.encode()
    except UnicodeEncodeError:
        return encoded(argument, json_text)


def optional(argument: str, value: Any) -> shttp_bytes:
    """JSON for the library; empty for None. Raises TypeError, InvalidMessageError."""
    return EMPTY if value is None else borrowed(dump(argument, value))


def message_params(value: Any) -> shttp_bytes:
    """The params of a message. Raises TypeError, InvalidMessageError."""
    if value is None:
        return EMPTY
    params = dump("params", value)
    if params[:1] not in (b"{", b"[") and not isinstance(value, (bytes, bytearray, memoryview)):
        raise wrong_type("params", "a dict or a list", value)
    return borrowed(params)


def integer(
    argument: str,
    value: SupportsIndex,
    least: int,
    most: int,
    error: type[StreamableHTTPError] = InvalidArgumentError,
) -> int:
    """`value` as a C integer, checked for its range: ctypes would truncate it.

    Raises TypeError, or `error`, which is a ValueError.
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise wrong_type(argument, "an int", value) from None
    if not least <= number <= most:
        # A number of thousands of digits cannot be printed: sys.set_int_max_str_digits.
        shown = str(number) if abs(number) < 1 << 64 else "it"
        raise error(f"{argument}: {shown} is not in {least} ... {most}")
    return number


def milliseconds(argument: str, value: SupportsIndex) -> int:
    """`value` as a uint32_t. Raises TypeError, InvalidArgumentError."""
    return integer(argument, value, 0, UINT32_MAX)


def finite(argument: str, value: float) -> float:
    """`value` as a double. Raises TypeError, InvalidArgumentError."""
    try:
        if math.isfinite(value):
            return float(value)
    except TypeError:
        raise wrong_type(argument, "a number", value) from None
    except OverflowError:
        pass
    raise InvalidArgumentError(f"{argument}: not a finite number")


def seconds(argument: str, value: float | None) -> float | None:
    """`value` as a time-out; None is infinite. Raises TypeError, InvalidArgumentError."""
    if value is None:
        return None
    duration = finite(argument, value)
    if not 0 <= duration <= threading.TIMEOUT_MAX:
        raise InvalidArgumentError(f"{argument}: {duration} s is not in 0 ... {threading.TIMEOUT_MAX}")
    return duration


def wrong_type(argument: str, wanted: str, value: Any) -> TypeError:
    return TypeError(f"{argument}: {wanted} is needed, not {type(value).__name__}")


# ---- From C ------------------------------------------------------------------


def copied(value: shttp_bytes) -> bytes:
    """A copy of the library's bytes, which are valid only until the next events are taken."""
    return string_at(value.data, value.len) if value.len else b""


def decoded(value: shttp_bytes) -> str:
    """A copy of the library's text. Invalid UTF-8 is replaced; it never raises."""
    return string_at(value.data, value.len).decode("utf-8", "replace") if value.len else ""


class _Lazy:
    """An attribute that is computed at its first use, and then found in the object's __dict__.

    Unlike functools.cached_property it has no lock, which a fork could copy while it is held.
    """

    def __init__(self, compute: Callable[[Any], Any]) -> None:
        self._compute = compute

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, thing: Any, owner: type | None = None) -> Any:
        if thing is None:
            return self
        return vars(thing).setdefault(self._name, self._compute(thing))


def lazy(compute: Callable[[Any], T]) -> T:
    """For the body of a class: an attribute that `compute(self)` gives a value, when needed."""
    return cast(T, _Lazy(compute))


class Headers(Mapping[str, str]):
    """The headers of an HTTP request. Names are case-insensitive; repeated lines are joined."""

    def __init__(self, lines: bytes | Mapping[str, str] = b"") -> None:
        """`lines` are those of the request, or a mapping."""
        self._lines = lines

    _fields: dict[str, str] = lazy(lambda self: _fields(self._lines))
    raw: list[tuple[bytes, bytes]] = lazy(lambda self: _raw(self._lines))
    """Each line in its order, as (name, value); names are in lower case."""

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower() if isinstance(name, str) else name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


def raw_headers(lines: bytes) -> list[tuple[bytes, bytes]]:
    """Header lines as pairs of name, in lower case, and value."""
    pairs = (line.partition(b":") for line in lines.split(b"\r\n"))
    return [(name.lower(), value.strip(_BLANKS)) for name, colon, value in pairs if colon]


def headers_of(value: Mapping[str, str] | None) -> Headers:
    """The headers of an event that is built."""
    return value if isinstance(value, Headers) else Headers(value or {})


def _raw(lines: bytes | Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    if isinstance(lines, bytes):
        return raw_headers(lines)
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in lines.items()]


def _fields(lines: bytes | Mapping[str, str]) -> dict[str, str]:
    if not isinstance(lines, bytes):
        return {name.lower(): value for name, value in lines.items()}
    fields: dict[str, str] = {}
    for line in lines.decode("latin-1").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            name, value = name.lower(), value.strip(" \t")
            before = fields.get(name)
            fields[name] = value if before is None else f"{before}, {value}"
    return fields


def shown(value: Any) -> str:
    """`value` for a repr, on one line; what a client has sent may be long."""
    text = repr(value)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."
