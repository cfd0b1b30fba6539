"""Hosts and clients on many threads at once: every call is answered, or the reason is known.

usage: stress.py SECONDS

Server follows server. Every other one is drained while its clients are in full flow; the others' clients
leave first, and the server must then hold nothing.
"""

import concurrent.futures
import logging
import queue
import random
import socket
import sys
import threading
import time
from collections import Counter

from streamablehttp import Request, Server, StreamableHTTPError
from wire import Client, Ended

CLIENTS = 8
WORKERS = 4
ROUND_SECONDS = 2.0
METHODS = ["echo", "talk", "ask", "leave", "late", "fail", "cancel", "drop"] * 4 + ["end"]
CANCELLED = -32800
OURS = -32000

outcomes = Counter()  # of the clients' calls
events = Counter()  # that the hosts took
statuses = Counter()  # of commands that came too late
mistakes = []


def thread(target, *arguments):
    """Starts a thread whose exceptions are mistakes."""

    def run():
        try:
            target(*arguments)
        except Exception as error:
            mistakes.append(f"{target.__qualname__}: {error!r}")

    started = threading.Thread(target=run)
    started.start()
    return started


class Host:
    """A server, the thread that takes its events, those that work on requests, and one that meddles."""

    def __init__(self):
        self.server = Server(name="stress", version="1", log_level="debug", mailbox_messages_max=4)
        self.draining = threading.Event()
        self._requests = queue.Queue()
        self._threads = [thread(self._take), thread(self._meddle)]
        self._threads += [thread(self._work) for _ in range(WORKERS)]

    def _take(self):
        for event in self.server:
            events[type(event).__name__] += 1
            if isinstance(event, Request):
                self._requests.put(event)
        for _ in range(WORKERS):
            self._requests.put(None)

    def _work(self):
        while (request := self._requests.get()) is not None:
            try:
                getattr(self, request.method.replace("test/", "_"))(request, {"n": request.params["n"]})
            except StreamableHTTPError as error:
                statuses[error.status_name] += 1
            except concurrent.futures.TimeoutError:  # of a call whose client cannot answer any more
                statuses["timeout"] += 1

    def _meddle(self):
        """What belongs to no request, and questions, while all else goes on."""
        while not self.server.closed:
            try:
                stats = self.server.stats()
                if not all(0 <= figure < 1 << 40 for figure in stats.values()):
                    mistakes.append(f"impossible figures: {stats}")
                self.server.broadcast("test/all")
                for session in random.sample(self.server.sessions, min(2, len(self.server.sessions))):
                    session.notify("test/one", {"some": "thing"})
                    session.hang_up() if random.random() < 0.5 else session.call("ping")
                time.sleep(0.002)
            except StreamableHTTPError as error:
                statuses[error.status_name] += 1

    def _echo(self, request, result):
        request.respond(result)

    def _talk(self, request, result):
        for part in range(1, 4):
            request.progress(part, 3, "so far")
            request.log("info", {"part": part})
            request.notify("test/part", {"part": part})
        request.respond(result)

    def _ask(self, request, result):
        request.respond(request.call("test/ask", result, timeout=10).result())

    def _leave(self, request, result):
        request.hang_up(0)
        request.notify("test/part")
        request.respond(result)

    def _late(self, request, result):
        time.sleep(random.random() / 50)
        request.respond(result)

    def _fail(self, request, result):
        request.fail(OURS, "no")

    def _end(self, request, result):
        request.session.close()

    def drain(self):
        self.draining.set()
        self.server.drain(60_000)
        time.sleep(random.random() / 20)
        thread(self.server.drain, 100).join()

    def join(self):
        for each in self._threads:
            each.join()
        if not self.server.closed:
            mistakes.append("a host came to its end before its server")


