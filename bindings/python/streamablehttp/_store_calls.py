"""The C functions of stores: what the library calls, and the Python objects that it is for."""

from __future__ import annotations

from ctypes import byref, sizeof
from typing import Any, Callable

from ._abi import shttp_event_store, shttp_on_order, shttp_session_store, shttp_store_order
from ._library import library
from ._store import Binding, Load, Lookup, binding_of
from ._values import copied, decoded


def event_store(binding: Binding) -> shttp_event_store:
    """The C struct, which the library copies. The functions exist as long as this module."""
    struct = shttp_event_store()
    library.shttp_event_store_init_sized(byref(struct), sizeof(struct))
    struct.keep, struct.end, struct.load, struct.forget = _KEEP, _END, _LOAD, _FORGET
    if binding.has("begin"):
        struct.begin = _BEGIN
    struct.user_data = binding.key
    return struct


def session_store(binding: Binding) -> shttp_session_store:
    """The same for sessions."""
    struct = shttp_session_store()
    library.shttp_session_store_init_sized(byref(struct), sizeof(struct))
    struct.keep, struct.touch, struct.find, struct.forget = _KEEP_SESSION, _TOUCH, _FIND, _FORGET
    struct.user_data = binding.key
    return struct


def _begin(binding: Binding, order: shttp_store_order) -> None:
    binding.tell("begin", decoded(order.session), decoded(order.stream), copied(order.record))


def _keep(binding: Binding, order: shttp_store_order) -> None:
    message = copied(order.message)
    binding.tell("keep", decoded(order.session), decoded(order.stream), order.number, message)


def _end(binding: Binding, order: shttp_store_order) -> None:
    binding.tell("end", decoded(order.session), decoded(order.stream))


def _load(binding: Binding, order: shttp_store_order) -> None:
    session, stream = decoded(order.session), decoded(order.stream)
    binding.ask("load", Load, order.load.key, session, stream, order.number)


def _keep_session(binding: Binding, order: shttp_store_order) -> None:
    binding.tell("keep", decoded(order.session), copied(order.record), order.idle_ms)


def _touch(binding: Binding, order: shttp_store_order) -> None:
    binding.tell("touch", decoded(order.session), order.idle_ms)


def _find(binding: Binding, order: shttp_store_order) -> None:
    binding.ask("find", Lookup, order.load.key, decoded(order.session))


def _forget(binding: Binding, order: shttp_store_order) -> None:
    binding.tell("forget", decoded(order.session))


def _callback(method: Callable[[Binding, shttp_store_order], None]) -> Any:
    def called(server: Any, order: Any, key: int) -> None:
        if binding := binding_of(key):
            method(binding, order.contents)

    return shttp_on_order(called)


_BEGIN, _KEEP, _END, _LOAD = map(_callback, (_begin, _keep, _end, _load))
_KEEP_SESSION, _TOUCH, _FIND, _FORGET = map(_callback, (_keep_session, _touch, _find, _forget))
