"""Sessions that outlive their server: in a store of the host's, in Python, and in SQLite."""

import gc
import json
import os
import subprocess
import sys
import threading
import time

import pytest

from streamablehttp import (
    ClosedError,
    InvalidMessageError,
    InvalidOptionError,
    NotFoundError,
    Server,
    Session,
    SessionClosed,
    SessionOpened,
)
from test_event_store import Store, reported, until  # noqa: F401
from test_handles import environment
from wire import SECONDS, Client


class Sessions:
    """Keeps them in memory, and answers at once."""

    def __init__(self):
        self.records = {}
        self.calls = []
        self.threads = set()

    def keep(self, session, record, idle_ms):
        self.threads.add(threading.get_ident())
        self.calls.append(("keep", session, idle_ms))
        self.records[session] = record

    def touch(self, session, idle_ms):
        self.calls.append(("touch", session, idle_ms))

    def find(self, session, lookup):
        self.calls.append(("find", session, None))
        self.answer(session, lookup)

    def answer(self, session, lookup):
        if session in self.records:
            lookup.found(self.records[session])
        else:
            lookup.none()

    def forget(self, session):
        self.calls.append(("forget", session, None))
        self.records.pop(session, None)

    def count(self, name):
        return sum(call[0] == name for call in self.calls)


class Lasting(Store):
    """An event store that knows how streams began."""

    def __init__(self):
        super().__init__()
        self.begun = {}

    def begin(self, session, stream, record):
        assert isinstance(record, bytes) and isinstance(json.loads(record), dict)
        assert (session, stream) not in self.streams
        self.begun[session, stream] = record

    def answer(self, place, after, load):
        messages = self.streams.get(place, [])[after:]
        load.finish(messages, ended=place in self.ended, record=self.begun.get(place, b""))


class Slow(Sessions):
    def answer(self, session, lookup):
        def later():
            time.sleep(0.2)
            Sessions.answer(self, session, lookup)

        threading.Thread(target=later).start()


@pytest.fixture
def restart(host):
    """Starts hosts, one after the other, that share stores; clients of the one before are its clients."""
    last = []

    def start(*clients, **options):
        if last:
            last[-1].close()
        last.append(host(**options))
        for client in clients:
            client._port = last[-1].server.port
        return last[-1]

    return start


def kill(one, events):
    """Closes a host, and has the store lose what it was told then, as if the process had been killed."""
    one.hang_up()
    one.close()
    for place, kept in events.streams.items():
        if b'"The server is closing"' in kept[-1]:
            kept.pop()
            events.ended.discard(place)


def opened(one, **options):
    """A client whose session is open, and the session."""
    client = one.client()
    client.initialize(**options)
    return client, one.next(SessionOpened).session


# ---- A session goes on -----------------------------------------------------------


@pytest.mark.parametrize("kind", [Sessions, Slow])
def test_a_session_goes_on_in_another_server(restart, kind):
    store = kind()
    one = restart(session_store=store, session_idle_ms=60_000)
    client = one.client()
    client.initialize(capabilities={"roots": {}})
    first = one.next(SessionOpened)
    assert not first.resumed
    until(lambda: b'"ready":true' in store.records[first.session.id])
    assert store.count("find") == 0 and {call[2] for call in store.calls} == {75_000}
    assert len(store.threads) == 1 and threading.get_ident() not in store.threads

    one = restart(client, session_store=store)
    assert store.count("forget") == 0
    exchange = client.request("x")
    event = one.next(SessionOpened)
    assert event.resumed and event.session.id == first.session.id and event.peer and event.headers["host"]
    assert event.session.revision == "2025-11-25" and event.session.client_info == {"name": "test", "version": "1"}
    assert event.session.client_capabilities == {"roots": {}}
    assert event.session.data is None and event.session is not first.session and first.session.closed
    request = one.next()
    assert request.session is event.session and one.server.sessions == [event.session]
    request.respond({"n": 1})
    assert exchange.next()["result"] == {"n": 1}
    assert one.server.stats()["sessions_resumed"] == 1 and store.count("find") == 1

    assert client.delete().status == 204
    until(lambda: store.count("forget"))
    restart(client, session_store=store)
    assert client.request("x").status == 404


def test_what_a_host_says_reaches_a_session_that_was_resumed(restart):
    sessions, events = Sessions(), Lasting()
    one = restart(session_store=sessions, event_store=events)
    client, session = opened(one)
    primary = client.listen()
    session.notify("test/n", {"n": 1})
    assert primary.next()["params"] == {"n": 1}
    one.hang_up()
    one = restart(client, session_store=sessions, event_store=events)
    resumed = client.resume(primary)
    assert resumed.status == 200
    one.next(SessionOpened).session.notify("test/n", {"n": 2})
    assert resumed.next()["params"] == {"n": 2}
    one.hang_up()


