"""Nodes that are replaced one after the other, under load."""

from __future__ import annotations

import random

from crowd import OPTIONS, Crowd, Talker, Worker

CLIENTS = 6
ROUNDS = 2


def test_no_client_sees_an_error(cluster):
    """New nodes come, and old ones are drained: each call is answered, and no stream is cut."""
    three = cluster(**OPTIONS)
    talker = Talker(three.start())
    workers = [Worker(three.balancer, random.Random(number)) for number in range(CLIENTS)]
    losses = {one: [] for one in workers}
    with Crowd(three, workers, talker) as crowd:
        first = crowd.settle()
        for _ in range(ROUNDS * len(three.nodes)):
            three.add()
            old = three.nodes[0]
            hit = [one for one in workers if one.owner == old.pid]
            three.remove(old)
            after = talker.next()
            last = crowd.settle()
            for one in hit:
                losses[one].append((first, after, last))
            first = last
        counts = crowd.counts
        owners = {one.owner for one in workers}
    lost = [crowd.judge(one, losses[one]) for one in workers]
    print(dict(counts), f"{len(talker.said)} broadcasts, lost {lost}")
    assert counts.keys() == {"answered"} and counts["answered"] > 100 * ROUNDS
    assert owners <= {one.pid for one in three.nodes}
    assert max(three.done().values()) == 1, "no call was made twice"
