"""What an operator needs: draining, figures, browsers."""

import logging

from streamablehttp import Cancelled, PrimaryOpened, SessionClosed, SessionOpened


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
    assert [line.split(" ", 2)[2] for line in caplog.messages] == [
        "Host that allowed_hosts would have to name: ev?l.example",
        "Origin that allowed_origins would have to name: http://ev?l.example",
    ]


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
