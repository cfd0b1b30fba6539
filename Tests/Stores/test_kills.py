"""kill -9 in the midst of calls, and the same clients go on: nothing is doubled, and each knows what became of its
request."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter

import pytest
from peer import TOKENS, Client, Ended, Server, Stream, until

CLIENTS = 6
ROUNDS = {"write-behind": 50, "sync": 50}
INTERNAL_ERROR = -32603

GONE = (Ended, OSError)
"""The server is not there, or has gone."""


class Primary(Stream):
    """What is broadcast to one client, over all processes."""

    def __init__(self):
        super().__init__()
        self.heard_seqs = []

    def heard(self, message):
        assert message["method"] == "notifications/message", message
        seq = message["params"]["data"]["seq"]
        assert not self.heard_seqs or seq > self.heard_seqs[-1], (seq, self.heard_seqs[-1:])
        self.heard_seqs.append(seq)


class Worker:
    """A client that always has a call open, and its primary stream."""

    def __init__(self, server, name, chance, is_sync):
        self.client = Client(server, name).open()
        self.primary = Primary()
        self.ready = 0
        """The generation of the server that carries its primary stream."""
        self.counts = Counter()
        self.problems = []
        self._server = server
        self._name = name
        self._chance = chance
        self._is_sync = is_sync
        self._stop = threading.Event()
        self.threads = [threading.Thread(target=self._guard, args=(work,)) for work in (self._call, self._listen)]
        for thread in self.threads:
            thread.start()

    def end(self):
        self._stop.set()

    def _guard(self, work):
        try:
            while not self._stop.is_set():
                try:
                    work()
                except GONE:
                    time.sleep(0.005)
        except BaseException as problem:
            self.problems.append(problem)

    def _listen(self):
        generation = self._server.generation
        after = self.primary.last_id
        connection = self.client.resume(after) if after else self.client.send("GET")
        with connection:
            stream = connection.stream()
            if stream.status == 503:  # the server is ending
                return time.sleep(0.01)
            assert stream.status == 200, (stream.status, after)
            if generation != self._server.generation:  # nobody knows which of the two it is
                return
            self.ready = generation
            while event := stream.next():
                self.primary.last_id = event.id or self.primary.last_id
                if event.data:
                    self.primary.heard(event.message)

    def _call(self):
        if self._chance.random() < 0.2:
            assert self.client.echo() == 200
            self.counts["echoes"] += 1
            return
        count = self._chance.choice([1, 20, 100])
        message = self.client.calling("log", count=count, delay_ms=self._chance.choice([0, 1, 3]))
        stream = Stream()
        try:
            status = stream.follow(self.client.send("POST", message))
            assert status == 200, status
        except GONE:
            if stream.last_id is None:
                self.counts["never begun"] += 1
                return
            if not self._is_answered(stream) and not self._resume(stream, message["id"]):
                return
        self._check(stream, message["id"], count)

    def _is_answered(self, stream):
        return bool(stream.messages) and "id" in stream.messages[-1]

    def _resume(self, stream, number):
        """Comes back for a stream that was cut. False: its beginning was lost, or the test ends."""
        seen, cursor = len(stream.messages), stream.last_id
        while not self._is_answered(stream):
            if self._stop.is_set():
                return False
            try:
                status = stream.follow(self.client.resume(stream.last_id))
            except GONE:
                time.sleep(0.005)
                continue
            if status == 400 and not self._is_sync:  # what a stream began with was the last that was told
                self.counts["begun and lost"] += 1
                return False
            assert status == 200, (status, number, stream.last_id)
        self.counts["resumed"] += 1
        # Once more from where it was cut: the same, and not one more.
        again = Stream()
        again.last_id = cursor
        try:
            assert again.follow(self.client.resume(cursor)) == 200
            assert again.messages == stream.messages[seen:], (again.messages, stream.messages[seen:])
            assert again.follow(self.client.resume(stream.last_id)) == 204
        except GONE:
            pass
        return True

    def _check(self, stream, number, count):
        *logs, answer = stream.messages
        said = [message["params"]["data"] for message in logs]
        assert said == list(range(1, len(said) + 1)), said
        assert answer["id"] == number
        if "error" in answer:
            assert answer["error"]["code"] == INTERNAL_ERROR and "ended before" in answer["error"]["message"]
            self.counts["interrupted"] += 1
        else:
            assert len(said) == count, (len(said), count)
            self.counts["answered"] += 1


class Broadcaster:
    """Says one number after the other, and notes which of them were acknowledged."""

    def __init__(self, server):
        self.client = Client(server, "alice").open()
        self.acknowledged = []
        """Of each process."""
        self._seq = 0

    def say(self):
        self._seq += 1
        response = self.client.call("broadcast", seq=self._seq)
        assert response.status == 200, response
        self.acknowledged[-1].append(self._seq)

    def talk(self):
        """Until the server has gone."""
        try:
            while True:
                self.say()
                time.sleep(0.002)
        except GONE:
            pass


@pytest.mark.parametrize("mode", ROUNDS)
def test_kills_in_the_midst_of_calls(database, mode):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    is_sync = mode == "sync"
    tokens = ",".join(f"{name}:{token}" for name, token in TOKENS.items())
    options = ["--store", f"sqlite:{database}", "--bearer-tokens", tokens, "--head-ms", 1]
    options += ["--store-sync", "true"] if is_sync else []
    with Server(*options) as server:
        names = [chance.choice(list(TOKENS)) for _ in range(CLIENTS)]
        workers = [Worker(server, name, random.Random(chance.random()), is_sync) for name in names]
        broadcaster = Broadcaster(server)
        deleted = []
        strangers = {"alice": "bob", "bob": "alice"}
        try:
            for _ in range(ROUNDS[mode]):
                until(lambda: all(one.ready == server.generation or one.problems for one in workers), "all clients")
                assert not any(one.problems for one in workers)
                broadcaster.acknowledged.append([])
                gone = Client(server, "bob").open()
                assert gone.ask("DELETE").status == 204
                deleted.append(gone)
                talking = threading.Thread(target=broadcaster.talk)
                talking.start()
                time.sleep(0.05 + chance.random() * 0.15)
                server.kill()
                talking.join()
                server.start()
                # Another principal's token, before anybody else comes and after.
                victim = chance.choice(workers)
                stranger = Client(server, strangers[victim._name])
                for name in ("Mcp-Session-Id", "MCP-Protocol-Version"):
                    stranger.headers[name] = victim.client.headers[name]
                assert stranger.echo() == 404
                assert stranger.ask("DELETE").status == 404
                if victim.primary.last_id:
                    assert stranger.ask("GET", Last_Event_ID=victim.primary.last_id).status == 404
                assert deleted[-1].echo() == 404
            until(lambda: all(one.ready == server.generation or one.problems for one in workers), "all clients")
            broadcaster.acknowledged.append([])
            broadcaster.say()
            last = broadcaster.acknowledged[-1][-1]
            until(lambda: all(one.primary.heard_seqs[-1:] == [last] or one.problems for one in workers), "the last")
        finally:
            for one in workers:
                one.end()
            server.kill()
            for one in workers:
                for thread in one.threads:
                    thread.join()
        for one in workers:
            for problem in one.problems:
                raise problem
        lost = [of_one(one.primary.heard_seqs, broadcaster.acknowledged) for one in workers]
        counts = sum((one.counts for one in workers), Counter())
        print(mode, dict(counts), f"{sum(map(len, broadcaster.acknowledged))} broadcasts, lost {lost}")
        assert counts["interrupted"] > ROUNDS[mode] and counts["answered"] > ROUNDS[mode]
        assert is_sync <= (not any(lost))
        server.start()
        assert [one.echo() for one in deleted] == [404] * len(deleted)
        assert [one.client.echo() for one in workers] == [200] * CLIENTS


def of_one(heard, acknowledged):
    """How many broadcasts a client has not heard: of each process only the last ones."""
    heard, lost = set(heard), 0
    for said in acknowledged:
        missing = [seq for seq in said if seq not in heard]
        assert missing == said[len(said) - len(missing) :], (said, missing)
        lost += len(missing)
    return lost
