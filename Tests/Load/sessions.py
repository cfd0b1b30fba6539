"""10,000 sessions at a time, opened, used and ended, round after round: memory ends where it was.

usage: sessions.py ECHO_SERVER
"""

import sys
import time

from peer import Connection, Server, allow_descriptors, call, exchange, open_sessions

SESSIONS = 10_000
ROUNDS = 3
GROWTH_MAX = 1 << 20

allow_descriptors(1024)
with Server(sys.argv[1]) as server:
    connections = [Connection(server.port) for _ in range(64)]
    before = server.rss()
    after = []
    for number in range(1 + ROUNDS):
        start = time.monotonic()
        sessions = open_sessions(connections, SESSIONS)
        for answer in exchange(connections, "POST", SESSIONS, call("echo", text="hello"), sessions, status=200):
            assert b'"hello"' in answer[2], answer
        full = server.rss()
        exchange(connections, "DELETE", SESSIONS, sessions=sessions, status=204)
        after.append(server.rss())
        print(f"  round {number}: {time.monotonic() - start:.1f} s, {SESSIONS} sessions "
              f"{(full - before) // SESSIONS} bytes each, afterwards {after[-1] // 1024} KB", flush=True)
    growth = after[-1] - after[0]

print(f"{ROUNDS * SESSIONS} sessions came and went: memory grew by {growth // 1024} KB")
if growth > GROWTH_MAX:
    sys.exit(f"more than {GROWTH_MAX // 1024} KB")
