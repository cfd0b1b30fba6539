"""What strangers pass: every str travels, and what cannot be says which argument it is."""

import decimal
import errno
import math
import socket

import pytest

from streamablehttp import (
    AddressInUseError,
    AddressUnavailableError,
    Authorization,
    InvalidArgumentError,
    InvalidMessageError,
    InvalidOptionError,
    PrimaryOpened,
    Server,
    SessionOpened,
)
from streamablehttp._values import encoded
from wire import SECONDS, Client

HALF = "a\ud83d"
"""What a client's JSON can hold: one half of a surrogate pair."""
MENDED = "a\ufffd"


@pytest.fixture
def served(host):
    """A host with a request under way: the host, the client, the exchange and the request."""
    one = host()
    client = one.client()
    client.initialize(capabilities={"sampling": {}})
    exchange = client.call_tool(token="t")
    return one, client, exchange, one.next()


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("\ud83d", "\ufffd"),
        ("\ude00", "\ufffd"),
        ("\ud83dx", "\ufffdx"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
        ("\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        ("\0ü✓\U0001f600\udfff", "\0ü✓\U0001f600\ufffd"),
    ],
)
def test_surrogates(text, mended):
    assert encoded("x", text) == mended.encode()


def test_every_str_travels(served):
    one, client, exchange, request = served
    session = request.session
    request.progress(1, 2, HALF)
    request.log("info", {HALF: HALF}, logger=HALF)
    request.notify(f"x/{HALF}", {HALF: [HALF]})
    call = request.call(f"y/{HALF}", [HALF])
    assert exchange.next()["params"]["message"] == MENDED
    assert exchange.next()["params"] == {
        "level": "info",
        "logger": MENDED,
        "data": {MENDED: MENDED},
    }
    notification = exchange.next()
    assert (notification["method"], notification["params"]) == (f"x/{MENDED}", {MENDED: [MENDED]})
    question = exchange.next()
    assert (question["method"], question["params"]) == (f"y/{MENDED}", [MENDED])
    client.answer(question, {})
    assert call.result(SECONDS) == {}
    request.respond({"content": [{"type": "text", "text": HALF}]})
    assert exchange.next()["result"]["content"][0]["text"] == MENDED

    exchange = client.request("x")
    one.next().fail(-1, HALF, {"data": HALF})
    assert exchange.next()["error"] == {"code": -1, "message": MENDED, "data": {"data": MENDED}}

    primary = client.listen()
    one.next(PrimaryOpened)
    session.notify(f"n/{HALF}", {"a": HALF})
    one.server.broadcast(f"b/{HALF}", {"a": HALF})
    session.call(f"c/{HALF}", {"a": HALF})
    for letter in "nbc":
        message = primary.next()
        assert (message["method"], message["params"]) == (f"{letter}/{MENDED}", {"a": MENDED})


def test_a_clients_halves_come_back(served):
    """What a library that lets them through hands over, and the host echoes."""
    _, _, exchange, request = served
    vars(request)["message"] = b'{"params":{"text":"cut \\ud83d"}}'
    assert request.params == {"text": "cut \ud83d"}
    request.respond({"text": request.params["text"], "key \ud83d": request.params})
    assert exchange.next()["result"] == {
        "text": "cut \ufffd",
        "key \ufffd": {"text": "cut \ufffd"},
    }


def test_options_take_every_str():
    with Server(name=HALF, version=HALF, instructions=HALF, capabilities={"x": {HALF: 1}}) as server:
        result = Client(server.port).initialize()
    assert result["serverInfo"] == {"name": MENDED, "version": MENDED}
    assert result["instructions"] == MENDED
    assert result["capabilities"] == {"x": {MENDED: 1}}


def test_params_that_are_null(served):
    _, _, _, request = served
    vars(request)["message"] = b'{"params":null}'
    assert request.params == {}
    request.respond({})


LOOPS = []
LOOPS.append(LOOPS)
DEEP = []
for _ in range(100_000):
    DEEP = [DEEP]

