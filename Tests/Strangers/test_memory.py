"""Section 2: what a peer can make grow has a bound, and the bound is of memory.

The process may grow by the bound and a quarter, and by what any process takes that has something to do.
"""

from __future__ import annotations

import contextlib
import resource

import pytest
from exact import FIELDS, Session, call, initialize, message, post, request

MB = 1 << 20
SLACK = 16 * MB
SENT = 64 * MB
BOUND = 8 * MB


class Growth:
    """How much the process has grown since, at most."""

    def __init__(self, host):
        self._host = host
        self._before = host.resident_bytes

    def must_be_within(self, bound):
        self._host.must_live()
        grown = self._host.peak_bytes - self._before
        assert grown <= bound * 1.25 + SLACK, f"{grown >> 20} MB, and {bound >> 20} MB are allowed"

    def must_be_counted(self, least):
        """The host says of what it holds what its process shows; it is so much, at least."""
        counted = Session(self._host).value("stats")["held_bytes"]
        grown = self._host.resident_bytes - self._before
        assert counted >= least, f"{counted >> 20} MB are counted, of {least >> 20} MB"
        assert counted <= grown * 1.25 + SLACK, f"{counted >> 20} MB are counted, and {grown >> 20} MB held"
        assert grown <= counted * 1.25 + SLACK, f"{grown >> 20} MB are held, and {counted >> 20} MB counted"


# ---- What comes in without an end -----------------------------------------------------------------

HEAD = b"POST /mcp HTTP/1.1\r\n" + b"".join(f"{name}: {value}\r\n".encode() for name, value in FIELDS.items())
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
ENDLESS = {
    "a value with an empty name": (HEAD + b": ", b"a"),
    "a value": (HEAD + b"X: ", b"a"),
    "a name": (HEAD, b"a"),
    "blanks before a value": (HEAD + b"X:", b" "),
    "lines": (HEAD, b"X: a\r\n"),
    "lines with an empty name": (HEAD, b": a\r\n"),
    "a target": (b"POST /", b"a"),
    "a method": (b"", b"A"),
    "blanks in a request line": (b"POST ", b" "),
    "empty lines before a request": (b"", b"\r\n"),
    "zeros of a chunk's size": (CHUNKED, b"0"),
    "an extension": (CHUNKED + b"1;a=", b"b"),
    "a quoted extension": (CHUNKED + b'1;a="', b"b"),
    "extensions of the last chunk": (CHUNKED + b"0", b";a=b"),
    "a trailer": (CHUNKED + b"0\r\nX: ", b"a"),
    "trailers": (CHUNKED + b"0\r\n", b"X: a\r\n"),
    "a trailer with an empty name": (CHUNKED + b"0\r\n: ", b"a"),
    "chunks of a byte each": (CHUNKED, b"1;a=b\r\na\r\n"),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_what_has_no_end_is_cut_off(start, what):
    host = start()
    growth = Growth(host)
    begin, more = ENDLESS[what]
    block = more * (MB // len(more))
    with host.connect() as connection, contextlib.suppress(ConnectionError, TimeoutError):
        connection.send(begin)
        for _ in range(SENT // len(block)):
            connection.send(block)
    growth.must_be_within(5 * MB)
    Session(host).must_serve()


IDLE = {
    "that say nothing": None,
    "that were answered": request("GET", path="/elsewhere"),
    "that had a long head": request("GET", path="/elsewhere", X="x" * 60_000),
    "from a page with a long name": request("GET", path="/elsewhere", Origin="http://" + "x" * 60_000),
}


@pytest.mark.parametrize("which", IDLE)
def test_connections(start, which):
    """Twice as many take no more than twice as much."""
    count = 2000
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2 * count + 500), hard))
    host = start("host", "--cors_origins", "*", "--address_share_percent", 100)
    grown = []
    with contextlib.ExitStack() as crowd:
        for _ in range(2):
            before = host.resident_bytes
            for _ in range(count):
                connection = crowd.enter_context(host.connect())
                if IDLE[which]:
                    connection.send(IDLE[which])
                    assert connection.response().status in (403, 404)
            Session(host).must_serve()
            grown.append(host.resident_bytes - before)
    assert grown[1] <= count * 1600 * 1.25, f"{grown[1] // count} bytes each, and 1,600 are allowed"


def test_connections_that_only_end_a_line(start):
    """Before a request that is nothing, and it takes nothing, whatever heads others have sent."""
    count = 1000
    host = start("host", "--address_share_percent", 100)
    growth = Growth(host)
    with contextlib.ExitStack() as crowd:
        other = crowd.enter_context(host.connect())
        for number in range(count):
            other.send(request("GET", path="/elsewhere", X="x" * 60_000))
            assert other.response().status == 404
            connection = crowd.enter_context(host.connect())
            connection.send(b"\r\n" if number % 2 else b"\r")
        Session(host).must_serve()
        growth.must_be_within(count * 4000)


