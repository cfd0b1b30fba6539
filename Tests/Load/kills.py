"""Clients with calls under way and streams open are killed at random: the others' calls go on, and all that the dead
have left ends.

usage: kills.py ECHO_SERVER LOAD_PEER
"""

import random
import sys
import time

from peer import Peers, Server, allow_descriptors, expect

SEED = 7
KILLS = 60  # after a quarter of them memory has to have its size
AT_ONCE = 4
CLIENTS = 100
GROWTH_MAX = 2 << 20

allow_descriptors(4096)
echo_server, load_peer = sys.argv[1:]
chance = random.Random(SEED)


def kill_at_random(server, kills):
    victims = []
    for _ in range(kills):
        while len(victims) < AT_ONCE:
            victims.append(Peers(load_peer, server, CLIENTS))
            victims[-1].tell("work")
        time.sleep(chance.uniform(0, 0.2))
        with victims.pop(chance.randrange(AT_ONCE)):
            pass  # which kills it
    for victim in victims:
        with victim:
            pass


with Server(echo_server, "--session-idle-ms", 2_000, "--initialize-ms", 2_000) as server:
    after = []
    for kills in KILLS // 4, KILLS:
        with Peers(load_peer, server, 16) as others:
            others.ask("open")
            others.tell("calls 5000")
            kill_at_random(server, kills)
            calls = others.answer()["calls"]
        server.settle(connections=0, sessions=0, streams=0, requests=0, unsent_bytes=0)
        after.append(server.rss())
        print(f"  {kills} processes of {CLIENTS} clients killed beside {calls} calls: {after[-1] >> 10} KB", flush=True)
    growth = after[-1] - after[0]

print(f"{KILLS * CLIENTS} clients were killed: memory grew by {growth >> 10} KB")
expect(growth <= GROWTH_MAX, f"it grows by at most {GROWTH_MAX >> 10} KB")
