"""Nodes whose Redis is a cluster: what is kept is on several servers, and moves between them while clients go on."""

from __future__ import annotations

import contextlib
import json
import random
import socketserver
import sys
import threading
import time

import pytest
from cluster import ended, is_served, opened, owner, primary, value
from crowd import OPTIONS, Crowd, Talker, Worker
from peer import HERE, Client, Ended, ModernClient, Server, until
from redis_server import RedisCluster

CLIENTS = 6


def test_what_is_kept_is_on_all_servers(cluster):
    three = cluster(kind=RedisCluster)
    clients = [Client(three.balancer).open() for _ in range(30)]
    assert {owner(client.call("echo")) for client in clients} == {node.pid for node in three.nodes}
    assert all(three.redis.keys("shttp:{*}"))
    assert [client.ask("DELETE").status for client in clients] == [204] * len(clients)
    assert not any(three.redis.keys("shttp:{*}"))


def test_a_killed_node_has_an_heir(cluster):
    three = cluster(kind=RedisCluster)
    home, *others = three.nodes
    client = opened(home)
    stream = primary(client.at(others[0]))
    home.kill()
    with contextlib.suppress(Ended):
        ended(stream)
    until(lambda: client.at(others[0]).echo() == 200, "the heir")
    assert owner(client.at(others[1]).call("echo")) == others[0].pid


def test_a_node_that_ends_gives_its_sessions_away(cluster):
    three = cluster(kind=RedisCluster, count=4)
    clients = [opened(three.nodes[0]) for _ in range(20)]
    for node in three.nodes[:-1]:
        three.remove(node)
        heir = three.nodes[0]
        for client in clients:
            assert owner(client.at(heir).call("echo")) == heir.pid


def test_a_node_whose_key_moves_is_alive(cluster):
    three = cluster(kind=RedisCluster)
    home, *others = three.nodes
    client = opened(home)
    keys = [key for keys in three.redis.keys("shttp:node:*") for key in keys]
    assert len(keys) == len(three.nodes)
    for key in keys:
        three.redis.move_slot_of(key)
        end = time.monotonic() + 2  # until each has found its new place, and longer
        while time.monotonic() < end:
            for node in others:
                is_served(client.at(node))
        for node in others:
            until(lambda node=node: is_served(client.at(node)), "the way to the session's node")
            assert owner(client.at(node).call("echo")) == home.pid
    assert home.events("closed") == []


def test_slots_move(cluster):
    three = cluster(redis=("--appendfsync", "always"), kind=RedisCluster, **OPTIONS)
    quiet = three.start()
    talker = Talker(quiet)
    workers = [Worker(three.balancer, random.Random(number), {"cut", "refused"}) for number in range(CLIENTS)]
    own = [Worker(node, random.Random(node.port)) for node in (quiet, *three.nodes)]
    redis = three.redis
    changes = [
        lambda: redis.move_slots(0, 1, 400),
        redis.fail_over,
        lambda: redis.move_slots(1, 2, 400),
        lambda: redis.restart(2),
        redis.fail_over,
        lambda: redis.move_slots(2, 0, 400),
    ]
    spans = []
    with Crowd(three, workers + own, talker) as crowd:
        first = crowd.settle()
        for change in changes:
            change()
            redis.wait(redis.is_whole)
            last = crowd.settle()
            spans.append((first, last))
            first = last
        counts = crowd.counts
    print(dict(counts), f"{len(talker.said)} broadcasts, lost {[missed(one, talker, spans) for one in crowd.workers]}")
    assert missed(own[0], talker, []) == 0, "what is said at its own node"
    assert counts["answered"] > 100
    done = three.done()
    assert max(done.values()) == 1, "no call was made twice"
    assert not any(done.keys() & one.refused_keys for one in workers), "no call that was refused was made"


def missed(worker, talker, spans):
    """How many broadcasts it has missed, while the cluster changed: nodes hear of that at different times."""
    left = {seq for seq in talker.said if worker.heard[0] <= seq <= worker.heard[-1]} - set(worker.heard)
    assert all(any(first <= seq < last for first, last in spans) for seq in left), (sorted(left), spans)
    return len(left)


class FakeServer(socketserver.ThreadingTCPServer):
    """Speaks as a server of a cluster, and answers what one wants when it is asked for the others."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, slots):
        self.slots = slots
        self.asked = 0
        super().__init__(("127.0.0.1", 0), FakeConnection)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]


class FakeConnection(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline():
            words = [self.rfile.read(int(self.rfile.readline()[1:]) + 2)[:-2] for _ in range(int(line[1:]))]
            with contextlib.suppress(OSError):
                self.wfile.write(self.answer(words))

    def answer(self, words):
        match words[0]:
            case b"EXISTS":
                return b"-CROSSSLOT Keys in request don't hash to the same slot\r\n"
            case b"CLUSTER":
                self.server.asked += 1
                return self.server.slots.replace(b"PORT", b"%d" % self.server.port)
        return b"+OK\r\n"


ALL = b"*1\r\n*3\r\n:0\r\n:16383\r\n"
HOST = b"*2\r\n$9\r\n127.0.0.1\r\n:PORT\r\n"


@pytest.mark.parametrize(
    ("slots", "said"),
    [
        (b"-ERR unknown command\r\n", "ERR unknown command"),
        (b":1\r\n", "no Redis"),
        (b"*0\r\n", "not all slots"),
        (b"*1\r\n*3\r\n:0\r\n:16382\r\n" + HOST, "not all slots"),
        (b"*1\r\n*3\r\n:0\r\n:16384\r\n" + HOST, "no Redis"),
        (b"*1\r\n*3\r\n:-1\r\n:16383\r\n" + HOST, "no Redis"),
        (b"*1\r\n*3\r\n:5\r\n:4\r\n" + HOST, "no Redis"),
        (b"*1\r\n*2\r\n:0\r\n:16383\r\n", "no Redis"),
        (ALL + b"*2\r\n$9\r\n127.0.0.1\r\n:65536\r\n", "no Redis"),
        (ALL + b"*2\r\n$6\r\nredis1\r\n:7000\r\n", "addresses of all its servers"),
        (
            ALL + b"*4\r\n$6\r\nredis1\r\n:7000\r\n$2\r\nid\r\n*1\r\n$2\r\nip\r\n",
            "addresses of all",
        ),
        (ALL + b"*2\r\n$-1\r\n:1\r\n", "refused"),
    ],
)
def test_a_cluster_that_lies(slots, said):
    with FakeServer(slots) as fake:
        options = json.dumps({"store": f"redis://127.0.0.1:{fake.port}"})
        with Server("--options", options, command=(sys.executable, "-B", str(HERE / "node.py"))) as node:
            until(lambda: said in node.log(), said)
            until(lambda: fake.asked > 2, "another try")
            assert value(ModernClient(node).call("echo", text="alive")) == "alive"
        fake.shutdown()