def test_others_heads_do_not_count(start):
    """What an open request counts does not depend on what has been sent before it."""
    host = start("host", "--request_bytes_max", 4 * MB)
    session = Session(host)

    def counted(name, requests):
        """What so many open requests count."""
        with session.begin(call("hang", id=name)):
            while (stats := session.value("stats"))["requests"] < requests:
                pass
            return stats["request_bytes"]

    alone = counted("first", 1)
    for _ in range(100):
        with host.connect() as connection:
            connection.send(post(b"{}", X="x" * 60_000))
            assert connection.response().status == 400
    assert counted("second", 2) <= 2.25 * alone


def test_streams_of_pages_with_long_names(start):
    """Nothing of a request's head stays with its stream."""
    host = start("host", "--cors_origins", "*", "--address_share_percent", 100)
    growth = Growth(host)
    with contextlib.ExitStack() as crowd:
        for _ in range(SENT // 60_000):
            connection = crowd.enter_context(host.connect())
            connection.send(Session(host).get(Origin="http://" + "x" * 60_000))
            assert connection.head().status in (200, 403)
    growth.must_be_within(BOUND)


def test_requests_that_wait_to_be_allowed(start):
    """What comes behind their heads waits with them."""
    host = start("host", "--authorize", 1, "--arriving_bytes_max", BOUND)
    waiting = []
    growth = Growth(host)
    for _ in range(SENT // 100_000):
        waiting.append(host.connect(slow=True))
        with contextlib.suppress(OSError):
            waiting[-1].send(post(b"[" * 100_000, X="x" * 60_000, Authorization="Bearer wait"))
    Session(host, Authorization="Bearer me").must_serve()
    growth.must_be_within(BOUND + 4 * MB)
    for connection in waiting:
        connection.close()


def test_bodies_under_way(start):
    host = start("host", "--arriving_bytes_max", BOUND)
    growth = Growth(host)
    arriving = []
    for _ in range(SENT // (2 * MB)):
        arriving.append(host.connect())
        with contextlib.suppress(ConnectionError):
            arriving[-1].send(post(b"", Content_Length=3 * MB), b"[" * (2 * MB))
    growth.must_be_within(BOUND)
    for connection in arriving:
        connection.close()
    Session(host).must_serve()


# ---- What waits for the host -------------------------------------------------------------------------


def test_events_that_wait_for_the_host(start):
    host = start("host", "--loop", "thread", "--queue_bytes_max", BOUND)
    session = Session(host)
    growth = Growth(host)
    body = session.post(message("notifications/stranger", {"text": "x" * (2 * MB)}))
    with session.begin(call("size", busy_ms=2000)), host.connect() as connection:
        host.heard("busy")
        for _ in range(SENT // (2 * MB)):
            connection.send(body)  # It is not read before there is room.
            assert connection.response().status == 202
    growth.must_be_within(BOUND + 4 * MB)  # and the body that arrives
    session.must_serve()


# ---- What is kept of clients and their requests ---------------------------------------------------------


LARGE = {"token": 2 * MB, "head": 60_000}


@pytest.mark.parametrize("part", LARGE)
def test_open_requests_whose_clients_have_gone(start, part):
    """Each of them may be refused, or have its place."""
    size = LARGE[part]
    requests = SENT // size
    options = {"request_bytes_max": BOUND, "session_requests_max": requests + 10, "head_ms": 1}
    host = start("host", *(word for name, value in options.items() for word in (f"--{name}", value)))
    session = Session(host)
    growth = Growth(host)
    for number in range(requests):
        body = call("hang", id=number, token="t" * (size if part == "token" else 1))
        with session.begin(body, X="x" * (size if part == "head" else 1)) as connection:
            connection.head()
    growth.must_be_within(BOUND + 4 * MB)
    Session(host).must_serve()


def test_what_clients_say_of_themselves(start):
    host = start("host", "--client_info_bytes_max", 4096, "--session_bytes_max", BOUND)
    growth = Growth(host)
    large = {"clientInfo": {"name": "x" * MB, "version": "1"}, "capabilities": {"experimental": {"x": "x" * MB}}}
    with host.connect() as connection:
        for _ in range(SENT // (2 * MB)):
            connection.send(post(initialize(**large)))
            response = connection.response()
            assert response.status in (200, 400, 413, 503)
            if response.closes:
                break
    growth.must_be_within(BOUND + 4 * MB)
    Session(host).must_serve()


def test_mailboxes(start):
    """Nobody listens, and the host says much to everybody."""
    host = start("host", "--session_bytes_max", BOUND, "--mailbox_bytes_max", MB)
    sessions = [Session(host) for _ in range(64)]
    growth = Growth(host)
    for session in sessions:
        session.value("notify", n=64, size=MB // 64)
    growth.must_be_within(BOUND + 4 * MB)
    Session(host).must_serve()


@pytest.mark.parametrize("size", [1, 100_000])
def test_replay(start, size):
    """What is kept for clients that may come back, in small messages and large ones."""
    options = {"replay_total_bytes_max": BOUND, "replay_bytes_max": MB, "replay_events_max": 100_000}
    host = start("host", *(word for name, value in options.items() for word in (f"--{name}", value)))
    sessions = [Session(host) for _ in range(64)]
    growth = Growth(host)
    for session in sessions:
        session.say(call("logs", n=2 * MB // (size + 100), size=size))
    growth.must_be_within(BOUND + 4 * MB)
    Session(host).must_serve()


# ---- Batches ------------------------------------------------------------------------------------------------


JSON = ["--response_mode", 1]


def batches(host, crowd, count):
    """Batches, each with 2 MB of answers that wait for one more."""
    session = Session(host, "2025-03-26")
    for number in range(count):
        sizes = [call("size", id=f"{number}.{part}", n=100_000) for part in range(20)]
        crowd.enter_context(session.begin([*sizes, call("hang", id=f"slow {number}")]))


def test_answers_that_wait_for_the_rest_of_their_batch(start):
    host = start("host", *JSON, "--address_share_percent", 100)
    growth = Growth(host)
    with contextlib.ExitStack() as crowd:
        batches(host, crowd, 20)
        host.heard("hangs", count=20)
        growth.must_be_counted(40_000_000)
        growth.must_be_within(40_000_000)
    Session(host).must_serve()


def test_answers_of_batches_have_a_bound(start):
    """Those for which there is no room are lost, or their batches refused."""
    host = start("host", *JSON, "--address_share_percent", 100, "--request_bytes_max", BOUND)
    with contextlib.ExitStack() as crowd:
        session = Session(host, "2025-03-26")
        growth = Growth(host)
        batches(host, crowd, SENT // (2 * MB))
        host.heard("hangs")
        # It comes behind the others, and each of its members is refused, or answered and perhaps lost.
        assert session.say([call("size", id=number) for number in range(20)]).status in (200, 503)
        growth.must_be_within(BOUND + 4 * MB)
    Session(host).must_serve()


# ---- Modern clients -----------------------------------------------------------------------------------------


def modern(method, name=None, id=1, fields=None, **params):
    """A request of 2026-07-28."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"sampling": {}},
    }
    if name is not None:
        params["name"] = name
    head = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method, "Mcp-Name": name, **(fields or {})}
    return post(message(method, {**params, "_meta": meta}, id), **head)


def park(host, count):
    """Requests that ask their clients for something, with long heads; gives how many wait for an answer."""
    parked = 0
    ask = modern("tools/call", "ask", arguments={"prompt": "?"}, fields={"X": "x" * 60_000})
    for _ in range(count):
        with host.connect() as connection:
            connection.send(ask)
            response = connection.response()
        assert response.status in (200, 503)
        parked += response.status == 200 and response.json["result"].get("resultType") == "input_required"
    return parked


def test_parked_requests(start):
    host = start("host", "--address_share_percent", 100)
    growth = Growth(host)
    assert park(host, 500) == 500
    growth.must_be_counted(30_000_000)
    growth.must_be_within(30_000_000)
    Session(host).must_serve()


@pytest.mark.parametrize(("option", "most"), [("parked_max", 50), ("request_bytes_max", BOUND)])
def test_parked_requests_have_a_bound(start, option, most):
    host = start("host", "--address_share_percent", 100, f"--{option}", most)
    growth = Growth(host)
    parked = park(host, 500)
    assert 50 <= parked <= (50 if option == "parked_max" else BOUND // 60_000)
    growth.must_be_within(BOUND + 4 * MB)
    host.must_live()


URIS = [f"test://{number}/{'x' * 1000}" for number in range(1000)]
SUBSCRIBE = ["--discover_capabilities", '{"resources":{"subscribe":true}}']


def listen(host, crowd, count):
    """Streams that listen, each for other resources, a megabyte of them; gives how many there are."""
    listening = 0
    for number in range(count):
        connection = crowd.enter_context(host.connect())
        wanted = {"resourceSubscriptions": [f"{uri}{number}" for uri in URIS]}
        connection.send(modern("subscriptions/listen", notifications=wanted))
        head = connection.head()
        assert head.status in (200, 503)
        listening += head.content_type == "text/event-stream"
        next(connection.body(head))  # What is unread counts elsewhere.
    return listening


def test_what_streams_listen_for(start):
    host = start("host", "--address_share_percent", 100, *SUBSCRIBE)
    growth = Growth(host)
    with contextlib.ExitStack() as crowd:
        assert listen(host, crowd, 30) == 30
        growth.must_be_counted(30_000_000)
        growth.must_be_within(30_000_000 + 8 * MB)
    Session(host).must_serve()


@pytest.mark.parametrize(("option", "most"), [("listens_max", 4), ("request_bytes_max", BOUND)])
def test_what_streams_listen_for_has_a_bound(start, option, most):
    host = start("host", "--address_share_percent", 100, *SUBSCRIBE, f"--{option}", most)
    growth = Growth(host)
    with contextlib.ExitStack() as crowd:
        listening = listen(host, crowd, SENT // MB)
        assert 1 <= listening <= (4 if option == "listens_max" else BOUND // 1_000_000)
        growth.must_be_within(BOUND + 8 * MB)
    Session(host).must_serve()


def test_what_sessions_have_subscribed_to(start):
    """A watched resource is in memory once, and only within the bound of sessions."""
    options = ["--keep_subscriptions", 1, "--session_bytes_max", BOUND, "--address_share_percent", 100]
    host = start("host", *options, *SUBSCRIBE)
    growth = Growth(host)
    refused = 0
    for number in range(8):
        session = Session(host)
        with host.connect() as connection:
            for other in range(SENT // 8 // 100_000):
                uri = f"test://{number}/{other}/{'x' * 100_000}"
                connection.send(session.post(message("resources/subscribe", {"uri": uri}, other)))
                refused += "error" in connection.response().last
    assert refused > 0
    growth.must_be_within(BOUND + 8 * MB)
    Session(host).must_serve()


# ---- What waits for clients ---------------------------------------------------------------------------------


def test_answers_that_a_primary_which_is_not_read_holds_back(start):
    """Their clients have gone. They count like what any client has not read."""
    host = start("host", "--session_unsent_bytes_max", BOUND, "--total_unsent_bytes_max", BOUND)
    session = Session(host)
    growth = Growth(host)
    with session.listen(slow=True):
        session.value("notify", n=10, size=60000)
        for number in range(SENT // MB):
            body = call("progress", id=number + 10, token=number, logs=1, size=MB)
            with contextlib.suppress(AssertionError), session.begin(body) as connection:
                connection.stream().message()
        growth.must_be_within(BOUND + 4 * MB)
    Session(host).must_serve()


def test_answers_that_wait_behind_progress_keep_nothing_of_their_requests(start):
    host = start("host", "--session_unsent_bytes_max", BOUND, "--total_unsent_bytes_max", BOUND)
    session = Session(host)
    growth = Growth(host)
    with session.listen(slow=True) as primary:
        primary.begin()
        session.value("notify", n=40, size=100_000)
        for number in range(SENT // 60_000):
            body = call("progress", id=number + 10, token=number, n=1)
            with host.connect() as connection:
                connection.send(session.post(body, X="x" * 60_000))
        session.value("stats", id="stats")
        growth.must_be_within(BOUND + 4 * MB)
    Session(host).must_serve()


def test_replays_that_a_store_looks_for(start):
    """Their connections wait, and keep nothing of their requests."""
    host = start("store_host", "--lie", "never", "--address_share_percent", 100)
    session = Session(host)
    ids = session.say(call("logs", n=3)).ids
    growth = Growth(host)
    with contextlib.ExitStack() as crowd:
        for _ in range(SENT // 60_000):
            connection = crowd.enter_context(host.connect())
            connection.send(session.get(Last_Event_ID=ids[0], X="x" * 60_000))
        host.heard("load after", count=SENT // 60_000)
        growth.must_be_within(4 * MB)


def test_replays_that_nobody_reads(start):
    host = start("host", "--total_unsent_bytes_max", BOUND)
    session = Session(host)
    ids = session.say(call("logs", n=900, size=1000)).ids
    growth = Growth(host)
    readers = []
    for _ in range(2 * SENT // MB):
        readers.append(host.connect(slow=True))
        readers[-1].send(session.get(Last_Event_ID=ids[0]))
    Session(host).must_serve()
    growth.must_be_within(BOUND + 4 * MB)
    for reader in readers:
        reader.close()


@pytest.mark.parametrize("tool", ["notify", "logs"])
def test_small_messages_that_wait_count_for_what_they_cost(start, tool):
    host = start("host", "--unsent_bytes_max", BOUND, "--replay_events_max", -1)
    session = Session(host)
    growth = Growth(host)
    with session.listen(slow=True) as primary, session.begin(call(tool, n=300_000, size=1), slow=True):
        primary.begin()
        Session(host).must_serve()
        growth.must_be_within(2 * BOUND)
