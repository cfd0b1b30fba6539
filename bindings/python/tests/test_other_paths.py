"""Other paths than the endpoint's, which the host answers; its own answers to authorizations; and tags."""

import asyncio
import gc
import http.client
import json
import logging
import socket
import threading
import time

import pytest

from streamablehttp import (
    Authorization,
    DisconnectedError,
    HTTPRequest,
    InvalidArgumentError,
    InvalidHeaderError,
    LimitError,
    NotFoundError,
    Notification,
    Request,
    Server,
)
from wire import SECONDS, on_asyncio


def connect(server):
    return http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)


def ask(server, method, target, **more):
    """Sends a request; the answer is to be read later."""
    connection = connect(server)
    connection.request(method, target, **more)
    return connection


def test_a_request_and_its_answer(host):
    one = host(other_paths=True)
    client = ask(
        one.server, "POST", "/a%20b/c?x=1%20&y", body=b"\x00\xff", headers={"X-A": "1", "Authorization": "Bearer s"}
    )
    request = one.next(HTTPRequest)
    assert (request.method, request.target) == ("POST", "/a%20b/c?x=1%20&y")
    assert (request.path, request.query) == ("/a b/c", "x=1%20&y")
    assert (b"x-a", b"1") in request.headers and (b"authorization", b"Bearer s") in request.headers
    assert request.body == b"\x00\xff"
    assert request.peer.startswith("127.0.0.1:")
    assert request.session is None and not request.closed
    assert repr(request) == "<HTTPRequest 'POST' '/a%20b/c'>"
    request.respond(418, [("Set-Cookie", "a=1"), (b"set-cookie", b"b=\xe4")], "täglich")
    answer = client.getresponse()
    assert answer.status == 418
    assert answer.headers.get_all("set-cookie") == ["a=1", "b=ä"]
    assert answer.read().decode() == "täglich"
    for late in (lambda: request.respond(200), lambda: request.start(200), lambda: request.write(b"x"), request.end):
        with pytest.raises(NotFoundError):
            late()
    client.request("HEAD", "/again")
    one.next(HTTPRequest).respond(200, {"X-B": "2"}, b"not sent")
    answer = client.getresponse()
    assert answer.headers["content-length"] == "8" and answer.headers["x-b"] == "2" and answer.read() == b""


def test_what_cannot_be_answered(host):
    one = host(other_paths=True)
    client = ask(one.server, "GET", "/x")
    request = one.next(HTTPRequest)
    for headers in ({"Content-Length": "1"}, {"a b": "c"}, {"a": "b\r\nc: d"}, {"a": "\x00"}, {"Connection": "close"}):
        with pytest.raises(InvalidHeaderError):
            request.respond(200, headers)
        with pytest.raises(InvalidHeaderError):
            request.start(200, headers)
    for status in (99, 101, 199, 600):
        with pytest.raises(InvalidArgumentError):
            request.respond(status)
    for wrong in (
        lambda: request.respond("200"),
        lambda: request.respond(200, [("a", 1)]),
        lambda: request.respond(200, ["ab", "c"]),
        lambda: request.respond(200, (), 7),
        lambda: request.respond(200, 7),
    ):
        with pytest.raises((TypeError, InvalidArgumentError)):
            wrong()
    with pytest.raises(NotFoundError):
        request.write(b"x")
    with pytest.raises(NotFoundError):
        request.end()
    request.respond(204)
    assert client.getresponse().status == 204


def test_parts(host):
    one = host(other_paths=True)
    client = ask(one.server, "GET", "/x")
    request = one.next(HTTPRequest)
    request.start(200, {"Content-Type": "text/event-stream"})
    with pytest.raises(NotFoundError):
        request.respond(500)
    answer = client.getresponse()
    for part in (b"one", "two", b""):
        request.write(part)
    assert answer.read(6) == b"onetwo"
    request.write(b"three")
    request.end()
    assert answer.read() == b"three"