def test_an_open_request_ends_with_an_error_once(restart):
    """Its stream is told so by the server that resumes it, and by every later one."""
    sessions, events = Sessions(), Lasting()
    one = restart(session_store=sessions, event_store=events)
    client, _ = opened(one)
    exchange = client.request("x", id=7)
    request = one.next()
    request.log("info", 1)
    assert exchange.next()["params"]["data"] == 1
    request.log("info", 2)
    kill(one, events)
    (place,) = events.begun
    for _ in range(2):
        restart(client, session_store=sessions, event_store=events)
        messages = list(client.resume(exchange).messages)
        assert [one.get("id") for one in messages] == [None, 7]
        assert messages[0]["params"]["data"] == 2 and messages[1]["error"]["code"] == -32603
        assert len(events.streams[place]) == 3 and place in events.ended


def test_an_event_store_that_knows_no_beginnings(restart):
    """It works as ever, and the client of an open request is refused: nobody knows what it was."""
    sessions, events = Sessions(), Store()
    one = restart(session_store=sessions, event_store=events)
    client, _ = opened(one)
    exchange = client.request("x")
    request = one.next()
    request.log("info", 1)
    assert exchange.next()["params"]["data"] == 1
    kill(one, events)
    restart(client, session_store=sessions, event_store=events)
    assert client.resume(exchange).status == 400


def test_sessions_without_an_event_store(restart):
    store = Sessions()
    client, _ = opened(restart(session_store=store))
    one = restart(client, session_store=store)
    assert client.notify("test/still-here").status == 202
    assert one.next(SessionOpened).resumed


def test_a_session_that_is_unused_here(restart):
    """The same server opens it again, with another object; the one before has ended."""
    store = Sessions()
    one = restart(session_store=store, session_idle_ms=200)
    client, session = opened(one)
    session.data = "mine"
    assert one.next(SessionClosed).session is session
    assert client.notify("test/back").status == 202
    event = one.next(SessionOpened)
    assert event.resumed and event.session.id == session.id and event.session.data is None


def test_a_principal_keeps_what_is_its_own(restart):
    store, tokens = Sessions(), {"a" * 16: "alice", "b" * 16: "bob"}
    one = restart(session_store=store, bearer_tokens=tokens)
    client = one.client()
    client.headers["Authorization"] = f"Bearer {'a' * 16}"
    client.initialize()
    one = restart(client, session_store=store, bearer_tokens=tokens)
    stranger = one.client()
    stranger.headers |= {**client.headers, "Authorization": f"Bearer {'b' * 16}"}
    assert stranger.notify("test/stranger").status == 404
    assert client.notify("test/mine").status == 202
    event = one.next(SessionOpened)
    assert event.resumed and event.session.principal == "alice"
    assert stranger.notify("test/stranger").status == 404


# ---- Answers -----------------------------------------------------------------------


class Held(Sessions):
    """Leaves the answer to the test."""

    held = None

    def answer(self, session, lookup):
        self.held = lookup


class Failing(Sessions):
    def answer(self, session, lookup):
        raise LookupError("the database is gone")


class Saying(Sessions):
    def answer(self, session, lookup):
        lookup.fail()


class Forgetful(Sessions):
    """Drops the question."""

    def answer(self, session, lookup):
        pass


@pytest.mark.parametrize("kind", [Failing, Saying, Forgetful])
def test_a_store_that_cannot_say(restart, kind, reported):  # noqa: F811
    """That is no word about the client: it may come back, and does not initialize again."""
    store = kind()
    client, session = opened(restart(session_store=store))
    one = restart(client, session_store=store)
    begun = time.monotonic()
    refused = client.notify("test/one")
    assert refused.status == 503 and refused.header["Retry-After"] and time.monotonic() - begun < 5
    store.answer = lambda session, lookup: Sessions.answer(store, session, lookup)
    assert client.notify("test/two").status == 202
    assert one.next(SessionOpened).session.id == session.id
    assert [str(problem) for problem in reported] == (["the database is gone"] if kind is Failing else [])
    reported.clear()


@pytest.mark.parametrize("record", [b"{}", b"no record", b'{"v":1}'])
def test_a_record_that_is_none(restart, record):
    store = Sessions()
    client, _ = opened(restart(session_store=store))
    store.answer = lambda session, lookup: lookup.found(record)
    restart(client, session_store=store)
    assert client.notify("test/one").status == 404


def test_answers_that_cannot_be(restart):
    store = Held()
    client, session = opened(restart(session_store=store))
    restart(client, session_store=store)
    exchange = client.notify("test/one")
    until(lambda: store.held)
    for record in ("{}", None, 1):
        with pytest.raises(TypeError, match=r"^record: "):
            store.held.found(record)
    store.held.found(memoryview(store.records[session.id]))
    for command in (store.held.fail, store.held.none, lambda: store.held.found(b"{}")):
        with pytest.raises(NotFoundError):
            command()
    assert exchange.status == 202


