"""A fork has the objects, but not the thread and the sockets: it lets go, and touches nothing."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from streamablehttp import ClosedError, Request, Server
from streamablehttp._handles import Handle
from test_handles import environment
from wire import SECONDS, Client

PLACES = {"tcp": "", "unix": "unix_path=sys.argv[1]"}


@pytest.fixture(params=PLACES)
def place(request, tmp_path):
    return {} if request.param == "tcp" else {"unix_path": str(tmp_path / "socket")}


def in_a_child(work):
    """Forks, does `work` in the child, and waits for it."""
    child = os.fork()
    if not child:
        status = 99
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        gone, status = os.waitpid(child, os.WNOHANG)
        if gone:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "it hangs"


class Parent:
    """A host with a session and a primary stream, to be served after the fork as before."""

    def __init__(self, one):
        self.one = one
        self.client = one.client()
        self.client.initialize()
        self.primary = self.client.listen()
        self.exchange = self.client.request("before")
        self.request = one.next()

    def serves(self):
        path = self.one.server.unix_path
        assert path is None or os.path.exists(path)
        self.request.respond({"n": 1})
        assert self.exchange.next()["result"] == {"n": 1}
        exchange = self.client.request("after")
        request = self.one.next()
        call = request.call("roots/list")
        self.client.answer(exchange.next(), {"n": 2})
        request.respond(call.result(SECONDS))
        assert exchange.next()["result"] == {"n": 2}
        self.one.server.broadcast("notifications/x")
        assert self.primary.next()["method"] == "notifications/x"
        self.one.client().initialize()


def test_leaving_and_dropping(host, place):
    parent = Parent(host(**place))
    server = parent.one.server

    def leave():
        server.close()
        server.drain()
        server.__exit__(None, None, None)
        server.__del__()
        server._handle.close()
        parent.request.__del__()
        assert server.closed

    assert in_a_child(leave) == 0
    parent.serves()


def test_use_raises_closed_error(host, place):
    parent = Parent(host(**place))
    server, request = parent.one.server, parent.request
    session = request.session
    call = request.call("roots/list")

    def use():
        for command in (
            lambda: request.respond({}),
            lambda: request.fail(1, "x"),
            lambda: request.progress(1),
            lambda: request.log("info", "x"),
            lambda: request.call("x"),
            lambda: session.notify("x"),
            lambda: session.close(),
            lambda: server.broadcast("x"),
            lambda: server.stats(),
            lambda: next(iter(server)),
            lambda: call.result(),
            lambda: call.exception(),
        ):
            with pytest.raises(ClosedError, match="fork"):
                command()
        assert not call.cancel()

    assert in_a_child(use) == 0
    assert call.cancel()
    assert parent.exchange.next()["method"] == "roots/list"
    assert parent.exchange.next()["method"] == "notifications/cancelled"
    parent.serves()


def test_a_server_of_the_childs_own(host):
    parent = Parent(host())

    def serve():
        with Server(name="child") as server:
            client = Client(server.port)
            client.initialize()
            exchange = client.request("x")
            for event in server:
                if isinstance(event, Request):
                    event.respond({"child": True})
                    break
            assert exchange.next()["result"] == {"child": True}
            client.hang_up()

    assert in_a_child(serve) == 0
    parent.serves()


def test_locks_that_are_held_elsewhere(host):
    """By threads that the child does not have."""
    one = host()
    server = one.server
    client = one.client()
    client.initialize()
    client.request("x")
    request = one.next()
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with server._handle._lock, server._pump.taking, request._state.lock:
            inside.set()
            leave.wait(SECONDS)

    thread = threading.Thread(target=hold)
    thread.start()
    assert inside.wait(SECONDS)

    def use():
        for command in (lambda: request.respond({}), lambda: server.stats()):
            with pytest.raises(ClosedError):
                command()
        server.__exit__(None, None, None)

    try:
        assert in_a_child(use) == 0
    finally:
        leave.set()
        thread.join(SECONDS)
    request.respond({})


def test_a_handle_is_not_destroyed_even_before_the_child_is_told(monkeypatch):
    """Garbage may be collected before any hook has run."""
    destroyed = []
    handle = Handle("pointer", destroyed.append)
    monkeypatch.setattr("os.getpid", lambda: -1)
    handle.close()
    assert handle.closed
    assert not destroyed


def test_a_request_is_not_failed_in_a_fork(host, place):
    parent = Parent(host(**place))

    def drop():
        parent.request = None
        parent.one = None

    assert in_a_child(drop) == 0
    parent.serves()


def collect_and_return(server):
    del server
    import gc

    gc.collect()


def test_multiprocessing(host, place):
    parent = Parent(host(**place))
    context = multiprocessing.get_context("fork")
    for _ in range(3):
        process = context.Process(target=collect_and_return, args=(parent.one.server,))
        process.start()
        process.join(SECONDS)
        assert process.exitcode == 0
    parent.serves()


ENDS = {
    "falls off the end": "break",
    "sys.exit": "sys.exit(0)",
    "del": "del server, event; gc.collect(); os._exit(0)",
    "an exception": "sys.excepthook = lambda *error: None; raise RuntimeError",
    "goes on with the iteration": "continue",
}

THREAD = """
import gc, os, sys, threading
from streamablehttp import ClosedError, Request, Server
from wire import Client
def talk(server):
    client = Client(server.port, server.unix_path)
    client.initialize()
    for word in ("first", "second"):
        print(client.request(word).next()["result"], flush=True)
    server.close()
