"""The C functions of an event store: what the library calls, and Python objects that it is for."""

from __future__ import annotations

import weakref
from ctypes import byref, sizeof
from typing import Any

from ._abi import (
    shttp_bytes,
    shttp_event_store,
    shttp_load,
    shttp_session,
    shttp_store_end,
    shttp_store_forget,
    shttp_store_keep,
    shttp_store_load,
)
from ._library import library
from ._store import Binding, binding_of
from ._values import copied, decoded

_wire_ids: weakref.WeakKeyDictionary[Binding, dict[int, str]] = weakref.WeakKeyDictionary()
"""The ids of sessions by their keys: `forget` cannot ask for it any more."""


def event_store(binding: Binding) -> shttp_event_store:
    """The C struct, which the library copies. The functions exist as long as this module."""
    struct = shttp_event_store()
    library.shttp_event_store_init_sized(byref(struct), sizeof(struct))
    struct.keep, struct.end, struct.load, struct.forget = _KEEP, _END, _LOAD, _FORGET
    struct.user_data = binding.key
    return struct


def _session_id(binding: Binding, server: Any, session: shttp_session) -> str:
    ids = _wire_ids.setdefault(binding, {})
    if session.key not in ids:
        found = shttp_bytes()
        library.shttp_session_wire_id(server, session, byref(found))
        ids[session.key] = decoded(found)
    return ids[session.key]


def _keep(
    server: Any,
    session: shttp_session,
    stream: shttp_bytes,
    number: int,
    message: shttp_bytes,
    key: int,
) -> None:
    if binding := binding_of(key):
        id = _session_id(binding, server, session)
        binding.keep(id, decoded(stream), number, copied(message))


def _end(server: Any, session: shttp_session, stream: shttp_bytes, key: int) -> None:
    if binding := binding_of(key):
        binding.end(_session_id(binding, server, session), decoded(stream))


def _load(
    server: Any,
    load: shttp_load,
    session: shttp_session,
    stream: shttp_bytes,
    after: int,
    key: int,
) -> None:
    if binding := binding_of(key):
        binding.load(_session_id(binding, server, session), decoded(stream), after, load.key)


def _forget(server: Any, session: shttp_session, key: int) -> None:
    if binding := binding_of(key):
        id = _wire_ids.get(binding, {}).pop(session.key, None)
        if id is not None:
            binding.forget(id)


_KEEP, _END = shttp_store_keep(_keep), shttp_store_end(_end)
_LOAD, _FORGET = shttp_store_load(_load), shttp_store_forget(_forget)
