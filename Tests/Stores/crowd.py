"""Clients that call and listen all the time, while nodes or their Redis come and go, and what each of them must have
heard in the end."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections import Counter

from cluster import value
from http_reader import Response
from peer import Client, Ended, ModernClient, Stream, until

INTERNAL_ERROR = -32603
OPTIONS = {"mailbox_messages_max": 100_000, "mailbox_bytes_max": 1 << 24, "replay_events_max": 20_000}
"""Of the nodes: a client that is away while the talker goes on misses nothing for that. What a node could not tell the
others while Redis was away comes all at once."""


class NodeGone(Exception):
    """Status 502: the node that was asked for another one cannot reach it any more."""


GONE = (Ended, OSError, NodeGone)
"""The connection was cut, or there was nobody. What was asked for may have been done."""

keys = itertools.count(1)


class Busy:
    """Does its work over and over, on threads of its own, until it is told to end. `problem` is what they raise."""

    def __init__(self, *works):
        self.problem = None
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(work,)) for work in works]
        for thread in self._threads:
            thread.start()

    def _run(self, work):
        try:
            while not self.is_ending:
                work()
        except BaseException as problem:
            self.problem = self.problem or problem

    @property
    def is_ending(self):
        return self._stop.is_set() or self.problem is not None

    def end(self):
        self._stop.set()

    def join(self, seconds=None):
        for thread in self._threads:
            thread.join(seconds)


class Talker(Busy):
    """Broadcasts one number after the other at a node that lives on; nobody's session is there."""

    def __init__(self, node):
        self.said = []
        """Those that were acknowledged."""
        self._client = ModernClient(node)
        self._seq = itertools.count(1)
        super().__init__(self._talk)

    def _talk(self):
        seq = next(self._seq)
        assert value(self._client.call("broadcast", seq=seq)) == "sent"
        self.said.append(seq)
        time.sleep(0.01)

    def next(self):
        """A number from which on nothing has been said yet."""
        return self.said[-1] + 2 if self.said else 1


class Worker(Busy):
    """A client that always has a call open, and its primary stream.

    `bears` is what may become of them: "cut" (the connection ends, or the node that it leads to has gone),
    "interrupted" (the node of the call has gone), "lost" (what a stream began with was not written), "refused"
    (503)."""

    def __init__(self, place, chance, bears=(), name=None):
        self.client = Client(place, name).open()
        self.name = name
        self.heard = []
        self.last_id = None
        """Of its primary stream."""
        self.owner = None
        """The process that has answered last."""
        self.calls = 0
        """How many of its calls were answered."""
        self.counts = Counter()
        self.refused_keys = set()
        self._chance = chance
        self._bears = frozenset(bears)
        super().__init__(self._listen, self._call)

    def _note(self, kind, why=None):
        assert kind in self._bears or self.is_ending, (kind, why)
        self.counts[kind] += 1

    # ---- The primary stream ----

    def _listen(self):
        with contextlib.ExitStack() as open_ones:
            try:
                connection = self.client.resume(self.last_id) if self.last_id else self.client.send("GET")
                stream = open_ones.enter_context(connection).stream()
                if stream.status == 503:
                    return self._come_back(stream.head)
                check(stream.head)
                while not self.is_ending and (event := stream.next()):
                    self.last_id = event.id or self.last_id
                    if event.data:
                        self._hear(event.message)
            except GONE as problem:
                self._note("cut", problem)
                time.sleep(0.005)

    def _hear(self, message):
        assert message["method"] == "notifications/message", message
        seq = message["params"]["data"]["seq"]
        assert not self.heard or seq > self.heard[-1], ("twice, or in a wrong order", seq, self.heard[-1])
        self.heard.append(seq)

    # ---- Calls ----

    def _call(self):
        key = f"key-{next(keys)}"
        if self._chance.random() < 0.2:
            message = self.client.calling("echo", text=key, key=key)
        else:
            count, delay_ms = self._chance.choice([(1, 0), (20, 1), (100, 0), (30, 3)])
            message = self.client.calling("log", count=count, delay_ms=delay_ms, key=key)
        stream = Stream()
        try:
            connection = self.client.send("POST", message)
            head = self._follow(stream, connection)
            if head.status == 503:
                self.refused_keys.add(key)
                return self._come_back(head)
            check(head)
        except GONE as problem:
            self._note("cut", problem)
            if stream.last_id is None:  # it has not begun: nobody knows what became of it
                return
            if not is_answered(stream) and not self._resume(stream):
                return
        self._check(stream, message)

    def _follow(self, stream, connection):
        """Reads a response to its end. Returns its head."""
        with connection:
            events = connection.stream()
            if events.status != 200:
                head = events.head
                return Response(head.status, head.fields, b"".join(connection.body(head)))
            while event := events.next():
                stream.last_id = event.id or stream.last_id
                if event.data:
                    stream.messages.append(event.message)
            return events.head

    def _come_back(self, head):
        """After a refusal."""
        self._note("refused", head)
        assert int(head["Retry-After"]) >= 1, head
        time.sleep(0.05)

    def _resume(self, stream):
        """Comes back for a stream that was cut. False: its beginning was lost, or the test ends."""
        seen, cursor = len(stream.messages), stream.last_id
        while not is_answered(stream):
            if self.is_ending:
                return False
            try:
                head = self._follow(stream, self.client.resume(stream.last_id))
                if head.status == 503:
                    self._come_back(head)
                elif head.status == 400:
                    self._note("lost", (stream.last_id, head))
                    return False
                else:
                    check(head)
            except GONE as problem:
                self._note("cut", problem)
                time.sleep(0.005)
        self.counts["resumed"] += 1
        # Once more from where it was cut: the same, and not one more.
        with contextlib.suppress(*GONE):
            again = Stream()
            if self._follow(again, self.client.resume(cursor)).status == 200:
                assert again.messages == stream.messages[seen:], (again.messages, stream.messages[seen:])
        return True

    def _check(self, stream, message):
        *logs, answer = stream.messages
        arguments = message["params"]["arguments"]
        said = [one["params"]["data"] for one in logs]
        assert said == list(range(1, len(said) + 1)), said
        assert answer["id"] == message["id"], answer
        if "error" in answer:
            assert answer["error"]["code"] == INTERNAL_ERROR and "ended before" in answer["error"]["message"], answer
            return self._note("interrupted")
        assert len(said) == arguments.get("count", 0), (len(said), arguments)
        result = answer["result"]["structuredContent"]
        assert result["value"] == arguments.get("text", "done"), answer
        self.owner = result["node"]
        self.calls += 1
        self.counts["answered"] += 1


