"""A Redis that is away for a while: what each node's own clients ask goes on, others are told to come back, and nothing
is lost or doubled when it is there again."""

from __future__ import annotations

import contextlib
import random
import time

import pytest
from cluster import ended, is_served, opened, owner, primary, value
from crowd import OPTIONS, Crowd, Talker, Worker
from peer import Client, Ended, ModernClient, Stream, until
from redis_server import RedisServer

CLIENTS = 6
ROUNDS = 5


def test_what_the_server_of_these_tests_keeps():
    with RedisServer("--appendfsync", "always") as redis:
        assert redis.ask("SET", "a", "1") == "+OK"
        redis.kill()
        redis.start()
        assert redis.ask("GET", "a") == "$1"


def test_redis_is_killed_under_load(cluster):
    three = cluster(redis=("--appendfsync", "always"), **OPTIONS)
    quiet = three.start()
    talker = Talker(quiet)
    chance = random.Random(1)
    workers = [Worker(three.balancer, random.Random(number), {"cut", "refused"}) for number in range(CLIENTS)]
    own = [Worker(node, random.Random(node.port)) for node in (quiet, *three.nodes)]
    losses = []
    with Crowd(three, workers + own, talker) as crowd:
        first = crowd.settle()
        for _ in range(ROUNDS):
            time.sleep(0.2)
            three.redis.kill()
            after = talker.next()
            time.sleep(0.3 + chance.random() * 1.5)
            three.redis.start()
            last = crowd.settle()
            losses.append((first, after, last))
            first = last
        counts = crowd.counts
    # What is said at one node gets to the others by Redis.
    lost = [crowd.judge(one, [] if one is own[0] else losses) for one in crowd.workers]
    print(dict(counts), f"{len(talker.said)} broadcasts, lost {lost}")
    assert counts["refused"] > ROUNDS and counts["resumed"] >= ROUNDS, "too little to prove anything"
    done = three.done()
    assert max(done.values()) == 1, "no call was made twice"
    assert not any(done.keys() & one.refused_keys for one in workers), "no call that was refused was made"


@contextlib.contextmanager
def away(redis, way):
    """It is killed, or keeps its connections and does not answer."""
    redis.kill() if way == "killed" else redis.pause()
    yield
    redis.start() if way == "killed" else redis.go_on()


@pytest.mark.parametrize("way", ["killed", "paused"])
def test_while_redis_is_away(cluster, way):
    three = cluster()
    home, other, third = three.nodes
    client, gone = opened(home), opened(home)
    own = primary(client)
    message = client.calling("log", count=100, delay_ms=10, key="relayed")
    relayed = client.at(other).send("POST", message).stream()
    while relayed.message()["params"]["data"] < 10:
        pass
    refused = []
    with away(three.redis, way):
        for node in (other, third):  # what is on its way when Redis goes gets 502
            until(lambda node=node: client.at(node).echo() == 503, "the refusal")
        for _ in range(20):
            assert owner(client.call("echo")) == home.pid
        stream = Stream()
        assert stream.follow(client.send("POST", client.calling("log", count=50, delay_ms=1))) == 200
        assert len(stream.messages) == 51
        assert value(ModernClient(home).call("broadcast", seq=1)) == "sent"
        assert own.message()["params"]["data"]["seq"] == 1
        deleted = gone.ask("DELETE").status
        assert deleted in (204, 503), "it is done, or is to be done again"
        for node in three.nodes:
            assert value(ModernClient(node).call("echo", text="needs no session")) == "needs no session"
        for node in (other, third):
            refused.append(client.calling("echo", key=f"refused-{node.port}"))
            check_refusal(client.at(node).ask("POST", refused[-1]))
            check_refusal(client.at(node).ask("GET"))
        for node in three.nodes:
            check_refusal(Client(node).initialize())
            stranger = Client(node)
            stranger.headers["Mcp-Session-Id"] = "0" * 32
            check_refusal(stranger.call("echo"))
        with contextlib.suppress(Ended):
            ended(relayed)
    for node in three.nodes:
        until(lambda node=node: is_served(client.at(node)), "the way to the session's node")
        assert owner(client.at(node).call("echo")) == home.pid
        assert gone.at(node).echo() == (404 if deleted == 204 else 200)
    rest = Stream()
    assert rest.follow(client.at(third).resume(relayed.last_id)) == 200
    heard = [event.message for event in relayed.seen if event.data] + rest.messages
    assert [one["params"]["data"] for one in heard[:-1]] == list(range(1, 101))
    assert heard[-1]["id"] == message["id"] and "result" in heard[-1]
    assert value(ModernClient(third).call("broadcast", seq=2)) == "sent"
    assert own.message()["params"]["data"]["seq"] == 2, "and nothing twice"
    done = three.done()
    assert done["relayed"] == 1
    assert not any(done[one["params"]["arguments"]["key"]] for one in refused)
    Client(other).open()


def check_refusal(response):
    assert response.status == 503, response
    assert int(response["Retry-After"]) >= 1, response