class Visitor:
    """A client that opens one session after the other, and calls what it can think of."""

    def __init__(self, host, stop):
        self._host = host
        self._stop = stop
        self._n = 0
        self._thread = thread(self._run)

    def join(self):
        self._thread.join()

    def _run(self):
        while not self._stop.is_set():
            self._client = Client(self._host.server.port)
            reader = None
            try:
                self._client.initialize()
                if random.random() < 0.7:
                    reader = thread(self._listen)
                for _ in range(12):
                    if self._stop.is_set() or not self._call():
                        break
                self._client.delete().status  # noqa: B018
                self._babble()
            except (OSError, AssertionError, KeyError):
                # The session could not be opened or ended, which is right if nobody is let in.
                if not self._host.draining.is_set():
                    raise
                return
            finally:
                if reader is not None:
                    reader.join()
                self._client.hang_up()

    def _listen(self):
        """Reads the primary stream, and comes back whenever the server ends it, while it may."""
        try:
            stream = self._client.send("GET")
            while stream.status == 200:
                while stream.next() is not None:
                    pass
                stream = self._client.resume(stream) if stream.last_id else self._client.send("GET")
        except (OSError, Ended):
            pass  # the server is gone, or the session is, and with it every connection

    def _babble(self):
        """What no client should send."""
        nonsense = [b"GET /mcp HTTP/1.1\r\nHost: \xff\r\n\r\n", b"POST /mcp HT", b"\0" * 99]
        with socket.create_connection(("127.0.0.1", self._host.server.port), 15) as stranger:
            stranger.sendall(random.choice(nonsense))

    def _call(self):
        """Makes a call and notes its outcome; False once the session is of no more use."""
        method = random.choice(METHODS)
        self._n += 1
        try:
            outcome = self._outcome(method)
        except (OSError, Ended) as error:
            outcome = "cut off" if self._host.draining.is_set() else f"{method}: {error!r}"
        outcomes[outcome] += 1
        if outcome not in KNOWN:
            mistakes.append(f"{method}: {outcome}")
        return outcome not in ("session ended", "refused", "cut off")

    def _outcome(self, method):
        served = {"cancel": "late", "drop": "late"}.get(method, method)
        token = {"_meta": {"progressToken": self._n}} if random.random() < 0.5 else {}
        call = self._client.request(f"test/{served}", {"n": self._n, **token}, id=self._n)
        if method == "drop":
            call.close()
            return "dropped by its client"
        if method == "cancel":
            self._client.notify("notifications/cancelled", {"requestId": self._n}).status  # noqa: B018
        while True:
            if call.status != 200:
                return {404: "session ended", 503: "refused"}.get(call.status, f"HTTP {call.status}")
            while (message := call.next()) is not None:
                if "method" not in message:
                    return self._judge(method, message)
                if "id" in message:
                    self._client.answer(message, message["params"]).status  # noqa: B018
            if call.last_id is None:
                return "ended without an answer"
            call = self._client.resume(call)

    def _judge(self, method, answer):
        if answer.get("id") != self._n:
            return f"an answer to {answer.get('id')} instead of {self._n}"
        if answer.get("result") == {"n": self._n}:
            return "answered"
        code = answer.get("error", {}).get("code")
        if code == OURS and method == "fail":
            return "failed"
        if code == CANCELLED and (method == "cancel" or self._host.draining.is_set()):
            return "cancelled"
        return "session ended" if code == CANCELLED and method == "end" else f"{answer}"


WANTED = ("answered", "failed", "cancelled", "session ended", "dropped by its client")
KNOWN = (*WANTED, "refused", "cut off")
HELD = ("connections", "sessions", "streams", "requests", "calls", "unsent_bytes", "replay_bytes")


def check_holds_nothing(server):
    """All sessions have been deleted, or ended by the host, and all connections closed."""
    until = time.monotonic() + 10
    while held := {name: count for name, count in server.stats().items() if name in HELD and count}:
        if time.monotonic() > until:
            mistakes.append(f"without clients the server holds {held}")
            return
        time.sleep(0.01)


def play_round(drained):
    host, stop = Host(), threading.Event()
    visitors = [Visitor(host, stop) for _ in range(CLIENTS)]
    time.sleep(ROUND_SECONDS)
    if drained:
        host.drain()
    stop.set()
    for visitor in visitors:
        visitor.join()
    if not drained:
        check_holds_nothing(host.server)
        host.drain()
    host.join()


def main(seconds):
    logging.getLogger("streamablehttp").setLevel(logging.CRITICAL)  # the lines are made all the same
    until = time.monotonic() + seconds
    drained = False
    while time.monotonic() < until and not mistakes:
        play_round(drained)
        drained = not drained
    print(f"calls: {dict(outcomes)}")
    print(f"events: {dict(events)}")
    print(f"too late: {dict(statuses)}")
    mistakes.extend(f"no call was {outcome}" for outcome in WANTED if not outcomes[outcome])
    for mistake in mistakes:
        print(f"mistake: {mistake}", file=sys.stderr)
    return 1 if mistakes else 0


sys.exit(main(float(sys.argv[1])))
