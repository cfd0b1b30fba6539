"""Keyword arguments to the C struct."""

import ctypes
import inspect
from typing import Any

import pytest

import streamablehttp
from streamablehttp import InvalidOptionError, Server
from streamablehttp._abi import shttp_bytes, shttp_server_options
from streamablehttp._options import server_options
from streamablehttp._table import OPTIONS, Option, Options

FIELDS = {field[0]: field[1] for field in shttp_server_options._fields_}

# Set by Server itself, from arguments of its own.
OTHERS = {"struct_size", "on_event", "on_log", "user_data", "user_data_free", "server_info"}
OTHERS |= {"event_store", "session_store"}
# A function of C, for hosts that take no events from a queue.
NOT_PASSED = {*OTHERS, "resource_covers"}
NUMBERS = [name for name, option in OPTIONS.items() if option.kind == "uint"]


def options(name="n", version="1", json_response=False, replay=True, raw=False, **given):
    return server_options(
        name=name,
        version=version,
        json_response=json_response,
        replay=replay,
        raw=raw,
        options=given,
    )


def text(value):
    return ctypes.string_at(value.data, value.len)


def test_every_field_of_the_struct_is_a_keyword_argument():
    described = {option.field for option in OPTIONS.values()}
    assert described == FIELDS.keys() - NOT_PASSED
    assert OPTIONS.keys() == Options.__annotations__.keys()


def test_the_signature_has_every_option_with_its_default():
    parameters = inspect.signature(Server).parameters
    assert "self" not in parameters and "options" not in parameters
    assert [*parameters][-len(OPTIONS) :] == [*OPTIONS]
    assert parameters["sessions_max"].default == 10000
    assert parameters["bearer_tokens"].default is None
    assert {one.kind for one in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}


def test_numbers_are_fields_of_32_bits():
    for name in NUMBERS:
        assert FIELDS[OPTIONS[name].field] is ctypes.c_uint32
        assert getattr(options(**{name: 7}), OPTIONS[name].field) == 7


def test_defaults_are_left_to_the_library():
    made = options()
    assert made.struct_size == ctypes.sizeof(shttp_server_options)
    assert made.on_event is None or not made.on_event
    assert made.allowed_origins is None
    assert made.allowed_hosts is None
    assert all(getattr(made, OPTIONS[name].field) == 0 for name in NUMBERS)


def test_none_is_the_default_where_that_is_none():
    names = [name for name, option in OPTIONS.items() if option.default is None]
    assert names
    made = options(**dict.fromkeys(names))
    for name in {OPTIONS[name].field for name in names} - {"server_capabilities"}:
        plain = getattr(options(), name)
        same = (lambda value: text(value)) if FIELDS[name] is shttp_bytes else (lambda value: value)
        assert same(getattr(made, name)) == same(plain), name
    with pytest.raises(TypeError, match=r"^sessions_max: "):
        options(sessions_max=None)


def test_the_greatest_number_and_never():
    assert options(fence_ms=1000).fence_ms == 1000
    assert options(fence_ms=streamablehttp.NEVER).fence_ms == 0xFFFFFFFF
    with pytest.raises(InvalidOptionError, match=r"^fence_ms: 1001 is not in 0 \.\.\. 1000"):
        options(fence_ms=1001)
    with pytest.raises(InvalidOptionError, match=r"^unix_mode: "):
        options(unix_mode=streamablehttp.NEVER)


def test_an_option_needs_no_line_but_its_own(monkeypatch):
    """A new row of the table is enough."""
    kind: Any
    for kind, field, value, converted in (
        ("uint", "sessions_max", 3, 3),
        ("flag", "half_close", True, 1),
        ("text", "path", "/x", b"/x"),
        ("list", "allowed_hosts", ["a", "b"], b"a,b"),
        ("choice", "log_level", "new", 4),
    ):
        monkeypatch.setitem(OPTIONS, "new", Option(field, kind, None, choices={"new": 4}))
        assert getattr(options(new=value), field) == converted


