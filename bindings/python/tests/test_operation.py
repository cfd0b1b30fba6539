"""What an operator needs: draining, figures, browsers."""

import asyncio
import logging
import re

import pytest

from streamablehttp import Access, Cancelled, PrimaryOpened, Server, SessionClosed, SessionOpened


def test_a_drain_lets_open_requests_finish_and_then_ends(host):
    one = host()
    client = one.client()
    client.initialize()
    one.next(SessionOpened)
    primary = client.listen()
    one.next(PrimaryOpened)
    waiting = client.call_tool("slow")
    request = one.next()
    one.server.drain(60_000)
    assert primary.next() is None
    assert 1000 <= primary.retry_ms < 2000
    request.respond({"content": []})
    assert waiting.next()["result"] == {"content": []}
    assert one.next(SessionClosed)
    one.server.drain(60_000)  # too late, and no mistake


def test_a_drain_cancels_what_is_left_at_its_deadline(host):
    one = host()
    client = one.client()
    client.initialize()
    waiting = client.call_tool("endless")
    request = one.next()
    one.server.drain(0)
    assert waiting.next()["error"]["code"] == -32800
    assert one.next(Cancelled).request is request


def test_figures(host):
    one = host()
    client = one.client()
    client.initialize()
    primary = client.listen()
    one.next(PrimaryOpened)
    waiting = client.call_tool("tool")
    request = one.next()
    assert client.send("GET", **{"Mcp-Session-Id": "0" * 32}).status == 404
    assert client.send("GET", Host="evil.example").status == 403
    assert client.send("GET", Origin="http://evil.example").status == 403
    while one.server.stats()["origin_refusals"] == 0:
        pass  # the figures are those of the loop's last turn
    stats = one.server.stats()
    assert stats["sessions"] == stats["sessions_total"] == 1
    assert stats["requests"] == 1 and stats["requests_total"] == 2
    assert stats["streams"] == 1
    refused = ("session_refusals", "host_refusals", "origin_refusals", "limit_refusals")
    assert [stats[name] for name in refused] == [1, 1, 1, 0]
    request.respond({})
    assert waiting.next()["result"] == {}
    while one.server.stats()["requests"]:
        pass
    primary.close()


def test_the_log_names_the_option_that_would_admit_a_request(host, caplog):
    caplog.set_level(logging.WARNING, "streamablehttp")
    one = host()
    client = one.client()
    assert client.send("GET", Host="ev\xefl.example").status == 403
    assert client.send("GET", Origin="http://ev\xefl.example").status == 403
    client.initialize()
    one.next(SessionOpened)  # whoever takes the events has survived
    lines = [re.sub(r"127\.0\.0\.1:\d+", "PEER", line) for line in caplog.messages]
    assert [line.split(" ", 2)[2] for line in lines] == [
        "Host that allowed_hosts would have to name: ev?l.example (peer PEER, GET /mcp)",
        "Origin that allowed_origins would have to name: http://ev?l.example (peer PEER, GET /mcp)",
    ]


def test_the_fields_of_a_log_line_are_those_of_its_record(host, caplog):
    caplog.set_level(logging.WARNING, "streamablehttp")
    one = host()
    client = one.client()
    assert client.send("GET", Host="evil.example").status == 403
    client.initialize()
    one.next(SessionOpened)
    (record,) = caplog.records
    assert record.peer.startswith("127.0.0.1:") and record.peer in record.getMessage()
    assert (record.http_method, record.target, record.method) == ("GET", "/mcp", "")
    assert record.session is None


def test_events_say_where_their_client_is(host):
    one = host()
    client = one.client()
    client.initialize()
    opened = one.next(SessionOpened)
    assert re.fullmatch(r"127\.0\.0\.1:\d+", opened.peer)
    client.call_tool("x")
    request = one.next()
    assert re.fullmatch(r"127\.0\.0\.1:\d+", request.peer) and request.target == "/mcp"
    request.respond({})


