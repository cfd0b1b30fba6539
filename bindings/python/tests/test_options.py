"""Keyword arguments to the C struct."""

import ctypes
import inspect

import pytest

import streamablehttp
from streamablehttp import InvalidOptionError, Server
from streamablehttp._abi import shttp_server_options
from streamablehttp._options import Limits, server_options

FIELDS = {field[0]: field[1] for field in shttp_server_options._fields_}

# What the keyword arguments of Server stand for, where the names differ or C has no such thing.
# A table of C functions is for hosts in C.
NOT_PASSED = {"struct_size", "on_event", "on_log", "user_data", "user_data_free", "event_store"}
RENAMED = {"server_info": "name", "server_capabilities": "capabilities"}


def options(**changed):
    plain = {
        "name": "n",
        "version": "1",
        "capabilities": None,
        "instructions": None,
        "path": "/mcp",
        "stateless": False,
        "json_response": False,
        "response_mode": None,
        "progress_route": "primary",
        "replay": True,
        "allowed_origins": None,
        "allowed_hosts": None,
        "cors_origins": None,
        "authorize": False,
        "bearer_tokens": None,
        "resource_metadata": None,
        "log_level": "warning",
        "half_close": False,
        "unix_mode": None,
        "raw": False,
        "limits": {},
    }
    return server_options(**{**plain, **changed})


def text(value):
    return ctypes.string_at(value.data, value.len)


def test_every_field_of_the_struct_is_a_keyword_argument():
    keywords = {*inspect.signature(Server).parameters, *Limits.__annotations__}
    assert {RENAMED.get(name, name) for name in FIELDS if name not in NOT_PASSED} <= keywords


def test_the_limits_are_numbers_of_the_struct():
    for name in Limits.__annotations__:
        assert FIELDS[name] is ctypes.c_uint32
        assert getattr(options(limits={name: 7}), name) == 7


def test_defaults_are_left_to_the_library():
    made = options()
    assert made.struct_size == ctypes.sizeof(shttp_server_options)
    assert made.on_event is None or not made.on_event
    assert made.allowed_origins is None
    assert made.allowed_hosts is None
    assert all(getattr(made, name) == 0 for name in Limits.__annotations__)


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
        {"replay": False, "limits": {"replay_ms": 1}},
        {"limits": {"sessions_max": -1}},
        {"limits": {"sessions_max": 1 << 32}},
    ],
)
def test_what_cannot_be_used(given):
    with pytest.raises(InvalidOptionError):
        options(**given)


def test_no_replay():
    assert options(replay=False).replay_events_max == 0xFFFFFFFF
    assert options(limits={"replay_ms": streamablehttp.NEVER}).replay_ms == 0xFFFFFFFF


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
