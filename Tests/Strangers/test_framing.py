"""Section 3: what is no HTTP/1.1 gets one response, and then the connection ends; what is, is served.

Behind each wrong input stands a whole request. Whoever takes the input for something else answers twice.
"""

from __future__ import annotations

import pytest
from exact import Session, message, post, request
from hosts import Host

BODY = b'{"jsonrpc":"2.0","id":7,"method":"ping"}'
SIZE = b"%x" % len(BODY)
NEXT = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
LINES = (
    b"Host: localhost",
    b"Content-Type: application/json",
    b"Accept: application/json, text/event-stream",
)
CLOSE_SECONDS = 3


@pytest.fixture(scope="module")
def host():
    """A stateless host: each request stands for itself."""
    host = Host("host", "--stateless", 1)
    yield host
    host.must_live()
    host.end()


def head(*lines, first=b"POST /mcp HTTP/1.1", usual=LINES, end=b"\r\n\r\n"):
    return b"\r\n".join((first, *usual, *lines)) + end


def plain(*lines, **more):
    """A request with these lines and a body of the length it says."""
    return head(*lines, b"Content-Length: %d" % len(BODY), **more) + BODY


def chunked(size=SIZE, size_end=b"\r\n", data_end=b"\r\n", last=b"0\r\n", trailers=b"\r\n", **more):
    """A request whose body is one chunk."""
    return head(b"Transfer-Encoding: chunked", **more) + size + size_end + BODY + data_end + last + trailers


def refused(host, raw):
    """The one response to an input, after which the connection ends."""
    with host.connect() as connection:
        connection.send(raw, NEXT)
        responses = connection.responses(CLOSE_SECONDS)
    assert len(responses) == 1, [one.status for one in responses]
    return responses[0]


def served(host, raw):
    """The response to an input, on a connection that goes on."""
    with host.connect() as connection:
        connection.send(raw, NEXT)
        response = connection.response()
        assert connection.response("GET").status == 404
    return response


