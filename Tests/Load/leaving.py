"""2,000 clients with open primary streams end their sessions, and then close their connections all at
once: the memory of all of them comes back.

usage: leaving.py ECHO_SERVER
"""

import signal
import sys

from peer import Connection, Server, allow_descriptors, exchange, open_sessions

CLIENTS = 2_000
KEPT_MAX = 200  # bytes for each


def come_and_leave(server, others, count):
    sessions = open_sessions(others, count)
    streams = [Connection(server.port) for _ in sessions]
    for stream, session in zip(streams, sessions):
        stream.send("GET", session=session)
    for stream in streams:
        assert stream.receive_head()[0] == 200
    exchange(others, "DELETE", count, None, sessions, status=204)
    # The server sees all of them in one turn.
    server.process.send_signal(signal.SIGSTOP)
    for stream in streams:
        stream.socket.close()
    server.process.send_signal(signal.SIGCONT)


allow_descriptors(CLIENTS + 200)
with Server(sys.argv[1]) as server:
    others = [Connection(server.port) for _ in range(16)]
    come_and_leave(server, others, 100)
    before = server.rss()
    come_and_leave(server, others, CLIENTS)
    kept = (server.rss() - before) // CLIENTS

print(f"{CLIENTS} clients have come and left: {kept} bytes for each are not given back")
if kept > KEPT_MAX:
    sys.exit(1)
