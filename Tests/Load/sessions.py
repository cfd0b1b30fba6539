"""100,000 sessions come and go, and every third never says goodbye: all of them end, and memory is where it was.

usage: sessions.py ECHO_SERVER LOAD_PEER
"""

import sys
import time

from peer import Peers, Server, allow_descriptors, expect

WAVE = 10_000
WAVES = 10
IDLE_MS = 1_000
GROWTH_MAX = 1 << 20

allow_descriptors(1024)
echo_server, load_peer = sys.argv[1:]
with Server(echo_server, "--session-idle-ms", IDLE_MS) as server, Peers(load_peer, server, 64) as peers:
    after = []
    for number in range(1 + WAVES):
        start = time.monotonic()
        peers.ask(f"sessions {WAVE}")
        seconds, left = time.monotonic() - start, server.stats()["sessions"]
        expect(left > 0, "some of the sessions that were left are still there, or nothing expires")
        full = server.rss()
        server.settle(sessions=0, requests=0)
        after.append(server.rss())
        print(
            f"  wave {number}: {WAVE} sessions in {seconds:.1f} s, {left} left to expire at {full >> 10} KB, "
            f"afterwards {after[-1] >> 10} KB",
            flush=True,
        )
    growth = after[-1] - after[0]

print(f"{WAVES * WAVE} sessions came and went: memory grew by {growth >> 10} KB")
expect(growth <= GROWTH_MAX, f"it grows by at most {GROWTH_MAX >> 10} KB")