BAD = {
    # Line ends in the head.
    "a line of the head ends with LF": plain(b"X: a\nY: b"),
    "each line of the head ends with LF": plain().replace(b"\r\n", b"\n"),
    "the request line ends with LF": plain().replace(b"HTTP/1.1\r\n", b"HTTP/1.1\n"),
    "the request line ends with CR": plain().replace(b"HTTP/1.1\r\n", b"HTTP/1.1\r"),
    "a value has a CR in it": plain(b"X: a\rb"),
    "a value has a CR and what looks like a field": plain(b"X: a\rContent-Length: 0"),
    "a value ends with CR CR LF": plain(b"X: a\r"),
    "a value has a NUL in it": plain(b"X: a\0b"),
    "a name has a CR in it": plain(b"X\r: a"),
    "a name has a NUL in it": plain(b"X\0: a"),
    "the head ends with CR LF CR and a letter": head(first=b"GET /mcp HTTP/1.1", end=b"\r\n\rX"),
    "the head ends with CR LF CR, and then the next begins": head(first=b"GET /mcp HTTP/1.1", end=b"\r\n\r"),
    "the head of a POST ends with CR LF CR and a letter": head(b"Content-Length: 1", end=b"\r\n\rX") + b"{",
    "the head ends with CR LF LF": head(first=b"GET /mcp HTTP/1.1", end=b"\r\n\n"),
    "the head of a POST ends with CR LF LF": head(b"Content-Length: 40", end=b"\r\n\n") + BODY,
    "the head ends with LF LF": head(first=b"GET /mcp HTTP/1.1", end=b"\n\n"),
    "the head ends with LF CR LF": head(first=b"GET /mcp HTTP/1.1", end=b"\n\r\n"),
    # Folded lines and names.
    "a line is folded with a blank": plain(b"X: a\r\n b"),
    "a line is folded with a tab": plain(b"X: a\r\n\tb"),
    "a line is folded, and empty before": plain(b"X:\r\n a"),
    "a folded line of blanks": plain(b"X: a\r\n  "),
    "a folded Origin": plain(b"Origin: http://localhost\r\n .evil.example"),
    "a folded Host": head(b"X: y", usual=(b"Host:\r\n localhost",), first=b"GET /mcp HTTP/1.1"),
    "a folded Content-Length": head(b"Content-Length:\r\n %d" % len(BODY)) + BODY,
    "a folded Transfer-Encoding": chunked().replace(b"Transfer-Encoding: ", b"Transfer-Encoding:\r\n "),
    "the first line is a folded one": plain(usual=(b" X: a", *LINES)),
    "an empty name": plain(b": a"),
    "an empty name and no value": plain(b":"),
    "a name of a blank": plain(b" : a"),
    "a blank behind a name": plain(b"X : a"),
    "a blank behind Content-Length": head(b"Content-Length : %d" % len(BODY)) + BODY,
    "a tab behind Transfer-Encoding": chunked().replace(b"Transfer-Encoding:", b"Transfer-Encoding\t:"),
    "a line without a colon": plain(b"X"),
    "a name with a bracket": plain(b"X(y): a"),
    "a name beyond ASCII": plain(b"X\xc3\xa4: a"),
    # How long the body is.
    "both lengths": chunked().replace(b"Transfer-Encoding", b"Content-Length: 3\r\nTransfer-Encoding"),
    "two different lengths": head(b"Content-Length: 40", b"Content-Length: 41") + BODY,
    "a length with a sign": head(b"Content-Length: +40") + BODY,
    "a negative length": head(b"Content-Length: -1") + BODY,
    "a hexadecimal length": head(b"Content-Length: 0x28") + BODY,
    "an empty length": head(b"Content-Length: ") + BODY,
    "a length of two numbers": head(b"Content-Length: 40 40") + BODY,
    "a length beyond 64 bits": head(b"Content-Length: 18446744073709551656") + BODY,
    "HTTP/1.0 in chunks": chunked(first=b"POST /mcp HTTP/1.0"),
    # Chunks.
    "a chunk's size ends with CR and a letter": chunked(size_end=b"\rX"),
    "a chunk's size ends with LF": chunked(size_end=b"\n"),
    "a chunk's size ends with CR CR LF": chunked(size_end=b"\r\r\n"),
    "a chunk's extension ends with LF": chunked(size=SIZE + b";a=b", size_end=b"\n"),
    "a chunk's extension has a CR in it": chunked(size=SIZE + b";a=\rb"),
    "a chunk's quoted extension has an LF in it": chunked(size=SIZE + b';a="\n"'),
    "a chunk's quoted extension has a CR LF in it": chunked(size=SIZE + b';a="\r\n"'),
    "a chunk's size has a sign": chunked(size=b"+" + SIZE),
    "a chunk's size is negative": chunked(size=b"-" + SIZE),
    "a chunk's size begins with 0x": chunked(size=b"0x" + SIZE),
    "a chunk's size begins with a blank": chunked(size=b" " + SIZE),
    "a chunk's size is empty": chunked(size=b""),
    "a chunk's size is only an extension": chunked(size=b";a=b"),
    "a chunk's size is no number": chunked(size=SIZE + b"g"),
    "a chunk's size is beyond 64 bits": chunked(size=b"1" + b"0" * 14 + SIZE + b"0"),
    "a chunk's data ends with two letters": chunked(data_end=b"XX"),
    "a chunk's data ends with LF": chunked(data_end=b"\n"),
    "a chunk's data ends with LF and a letter": chunked(data_end=b"\nX"),
    "a chunk's data ends with CR and a letter": chunked(data_end=b"\rX"),
    "a chunk's data ends with CR CR LF": chunked(data_end=b"\r\r\n"),
    "a chunk's data ends with nothing": chunked(data_end=b""),
    "a chunk's data goes on": chunked(data_end=b"}\r\n"),
    "the last chunk ends with LF": chunked(last=b"0\n"),
    "the last chunk ends with CR and a letter": chunked(last=b"0\rX"),
    # Trailers.
    "the trailers end with CR and a letter": chunked(trailers=b"\rX"),
    "the trailers end with LF": chunked(trailers=b"\n"),
    "a trailer ends with CR and a letter": chunked(trailers=b"X: a\rY: b\r\n\r\n"),
    "a trailer ends with LF": chunked(trailers=b"X: a\n\r\n"),
    "a trailer, and the end is CR LF LF": chunked(trailers=b"X: a\r\n\n"),
    "a trailer, and the end is CR LF CR and a letter": chunked(trailers=b"X: a\r\n\rX"),
    "a folded trailer": chunked(trailers=b"X: a\r\n b\r\n\r\n"),
    "a trailer with an empty name": chunked(trailers=b": a\r\n\r\n"),
    "a trailer without a colon": chunked(trailers=b"X\r\n\r\n"),
    "a trailer with a NUL": chunked(trailers=b"X: a\0\r\n\r\n"),
    # Request lines.
    "two blanks behind the method": plain(first=b"POST  /mcp HTTP/1.1"),
    "two blanks before the version": plain(first=b"POST /mcp  HTTP/1.1"),
    "a blank behind the version": plain(first=b"POST /mcp HTTP/1.1 "),
    "a blank before the method": plain(first=b" POST /mcp HTTP/1.1"),
    "a tab in the request line": plain(first=b"POST\t/mcp HTTP/1.1"),
    "a blank in the target": plain(first=b"POST /m cp HTTP/1.1"),
    "a control character in the target": plain(first=b"POST /mcp\x01 HTTP/1.1"),
    "no target": plain(first=b"POST HTTP/1.1"),
    "half a version": plain(first=b"POST /mcp HTTP/1"),
    "a version and a letter": plain(first=b"POST /mcp HTTP/1.1x"),
    "a version of two digits": plain(first=b"POST /mcp HTTP/1.10"),
    "a version in lower case": plain(first=b"POST /mcp http/1.1"),
    "a method with a bracket": plain(first=b"PO(ST /mcp HTTP/1.1"),
    "a method with a colon": plain(first=b"POST: /mcp HTTP/1.1"),
    "no Host": plain(usual=LINES[1:]),
    "two Hosts": plain(b"Host: localhost"),
}