@on_asyncio
async def test_a_client_that_reads_slowly():
    part, count = b"x" * 50_000, 100
    async with Server(name="t", other_paths=True, unsent_bytes_max=400_000) as server:
        loop = asyncio.get_running_loop()
        client = connect(server)

        def read():
            client.request("GET", "/x")
            answer = client.getresponse()
            time.sleep(0.2)
            return answer.read()

        reading = loop.run_in_executor(None, read)
        refusals = 0
        async for event in server:
            assert isinstance(event, HTTPRequest)
            event.start(200)

            async def stream(request):
                nonlocal refusals
                for _ in range(count):
                    while True:
                        try:
                            request.write(part)
                            break
                        except LimitError:
                            refusals += 1
                            assert server.stats()["unsent_bytes"] <= 400_000
                            await request.writable()
                request.end()

            task = asyncio.ensure_future(stream(event))
            taking = asyncio.ensure_future(server.events().__anext__())
            assert await reading == part * count
            await task
            taking.cancel()
            break
        assert refusals > 0


@on_asyncio
async def test_a_client_that_goes():
    async with Server(name="t", other_paths=True) as server:
        clients = [ask(server, "GET", "/x"), ask(server, "GET", "/y")]
        requests = []
        async for event in server:
            requests.append(event)
            if len(requests) == 2:
                break
        requests[1].start(200)
        waits = [asyncio.ensure_future(one.wait_closed()) for one in requests]
        taking = asyncio.ensure_future(server.events().__anext__())
        for client in clients:
            client.close()
        await asyncio.gather(*waits)
        taking.cancel()
        assert all(one.closed for one in requests)
        with pytest.raises(DisconnectedError):
            requests[0].respond(200)
        with pytest.raises(DisconnectedError):
            requests[1].write(b"x")
        await requests[1].writable()


@on_asyncio
async def test_a_wait_ends_with_the_answer():
    request, streamed = HTTPRequest(), HTTPRequest()
    waits = [asyncio.ensure_future(one.wait_closed()) for one in (request, streamed)]
    given_up = asyncio.ensure_future(request.wait_closed())
    await asyncio.sleep(0)
    given_up.cancel()
    streamed.start(200)
    await asyncio.sleep(0)
    assert not waits[1].done() and len(request._state.waiters) == 1
    request.respond(200)
    streamed.end()
    await asyncio.wait_for(asyncio.gather(*waits), SECONDS)
    await asyncio.wait_for(request.wait_closed(), SECONDS)
    assert not (request.closed or streamed.closed)
    assert request._state.waiters == streamed._state.waiters == []


@pytest.mark.parametrize(
    "target, path, query",
    [
        ("/a%20b?x=%20", "/a b", "x=%20"),
        ("http://example.com/a?b", "/a", "b"),
        ("http://example.com", "/", ""),
        ("/a?b#c?d", "/a", "b"),
        ("/a#b?c", "/a", ""),
    ],
)
def test_the_parts_of_a_target(target, path, query):
    request = HTTPRequest(target=target)
    assert (request.path, request.query) == (path, query)


def test_one_that_is_dropped(host, caplog):
    one = host(other_paths=True)
    client = ask(one.server, "GET", "/x")
    request = one.next(HTTPRequest)
    with caplog.at_level(logging.WARNING, "streamablehttp"):
        del request
        gc.collect()
        assert client.getresponse().status == 500
    assert "was dropped" in caplog.text


def test_many_are_dropped_while_the_queue_of_commands_is_full(host):
    one = host(other_paths=True, command_bytes_max=1)
    clients = [ask(one.server, "GET", "/x") for _ in range(50)]
    statuses = []
    readers = [
        threading.Thread(target=lambda client: statuses.append(client.getresponse().status), args=[client])
        for client in clients
    ]
    for reader in readers:
        reader.start()
    requests = [one.next(HTTPRequest) for _ in clients]
    requests.clear()
    gc.collect()
    deadline = time.monotonic() + SECONDS
    while len(statuses) < len(clients) and time.monotonic() < deadline:
        ask(one.server, "GET", "/more").close()  # whenever events are taken, more of them are answered
        time.sleep(0.01)
    assert statuses == [500] * len(clients)
    for reader in readers:
        reader.join(SECONDS)


