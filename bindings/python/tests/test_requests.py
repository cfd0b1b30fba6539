"""Requests, notifications and what is sent while one is served."""

import logging

import pytest

from streamablehttp import (
    Cancelled,
    ClosedError,
    CommandFailed,
    Headers,
    InvalidMessageError,
    LimitError,
    NotFoundError,
    Notification,
    PrimaryClosed,
    PrimaryOpened,
    RequestCancelledError,
    SessionClosed,
    SessionOpened,
)
from wire import HUGE


def test_the_library_answers_initialize(host):
    client = host(capabilities={"tools": {}}, instructions="Hello.").client()
    assert client.initialize() == {
        "protocolVersion": "2025-11-25",
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "host", "version": "1"},
        "instructions": "Hello.",
    }
    assert client.request("ping").next()["result"] == {}


def test_an_integer_that_python_does_not_read_is_as_large_as_a_float_can_be(host):
    one = host()
    client = one.client()
    client.initialize(capabilities={"roots": HUGE})
    client.request("tools/call", {"n": HUGE, "m": 7})
    request = one.next()
    assert request.params == {"n": float("inf"), "m": 7}
    assert request.session.client_capabilities == {"roots": float("inf")}
    assert b"1" * 5000 in request.message


@pytest.mark.parametrize("revision", ["2025-03-26", "2025-06-18", "2025-11-25"])
def test_a_session_from_opened_to_closed(host, revision):
    one = host()
    client = one.client()
    client.initialize(revision, {"sampling": {}})
    opened = one.next(SessionOpened)
    session = opened.session
    assert session.id == client.headers["Mcp-Session-Id"]
    assert session.id not in repr(session) + repr(opened)
    assert session.revision == revision
    assert session.client_info == {"name": "test", "version": "1"}
    assert session.client_capabilities == {"sampling": {}}
    assert opened.headers["Host"] == f"127.0.0.1:{one.server.port}"
    assert one.server.sessions == [session]
    ready = one.next(Notification)
    assert (ready.method, ready.session, ready.revision) == (
        "notifications/initialized",
        session,
        revision,
    )
    primary = client.listen()
    assert one.next(PrimaryOpened).session is session
    primary.close()
    assert one.next(PrimaryClosed).session is session
    assert client.delete().status in (200, 204)
    assert one.next(SessionClosed).session is session
    assert session.closed
    assert not one.server.sessions
    assert client.request("ping").status == 404


@pytest.mark.parametrize("id", [7, "7", "sieben ✓", -1])
def test_a_request_and_its_result(host, id):
    one = host()
    client = one.client()
    client.initialize()
    exchange = client.request("tools/call", {"name": "ü"}, id)
    request = one.next()
    assert (request.method, request.id, request.params) == ("tools/call", id, {"name": "ü"})
    assert request.revision == "2025-11-25"
    assert request.headers["content-TYPE"] == "application/json"
    assert "x-none" not in request.headers
    assert 1 not in request.headers
    assert one.server.sessions == [request.session]
    assert b'"tools/call"' in request.message
    request.respond({"content": []})
    assert exchange.next() == {"jsonrpc": "2.0", "id": id, "result": {"content": []}}
    assert exchange.next() is None


def test_the_values_of_headers():
    """Blanks and tabs are around a value; every other byte is in it, also the last one of an a with an accent."""
    headers = Headers(b"X-A: \t\xc3\xa0 \r\nX-B:\x0bb\x85")
    assert dict(headers) == {"x-a": "\xc3\xa0", "x-b": "\x0bb\x85"}
    assert headers.raw == [(b"x-a", b"\xc3\xa0"), (b"x-b", b"\x0bb\x85")]


def test_a_result_of_bytes_is_json_already(host):
    one = host()
    client = one.client()
    client.initialize()
    exchange = client.request("x")
    request = one.next()
    assert request.params == {}
    with pytest.raises(InvalidMessageError):
        request.respond(b'{"half":')
    with pytest.raises(ValueError):
        request.respond({"nan": float("nan")})
    with pytest.raises(TypeError):
        request.respond({"object": object()})
    request.respond(b'{"a": [1, 2]}')
    assert exchange.next()["result"] == {"a": [1, 2]}


