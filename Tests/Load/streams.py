"""2,000 open primary streams beside calls on other connections: all calls are answered, and every stream
gets every broadcast, in order.

usage: streams.py ECHO_SERVER
"""

import re
import selectors
import sys
import time

from peer import Connection, Server, allow_descriptors, call, exchange, open_sessions

STREAMS = 2_000
BROADCASTS = 20
CALLS = 1_000
SEQ = re.compile(rb'"seq": ?(\d+)')


def read_streams(streams, deadline):
    """Reads until every stream has had BROADCASTS messages; the numbers each one got."""
    got = [[] for _ in streams]
    missing = STREAMS * BROADCASTS
    selector = selectors.DefaultSelector()
    for number, stream in enumerate(streams):
        selector.register(stream.socket, selectors.EVENT_READ, number)
    while missing > 0 and time.monotonic() < deadline:
        for key, _ in selector.select(1):
            stream = streams[key.data]
            stream.unread += stream.socket.recv(65536)
            # Whole events only: the rest waits for more.
            end = stream.unread.rfind(b"\n\n") + 2
            if end < 2:
                continue
            found = [int(seq) for seq in SEQ.findall(stream.unread[:end])]
            stream.unread = stream.unread[end:]
            got[key.data] += found
            missing -= len(found)
    selector.close()
    return got


allow_descriptors(STREAMS + 200)
with Server(sys.argv[1]) as server:
    others = [Connection(server.port) for _ in range(16)]
    sessions_of_others = open_sessions(others, len(others))
    before = server.rss()

    sessions = open_sessions(others, STREAMS)
    idle = server.rss()
    streams = [Connection(server.port) for _ in sessions]
    for stream, session in zip(streams, sessions):
        stream.send("GET", session=session)
    for stream in streams:
        assert stream.receive_head()[0] == 200
    attached = server.rss()
    print(f"  an idle session: {(idle - before) // STREAMS} bytes; "
          f"with its connection and primary stream: {(attached - before) // STREAMS} bytes", flush=True)

    start = time.monotonic()
    exchange(others, "POST", CALLS, call("echo", text="hello"), sessions_of_others * (CALLS // 16 + 1), status=200)
    seconds = time.monotonic() - start
    print(f"  {CALLS} calls beside {STREAMS} open streams: {CALLS / seconds:.0f} per second", flush=True)

    start = time.monotonic()
    for seq in range(1, BROADCASTS + 1):
        exchange(others[:1], "POST", 1, call("broadcast", seq=seq), sessions_of_others, status=200)
    got = read_streams(streams, start + 20)
    seconds = time.monotonic() - start
    wrong = sum(numbers != list(range(1, BROADCASTS + 1)) for numbers in got)

print(f"{BROADCASTS} broadcasts to {STREAMS} streams in {seconds:.2f} s: {wrong} streams got something else")
if wrong:
    sys.exit(1)