def check(head):
    """It is no refusal."""
    if head.status == 502:
        raise NodeGone
    assert head.status == 200, head


def is_answered(stream):
    return bool(stream.messages) and "id" in stream.messages[-1]


class Crowd:
    """Workers and a talker, until the end of a `with` block, which raises what went wrong."""

    def __init__(self, cluster, workers, talker):
        self.cluster = cluster
        self.workers = workers
        self.talker = talker

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for one in self.workers:
            one.end()
        for one in self.workers:
            one.join(5)  # while there is something to hear
        self.talker.end()
        self.cluster.end()  # cuts what is still open
        for one in (self.talker, *self.workers):
            one.join()
        if kind is None:
            self.raise_problem()

    @property
    def counts(self):
        return sum((one.counts for one in self.workers), Counter())

    def raise_problem(self):
        for one in (self.talker, *self.workers):
            if one.problem:
                raise one.problem

    def replace(self, worker, successor):
        """Returns the worker, which is through with its calls."""
        worker.end()
        worker.join()
        if worker.problem:
            raise worker.problem
        self.workers[self.workers.index(worker)] = successor
        return worker

    def settle(self):
        """Waits until each has heard something that is said from now on, and has made a whole call from now on. Returns
        the number of a broadcast that nobody may miss, until something happens again."""
        first = self.talker.next()
        calls = {one: one.calls + 2 for one in self.workers}

        def have_heard(seq):
            self.raise_problem()
            return all(one.heard[-1:] >= [seq] for one in self.workers)

        until(lambda: have_heard(first) and all(one.calls >= calls[one] for one in self.workers), "all clients")
        # What was said while somebody was away may still be on its way.
        now = self.talker.next()
        until(lambda: have_heard(now), "what was said meanwhile")
        return now

    def judge(self, worker, losses):
        """How many broadcasts a client has missed. `losses` are spans (first, after, last): from the first to the last
        it may have missed one run of broadcasts, which does not begin behind `after`. Elsewhere it has missed none."""
        said = [seq for seq in self.talker.said if worker.heard[0] <= seq <= worker.heard[-1]]
        heard = set(worker.heard)
        missed = [seq for seq in said if seq not in heard]
        left = set(missed)
        for first, after, last in losses:
            run = [seq for seq in missed if first <= seq < last]
            at = said.index(run[0]) if run else 0
            assert run == said[at : at + len(run)], ("a hole", run, [seq for seq in said if first <= seq < last])
            assert not run or run[0] <= after, ("it was heard again already", run, after)
            left -= set(run)
        assert not left, ("missed", sorted(left))
        return len(missed)
