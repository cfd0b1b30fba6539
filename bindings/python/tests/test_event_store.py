"""A store of the host's, in Python: clients resume from it, and what goes wrong in it is contained."""

import gc
import json
import os
import socket
import subprocess
import sys
import threading
import time
import weakref

import pytest
from http_reader import Ended

from streamablehttp import (
    ClosedError,
    InvalidMessageError,
    InvalidOptionError,
    NotFoundError,
    PrimaryOpened,
    Server,
)
from test_forks import in_a_child
from test_handles import environment
from wire import SECONDS, Client


class Store:
    """Keeps everything, and answers at once."""

    def __init__(self):
        self.streams = {}
        self.ended = set()
        self.forgotten = []
        self.loads = []
        self.threads = set()

    def keep(self, session, stream, number, message):
        self.threads.add(threading.get_ident())
        kept = self.streams.setdefault((session, stream), [])
        assert number == len(kept) + 1
        kept.append(message)

    def end(self, session, stream):
        self.ended.add((session, stream))

    def load(self, session, stream, after, load):
        self.loads.append((session, stream, after))
        self.answer((session, stream), after, load)

    def answer(self, place, after, load):
        if place in self.streams:
            load.finish(self.streams[place][after:], ended=place in self.ended)
        else:
            load.fail()

    def forget(self, session):
        self.forgotten.append(session)
        self.streams = {key: kept for key, kept in self.streams.items() if key[0] != session}


class Slow(Store):
    """Answers on a thread of its own, later."""

    def __init__(self, seconds=0.2):
        super().__init__()
        self.seconds = seconds

    def answer(self, place, after, load):
        def later():
            time.sleep(self.seconds)
            Store.answer(self, place, after, load)

        threading.Thread(target=later).start()


class Failing(Store):
    def answer(self, place, after, load):
        raise LookupError("the database is gone")


class Forgetful(Store):
    """Drops the question."""

    def answer(self, place, after, load):
        pass


class Lossy(Store):
    """Has the first message no more, and does not say so."""

    def answer(self, place, after, load):
        load.finish(self.streams[place][after + 1 : -1])


@pytest.fixture
def reported(monkeypatch):
    """What nobody could be given."""
    raised = []
    monkeypatch.setattr(sys, "unraisablehook", lambda hook: raised.append(hook.exc_value))
    yield raised
    assert not raised, "look at it, and clear it"


def cut_off(one):
    """A client that has lost its connection: itself, its exchange and its request.

    It has seen message 1; then 2 and 3 were sent.
    """
    client = one.client()
    client.initialize()
    exchange = client.request("x")
    request = one.next()
    request.log("info", 1)
    assert exchange.next()["params"]["data"] == 1
    exchange.close()
    request.log("info", 2)
    request.log("info", 3)
    return client, exchange, request


def said(exchange):
    return [message["params"]["data"] if "params" in message else message["result"] for message in exchange.messages]


def until(condition):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


# ---- What clients get -----------------------------------------------------------


@pytest.mark.parametrize("kind", [Store, Slow])
def test_a_client_resumes_from_the_store(host, kind):
    store = kind()
    one = host(event_store=store)
    client, exchange, request = cut_off(one)
    session = client.headers["Mcp-Session-Id"]
    resumed = client.resume(exchange)
    assert [resumed.next()["params"]["data"] for _ in range(2)] == [2, 3]
    request.respond({"n": 4})
    assert said(resumed) == [{"n": 4}]
    assert said(client.resume(exchange)) == [2, 3, {"n": 4}]
    assert client.resume(resumed).status == 204

    (place,) = [key for key in store.streams if len(store.streams[key]) == 4]
    assert place[0] == session and place in store.ended
    assert [json.loads(message)["jsonrpc"] for message in store.streams[place]] == ["2.0"] * 4
    assert [load[2] for load in store.loads] == [1, 1, 4]
    assert {load[:2] for load in store.loads} == {place}
    assert len(store.threads) == 1 and threading.get_ident() not in store.threads
    client.delete()
    until(lambda: store.forgotten)
    assert store.forgotten == [session] and not store.streams


def test_the_primary_stream_is_kept_too(host):
    one = host(event_store=Store())
    client = one.client()
    client.initialize()
    primary = client.listen()
    session = one.next(PrimaryOpened).session
    session.notify("test/n", {"n": 1})
    assert primary.next()["params"]["n"] == 1
    primary.close()
    session.notify("test/n", {"n": 2})
    resumed = client.resume(primary)
    assert resumed.next()["params"]["n"] == 2