@pytest.mark.parametrize("what", BAD)
def test_one_400_and_the_end(host, what):
    assert refused(host, BAD[what]).status == 400


ALMOST = {
    "RTSP": (plain(first=b"POST /mcp RTSP/1.0"), {400, 505}),
    "ICE": (plain(first=b"POST /mcp ICE/1.0"), {400, 505}),
    "HTTP/2.0": (plain(first=b"POST /mcp HTTP/2.0"), {400, 505}),
    "HTTP/0.9": (plain(first=b"POST /mcp HTTP/0.9"), {400, 505}),
    "no version": (plain(first=b"POST /mcp"), {400, 505}),
    "HTTP/2 with prior knowledge": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}),
    "gzip and chunked in one line": (chunked().replace(b": chunked", b": gzip, chunked"), {501}),
    "gzip and chunked without a blank": (chunked().replace(b": chunked", b": gzip,chunked"), {501}),
    "gzip and chunked in two lines": (
        chunked().replace(b": chunked", b": gzip\r\nTransfer-Encoding: chunked"),
        {501},
    ),
    "a coding nobody knows": (chunked().replace(b": chunked", b": x-stranger, chunked"), {501}),
    "gzip alone": (chunked().replace(b": chunked", b": gzip"), {400, 501}),
    "chunked, and then gzip": (chunked().replace(b": chunked", b": chunked, gzip"), {400, 501}),
    "chunked twice in one line": (chunked().replace(b": chunked", b": chunked, chunked"), {400, 501}),
    "chunked twice in two lines": (
        chunked().replace(b": chunked", b": chunked\r\nTransfer-Encoding: chunked"),
        {400, 501},
    ),
    "identity": (chunked().replace(b": chunked", b": identity"), {400, 501}),
    "a coding that only begins like one": (chunked().replace(b": chunked", b": chunkedfoo"), {400, 501}),
    "a coding in quotes": (chunked().replace(b": chunked", b': "chunked"'), {400, 501}),
    "no coding": (chunked().replace(b": chunked", b": "), {400, 501}),
    "CONNECT": (head(first=b"CONNECT localhost:1 HTTP/1.1"), {501}),
    "CONNECT of the endpoint": (head(first=b"CONNECT /mcp HTTP/1.1"), {400, 501}),
    "a method of 33 bytes": (head(first=b"M" * 33 + b" /mcp HTTP/1.1"), {501}),
    "a method of 1,000 bytes": (head(first=b"M" * 1000 + b" /mcp HTTP/1.1"), {400, 501}),
}


@pytest.mark.parametrize("what", ALMOST)
def test_one_refusal_and_the_end(host, what):
    raw, statuses = ALMOST[what]
    assert refused(host, raw).status in statuses