def test_an_error(host):
    one = host()
    client = one.client()
    client.initialize()
    exchange = client.request("x")
    one.next().fail(-32601, "no such method", {"method": "x"})
    assert exchange.next()["error"] == {
        "code": -32601,
        "message": "no such method",
        "data": {"method": "x"},
    }
    exchange = client.request("y")
    one.next().fail(-1, "no")
    assert exchange.next()["error"] == {"code": -1, "message": "no"}


def test_a_request_is_answered_once(host):
    one = host()
    client = one.client()
    client.initialize()
    exchange = client.request("x")
    request = one.next()
    request.respond({})
    for again in (
        lambda: request.respond({}),
        lambda: request.fail(1, "x"),
        lambda: request.notify("notifications/x"),
        lambda: request.call("ping"),
    ):
        with pytest.raises(NotFoundError):
            again()
    assert exchange.next()["result"] == {}
    assert exchange.next() is None


def test_a_notification_of_the_client(host):
    one = host()
    client = one.client()
    client.initialize()
    assert client.notify("notifications/roots/list_changed", {"a": 1}).status == 202
    one.next(Notification)
    event = one.next(Notification)
    assert (event.method, event.params) == ("notifications/roots/list_changed", {"a": 1})


def progress(message):
    assert message["method"] == "notifications/progress"
    return message["params"]


def test_progress_travels_on_the_primary(host):
    one = host()
    client = one.client()
    client.initialize()
    primary = client.listen()
    exchange = client.call_tool(token="t")
    request = one.next()
    request.progress(1)
    request.progress(2.5, 5, "half")
    assert progress(primary.next()) == {"progressToken": "t", "progress": 1}
    assert progress(primary.next()) == {
        "progressToken": "t",
        "progress": 2.5,
        "total": 5,
        "message": "half",
    }
    request.respond({})
    assert "result" in exchange.next()


def test_progress_travels_with_the_request_while_there_is_no_primary(host):
    one = host()
    client = one.client()
    client.initialize()
    exchange = client.call_tool(token=1)
    request = one.next()
    request.progress(1)
    request.respond({})
    assert progress(exchange.next()) == {"progressToken": 1, "progress": 1}
    assert "result" in exchange.next()


def test_progress_route_request(host):
    one = host(progress_route="request")
    client = one.client()
    client.initialize()
    client.listen()
    one.next(PrimaryOpened)
    exchange = client.call_tool(token=1)
    request = one.next()
    request.progress(1)
    request.respond({})
    assert progress(exchange.next())["progress"] == 1
    assert "result" in exchange.next()


def test_progress_that_nobody_asked_for_is_not_sent(host):
    one = host()
    client = one.client()
    client.initialize()
    exchange = client.call_tool()
    request = one.next()
    request.progress(1)
    request.respond({})
    assert "result" in exchange.next()


def test_logs_and_notifications_travel_with_the_request(host):
    one = host()
    client = one.client()
    client.initialize()
    client.listen()
    one.next(PrimaryOpened)
    exchange = client.request("x")
    request = one.next()
    request.log("warning", {"n": 1})
    request.log("info", "text", logger="me")
    request.notify("notifications/x", {"a": 1})
    request.notify("notifications/y")
    with pytest.raises(ValueError):
        request.log("loud", 1)
    with pytest.raises(ValueError):
        request.notify("", {})
    request.respond({})
    assert [exchange.next().get("params") for _ in range(5)] == [
        {"level": "warning", "data": {"n": 1}},
        {"level": "info", "data": "text", "logger": "me"},
        {"a": 1},
        None,
        None,
    ]
    assert exchange.next() is None