def test_a_slow_load_holds_up_nobody_else(host):
    one = host(event_store=Slow(1.0))
    client, exchange, request = cut_off(one)
    resumed = client.resume(exchange)
    begun = time.monotonic()
    other = one.client()
    other.initialize()
    assert other.request("ping").next()["result"] == {}
    assert time.monotonic() - begun < 0.9
    assert resumed.next()["params"]["data"] == 2
    assert time.monotonic() - begun > 0.9
    request.respond({})


@pytest.mark.parametrize("kind", [Lossy, Failing, Forgetful])
def test_a_store_that_cannot_answer(host, kind, reported):
    """The client is refused at once: it is told that something is missing, and gets no part of it."""
    one = host(event_store=kind())
    client, exchange, request = cut_off(one)
    begun = time.monotonic()
    refused = client.resume(exchange)
    assert refused.status == 400 and time.monotonic() - begun < 5
    assert client.notify("test/still-here").status == 202
    request.respond({})
    assert [str(problem) for problem in reported] == (["the database is gone"] if kind is Failing else [])
    reported.clear()


def test_a_stream_of_another_session(host):
    store = Store()
    one = host(event_store=store)
    _, exchange, request = cut_off(one)
    stranger = one.client()
    stranger.initialize()
    assert stranger.resume(exchange).status == 400
    request.respond({})


def test_a_store_that_cannot_keep(host, reported):
    class Full(Store):
        def keep(self, session, stream, number, message):
            raise OSError("the disk is full")

        def end(self, session, stream):
            raise OSError("the disk is full")

    one = host(event_store=Full())
    client = one.client()
    client.initialize()
    exchange = client.request("x")
    one.next().respond({"n": 1})
    assert exchange.next()["result"] == {"n": 1}
    client.delete()
    until(lambda: len(reported) >= 2)
    assert {str(problem) for problem in reported} == {"the disk is full"}
    reported.clear()


def test_two_stores(host):
    stores = Store(), Store()
    hosts = [host(event_store=store) for store in stores]
    for one in hosts:
        client, exchange, request = cut_off(one)
        request.respond({})
        assert said(client.resume(exchange)) == [2, 3, {}]
    sessions = [{place[0] for place in store.streams} for store in stores]
    assert len(sessions[0]) == len(sessions[1]) == 1 and sessions[0] != sessions[1]


# ---- Answers --------------------------------------------------------------------


class Held(Store):
    """Leaves the answer to the test."""

    held = None

    def answer(self, place, after, load):
        self.held = load


def test_answers_that_cannot_be(host):
    store = Held()
    one = host(event_store=store)
    client, exchange, request = cut_off(one)
    resumed = client.resume(exchange)
    until(lambda: store.held)
    for messages in (["{}"], [None], [1]):
        with pytest.raises(TypeError, match=r"^messages: "):
            store.held.finish(messages)
    with pytest.raises(TypeError):
        store.held.finish(None)
    with pytest.raises(InvalidMessageError):
        store.held.finish([b"{"])
    (place,) = [key for key in store.streams if len(store.streams[key]) == 3]
    store.held.finish(memoryview(message) for message in store.streams[place][1:])
    for command in (store.held.fail, lambda: store.held.finish([])):
        with pytest.raises(NotFoundError):
            command()
    assert [resumed.next()["params"]["data"] for _ in range(2)] == [2, 3]
    request.respond({})


def test_an_answer_after_the_end_of_the_server(host):
    store = Held()
    one = host(event_store=store)
    client, exchange, _ = cut_off(one)
    client.resume(exchange)
    until(lambda: store.held)
    one.hang_up()
    one.close()
    with pytest.raises(ClosedError):
        store.held.finish([])
    with pytest.raises(ClosedError):
        store.held.fail()
    store.held = None  # and nothing is raised by deleting it


def test_an_answer_in_a_fork(host):
    store = Held()
    one = host(event_store=store)
    client, exchange, request = cut_off(one)
    resumed = client.resume(exchange)
    until(lambda: store.held)

    def answer():
        for command in (store.held.fail, lambda: store.held.finish([])):
            with pytest.raises(ClosedError, match="fork"):
                command()
        store.held = None
        gc.collect()

    with store.held._lock:  # as if a thread of the parent held it
        assert in_a_child(answer) == 0
    (place,) = [key for key in store.streams if len(store.streams[key]) == 3]
    store.held.finish(store.streams[place][1:])
    assert [resumed.next()["params"]["data"] for _ in range(2)] == [2, 3]
    request.respond({})


