"""The C functions of an event store: what the library calls, and Python objects that it is for."""

from __future__ import annotations

from ctypes import byref, sizeof
from typing import Any, Callable

from ._abi import shttp_event_store, shttp_on_order, shttp_store_order
from ._library import library
from ._store import Binding, binding_of
from ._values import copied, decoded


def event_store(binding: Binding) -> shttp_event_store:
    """The C struct, which the library copies. The functions exist as long as this module."""
    struct = shttp_event_store()
    library.shttp_event_store_init_sized(byref(struct), sizeof(struct))
    struct.keep, struct.end, struct.load, struct.forget = _KEEP, _END, _LOAD, _FORGET
    struct.user_data = binding.key
    return struct


def _keep(binding: Binding, order: shttp_store_order) -> None:
    message = copied(order.message)
    binding.keep(decoded(order.session), decoded(order.stream), order.number, message)


def _end(binding: Binding, order: shttp_store_order) -> None:
    binding.end(decoded(order.session), decoded(order.stream))


def _load(binding: Binding, order: shttp_store_order) -> None:
    session, stream = decoded(order.session), decoded(order.stream)
    binding.load(session, stream, order.number, order.load.key)


def _forget(binding: Binding, order: shttp_store_order) -> None:
    binding.forget(decoded(order.session))


def _callback(method: Callable[[Binding, shttp_store_order], None]) -> Any:
    def called(server: Any, order: Any, key: int) -> None:
        if binding := binding_of(key):
            method(binding, order.contents)

    return shttp_on_order(called)


_KEEP, _END, _LOAD, _FORGET = map(_callback, (_keep, _end, _load, _forget))
