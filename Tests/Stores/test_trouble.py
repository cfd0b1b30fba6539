"""A store that cannot write, or not for a while: the server goes on, says so, and is whole again afterwards."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import sqlite3
import subprocess
import threading
import time

import pytest
from peer import ECHO_SERVER, Client, Server, Stream, until

MB = 1 << 20


def talk(client, count):
    """A call with that many messages, all of which arrive."""
    stream = Stream()
    assert stream.follow(client.send("POST", client.calling("log", count=count))) == 200
    assert len(stream.messages) == count + 1, len(stream.messages)
    return stream


def survives(server, client):
    """Whether its session and a stream of it outlive the process."""
    message = client.calling("log", count=1000, delay_ms=2)
    stream = Stream()
    with contextlib.closing(client.send("POST", message)) as connection:
        events = connection.stream()
        while len(stream.messages) < 5:
            event = events.next()
            stream.last_id = event.id or stream.last_id
            if event.data:
                stream.messages.append(event.message)
        time.sleep(0.1)
        server.restart()
    assert client.echo() == 200
    assert stream.follow(client.resume(stream.last_id)) == 200
    said = [message["params"]["data"] for message in stream.messages[:-1]]
    return said == list(range(1, len(said) + 1)) and stream.messages[-1]["error"]["code"] == -32603


def says(server, *words):
    return until(lambda: all(word in server.log() for word in words), f"{words} in {server.log()}")


def test_a_file_that_is_removed(database):
    with Server("--store", f"sqlite:{database}") as server:
        client = Client(server).open()
        talk(client, 100)
        for path in database.parent.glob("kept.db*"):
            path.unlink()
        talk(client, 100)
        says(server, "The store's file is gone", str(database))
        assert client.echo() == 200
        assert survives(server, Client(server).open())


def test_a_folder_that_goes_and_comes_back(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    with Server("--store", f"sqlite:{folder / 'kept.db'}", "--log-level", "notice") as server:
        client = Client(server).open()
        shutil.rmtree(folder)
        talk(client, 100)
        says(server, "it tries again", str(folder))
        others = [Client(server).open() for _ in range(3)]
        for one in (client, *others):
            talk(one, 100)
        stranger = Client(server)
        stranger.headers["Mcp-Session-Id"] = "0" * 32
        assert stranger.echo() == 503  # the store cannot say
        folder.mkdir()
        says(server, "works again")
        assert survives(server, Client(server).open())


def test_a_full_disk(database):
    """A limit on the file's size is one for the process."""

    def limits():
        resource.setrlimit(resource.RLIMIT_FSIZE, (MB, MB))

    with Server("--store", f"sqlite:{database}", limits=limits) as server:
        client = Client(server).open()
        until(lambda: talk(client, 1000) and "it tries again" in server.log(), "the end of the disk")
        says(server, "cannot write", str(database))
        others = [Client(server).open() for _ in range(3)]
        for one in (client, *others):
            talk(one, 100)
            assert one.echo() == 200
        assert client.ask("DELETE").status == 204
        assert client.echo() in (404, 503)


@pytest.mark.parametrize("place", ["nowhere/kept.db", "."])
def test_a_place_where_nothing_can_be(tmp_path, place):
    """It does not start, and says why."""
    command = [str(ECHO_SERVER), "--port", "0", "--store", f"sqlite:{tmp_path / place}"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert ran.returncode == 1 and ran.stdout == ""
    assert ran.stderr.startswith("cannot serve: store: ") and str(tmp_path) in ran.stderr, ran.stderr


@contextlib.contextmanager
def locked(database):
    """Another program has the database for itself."""
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def large(client):
    """An answer of 20 KB."""
    assert client.call("echo", text="x" * 20_000).status == 200


def small(client):
    """Many messages."""
    talk(client, 2000)


def flood(server, call, calls):
    """Clients at the same time. Returns the most memory that the server had."""
    clients = [Client(server).open() for _ in range(4)]
    threads = [threading.Thread(target=lambda one=one: [call(one) for _ in range(calls)]) for one in clients]
    for thread in threads:
        thread.start()
    peak = 0
    while any(thread.is_alive() for thread in threads):
        peak = max(peak, server.rss())
        time.sleep(0.01)
    for thread in threads:
        thread.join()
    return peak


@pytest.mark.parametrize("call, calls", [(large, 600), (small, 60)])
def test_a_slow_disk(database, call, calls):
    """What waits to be written is bounded, and the end of the wait is a store that works."""
    queue = 16 * MB
    options = ["--store-queue-bytes-max", queue, "--log-level", "notice"]
    with Server("--store", f"sqlite:{database}", *options) as server:
        flood(server, call, calls // 10)
        time.sleep(1)
        before = flood(server, call, calls // 10)
        with locked(database):
            peak = flood(server, call, calls)
            resumed = Client(server)
            resumed.headers["Mcp-Session-Id"] = "0" * 32
            assert resumed.echo() == 503
        print(f"{before / MB:.1f} MB before, {peak / MB:.1f} MB with {queue / MB:.0f} MB for the queue")
        says(server, "messages are dropped", "works again")
        # Twice: what waits is copied when the writer takes it over.
        assert peak - before <= queue * 9 // 4, (before, peak)
        assert peak - before >= queue // 4, "too little to prove anything"
        time.sleep(0.5)
        assert "gives up" not in server.log()
        assert survives(server, Client(server).open())


def test_a_lock_for_a_moment_loses_nothing(database):
    with Server("--store", f"sqlite:{database}", "--store-sync", "true") as server:
        client = Client(server).open()
        with locked(database):
            connection = client.send("POST", client.calling("echo", text="here"))
            connection.socket.settimeout(0.7)
            with pytest.raises(TimeoutError):  # it waits for the disk
                connection.socket.recv(1)
            connection.socket.settimeout(20)
        assert connection.response().last["result"]
        assert survives(server, client)


assert os.path.exists(ECHO_SERVER), "build the examples first"