with Server(name="x", PLACE) as server:
    thread = threading.Thread(target=talk, args=(server,), daemon=True)
    thread.start()
    try:
        for event in server:
            if not isinstance(event, Request): continue
            child = os.fork() if event.method == "first" else None
            if child == 0:
                thread = None
                END
            else:
                if child: assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == STATUS
                event.respond({"answer": event.method})
    except ClosedError:
        os._exit(7)
if thread: thread.join(10)
"""

LOOP = """
import asyncio, gc, os, sys, threading
from streamablehttp import ClosedError, Request, Server
from wire import Client
def talk(server):
    client = Client(server.port, server.unix_path)
    client.initialize()
    for word in ("first", "second"):
        print(client.request(word).next()["result"], flush=True)
def child(server, event):
    consumer = server._consumers.current
    assert consumer is None
    server.close()
    server.__exit__(None, None, None)
    for use in (lambda: event.respond({}), lambda: server.events(), lambda: next(iter(server))):
        try: use()
        except ClosedError: pass
        else: os._exit(8)
    async def enter():
        try:
            async with server: os._exit(8)
        except ClosedError: os._exit(0)
    del event
    gc.collect()
    asyncio.set_event_loop(None)
    asyncio.run(enter())
async def main():
    async with Server(name="x", PLACE) as server:
        async def iterate():
            async for event in server.events():
                if not isinstance(event, Request): continue
                pid = os.fork() if event.method == "first" else None
                if pid == 0:
                    try: threading.Thread(target=child, args=(server, event)).run()
                    finally: os._exit(9)
                if pid: assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == STATUS
                event.respond({"answer": event.method})
        task = asyncio.create_task(iterate())
        await asyncio.to_thread(talk, server)
        server.close()
        await task
asyncio.run(main())
"""


def run(program, tmp_path, place, end="", status=0):
    program = program.replace("END", end).replace("STATUS", str(status))
    program = program.replace("PLACE", PLACES[place])
    return subprocess.run(
        # Since 3.12 it warns of every fork of a process that has threads.
        [sys.executable, "-W", "ignore", "-c", program, str(tmp_path / "socket")],
        capture_output=True,
        text=True,
        timeout=40,
        env=environment(),
    )


SERVED = "{'answer': 'first'}\n{'answer': 'second'}\n"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("end", ENDS)
def test_a_child_that_ends(tmp_path, end, place):
    status = {"an exception": 1, "goes on with the iteration": 7}.get(end, 0)
    ran = run(THREAD, tmp_path, place, ENDS[end], status)
    assert (ran.stdout, ran.stderr, ran.returncode) == (SERVED, "", 0)


@pytest.mark.parametrize("place", PLACES)
def test_a_child_of_an_asyncio_program(tmp_path, place):
    ran = run(LOOP, tmp_path, place)
    assert (ran.stdout, ran.stderr, ran.returncode) == (SERVED, "", 0)
