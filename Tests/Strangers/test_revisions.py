"""Section 4: initialize is judged by its body alone, and every other request by the version in its head."""

from __future__ import annotations

import pytest
from exact import Session, call, initialize, message, post, request
from http_reader import events

SERVED = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]
LISTED = SERVED[1:]  # The first has another transport, and is served to those who ask for it on this one.
NEWEST = SERVED[-1]
HEADERS = [*SERVED, "2026-07-28", "1999-01-01", "draft", "2025-11-25, 2025-06-18"]
NOT_SERVED = ["1999-01-01", "2025-01-01", "2099-01-01", "draft", "2025-11-25x"]
UNSUPPORTED = -32022


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("revision", SERVED)
def test_initialize_gets_what_its_body_asks_for(host, revision, header):
    with host.connect() as connection:
        connection.send(post(initialize(revision), MCP_Protocol_Version=header))
        response = connection.response()
    assert response.status == 200
    assert response.last["result"]["protocolVersion"] == revision
    assert response["Mcp-Session-Id"]


@pytest.mark.parametrize("asked", ["2026-07-28", "1999-01-01", "2.0", ""])
@pytest.mark.parametrize("header", [None, "2026-07-28", "1999-01-01"])
def test_a_revision_that_is_not_served_gets_the_newest_that_is(host, asked, header):
    with host.connect() as connection:
        connection.send(post(initialize(asked), MCP_Protocol_Version=header))
        response = connection.response()
    assert response.status == 200
    assert response.last["result"]["protocolVersion"] == NEWEST


@pytest.mark.parametrize("header", [None, *SERVED])
@pytest.mark.parametrize("revision", SERVED)
def test_a_session_goes_on_whatever_served_version_its_requests_name(host, revision, header):
    session = Session(host, revision)
    response = session.say(call("size"), MCP_Protocol_Version=header)
    assert response.status == 200
    assert response.last["result"]["value"] == "x"


@pytest.mark.parametrize("version", NOT_SERVED)
def test_another_request_with_a_version_that_is_not_served(host, version):
    session = Session(host)
    for body in (message("ping", id=5), message("notifications/stranger"), call("size")):
        response = session.say(body, MCP_Protocol_Version=version)
        assert response.status == 400
        error = response.json["error"]
        assert error["code"] == UNSUPPORTED
        assert error["data"]["requested"] == version
        assert set(LISTED) <= set(error["data"]["supported"])


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_request_without_a_body_and_a_version_that_is_not_served(host, method):
    session = Session(host)
    with host.connect() as connection:
        connection.send(request(method, **session.fields, MCP_Protocol_Version="1999-01-01"))
        assert connection.response(method).status == 400
    session.must_serve()


# ---- A client of 2024-11-05 on this transport is served by the rules of 2025-03-26 ---------------


@pytest.fixture
def oldest(host):
    return Session(host, "2024-11-05")


def test_the_oldest_revision_has_no_priming_event(oldest):
    for tool in ("size", "logs"):
        assert all(event.data for event in events(oldest.say(call(tool)).body))
    with oldest.listen() as primary:
        oldest.say(call("notify"))
        primary.message()
        assert all(event.data or event.comment is not None for event in primary.seen)


def test_the_oldest_revision_has_progress_calls_and_its_primary_stream(oldest):
    with oldest.listen().begin() as primary:
        assert oldest.say(call("progress", token="t", n=3)).last["result"]["value"] == "x"
        assert [primary.message()["params"]["progress"] for _ in range(3)] == [1, 2, 3]
        with oldest.begin(call("ask", id=9, prompt="hello")) as asking:
            stream = asking.stream()
            asked = stream.message()
            assert asked["method"] == "sampling/createMessage"
            answer = {"role": "assistant", "content": {"type": "text", "text": "hi"}, "model": "m"}
            assert oldest.say({"jsonrpc": "2.0", "id": asked["id"], "result": answer}).status == 202
            assert stream.message()["result"]["value"]["result"] == answer