def test_sessions_and_requests_are_listed(host):
    one = host(bearer_tokens={"secret": "alice"})
    client = one.client()
    client.headers["Authorization"] = "Bearer secret"
    client.initialize()
    session = one.next(SessionOpened).session
    waiting = client.call_tool("slow")
    request = one.next()
    (listed,) = one.server.list_sessions(timeout=10).result()["sessions"]
    assert (listed["principal"], listed["state"]) == ("alice", "ready")
    assert listed["client"] == session.client_info["name"] and session.id not in str(listed)
    (asked,) = listed["requests"]
    assert (asked["id"], asked["method"], asked["waits_for"]) == (request.id, "tools/call", "host")
    request.respond({})
    assert waiting.next()["result"] == {}

    other = one.client()
    other.headers["Authorization"] = "Bearer secret"
    other.initialize()
    first = one.server.list_sessions(limit=1, timeout=10).result()
    rest = one.server.list_sessions(after=first["next"], timeout=10).result()
    assert rest["next"] is None
    keys = [entry["session"] for page in (first, rest) for entry in page["sessions"]]
    assert len(keys) == len(set(keys)) == 2
    for wrong in (1, "x"):
        with pytest.raises(ValueError, match="after"):
            one.server.list_sessions(after=wrong)
    with pytest.raises(ValueError, match="limit"):
        one.server.list_sessions(limit=1001)


def test_sessions_are_listed_on_an_event_loop():
    async def main():
        async with Server(name="x") as server:
            events = asyncio.create_task(anext_of(server))
            assert (await server.list_sessions())["sessions"] == []
            events.cancel()

    asyncio.run(main())


async def anext_of(server):
    async for event in server:
        return event


def test_each_exchange_is_reported_with_its_bytes_and_its_time(host):
    one = host(access_log=True)
    client = one.client()
    client.initialize()
    session = one.next(SessionOpened).session
    opened, told = one.next(Access), one.next(Access)
    assert (opened.status, opened.method, opened.session) == (200, "initialize", session)
    assert (told.status, told.method, told.cut) == (202, "notifications/initialized", False)
    waiting = client.call_tool("x")
    one.next().respond({})
    assert waiting.next()["result"] == {}
    called = one.next(Access)
    assert (called.http_method, called.target, called.method) == ("POST", "/mcp", "tools/call")
    assert called.bytes_received > 100 and called.bytes_sent > 100 and 0 < called.seconds < 60
    assert called.peer in str(called) and " tools/call 200 " in str(called)
    assert client.send("PUT").status == 405
    refused = one.next(Access)
    assert (refused.status, refused.http_method, refused.method) == (405, "PUT", "")
    client.listen().close()
    primary = one.next(Access)
    assert (primary.status, primary.http_method, primary.cut) == (200, "GET", True)


def test_a_page_of_another_origin_may_use_the_server(host):
    one = host(cors_origins=["https://app.example"])
    page = {"Origin": "https://app.example"}
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "mcp-param-region, x-other, bad name",
    }
    answer = one.client().send("OPTIONS", **page, **asked)
    assert answer.body == b"" and answer.status == 204
    assert answer.header["Access-Control-Allow-Origin"] == "https://app.example"
    assert answer.header["Access-Control-Allow-Methods"] == "GET, POST, DELETE"
    allowed = answer.header["Access-Control-Allow-Headers"].lower()
    for name in ("mcp-session-id", "mcp-protocol-version", "last-event-id", "mcp-param-region"):
        assert name in allowed
    assert "x-other" not in allowed and "bad name" not in allowed

    client = one.client()
    client.headers.update(page)
    client.initialize()
    refused = client.send("POST", {"method": 1})
    for exchange in (client.request("tools/list"), refused):
        if exchange is not refused:
            one.next().respond({"tools": []})
        assert exchange.header["Access-Control-Allow-Origin"] == "https://app.example"
        assert "Mcp-Session-Id" in exchange.header["Access-Control-Expose-Headers"]
        assert exchange.header["Vary"] == "Origin"

    client.headers["Origin"] = "https://evil.example"
    stranger = client.send("OPTIONS", **asked)
    assert stranger.status == 403
    assert "Access-Control-Allow-Origin" not in stranger.header