WRONG = [
    ("code", TypeError, lambda r: r.fail("1", "x")),
    ("code", TypeError, lambda r: r.fail(1.0, "x")),
    ("code", ValueError, lambda r: r.fail(1 << 31, "x")),
    ("code", ValueError, lambda r: r.fail(-(1 << 31) - 1, "x")),
    ("code", ValueError, lambda r: r.fail(10**5000, "x")),
    ("message", TypeError, lambda r: r.fail(1, None)),
    ("message", TypeError, lambda r: r.fail(1, b"x")),
    ("data", TypeError, lambda r: r.fail(1, "x", object())),
    ("data", ValueError, lambda r: r.fail(1, "x", math.nan)),
    ("result", TypeError, lambda r: r.respond({"x": object()})),
    ("result", TypeError, lambda r: r.respond({("a", "b"): 1})),
    ("result", ValueError, lambda r: r.respond({"x": math.inf})),
    ("result", ValueError, lambda r: r.respond({"x": LOOPS})),
    ("result", ValueError, lambda r: r.respond(DEEP)),
    ("progress", ValueError, lambda r: r.progress(math.nan)),
    ("progress", ValueError, lambda r: r.progress(math.inf)),
    ("progress", ValueError, lambda r: r.progress(10**400)),
    ("progress", TypeError, lambda r: r.progress("1")),
    ("progress", TypeError, lambda r: r.progress(None)),
    ("total", ValueError, lambda r: r.progress(1, math.inf)),
    ("total", ValueError, lambda r: r.progress(1, math.nan)),
    ("total", TypeError, lambda r: r.progress(1, "2")),
    ("message", TypeError, lambda r: r.progress(1, 2, 3)),
    ("level", ValueError, lambda r: r.log("loud", "x")),
    ("level", ValueError, lambda r: r.log("INFO", "x")),
    ("level", TypeError, lambda r: r.log(20, "x")),
    ("level", TypeError, lambda r: r.log(["info"], "x")),
    ("data", TypeError, lambda r: r.log("info", object())),
    ("logger", TypeError, lambda r: r.log("info", "x", 1)),
    ("method", ValueError, lambda r: r.notify("")),
    ("method", ValueError, lambda r: r.notify("rpc.x")),
    ("method", ValueError, lambda r: r.notify("x" * 1025)),
    ("method", TypeError, lambda r: r.notify(b"x")),
    ("method", TypeError, lambda r: r.notify(None)),
    ("params", TypeError, lambda r: r.notify("x", "text")),
    ("params", TypeError, lambda r: r.notify("x", 1)),
    ("params", TypeError, lambda r: r.notify("x", {"x": object()})),
    ("method", ValueError, lambda r: r.call("")),
    ("params", TypeError, lambda r: r.call("x", "text")),
    ("timeout", ValueError, lambda r: r.call("x", timeout=-1)),
    ("timeout", ValueError, lambda r: r.call("x", timeout=math.inf)),
    ("timeout", ValueError, lambda r: r.call("x", timeout=math.nan)),
    ("timeout", ValueError, lambda r: r.call("x", timeout=1e300)),
    ("timeout", TypeError, lambda r: r.call("x", timeout="1")),
    ("retry_ms", ValueError, lambda r: r.hang_up(-1)),
    ("retry_ms", ValueError, lambda r: r.hang_up(1 << 32)),
    ("retry_ms", TypeError, lambda r: r.hang_up(0.5)),
    ("method", ValueError, lambda r: r.session.notify("")),
    ("params", TypeError, lambda r: r.session.notify("x", "text")),
    ("method", TypeError, lambda r: r.session.call(None)),
    ("timeout", ValueError, lambda r: r.session.call("x", timeout=-1)),
    ("retry_ms", ValueError, lambda r: r.session.hang_up(-1)),
    ("retry_ms", TypeError, lambda r: r.session.hang_up(None)),
]


def test_what_is_wrong_is_named(served):
    one, _, exchange, request = served
    for argument, kind, refused in WRONG:
        with pytest.raises(kind) as raised:
            refused(request)
        assert str(raised.value).startswith(f"{argument}: "), raised.value
    server = one.server
    for argument, kind, command in (
        ("method", ValueError, lambda: server.broadcast("")),
        ("params", TypeError, lambda: server.broadcast("x", "text")),
        ("deadline_ms", ValueError, lambda: server.drain(-1)),
        ("deadline_ms", ValueError, lambda: server.drain(1 << 32)),
        ("deadline_ms", TypeError, lambda: server.drain(1.5)),
    ):
        with pytest.raises(kind) as raised:
            command()
        assert str(raised.value).startswith(f"{argument}: "), raised.value
    # None of it was sent, and none of it was the end of the request.
    assert not server._calls.open
    request.respond({"n": 1})
    assert exchange.next()["result"] == {"n": 1}


def test_numbers_of_every_kind(served):
    _, _, exchange, request = served
    request.progress(True, decimal.Decimal("2.5"))
    request.progress(2, 0)
    assert exchange.next()["params"] == {"progressToken": "t", "progress": 1, "total": 2.5}
    assert exchange.next()["params"] == {"progressToken": "t", "progress": 2}
    request.fail(-(1 << 31), "least")
    assert exchange.next()["error"]["code"] == -(1 << 31)


@pytest.mark.parametrize("json_text", [b'{"n":1}', bytearray(b'{"n":1}'), memoryview(b'{"n":1}')])
def test_json_text(served, json_text):
    _, _, exchange, request = served
    request.notify("x", json_text)
    request.respond(json_text)
    assert exchange.next()["params"] == {"n": 1}
    assert exchange.next()["result"] == {"n": 1}