def test_broadcast_and_session_notify(host):
    one = host()
    clients = [one.client() for _ in range(3)]
    for client in clients:
        client.initialize()
    for _ in clients:
        one.next(SessionOpened)  # A client may have its answer before the host has the event.
    primaries = [client.listen() for client in clients]
    one.server.broadcast("notifications/tools/list_changed")
    for primary in primaries:
        assert primary.next() == {
            "jsonrpc": "2.0",
            "method": "notifications/tools/list_changed",
        }
    for number, session in enumerate(one.server.sessions):
        session.notify("notifications/x", {"n": number})
    assert [primary.next()["params"]["n"] for primary in primaries] == [0, 1, 2]


def test_notifications_wait_for_the_primary_as_long_as_there_is_room(host):
    one = host(mailbox_messages_max=2)
    client = one.client()
    client.initialize()
    session = one.next(SessionOpened).session
    for number in range(3):
        session.notify("notifications/x", {"n": number})
    failed = one.next(CommandFailed)
    assert isinstance(failed.error, LimitError)
    assert failed.session is session
    primary = client.listen()
    assert [primary.next()["params"]["n"] for _ in range(2)] == [0, 1]


def test_the_client_cancels(host):
    one = host()
    client = one.client()
    client.initialize()
    exchange = client.request("slow", id=5)
    request = one.next()
    assert not request.cancelled
    client.notify("notifications/cancelled", {"requestId": 5, "reason": "bored"})
    event = one.next(Cancelled)
    assert event.request is request
    assert event.reason == "bored"
    assert request.cancelled
    for late in (lambda: request.respond({}), lambda: request.call("ping")):
        with pytest.raises(RequestCancelledError):
            late()
    assert "error" in exchange.next()
    assert exchange.next() is None


@pytest.mark.parametrize("by", ["client", "host"])
def test_the_end_of_a_session_cancels_its_requests(host, by):
    one = host()
    client = one.client()
    client.initialize()
    client.request("slow")
    request = one.next()
    if by == "client":
        client.delete()
    else:
        request.session.close()
    one.next(SessionClosed)
    assert request.cancelled
    with pytest.raises(RequestCancelledError):
        request.respond({})
    assert client.request("ping").status == 404


def test_many_requests_at_once(host):
    one = host()
    client = one.client()
    client.initialize()
    exchanges = [client.request("n", {"n": number}) for number in range(200)]
    for _ in exchanges:
        request = one.next()
        request.respond({"n": request.params["n"]})
    assert [exchange.next()["result"]["n"] for exchange in exchanges] == list(range(200))


def test_the_log_of_the_library_goes_to_logging(host, caplog):
    caplog.set_level(logging.DEBUG, "streamablehttp")
    one = host(log_level="debug")
    client = one.client()
    ping = {"id": 1, "method": "ping"}
    assert client.send("POST", ping, Origin="https://evil.example").status == 403
    client.initialize()
    client.request("x")
    one.next()
    assert any(record.name == "streamablehttp" for record in caplog.records)


def test_commands_after_the_end(host):
    one = host()
    client = one.client()
    client.initialize()
    client.request("x")
    request = one.next()
    session = request.session
    one.close()
    with pytest.raises(ClosedError):
        one.server.broadcast("notifications/x")
    for late in (lambda: session.notify("notifications/x"), lambda: session.call("ping")):
        with pytest.raises(NotFoundError):
            late()
    assert request.cancelled
    one.server.close()


@pytest.mark.parametrize("mode", ["stream", "json", "auto"])
def test_long_messages_arrive_as_they_are(host, mode):
    """A long message goes to the socket from its own buffer, between what stands around it."""
    one = host(response_mode=mode, message_bytes_max=8 << 20)
    client = one.client()
    client.initialize()
    for size in (10, 16_000, 17_000, 70_000, 1_000_000, 3_000_000):
        text = "ü" + size * "x"
        exchange = client.request("x", {"text": text})
        request = one.next()
        assert request.params == {"text": text}
        sent = []
        if mode != "json":
            for number in range(3):
                request.log("info", [number, text])
                sent.append([number, text])
        request.respond({"text": text})
        assert [exchange.next()["params"]["data"] for _ in sent] == sent
        assert exchange.next()["result"] == {"text": text}
        assert exchange.next() is None