# ---- Ownership, threads and the end ------------------------------------------------


class Using(Store):
    """Uses its server in the midst of a callback, while another thread destroys it."""

    server: Server

    def __init__(self):
        super().__init__()
        self.inside, self.leave = threading.Event(), threading.Event()
        self.outcome = []

    def keep(self, session, stream, number, message):
        self.inside.set()
        self.leave.wait(SECONDS)
        for command in (self.server.stats, lambda: self.server.broadcast("test/x")):
            try:
                command()
                self.outcome.append("done")
            except ClosedError:
                self.outcome.append("closed")
        self.server._handle.close()  # as the garbage collector may, on any thread


def ask(server):
    """A client whose answer the server keeps; it may end before that has arrived."""
    client = Client(server.port)
    try:
        client.initialize()
    except (OSError, Ended, AttributeError):
        pass


@pytest.mark.parametrize("destroyed", [False, True])
def test_a_store_may_use_its_server(destroyed):
    store = Using()
    server = store.server = Server(name="x", event_store=store)
    thread = threading.Thread(target=ask, args=(server,), daemon=True)
    thread.start()
    assert store.inside.wait(SECONDS)
    closer = threading.Thread(target=server._destroy)
    if destroyed:
        closer.start()
        until(lambda: server.closed)  # it holds the lock, and waits for the callback
    store.leave.set()
    until(lambda: len(store.outcome) >= 2)
    assert store.outcome[:2] == (["closed"] * 2 if destroyed else ["done"] * 2)
    if not destroyed:
        closer.start()
    closer.join(SECONDS)
    assert not closer.is_alive()


def test_a_server_that_is_destroyed_in_a_callback():
    class Destroying(Store):
        def keep(self, session, stream, number, message):
            server._handle.close()

    server = Server(name="x", event_store=Destroying())
    threading.Thread(target=ask, args=(server,), daemon=True).start()
    until(lambda: server.closed)
    server._destroy()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", server.port)) != 0


def test_a_server_that_is_dropped_is_closed_though_its_store_refers_to_it():
    store = Store()
    server = store.server = Server(name="x", event_store=store)
    port, gone = server.port, weakref.ref(server)
    binding = weakref.ref(server._stores[0])
    del server, store
    gc.collect()
    assert gone() is None and binding() is None
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


EXIT = """
import atexit, sys, threading, time
sys.path.insert(0, TESTS)
from streamablehttp import Request, Server
from test_event_store import Store
from wire import Client
store = Store()
atexit.register(lambda: print("closed" if server.closed else "open"))
server = Server(name="x", event_store=store)
def talk():
    while True: Client(server.port).initialize()  # its answer is kept
def serve():
    for event in server: pass
HOW
threading.Thread(target=talk, daemon=True).start()
while len(store.streams) < 20: time.sleep(0.001)
"""


@pytest.mark.parametrize("how", ["pass", "threading.Thread(target=serve, daemon=True).start()"])
def test_the_interpreter_exits_while_the_store_is_called(how):
    program = EXIT.replace("HOW", how).replace("TESTS", repr(os.path.dirname(__file__)))
    for _ in range(3):
        run = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            timeout=30,
            env=environment(),
        )
        assert (run.returncode, run.stdout) == (0, "closed\n"), run.stderr
        # The client's thread may see that its server has gone, before it ends itself.
        assert "Fatal" not in run.stderr and "callback" not in run.stderr


# ---- What is no store --------------------------------------------------------------


@pytest.mark.parametrize("missing", ["keep", "end", "load", "forget"])
def test_a_store_needs_every_method(missing):
    store = Store()
    setattr(store, missing, None)
    with pytest.raises(TypeError, match=rf"^event_store: .* method {missing}"):
        Server(name="x", event_store=store)


@pytest.mark.parametrize("options", [{"stateless": True}, {"replay": False}])
def test_a_server_that_would_never_ask_it(options):
    with pytest.raises(InvalidOptionError, match=r"^event_store"):
        Server(name="x", event_store=Store(), **options)
