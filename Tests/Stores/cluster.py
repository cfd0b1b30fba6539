"""Several servers that share one Redis, and a balancer before them."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from balancer import Balancer
from peer import HERE, Client, Ended, ModernClient, Server, until
from redis_server import RedisServer


class Node(Server):
    """A node's process, which has reached Redis, and what its host has been told since it started."""

    def __init__(self, journal, options):
        command = (sys.executable, "-B", str(HERE / "node.py"))
        super().__init__("--options", json.dumps(options), "--journal", journal, command=command)

    def start(self):
        reached = self.reached()
        super().start()
        until(lambda: self.reached() > reached, "the store")

    def reached(self):
        """How often it has."""
        return self.log().count("The store has reached Redis")

    @property
    def pid(self):
        return self.process.pid

    def events(self, *beginning):
        """Those that begin so."""
        said = value(ModernClient(self).call("events"))
        return [one for one in said if one[: len(beginning)] == list(beginning)]

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)


class Cluster:
    """The nodes of a `with` block."""

    def __init__(self, directory, count=3, redis=(), kind=RedisServer, **options):
        """`redis` are options of the Redis server or cluster, `options` those of each node."""
        self.journal = Path(directory) / "journal"
        self.redis = kind(*redis)
        self.options = {"store": self.redis.url(), **options}
        self.nodes = []
        self._started = []
        self.balancer = Balancer()
        self._open = contextlib.ExitStack()
        self._open.enter_context(self.redis)
        try:
            with concurrent.futures.ThreadPoolExecutor() as pool:
                list(pool.map(lambda _: self.add(), range(count)))
            self._open.enter_context(self.balancer)
        except BaseException:
            self.end()
            raise

    def add(self, **options):
        """One more, before which the balancer stands."""
        node = self.start(**options)
        self.nodes.append(node)
        self.balancer.ports.append(node.port)
        return node

    def start(self, **options):
        """One more, to which nobody goes who does not know it."""
        node = self._open.enter_context(Node(self.journal, {**self.options, **options}))
        self._started.append(node)
        return node

    def remove(self, node):
        """As an operator does it: no new requests, and then the end."""
        self.nodes.remove(node)
        self.balancer.ports.remove(node.port)
        time.sleep(0.05)  # what the balancer has sent there arrives
        node.end()
        assert node.process.returncode == 0, node.log()

    def node(self, pid):
        """The one with this process."""
        return next(one for one in self.nodes if one.pid == pid)

    def others(self, *nodes):
        return [one for one in self.nodes if one not in nodes]

    def done(self):
        """How often each call with a key was made."""
        return Counter(self.journal.read_text().split()) if self.journal.exists() else Counter()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        started, self._started = self._started, []
        for node in started:
            if node.process.poll() is None:
                node.kill()
            print(f"---- node {node.port}, at last process {node.pid}", node.log(), sep="\n")
        self._open.close()


def opened(node, **capabilities):
    """A client whose session belongs to that node."""
    client = Client(node).open(**capabilities)
    assert owner(client.call("echo")) == node.pid
    return client


def primary(client):
    """Its primary stream, which has begun."""
    return client.send("GET").stream().begin()


def ended(stream):
    """What came before its end."""
    return list(iter(stream.message, None))


def is_served(client):
    """Whether its session is. Who asks a node that has just gone may lose the connection."""
    with contextlib.suppress(Ended):
        return client.echo() == 200
    return False


def value(response):
    """What a tool has answered."""
    assert response.status == 200, response
    return response.last["result"]["structuredContent"]["value"]


def owner(response):
    """The process that has answered."""
    assert response.status == 200, response
    return response.last["result"]["structuredContent"]["node"]