def test_what_a_result_of_call_may_wait(served):
    _, _, _, request = served
    call = request.call("x")
    for timeout, kind in ((-1, ValueError), (math.nan, ValueError), ("1", TypeError)):
        for wait in (call.result, call.exception):
            with pytest.raises(kind, match=r"^timeout: "):
                wait(timeout)
    assert not call.done()


# ---- Options -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "kind", "given"),
    [
        ("name", TypeError, {"name": 1}),
        ("version", TypeError, {"version": 1}),
        ("version", TypeError, {"version": None}),
        ("capabilities", TypeError, {"capabilities": ["tools"]}),
        ("capabilities", TypeError, {"capabilities": {"x": object()}}),
        ("capabilities", ValueError, {"capabilities": b"[]"}),
        ("instructions", TypeError, {"instructions": b"x"}),
        ("host", TypeError, {"host": None}),
        ("host", TypeError, {"host": 2130706433}),
        ("port", TypeError, {"port": "8000"}),
        ("port", TypeError, {"port": 80.5}),
        ("port", ValueError, {"port": -1}),
        ("port", ValueError, {"port": 65536}),
        ("unix_path", TypeError, {"unix_path": 1}),
        ("unix_path", ValueError, {"unix_path": ""}),
        ("unix_path", ValueError, {"unix_path": "/tmp/\0"}),
        ("unix_path", ValueError, {"unix_path": "/tmp/\ud83d"}),
        ("path", TypeError, {"path": None}),
        ("path", ValueError, {"path": "mcp"}),
        ("path", ValueError, {"path": "/é"}),
        ("path", ValueError, {"path": HALF}),
        ("response_mode", TypeError, {"response_mode": ["json"]}),
        ("response_mode", ValueError, {"response_mode": "xml"}),
        ("progress_route", ValueError, {"progress_route": ""}),
        ("log_level", TypeError, {"log_level": 10}),
        ("allowed_origins", TypeError, {"allowed_origins": 1}),
        ("allowed_origins", TypeError, {"allowed_origins": [1]}),
        ("allowed_hosts", TypeError, {"allowed_hosts": [b"x"]}),
        ("allowed_hosts", ValueError, {"allowed_hosts": "a,b"}),
        ("cors_origins", TypeError, {"cors_origins": True}),
        ("bearer_tokens", TypeError, {"bearer_tokens": {"t": 1}}),
        ("bearer_tokens", TypeError, {"bearer_tokens": [("t", "p")]}),
        ("bearer_tokens", ValueError, {"bearer_tokens": {"t": ""}}),
        ("bearer_tokens", ValueError, {"bearer_tokens": {"t": HALF}}),
        ("bearer_tokens", ValueError, {"bearer_tokens": ["a b"]}),
        ("bearer_tokens", ValueError, {"bearer_tokens": {}}),
        ("bearer_tokens", ValueError, {"bearer_tokens": ["a"], "authorize": True}),
        ("resource_metadata", TypeError, {"resource_metadata": "https://x"}),
        ("resource_metadata", ValueError, {"resource_metadata": {"resource": "https://x"}}),
        ("sessions_max", TypeError, {"sessions_max": "1"}),
        ("sessions_max", TypeError, {"sessions_max": 1.5}),
        ("sessions_max", ValueError, {"sessions_max": -1}),
        ("keepalive_ms", ValueError, {"keepalive_ms": 1 << 32}),
        ("replay_ms", ValueError, {"replay_ms": -1}),
    ],
)
def test_options_that_cannot_be_are_named(argument, kind, given):
    with pytest.raises(kind) as raised:
        Server(**{"name": "x", **given})
    assert str(raised.value).startswith(argument)
    assert isinstance(raised.value, (TypeError, InvalidOptionError, InvalidArgumentError))


def test_two_options_that_cannot_be():
    """The library is not asked about each by itself: still it is an answer."""
    with pytest.raises(InvalidOptionError):
        Server(name="x", path="x", resource_metadata={})


# ---- Addresses -----------------------------------------------------------------


def test_without_an_address_only_this_machine_is_served():  # S-005, S-506
    with Server(name="x") as server:
        assert server.url == f"http://127.0.0.1:{server.port}/mcp"
        Client(server.port).initialize()
        with socket.socket(socket.AF_INET6) as other, pytest.raises(ConnectionRefusedError):
            other.connect(("::1", server.port))


@pytest.mark.parametrize("name", ["localhost", "LocalHost"])
def test_localhost(name):
    with Server(name="x", host=name) as server:
        assert server.url == f"http://{name}:{server.port}/mcp"
        client = Client(server.port)
        client.initialize()
        assert client.send("POST", {"id": 1, "method": "ping"}, Host="localhost").status == 200
        assert client.send("GET", Host="evil.example").status == 403


