"""Section 3: every response says when it was made (RFC 9110, 6.6.1)."""

from __future__ import annotations

import re
import time
from email.utils import parsedate_to_datetime

import pytest
from exact import Session, call, initialize, message, post, request
from hosts import Host

IMF_FIXDATE = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT"
)
OFF_SECONDS = 2
PING = message("ping", id=1)


def must_be_dated(head):
    date = head["Date"]
    assert date is not None, f"{head.status} without Date"
    assert IMF_FIXDATE.fullmatch(date), date
    off = abs(parsedate_to_datetime(date).timestamp() - time.time())
    assert off <= OFF_SECONDS, f"{date} is {off} s off"


# Each request of a session, the status that it gets, and its method.
INPUTS = {
    "initialize": (200, lambda s: post(initialize())),
    "a call": (200, lambda s: s.post(call("size"))),
    "a call that logs": (200, lambda s: s.post(call("logs"))),
    "a large answer": (200, lambda s: s.post(call("size", n=100000))),
    "a call of a method there is none of": (200, lambda s: s.post(message("nothing", id=1))),
    "a notification": (202, lambda s: s.post(message("notifications/stranger"))),
    "a preflight": (204, lambda s: request("OPTIONS", Origin="http://localhost", Access_Control_Request_Method="POST")),
    "metadata": (200, lambda s: request("GET", path="/.well-known/oauth-protected-resource")),
    "no HTTP": (400, lambda s: b"HELLO\r\n\r\n"),
    "no JSON": (400, lambda s: s.post(b"{")),
    "no session": (400, lambda s: post(PING)),
    "a strange Origin": (403, lambda s: s.post(PING, Origin="http://evil.example")),
    "a strange Host": (403, lambda s: s.post(PING, Host="evil.example")),
    "an unknown session": (404, lambda s: post(PING, Mcp_Session_Id="x" * 32)),
    "another path": (404, lambda s: s.post(PING, path="/other")),
    "a method there is none of": (405, lambda s: request("PUT", b"")),
    "no stream wanted": (406, lambda s: s.get(Accept="text/html")),
    "a body that is too long": (413, lambda s: s.post(PING, Content_Length=1 << 30)),
    "a body that is no JSON": (415, lambda s: s.post(PING, Content_Type="text/plain")),
    "a head that is too long": (431, lambda s: s.post(PING, X="x" * 100000)),
    "an unknown coding": (501, lambda s: s.post(b"0\r\n\r\n", Content_Length=None, Transfer_Encoding="x, chunked")),
    "HTTP/2.0": (505, lambda s: b"GET /mcp HTTP/2.0\r\nHost: localhost\r\n\r\n"),
}
METADATA = '{"resource":"http://localhost/mcp","authorization_servers":["http://localhost"]}'


@pytest.fixture(scope="module")
def host():
    host = Host("host", "--cors_origins", "http://localhost", "--resource_metadata", METADATA)
    yield host
    host.end()


@pytest.mark.parametrize("what", INPUTS)
def test_a_response_is_dated(host, what):
    status, of = INPUTS[what]
    raw = of(Session(host))
    with host.connect() as connection:
        connection.send(raw)
        response = connection.response(raw.partition(b" ")[0].decode())
    assert response.status == status
    must_be_dated(response)


def test_a_stream_is_dated_when_it_begins(host):
    session = Session(host)
    with session.listen() as primary:
        must_be_dated(primary.head)
    with session.begin(call("progress", token=1, ms=500)) as connection:
        must_be_dated(connection.head())


def test_a_stream_that_is_resumed_is_dated(host):
    session = Session(host)
    ids = session.say(call("logs")).ids
    with session.resume(ids[0]) as stream:
        assert stream.status == 200
        must_be_dated(stream.head)
    with session.resume(ids[-1]) as stream:
        assert stream.status == 204
        must_be_dated(stream.head)


def test_a_document_is_dated(start):
    session = Session(start("host", "--response_mode", 1))
    must_be_dated(session.say(call("size")))


def test_a_refused_token_is_dated(start):
    host = start("host", "--bearer_tokens", "secret")
    with host.connect() as connection:
        connection.send(post(PING))
        response = connection.response()
    assert response.status == 401
    must_be_dated(response)


def test_a_server_without_room_dates_its_refusal(start):
    host = start("host", "--session_requests_max", 1)
    session = Session(host)
    with session.begin(call("hang", id=5)):
        host.heard("hangs")
        response = session.say(call("size", id=6))
    assert response.status in (429, 503)
    must_be_dated(response)


def test_a_head_that_comes_too_late_is_answered_with_a_date(start):
    host = start("host", "--header_ms", 100)
    with host.connect() as connection:
        connection.send(b"POST /mcp HTTP/1.1\r\n")
        response = connection.response()
    assert response.status == 408
    must_be_dated(response)


def test_the_date_goes_on_while_nothing_else_happens(host):
    """What is made once a second is made for the second that it is sent in."""
    session = Session(host)
    with host.connect() as connection:
        connection.send(session.post(PING))
        first = connection.response()
        time.sleep(OFF_SECONDS + 1)
        connection.send(session.post(PING))
        second = connection.response()
    must_be_dated(second)
    assert first["Date"] != second["Date"]
