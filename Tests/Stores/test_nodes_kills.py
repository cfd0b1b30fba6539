"""kill -9 of nodes in the midst of calls: their sessions go on at the others, nothing is doubled, or lost but what was
under way at the node that died, and each client knows what became of its request."""

from __future__ import annotations

import random
import time

import pytest
from crowd import Crowd, Talker, Worker
from peer import TOKENS, Client

CLIENTS = 6
ROUNDS = 50
STRANGERS = {"alice": "bob", "bob": "alice"}


@pytest.mark.parametrize("part", [1, 2])
@pytest.mark.parametrize("mode", ["write-behind", "sync"])
def test_kills_in_the_midst_of_calls(cluster, mode, part):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    is_sync = mode == "sync"
    tokens = {token: name for name, token in TOKENS.items()}
    three = cluster(bearer_tokens=tokens, head_ms=1, store_sync=is_sync)
    talker = Talker(three.start(bearer_tokens=None))
    bears = {"cut", "interrupted"} | (set() if is_sync else {"lost"})
    workers = [
        Worker(three.balancer, random.Random(chance.random()), bears, chance.choice(list(TOKENS)))
        for _ in range(CLIENTS)
    ]
    losses = {one: [] for one in workers}
    deleted = []
    with Crowd(three, workers, talker) as crowd:
        first = crowd.settle()
        for _ in range(ROUNDS):
            deleted.append(Client(three.balancer, "bob").open())
            assert deleted[-1].ask("DELETE").status == 204
            time.sleep(0.05 + chance.random() * 0.15)
            victim = chance.choice(workers)
            node = three.node(victim.owner)
            hit = [one for one in workers if one.owner == node.pid]
            node.kill()
            after = talker.next()
            # Another principal's token, before anybody else comes and after.
            check_stranger(three, victim)
            node.start()
            last = crowd.settle()
            for one in hit:
                losses[one].append((first, after, last))
            first = last
            assert deleted[-1].echo() == 404
        counts = crowd.counts
        assert [one.echo() for one in deleted] == [404] * len(deleted)
    lost = [crowd.judge(one, losses[one]) for one in workers]
    print(mode, dict(counts), f"{len(talker.said)} broadcasts, lost {lost}")
    assert counts["interrupted"] >= ROUNDS // 2 and counts["answered"] > 10 * ROUNDS, "too little to prove anything"
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