GOOD = {
    "an extension": chunked(size=SIZE + b";a"),
    "an extension with a value": chunked(size=SIZE + b";a=b"),
    "two extensions": chunked(size=SIZE + b";a1;a=b;c=d"),
    "a quoted extension": chunked(size=SIZE + b';a="b"'),
    "a quoted extension with semicolons and escapes": chunked(size=SIZE + b';a="b;c\\"d\\\\";e="f"'),
    "an extension with blanks around": chunked(size=SIZE + b" ; a = b"),
    "an extension of the last chunk": chunked(last=b"0;a=b;c\r\n"),
    "a size with zeros before": chunked(size=b"0000" + SIZE),
    "a size in upper case": chunked(size=SIZE.upper()),
    "a last chunk of many zeros": chunked(last=b"0000\r\n"),
    "a trailer": chunked(trailers=b"X: a\r\n\r\n"),
    "a trailer that names a length": chunked(trailers=b"Content-Length: 3\r\n\r\n"),
    "a trailer with an empty value": chunked(trailers=b"X:\r\n\r\n"),
    "chunked in capitals": chunked().replace(b": chunked", b": Chunked"),
    "an empty value": plain(b"X:"),
    "a value of blanks": plain(b"X:   "),
    "a value beyond ASCII": plain(b"X: \xc3\xa4"),
    "a tab in a value": plain(b"X: a\tb"),
    "an empty line before": b"\r\n" + plain(),
}


@pytest.mark.parametrize("what", GOOD)
def test_served_and_so_is_what_follows(host, what):
    response = served(host, GOOD[what])
    assert response.status == 200
    assert response.last == {"jsonrpc": "2.0", "id": 7, "result": {}}


# ---- Methods ---------------------------------------------------------------------------------

REGISTERED = ["PATCH", "PUT", "TRACE", "QUERY", "SEARCH", "PROPFIND"]
UNKNOWN = [*REGISTERED, "PURGE", "M-SEARCH", "SOURCE", "FOO", "post", "M" * 32]


@pytest.mark.parametrize("method", UNKNOWN)
def test_a_method_that_the_endpoint_does_not_have(start, method):
    session = Session(start())
    with session.host.connect() as connection:
        connection.send(request(method), session.get(Last_Event_ID="x"))
        response = connection.response(method)
        assert response.status == 405
        assert {"GET", "POST"} <= {one.strip() for one in response["Allow"].split(",")}
        assert connection.response().status == 400, "the connection goes on"


@pytest.mark.parametrize("method", UNKNOWN)
def test_a_method_beside_the_endpoint(host, method):
    assert served(host, request(method, path="/elsewhere")).status == 404


def test_a_method_with_a_body_that_the_endpoint_does_not_have(host):
    with host.connect() as connection:
        connection.send(request("FOO", BODY), NEXT)
        responses = [connection.response()]
        if not responses[0].closes:
            responses.append(connection.response())
    assert [one.status for one in responses] in ([405], [405, 404])


# ---- Content ---------------------------------------------------------------------------------


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "GZIP", "identity, gzip", "x-stranger"])
def test_a_content_coding_is_415(host, coding):
    with host.connect() as connection:
        connection.send(post(message("ping", id=1), Content_Encoding=coding))
        assert connection.response().status == 415


def test_the_content_coding_that_is_none_is_served(host):
    assert served(host, post(message("ping", id=1), Content_Encoding="identity")).status == 200


# ---- What a folded line or a name may do to what is behind ------------------------------------


def test_a_folded_origin_does_not_reach_the_cors_headers(start):
    host = start("host", "--cors_origins", "http://localhost", "--stateless", 1)
    raw = plain(b"Origin: http://local\r\n host")
    response = refused(host, raw)
    assert response.status == 400
    assert response["Access-Control-Allow-Origin"] is None


def test_bytes_may_arrive_one_by_one(host):
    """What is refused does not depend on where the packets end."""
    for raw in (BAD["a chunk's data ends with two letters"], BAD["the head ends with CR LF CR and a letter"]):
        with host.connect() as connection:
            for byte in range(len(raw)):
                try:
                    connection.send(raw[byte : byte + 1])
                except ConnectionError:
                    break
            responses = connection.responses(CLOSE_SECONDS)
        assert [one.status for one in responses] == [400]