def test_off(host):
    one = host()
    assert ask(one.server, "GET", "/x").getresponse().status == 404


def test_many_threads(host):
    one = host(other_paths=True)
    answers = []

    def client(number):
        connection = connect(one.server)
        for turn in range(20):
            connection.request("POST", f"/{number}", body=f"{number}.{turn}")
            answers.append(connection.getresponse().read() == f"{number}.{turn}".encode())

    threads = [threading.Thread(target=client, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(160):
        request = one.next(HTTPRequest)
        threading.Thread(target=request.respond, args=[200, (), request.body]).start()
    for thread in threads:
        thread.join(SECONDS)
    assert answers == [True] * 160


def test_a_third_answer(host):
    one = host(authorize=True, other_paths=True)
    client = ask(one.server, "POST", "/mcp", body=b"{}", headers={"Content-Type": "application/json"})
    asked = one.next(Authorization)
    with pytest.raises(InvalidHeaderError):
        asked.answer(302, {"Location": "a\nb"})
    with pytest.raises(InvalidArgumentError):
        asked.answer(100)
    asked.answer(401, {"WWW-Authenticate": "DPoP"}, b"prove it")
    answer = client.getresponse()
    assert (answer.status, answer.headers["www-authenticate"], answer.read()) == (401, "DPoP", b"prove it")
    with pytest.raises(NotFoundError):
        asked.allow("joe")
    # Other paths need no credentials.
    client = ask(one.server, "GET", "/.well-known/oauth-authorization-server")
    one.next(HTTPRequest).respond(200, {"Content-Type": "application/json"}, json.dumps({"issuer": "x"}))
    assert json.loads(client.getresponse().read()) == {"issuer": "x"}


def test_tags(host):
    one = host(authorize=True)
    tags = [object() for _ in range(4)]
    client = one.client()
    opening = threading.Thread(target=client.initialize)
    opening.start()
    one.next(Authorization).allow("joe", tag=tags[0])
    one.next(Authorization).allow("joe", tag=tags[1])
    assert one.next(Notification).tag is tags[1]
    opening.join(SECONDS)
    for tag in (tags[2], None, tags[3]):
        call = client.call_tool()
        one.next(Authorization).allow("joe", tag=tag)
        request = one.next(Request)
        assert request.tag is tag and request.principal == "joe"
        request.respond({})
        assert call.next()["result"] == {}
    # Refused and abandoned requests leave no tag behind either.
    call = client.call_tool()
    asked = one.next(Authorization)
    asked.refuse()
    assert call.status == 401
    lost = socket.create_connection(("127.0.0.1", one.server.port))
    lost.sendall(b"GET /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n")
    asked = one.next(Authorization)
    lost.close()
    while one.server.stats()["authorizations"]:
        pass
    asked.allow("joe", tag=tags[0])
    one.hang_up()
    deadline = time.monotonic() + SECONDS
    while one.server._pump._tags and time.monotonic() < deadline:
        time.sleep(0.01)
    assert one.server._pump._tags == {}


def test_built_by_a_host():
    request = HTTPRequest(method="POST", target="http://host/a%2Fb?c", headers={"X-A": "1"}, body=b"x", peer="here")
    assert (request.path, request.query, request.headers) == ("/a/b", "c", [(b"x-a", b"1")])
    request.start(200, {"a": "b"})
    request.write("part")
    request.end()
    assert request.sent == [("start", 200, [(b"a", b"b")]), ("write", b"part"), ("end",)]
    asked = Authorization()
    asked.answer(302, [("Location", "/x")])
    assert asked.sent == [("answer", 302, [(b"Location", b"/x")], b"")]
    asked = Authorization()
    asked.allow("joe", tag="any")
    assert asked.sent[0][:3] == ("allow_tagged", "joe", 0)
    assert Request(method="x", tag=7).tag == 7
