"""More clients than descriptors: those who have one are served, the others wait without cost, and get theirs when
clients are killed.

usage: descriptors.py ECHO_SERVER LOAD_PEER
"""

import os
import sys
import time

from peer import Peers, Server, expect

DESCRIPTORS = 256
HOLDERS = 400
WAITING = 100
SHARE_MAX = 0.5  # of one processor, for a server with nothing to do; one that spins takes all of it
GROWTH_MAX = 1 << 20


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")


echo_server, load_peer = sys.argv[1:]
with Server(echo_server, "--session-idle-ms", 1_000, "--initialize-ms", 1_000, descriptors=DESCRIPTORS) as server:
    after = []
    for number in range(3):
        pauses = server.stats()["accept_pauses"]
        with Peers(load_peer, server, HOLDERS) as holders:
            holders.tell("open")
            while server.stats()["accept_pauses"] == pauses:
                time.sleep(0.1)
            waiting = Peers(load_peer, server, WAITING)
            waiting.tell("open")
            before, start = processor_seconds(server.process.pid), time.monotonic()
            time.sleep(1)
            share = (processor_seconds(server.process.pid) - before) / (time.monotonic() - start)
            held = server.stats()["connections"]
            expect(not holders.has_answered() and not waiting.has_answered(), "some clients have to wait")
            expect(share < SHARE_MAX, f"the server rests meanwhile; it uses {share:.0%} of a processor")
        with waiting:
            start = time.monotonic()
            waiting.answer()
            print(
                f"  round {number}: {held} of {HOLDERS + WAITING} clients have a descriptor, {share:.0%} of a "
                f"processor for the others; they are served {time.monotonic() - start:.2f} s after a kill",
                flush=True,
            )
        server.settle(connections=0, sessions=0)
        after.append(server.rss())
    growth = after[-1] - after[0]

print(f"Descriptors ran out and came back: memory grew by {growth >> 10} KB")
expect(growth <= GROWTH_MAX, f"it grows by at most {GROWTH_MAX >> 10} KB")
