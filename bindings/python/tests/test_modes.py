"""What stateless, JSON, auto and raw servers do, and how they refuse what they cannot."""

import pytest

from streamablehttp import (
    CommandFailed,
    Event,
    JSONResponseError,
    Notification,
    PrimaryOpened,
    SessionOpened,
    StatelessError,
)
from wire import SECONDS


def test_stateless(host):
    one = host(stateless=True)
    client = one.client()
    client.initialize()
    assert "Mcp-Session-Id" not in client.headers
    first = one.next(Event)
    assert isinstance(first, Notification) and first.session is None
    exchange = client.call_tool(token=1)
    request = one.next()
    assert request.session is None
    request.progress(1)
    request.log("info", "x")
    with pytest.raises(StatelessError):
        request.call("sampling/createMessage", {}).result(SECONDS)
    with pytest.raises(StatelessError):
        one.server.broadcast("notifications/x")
    request.respond({})
    methods = [message.get("method") for message in exchange.messages]
    assert methods == ["notifications/progress", "notifications/message", None]
    assert client.send("GET").status == 405
    assert client.delete().status == 405


def test_json_response(host):
    one = host(json_response=True)
    client = one.client()
    client.initialize()
    primary = client.listen()
    one.next(PrimaryOpened)
    exchange = client.call_tool(token=1)
    request = one.next()
    request.progress(1)
    assert primary.next()["method"] == "notifications/progress"
    for impossible in (
        lambda: request.log("info", "x"),
        lambda: request.notify("notifications/x"),
        lambda: request.call("roots/list").result(SECONDS),
    ):
        with pytest.raises(JSONResponseError):
            impossible()
    call = request.session.call("roots/list")
    client.answer(primary.next(), {"roots": []})
    assert call.result(10) == {"roots": []}
    request.respond({"n": 1})
    assert exchange.header.content_type == "application/json"
    assert exchange.next()["result"] == {"n": 1}


def test_stateless_json_response(host):
    one = host(stateless=True, json_response=True)
    client = one.client()
    client.initialize()
    exchange = client.call_tool(token=1)
    request = one.next()
    with pytest.raises(StatelessError):
        request.call("roots/list").result(SECONDS)
    with pytest.raises(JSONResponseError):
        request.log("info", "x")
    request.progress(1)  # which only the library knows to be wanted
    assert isinstance(one.next(CommandFailed).error, JSONResponseError)
    request.respond({})
    assert exchange.next()["result"] == {}


@pytest.mark.parametrize(("mode", "error"), [("stateless", StatelessError), ("json_response", JSONResponseError)])
def test_without_2026_07_28_a_call_that_no_client_can_get_raises_at_once(host, mode, error):
    one = host(**{mode: True}, revisions=["2025-11-25"])
    client = one.client()
    client.initialize()
    client.call_tool()
    request = one.next()
    with pytest.raises(error):
        request.call("roots/list")
    request.respond({})


def test_auto(host):
    one = host(response_mode="auto")
    client = one.client()
    client.initialize()
    quiet = client.request("x")
    one.next().respond({})
    assert quiet.header.content_type == "application/json"
    talking = client.request("x")
    request = one.next()
    request.log("info", "x")
    request.respond({})
    assert talking.header.content_type == "text/event-stream"
    assert [message.get("method") for message in talking.messages] == [
        "notifications/message",
        None,
    ]


def test_raw(host):
    one = host(raw=True)
    client = one.client()
    exchange = client.request(
        "initialize",
        {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "c", "version": "1"},
        },
    )
    request = one.next()
    assert request.method == "initialize"
    info = {"name": "raw", "version": "9"}
    request.respond({"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": info})
    assert exchange.next()["result"]["serverInfo"] == info
    client.headers["Mcp-Session-Id"] = exchange.header["Mcp-Session-Id"]
    session = one.next(SessionOpened).session
    assert (session.id, session.revision) == (exchange.header["Mcp-Session-Id"], "2025-06-18")
    client.notify("notifications/initialized")
    ping = client.request("ping")
    request = one.next()
    assert (request.method, request.session) == ("ping", session)
    request.respond({})
    assert ping.next()["result"] == {}
    discovery = one.modern_client().request("server/discover")
    request = one.next()
    assert (request.method, request.session) == ("server/discover", None)
    request.respond({"supportedVersions": ["2026-07-28"], "capabilities": {}})
    assert discovery.next()["result"]["supportedVersions"] == ["2026-07-28"]


def test_a_raw_host_refuses_a_client(host):
    one = host(raw=True)
    exchange = one.client().request("initialize", {"protocolVersion": "2025-11-25"})
    one.next().fail(-32602, "not you")
    assert exchange.next()["error"]["message"] == "not you"
    assert "Mcp-Session-Id" not in exchange.header
    assert not one.server.sessions


def test_a_unix_socket(host, tmp_path):
    path = tmp_path / "socket"
    one = host(unix_path=str(path))
    client = one.client()
    client.initialize()
    exchange = client.request("x")
    one.next().respond({"n": 1})
    assert exchange.next()["result"] == {"n": 1}
    one.close()
    assert not path.exists()


@pytest.mark.parametrize(
    "limits",
    [{"message_bytes_max": 1000}, {"headers_max": 20}, {"sessions_max": 1}],
    ids=lambda limits: next(iter(limits)),
)
def test_limits_reach_the_library(host, limits):
    one = host(**limits)
    client = one.client()
    client.initialize()
    if "message_bytes_max" in limits:
        assert client.request("x", {"long": "x" * 1000}).status == 413
    elif "headers_max" in limits:
        many = {f"X-{number}": "x" for number in range(20)}
        assert client.send("POST", {"id": 1, "method": "ping"}, **many).status == 431
    else:
        client.request("x")  # a session that was never used would make room
        one.next()
        with pytest.raises(KeyError):
            one.client().initialize()


def test_allowed_origins_and_hosts(host):
    one = host(allowed_origins=["https://good.example"], allowed_hosts=["name.example"])
    client = one.client()
    good = {"Origin": "https://good.example", "Host": "name.example"}
    refused = [{}, {**good, "Origin": "https://evil.example"}, {**good, "Host": "localhost"}]
    ping = {"id": 1, "method": "ping"}
    assert [client.send("POST", ping, **headers).status for headers in refused] == [403] * 3 or [
        421,
        403,
        421,
    ]
    assert client.send("POST", ping, **good).status not in (403, 421)
