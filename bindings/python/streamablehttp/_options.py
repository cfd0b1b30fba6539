"""The options of a server, from keyword arguments to the C struct."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from ctypes import byref, c_char_p, pointer, sizeof
from typing import Any, Callable

from ._abi import shttp_bytes, shttp_event_store, shttp_server_options, shttp_session_store
from ._library import library
from ._table import NEVER, OPTIONS, Option, Options
from ._values import borrowed, dump, encoded, exact, integer, wrong_type
from .errors import InvalidOptionError

_TYPES: dict[str, Any] = {field[0]: field[1] for field in shttp_server_options._fields_}


def server_options(
    *,
    name: str | None,
    version: str = "0",
    json_response: bool = False,
    replay: bool = True,
    raw: bool = False,
    event_store: shttp_event_store | None = None,
    session_store: shttp_session_store | None = None,
    options: Mapping[str, Any],
) -> shttp_server_options:
    """The C struct. It keeps references to everything it points to.

    The arguments before `options` are those that Python has and C has not.
    """
    struct = shttp_server_options()
    library.shttp_server_options_init_sized(byref(struct), sizeof(struct))
    given = {key: value for key, value in options.items() if not _is_omitted(key, value)}
    if raw:
        if name is not None or not given.keys().isdisjoint(("capabilities", "discover_capabilities", "instructions")):
            raise InvalidOptionError("raw: the host answers initialize, so it has name, capabilities and instructions")
    else:
        if name is None:
            raise InvalidOptionError("name is needed, unless raw")
        encoded("name", name), encoded("version", version)
        struct.server_info = borrowed(dump("name", {"name": name, "version": version}))
    if json_response and given.setdefault("response_mode", "json") != "json":
        raise InvalidOptionError(f"json_response and response_mode {given['response_mode']!r} contradict")
    if not replay:
        if any(key.startswith("replay_") for key in given):
            raise InvalidOptionError("without replay nothing is kept, so nothing is to be limited")
        given["replay_events_max"] = NEVER
    if event_store is not None:
        struct.event_store = pointer(event_store)
    if session_store is not None:
        struct.session_store = pointer(session_store)
    for key, value in given.items():
        _set(struct, key, value)
    return struct


def signature(function: Callable[..., Any]) -> inspect.Signature:
    """The signature of a function with `**options`, with every option in their place."""
    plain = inspect.signature(function)
    own = [one for one in plain.parameters.values() if one.kind is not one.VAR_KEYWORD]
    return plain.replace(
        parameters=[
            *own,
            *(
                inspect.Parameter(
                    name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=option.default,
                    annotation=_annotation(name),
                )
                for name, option in OPTIONS.items()
            ),
        ]
    )


def _annotation(name: str) -> str:
    annotation: Any = Options.__annotations__[name]
    return str(annotation.__forward_arg__)


def _is_omitted(name: str, value: Any) -> bool:
    if name not in OPTIONS:
        raise TypeError(f"Server has no option {name!r}")
    return value is None and OPTIONS[name].default is None


def _set(struct: shttp_server_options, name: str, value: Any) -> None:
    option = OPTIONS[name]
    converted = _CONVERSIONS[option.kind](name, value, option)
    if _TYPES[option.field] is shttp_bytes:
        converted = borrowed(converted)
    elif _TYPES[option.field] is c_char_p and b"\0" in converted:
        raise InvalidOptionError(f"{name} has a NUL in it")
    setattr(struct, option.field, converted)


def _uint(name: str, value: Any, option: Option) -> int:
    most = NEVER if option.never else option.most
    number = integer(name, value, option.least, most, InvalidOptionError)
    if option.most < number < NEVER:
        raise InvalidOptionError(f"{name}: {number} is not in {option.least} ... {option.most}")
    return number


def _flag(name: str, value: Any, option: Option) -> int:
    if not isinstance(value, (bool, int)):
        raise wrong_type(name, "a bool", value)
    return bool(value)


def _text(name: str, value: Any, option: Option) -> bytes:
    return encoded(name, value)


def _json(name: str, value: Any, option: Option) -> bytes:
    if not isinstance(value, (Mapping, bytes)):
        raise wrong_type(name, "a dict", value)
    return dump(name, value)


def _choice(name: str, value: Any, option: Option) -> int:
    if not isinstance(value, str):
        raise wrong_type(name, "a str", value)
    try:
        return option.choices[value]
    except KeyError:
        raise InvalidOptionError(f"{name}: {value!r} is none of {', '.join(map(repr, option.choices))}") from None


def _list(name: str, value: Any, option: Option) -> bytes:
    try:
        items = [value] if isinstance(value, str) else list(value)
    except TypeError:
        raise wrong_type(name, "a list of str", value) from None
    for item in items:
        if "," in encoded(name, item).decode():
            more = " of tokens, or a dict of {token: principal}" if option.kind == "tokens" else ""
            raise InvalidOptionError(f"{name}: one value has a comma in it; give a list{more}")
    return encoded(name, ",".join(items))


def _tokens(name: str, value: Any, option: Option) -> bytes:
    if isinstance(value, Mapping):
        for part in (*value.keys(), *value.values()):
            encoded(name, part)
        for principal in value.values():
            exact(name, principal, InvalidOptionError)
        value = [f"{principal}:{token}" for token, principal in value.items()]
    tokens = _list(name, value, option)
    if not tokens:
        raise InvalidOptionError(f"{name} is empty: leave it out to serve everybody")
    return tokens


_CONVERSIONS: dict[str, Callable[[str, Any, Option], Any]] = {
    "uint": _uint,
    "flag": _flag,
    "text": _text,
    "json": _json,
    "choice": _choice,
    "list": _list,
    "tokens": _tokens,
}