def test_texts():
    made = options(
        name="näme",
        version="2",
        capabilities={"tools": {}},
        instructions="Read me.",
        path="/x",
        allowed_origins=["https://a.example", "https://b.example"],
        allowed_hosts="*",
    )
    assert text(made.server_info) == '{"name":"näme","version":"2"}'.encode()
    assert text(made.server_capabilities) == b'{"tools":{}}'
    assert text(made.instructions) == b"Read me."
    assert made.path == b"/x"
    assert made.allowed_origins == b"https://a.example,https://b.example"
    assert made.allowed_hosts == b"*"


def test_authorization():
    assert options(bearer_tokens=["a", "b"]).bearer_tokens == b"a,b"
    assert options(bearer_tokens={"a": "x", "b": "x"}).bearer_tokens == b"x:a,x:b"
    assert options(authorize=True).authorize == 1
    assert text(options(resource_metadata={"resource": "r"}).resource_metadata) == (b'{"resource":"r"}')


@pytest.mark.parametrize(
    "given",
    [
        {"bearer_tokens": []},
        {"bearer_tokens": [""]},
        {"bearer_tokens": ["secret one"]},
        {"bearer_tokens": ["secret,one"]},
        {"bearer_tokens": ["secret\0"]},
        {"bearer_tokens": {"secret": "a:b"}},
        {"bearer_tokens": ["secret"], "authorize": True},
        {"resource_metadata": {}},
        {"resource_metadata": {"resource": "https://h/mcp"}},
    ],
)
def test_authorization_that_cannot_be(given):
    with pytest.raises(InvalidOptionError) as raised:
        Server(name="x", **given)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("given", "mode"),
    [
        ({}, 0),
        ({"json_response": True}, 1),
        ({"response_mode": "json"}, 1),
        ({"json_response": True, "response_mode": "json"}, 1),
        ({"response_mode": "auto"}, 2),
    ],
)
def test_response_mode(given, mode):
    assert options(**given).response_mode == mode


@pytest.mark.parametrize(
    "given",
    [
        {"response_mode": "xml"},
        {"json_response": True, "response_mode": "auto"},
        {"progress_route": "nowhere"},
        {"log_level": "loud"},
        {"name": None},
        {"raw": True},
        {"name": None, "raw": True, "instructions": "x"},
        {"allowed_hosts": ["a,b"]},
        {"path": "/\0"},
        {"replay": False, "replay_ms": 1},
        {"sessions_max": -1},
        {"sessions_max": 1 << 32},
    ],
)
def test_what_cannot_be_used(given):
    with pytest.raises(InvalidOptionError):
        options(**given)


def test_no_replay():
    assert options(replay=False).replay_events_max == 0xFFFFFFFF
    assert options(replay_ms=streamablehttp.NEVER).replay_ms == 0xFFFFFFFF


def test_unknown_options_are_a_type_error():
    with pytest.raises(TypeError, match="session_max"):
        Server(name="x", session_max=1)  # type: ignore[call-arg]


def test_what_only_the_library_can_refuse():
    with pytest.raises(InvalidOptionError):
        Server(name="x", path="no slash")


def test_addresses():
    with pytest.raises(ValueError):
        Server(name="x", port=70000)
    with pytest.raises((streamablehttp.AddressUnavailableError, ValueError)):
        Server(name="x", host="not an address")
    with pytest.raises(streamablehttp.AddressUnavailableError):
        Server(name="x", host="192.0.2.1")
    with Server(name="x") as server, pytest.raises(streamablehttp.AddressInUseError):
        Server(name="y", port=server.port)


def test_url(tmp_path):
    with Server(name="x", path="/a") as server:
        assert server.url == f"http://127.0.0.1:{server.port}/a"
        assert repr(server) == f"<Server {server.url}>"
    assert repr(server) == "<Server closed>"
    with Server(name="x", host="0.0.0.0") as server:
        assert server.url == f"http://127.0.0.1:{server.port}/mcp"
    with Server(name="x", unix_path=str(tmp_path / "s")) as server:
        assert server.port == 0
        assert server.url.startswith("http+unix://%2F")