def test_a_load_with_a_record_that_cannot_be(restart):
    class Held(Lasting):
        held = None

        def answer(self, place, after, load):
            self.held = load
            self.place = place

    sessions, events = Sessions(), Held()
    one = restart(session_store=sessions, event_store=events)
    client, _ = opened(one)
    exchange = client.request("x")
    request = one.next()
    request.log("info", 1)
    exchange.next()
    kill(one, events)
    restart(client, session_store=sessions, event_store=events)
    resumed = client.resume(exchange)
    until(lambda: events.held)
    for wrong in ("{}", 1, ["a"]):
        with pytest.raises(TypeError, match=r"^record: "):
            events.held.finish([], record=wrong)
    for text in (b"{", b"[]"):
        with pytest.raises(InvalidMessageError):
            events.held.finish([], record=text)
    events.held.finish([], record=events.begun[events.place])
    assert resumed.next()["error"]["code"] == -32603


def test_an_answer_after_the_end_of_the_server(restart):
    store = Held()
    client, _ = opened(restart(session_store=store))
    one = restart(client, session_store=store)
    client.notify("test/one")
    until(lambda: store.held)
    one.hang_up()
    one.close()
    for command in (store.held.fail, store.held.none):
        with pytest.raises(ClosedError):
            command()
    store.held = None  # and nothing is raised by deleting it


def test_a_store_that_raises(host, reported):  # noqa: F811
    class Full(Sessions):
        def keep(self, session, record, idle_ms):
            raise OSError("the disk is full")

        def touch(self, session, idle_ms):
            raise OSError("the disk is full")

        def forget(self, session):
            raise OSError("the last")

    one = host(session_store=Full())
    client, _ = opened(one)
    exchange = client.request("x")
    one.next().respond({"n": 1})
    assert exchange.next()["result"] == {"n": 1}
    client.delete()
    until(lambda: "the last" in map(str, reported))
    assert {str(problem) for problem in reported} == {"the disk is full", "the last"}
    reported.clear()


# ---- What is no store --------------------------------------------------------------


@pytest.mark.parametrize("missing", ["keep", "touch", "find", "forget"])
def test_a_store_needs_every_method(missing):
    store = Sessions()
    setattr(store, missing, None)
    with pytest.raises(TypeError, match=rf"^session_store: .* method {missing}"):
        Server(name="x", session_store=store)


@pytest.mark.parametrize(
    "options, text",
    [
        ({"session_store": Sessions(), "stateless": True}, "^session_store: needs sessions"),
        ({"session_store": Sessions(), "store": "sqlite:x"}, "^store: excludes"),
        ({"event_store": Store(), "store": "sqlite:x"}, "^store: excludes"),
        ({"store": "redis"}, "^store: 'redis' is no sqlite:PATH"),
        ({"store_sync": True}, "^store_sync: needs store"),
    ],
)
def test_options_that_contradict(options, text):
    with pytest.raises(InvalidOptionError, match=text):
        Server(name="x", **options)


def test_an_event_in_a_test():
    assert SessionOpened(session=Session(), resumed=True).resumed
    assert not SessionOpened(session=Session()).resumed


def test_a_server_that_is_dropped_is_closed():
    store = Sessions()
    server = store.server = Server(name="x", session_store=store)
    handle = server._handle
    del server, store
    gc.collect()
    assert handle.closed


# ---- SQLite ------------------------------------------------------------------------


@pytest.fixture
def sqlite(tmp_path):
    return f"sqlite:{tmp_path / 'kept.db'}"


def test_a_session_goes_on_in_sqlite(restart, sqlite):
    one = restart(store=sqlite)
    client, session = opened(one)
    exchange = client.request("x")
    request = one.next()
    request.log("info", 1)
    exchange.next()
    request.log("info", 2)
    one.hang_up()
    one = restart(client, store=sqlite, store_sync=True)
    assert client.notify("test/one").status == 202
    event = one.next(SessionOpened)
    assert event.resumed and event.session.id == session.id
    messages = list(client.resume(exchange).messages)
    # It was closed: the stream has ended with an error of its own. Tests/Stores kills the process.
    assert messages[0]["params"]["data"] == 2 and messages[1]["error"]["code"] == -32800


EXIT = """
import sys, threading
sys.path.insert(0, TESTS)
from streamablehttp import Request, Server, SessionOpened
from wire import Client
server = Server(name="x", store=STORE)
def talk():
    client = Client(server.port)
    client.initialize()
    print(client.headers["Mcp-Session-Id"])
thread = threading.Thread(target=talk)
thread.start()
for event in server:
    if isinstance(event, SessionOpened): break
thread.join()
"""


def test_what_was_told_is_written_at_exit(restart, sqlite):
    """A program that ends without closing its server."""
    program = EXIT.replace("TESTS", repr(os.path.dirname(__file__))).replace("STORE", repr(sqlite))
    clients = []
    for _ in range(5):
        ran = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=SECONDS, env=environment()
        )
        assert ran.returncode == 0, ran.stderr
        clients.append(Client(0))
        clients[-1].headers["Mcp-Session-Id"] = ran.stdout.strip()
    restart(*clients, store=sqlite)
    assert [client.notify("test/one").status for client in clients] == [202] * 5


def test_a_client_that_was_not_there(restart, sqlite):
    one = restart(store=sqlite)
    client = Client(one.server.port)
    client.headers["Mcp-Session-Id"] = "0" * 32
    assert client.notify("test/one").status == 404
