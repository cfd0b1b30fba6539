"""Section 4: where the endpoint is, whom a session's id names, and what is said beside it."""

from __future__ import annotations

import pytest
from exact import Session, call, initialize, message, post, request

SAME = ["/mcp", "/mcp/", "/mcp?x", "/mcp?x=1&y=/z", "/mcp/?x", "/%6dcp", "/%6Dcp", "/%6d%63%70", "/%6dcp/", "/mc%70?x"]
OTHER = ["/", "/mcpx", "/mcp/x", "/mcp//", "//mcp", "/MCP", "/mcp%2fx", "/mcp%20", "/x/mcp", "/%256dcp", "/mcp;x"]
WRONG = ["/mcp%", "/mcp%6", "/mcp%zz", "/mcp%00", "/%00mcp"]


@pytest.mark.parametrize("path", SAME)
def test_a_spelling_of_the_endpoint(host, path):
    session = Session(host)
    assert session.say(message("ping", id=1), path=path).last["result"] == {}
    with session.listen(path=path) as primary:
        assert primary.status == 200


@pytest.mark.parametrize("path", SAME)
def test_initialize_at_a_spelling_of_the_endpoint(host, path):
    with host.connect() as connection:
        connection.send(post(initialize(), path=path))
        assert connection.response().status == 200


@pytest.mark.parametrize("path", OTHER)
def test_what_is_not_the_endpoint(host, path):
    assert Session(host).say(message("ping", id=1), path=path).status == 404


@pytest.mark.parametrize("path", WRONG)
def test_what_cannot_be_decoded(host, path):
    assert Session(host).say(message("ping", id=1), path=path).status in (400, 404)


@pytest.mark.parametrize("path", ["/a%20b", "/a%20b/", "/%61%20b"])
def test_an_endpoint_of_the_hosts_choice_is_decoded(start, path):
    host = start("host", "--path", "/a%20b")
    with host.connect() as connection:
        connection.send(post(initialize(), path=path))
        assert connection.response().status == 200


def test_an_endpoint_at_the_root(start):
    host = start("host", "--path", "/")
    with host.connect() as connection:
        connection.send(post(initialize(), path="/"), post(initialize(), path="/?x"), post(initialize(), path="/mcp"))
        assert [connection.response().status for _ in range(3)] == [200, 200, 404]


# ---- Beside the endpoint -----------------------------------------------------------------------

BESIDE = ["/", "/register", "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "/sse"]


@pytest.mark.parametrize("path", BESIDE)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "HEAD"])
def test_a_404_is_plain_text(host, path, method):
    """OAuth clients read a member `error` of an object as a string."""
    with host.connect() as connection:
        connection.send(request(method, b"{}" if method == "POST" else None, path=path))
        response = connection.response(method)
    assert response.status == 404
    assert response["Content-Type"].partition(";")[0] == "text/plain"
    assert b"{" not in response.body


def test_the_404_of_a_session_is_still_json_rpc(host):
    with host.connect() as connection:
        connection.send(post(message("ping", id=1), Mcp_Session_Id="x" * 32))
        response = connection.response()
    assert response.status == 404
    assert response["Content-Type"].startswith("application/json")
    assert response.json["error"]["code"]


# ---- Sessions' names -----------------------------------------------------------------------------


def test_a_loopback_address_that_is_mapped_to_ipv6_is_one(start):
    """DNS rebinding reaches it as any other."""
    host = start("host", "--listen", "::ffff:127.0.0.1")
    for name, status in (("localhost", 200), ("evil.example", 403)):
        with host.connect() as connection:
            connection.send(post(initialize(), Host=name))
            assert connection.response().status == status


def test_a_session_that_is_named_twice_is_one(host):
    session = Session(host)
    twice = [f"Mcp-Session-Id: {session.id}"]
    assert session.say(message("ping", id=1), lines=twice).last["result"] == {}
    assert session.say(message("ping", id=1), lines=[f"mcp-session-id:{session.id}"]).last["result"] == {}
    assert session.say(message("ping", id=1), lines=twice * 2).last["result"] == {}
    with session.listen(lines=twice) as primary:
        assert primary.status == 200


def test_two_sessions_are_none(host):
    one, other = Session(host), Session(host)
    assert one.say(message("ping", id=1), lines=[f"Mcp-Session-Id: {other.id}"]).status == 404
    assert one.say(message("ping", id=1), lines=["Mcp-Session-Id: x"]).status == 404
    assert one.say(message("ping", id=1), lines=["Mcp-Session-Id:"]).status == 404
    one.must_serve()
    other.must_serve()


# ---- Host on a Unix socket -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["localhost", "evil.example", "evil.example:80", "%2Ftmp%2Fsocket", "socket", ""])
def test_on_a_unix_socket_any_host_will_do(start, tmp_path, name):
    host = start("host", "--listen", f"unix:{tmp_path}/socket")
    Session(host, Host=name).must_serve()


def test_on_loopback_it_will_not(host):
    with host.connect() as connection:
        connection.send(post(initialize(), Host="evil.example"))
        assert connection.response().status == 403


# ---- Content-Type -----------------------------------------------------------------------------------

STREAM = "text/event-stream; charset=utf-8"


@pytest.mark.parametrize("revision", ["2025-03-26", "2025-11-25"])
def test_a_stream_says_that_it_is_utf8(host, revision):
    session = Session(host, revision)
    for body in (call("size"), call("logs"), call("size", n=100000), message("nothing", id=1)):
        assert session.say(body)["Content-Type"] == STREAM
    with session.listen() as primary:
        assert primary.head["Content-Type"] == STREAM


def test_a_stream_that_is_resumed_or_stateless_says_so_too(start):
    session = Session(start())
    with session.resume(session.say(call("logs")).ids[0]) as stream:
        assert stream.head["Content-Type"] == STREAM
    stateless = start("host", "--stateless", 1)
    with stateless.connect() as connection:
        connection.send(post(call("logs")))
        assert connection.response()["Content-Type"] == STREAM


def test_a_stream_for_http_1_0_says_so_too(host):
    session = Session(host)
    with host.connect() as connection:
        connection.send(session.post(call("size")).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        response = connection.response()
    assert response["Content-Type"] in (STREAM, "application/json")
