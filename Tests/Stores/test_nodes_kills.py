"""kill -9 of nodes in the midst of calls: their sessions go on at the others, nothing is doubled, or lost but what was
under way at the node that died, and each client knows what became of its request."""

from __future__ import annotations

import collections
import concurrent.futures
import random
import time

import pytest
from crowd import OPTIONS, Crowd, Talker, Worker
from peer import TOKENS, Client

CLIENTS = 6
ROUNDS = 25
"""Of each kind of store in each part."""
PARTS = 4
STRANGERS = {"alice": "bob", "bob": "alice"}


@pytest.mark.parametrize("part", range(PARTS))
def test_kills_in_the_midst_of_calls(cluster, part):
    """Two clusters at the same time, as each waits most of the time."""
    tokens = {token: name for name, token in TOKENS.items()}
    clusters = {
        is_sync: cluster(bearer_tokens=tokens, head_ms=1, store_sync=is_sync, **OPTIONS) for is_sync in (False, True)
    }
    with concurrent.futures.ThreadPoolExecutor() as pool:
        running = [pool.submit(kill, three, is_sync) for is_sync, three in clusters.items()]
        for one in concurrent.futures.as_completed(running):
            one.result()


def kill(three, is_sync):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    talker = Talker(three.start(bearer_tokens=None))
    bears = {"cut", "interrupted"} | (set() if is_sync else {"lost"})

    def worker():
        return Worker(three.balancer, random.Random(chance.random()), bears, chance.choice(list(TOKENS)))

    left, losses, spared = [], collections.defaultdict(list), 0
    with Crowd(three, [worker() for _ in range(CLIENTS)], talker) as crowd:
        first = crowd.settle()
        for _ in range(ROUNDS):
            time.sleep(0.05 + chance.random() * 0.15)
            victim = chance.choice(crowd.workers)
            node = three.node(victim.owner)
            hit = [one for one in crowd.workers if one.owner == node.pid]
            spared += CLIENTS - len(hit)
            node.kill()
            after = talker.next()
            # Another principal's token, before anybody else comes and after.
            check_stranger(three, victim)
            node.start()
            # The sessions of one node mostly find the same heir: new ones are anywhere.
            left.append(crowd.replace(chance.choice(crowd.workers), worker()))
            assert left[-1].client.ask("DELETE").status == 204
            last = crowd.settle()
            for one in hit:
                losses[one].append((first, after, last))
            first = last
            assert left[-1].client.echo() == 404
        assert [one.client.echo() for one in left] == [404] * len(left)
    counts = sum((one.counts for one in (*left, *crowd.workers)), collections.Counter())
    lost = [crowd.judge(one, losses[one]) for one in (*left, *crowd.workers)]
    mode = "sync" if is_sync else "write-behind"
    print(mode, dict(counts), f"{len(talker.said)} broadcasts, lost {lost}, {spared} spared")
    assert counts["interrupted"] >= ROUNDS and spared >= ROUNDS and counts["answered"] > 10 * ROUNDS
    assert max(three.done().values()) == 1, "no call was made twice"


def check_stranger(three, victim):
    stranger = Client(three.balancer, STRANGERS[victim.name])
    for name in ("Mcp-Session-Id", "MCP-Protocol-Version"):
        stranger.headers[name] = victim.client.headers[name]
    assert known(stranger.echo) == 404
    assert known(lambda: stranger.ask("DELETE").status) == 404
    if victim.last_id:
        assert known(lambda: stranger.ask("GET", Last_Event_ID=victim.last_id).status) == 404


def known(ask):
    """The status, once the node that was asked does not take the one that has gone for alive any more."""
    while (status := ask()) == 502:
        pass
    return status