@pytest.mark.parametrize("host", ["example.com", "", "127.0.0.1:80", "unix:/tmp/x", "[::1]", HALF])
def test_other_names_are_not_looked_up(host, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments: pytest.fail("looked up"))
    with pytest.raises(AddressUnavailableError, match=r"is no address|is not an IP address.*or use unix_path"):
        Server(name="x", host=host)


def test_where_it_cannot_listen_is_said(tmp_path):
    with Server(name="x") as server, pytest.raises(AddressInUseError) as raised:
        Server(name="y", port=server.port)
    assert str(raised.value) == f"127.0.0.1, port {server.port}: another program listens there"
    assert raised.value.errno == errno.EADDRINUSE
    path = tmp_path / "missing" / "socket"
    with pytest.raises(AddressUnavailableError, match=f"^unix:{path}: the directory does not"):
        Server(name="x", unix_path=path)
    with pytest.raises(AddressUnavailableError, match="108 bytes"):
        Server(name="x", unix_path="/tmp/" + 103 * "x")


def test_an_address_with_a_zone():
    """RFC 6874: in a URL the percent sign is escaped."""
    with Server(name="x") as server:
        server.host = "fe80::1%eth0"
        assert server.url == f"http://[fe80::1%25eth0]:{server.port}/mcp"


def test_a_path_object(tmp_path):
    path = tmp_path / "söcket"
    with Server(name="x", unix_path=path) as server:
        assert server.unix_path == str(path)
        assert server.url.startswith("http+unix://%2F")
        Client(0, str(path)).initialize()
    assert not path.exists()


# ---- Authorization -------------------------------------------------------------


def test_principals(host):
    one = host(authorize=True)
    client = one.client()
    params = {"protocolVersion": "2025-11-25", "capabilities": {}}
    call = client.request("initialize", params)
    asked = one.next(Authorization)
    for argument, kind, command in (
        ("principal", ValueError, lambda: asked.allow("")),
        ("principal", ValueError, lambda: asked.allow("x" * 257)),
        ("principal", ValueError, lambda: asked.allow("é" * 129)),
        # Two users must not become one.
        ("principal", ValueError, lambda: asked.allow(HALF)),
        ("principal", TypeError, lambda: asked.allow(None)),
        ("principal", TypeError, lambda: asked.allow(b"alice")),
        ("principal", TypeError, lambda: asked.allow(7)),
        ("expires_in_ms", ValueError, lambda: asked.allow("alice", -1)),
        ("expires_in_ms", ValueError, lambda: asked.allow("alice", 1 << 32)),
        ("expires_in_ms", TypeError, lambda: asked.allow("alice", 1.5)),
        ("reason", ValueError, lambda: asked.refuse("because")),
        ("reason", TypeError, lambda: asked.refuse(1)),
        ("scope", ValueError, lambda: asked.refuse(scope='a"b')),
        ("scope", ValueError, lambda: asked.refuse(scope="a  b")),
        ("scope", ValueError, lambda: asked.refuse(scope=" a")),
        ("scope", ValueError, lambda: asked.refuse(scope=HALF)),
        ("scope", ValueError, lambda: asked.refuse(scope="a" * 2049)),
        ("scope", TypeError, lambda: asked.refuse(scope=["a"])),
        ("description", ValueError, lambda: asked.refuse(description="é")),
        ("description", ValueError, lambda: asked.refuse(description="a\r\nX: y")),
        ("description", TypeError, lambda: asked.refuse(description=None)),
    ):
        with pytest.raises(kind) as raised:
            command()
        assert str(raised.value).startswith(f"{argument}: "), raised.value
    asked.allow("é" * 128)
    assert call.next()["result"]
    assert one.next(SessionOpened).session.principal == "é" * 128


def test_scopes_that_the_library_takes(host):
    one = host(authorize=True)
    for scope in ("a", "a b", "!#[]~", "files:read files:write"):
        call = one.client().send("GET")
        one.next(Authorization).refuse(scope=scope, description=' !"\\~')
        assert f'scope="{scope}"' in call.header["WWW-Authenticate"]


# ---- What else strangers meet ----------------------------------------------------


def test_a_client_cannot_write_lines_into_the_log(host):
    one = host()
    client = one.client()
    params = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "x\nERROR all is lost", "version": "1"},
    }
    client.request("initialize", params).next()
    assert "\n" not in repr(one.next(SessionOpened))


def test_errors_are_still_statuses(served):
    _, _, _, request = served
    with pytest.raises(InvalidMessageError) as raised:
        request.notify("")
    assert raised.value.status_name == "SHTTP_ERR_INVALID_MESSAGE"
    with pytest.raises(InvalidArgumentError) as raised:
        request.hang_up(-1)
    assert raised.value.status_name == "SHTTP_ERR_INVALID_ARGUMENT"
