"""10,000 open primary streams, and calls beside them. Then a third of the readers is stopped, again and again, while
broadcasts go to all: the calls of others are no slower for it, and those who were stopped miss nothing. Readers that
are stopped with more before them than they may leave unread cost bounded memory, and are told. Memory is where it was.

usage: streams.py ECHO_SERVER LOAD_PEER
"""

import statistics
import sys
import time

from peer import Peers, Server, allow_descriptors, expect

STREAMS = 10_000
STALLED = STREAMS // 3
WINDOWS = 4
WINDOW_MS = 3_000
BROADCAST_SECONDS = 0.5
RATIO_MAX = 2
LEFT_MAX = 200  # bytes

FLOODED = 5
FLOOD_LINES = 400_000  # some 70 MB each
UNSENT_MAX = 16 << 20  # what a connection may leave unread
FLOOD_GROWTH_MAX = FLOODED * 3 * UNSENT_MAX  # a message takes more memory than its text
GROWTH_MAX = 4 << 20


def broadcast(server):
    broadcast.seq += 1
    server.call("broadcast", seq=broadcast.seq)


broadcast.seq = 0


def measure(server, callers):
    """Calls for a while, beside broadcasts; their 99th percentile in microseconds."""
    callers.tell(f"calls {WINDOW_MS}")
    while not callers.has_answered():
        broadcast(server)
        time.sleep(BROADCAST_SECONDS)
    return callers.answer()["p99"]


def await_all(readers, count, since=0):
    """Waits until each of `count` streams has had every broadcast after the first `since`, once and in order."""
    wanted = {
        "events": count * (broadcast.seq - since),
        "least": broadcast.seq,
        "most": broadcast.seq,
        "disorder": 0,
        "ended": 0,
        "results": 0,
    }
    deadline = time.monotonic() + 60
    while (got := readers.ask("report")) != wanted:
        expect(time.monotonic() < deadline, f"all streams get every broadcast: {wanted}, not {got}")
        time.sleep(0.1)


def attach(peers):
    peers.ask("open")
    peers.ask("streams")


def stall(server, callers, reading, stalling):
    quiet, stalled = [], []
    for _ in range(WINDOWS):
        quiet.append(measure(server, callers))
        await_all(stalling, STALLED)
        stalling.stop()
        stalled.append(measure(server, callers))
        full = server.rss()
        stalling.go_on()
        await_all(stalling, STALLED)
        await_all(reading, STREAMS - STALLED)
        print(
            f"  p99 of calls: {quiet[-1]} us, with {STALLED} readers stopped {stalled[-1]} us, at {full >> 10} KB",
            flush=True,
        )
    return statistics.median(stalled) / statistics.median(quiet)


def flood(server, peers):
    """Returns by how much the server grew while clients did not read."""
    before = server.rss()
    peers.ask("open")
    peers.ask(f"flood {FLOOD_LINES}")
    peers.await_stop()
    server.settle(requests=0)
    full, stats = server.rss(), server.stats()
    peers.go_on()
    while (got := peers.ask("report"))["ended"] + got["results"] < FLOODED:
        time.sleep(0.1)
    told = peers.ask("resume")["refused"]
    got = peers.ask("report")
    print(
        f"  {FLOODED} clients stop before {FLOOD_LINES} log lines each: the server grows by {(full - before) >> 10} "
        f"KB; {got['events']} lines arrive and {stats['log_drops']} are dropped, {got['results']} results arrive, "
        f"{told} learn that they have missed something",
        flush=True,
    )
    expect(got["disorder"] == 0, "what arrives is in order")
    expect(got["results"] + told == FLOODED, "they get to the end, or are told")
    expect(told > 0 or got["events"] + stats["log_drops"] == FLOODED * FLOOD_LINES, "a line arrives, or is counted")
    return full - before


allow_descriptors(STREAMS + 200)
echo_server, load_peer = sys.argv[1:]
with Server(echo_server, "--session-idle-ms", 5_000, "--sessions-max", 2 * STREAMS) as server:
    start = server.rss()
    with Peers(load_peer, server, STREAMS) as peers:
        attach(peers)
        peers.ask("leave")
    server.settle(connections=0, sessions=0, streams=0)
    before = server.rss()
    print(
        f"  {STREAMS} come, end their sessions, and close their connections at once: {(before - start) // STREAMS} "
        "bytes are left of each",
        flush=True,
    )
    expect(before - start <= STREAMS * LEFT_MAX, f"at most {LEFT_MAX} bytes are left of each")

    with (
        Peers(load_peer, server, STREAMS - STALLED) as reading,
        Peers(load_peer, server, STALLED) as stalling,
        Peers(load_peer, server, 16) as callers,
    ):
        attach(reading)
        attach(stalling)
        expect(server.stats()["streams"] == STREAMS, f"{STREAMS} streams are open")
        print(f"  a session with its connection and primary stream: {(server.rss() - before) // STREAMS} bytes")
        callers.ask("open")
        ratio = stall(server, callers, reading, stalling)
    server.settle(connections=0, sessions=0, streams=0)
    print(f"  after them: memory grew by {(server.rss() - before) >> 10} KB", flush=True)
    with Peers(load_peer, server, FLOODED) as peers:
        flooded = flood(server, peers)
    server.settle(connections=0, sessions=0, streams=0, unsent_bytes=0)
    growth = server.rss() - before

print(
    f"{STREAMS} streams: calls take {ratio:.2f} times as long while a third is stopped; "
    f"memory grew by {growth >> 10} KB"
)
expect(ratio <= RATIO_MAX, f"they take at most {RATIO_MAX} times as long")
expect(
    flooded <= FLOOD_GROWTH_MAX, f"the server grows by at most {FLOOD_GROWTH_MAX >> 10} KB for those who do not read"
)
expect(growth <= GROWTH_MAX, f"it grows by at most {GROWTH_MAX >> 10} KB in all")
