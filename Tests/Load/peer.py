"""What the load proofs share: the echo server and its clients as processes. Standard library only."""

import json
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "Support"))

from http_reader import Connection

# So that being told to end unwinds the `with` blocks, and ends the processes too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))

PATIENCE = 60  # seconds, after which something hangs


def allow_descriptors(count):
    """Raises the soft limit, which the other processes inherit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        sys.exit(f"this needs {count} descriptors, and the system allows {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))


def expect(held, what):
    if not held:
        sys.exit(f"FAILED: {what}")


class Process:
    """A program that talks by lines, for a `with` block."""

    def __init__(self, *command, **options):
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, **options
        )
        self.unread = b""

    def line(self):
        """The next line that it says."""
        deadline = time.monotonic() + PATIENCE
        while b"\n" not in self.unread:
            ready = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))[0]
            data = self.process.stdout.read(4096) if ready else b""
            if not data:
                sys.exit(f"{self.process.args!r} " + ("has ended" if ready else "says nothing"))
            self.unread += data
        line, self.unread = self.unread.split(b"\n", 1)
        return line.decode()

    def status(self, name):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(line.split()[1] for line in status if line.startswith(name + ":"))

    def send_signal(self, number):
        self.process.send_signal(number)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()


class Server(Process):
    """The echo server, on a port of the system's choice."""

    def __init__(self, program, *options, descriptors=None):
        limit = descriptors and (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors)))
        super().__init__(program, "--port", 0, "--address-share-percent", 100, *options, preexec_fn=limit)
        line = self.line()
        self.port = int(line.rsplit(":", 1)[1].split("/")[0])
        self.control = Control(self.port)

    def call(self, tool, **arguments):
        """Calls a tool in a session of its own; the text it answers."""
        session = self.control.exchange(
            "POST",
            {
                "jsonrpc": "2.0",
                "id": 0,
                "method": "initialize",
                "params": {
                    "protocolVersion": "2025-11-25",
                    "capabilities": {},
                    "clientInfo": {"name": "load", "version": "1"},
                },
            },
        )["Mcp-Session-Id"]
        self.control.exchange("POST", {"jsonrpc": "2.0", "method": "notifications/initialized"}, session)
        answer = self.control.exchange(
            "POST",
            {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}},
            session,
        ).last
        self.control.exchange("DELETE", None, session)
        return answer["result"]["content"][0]["text"]

    def stats(self):
        """The server's figures, without what asking for them takes."""
        stats = json.loads(self.call("stats"))
        stats["sessions"] -= 1
        stats["connections"] -= 1
        return stats

    def settle(self, **wanted):
        """Waits until the figures are these."""
        deadline = time.monotonic() + PATIENCE
        while True:
            stats = self.stats()
            if all(stats[name] == value for name, value in wanted.items()):
                return
            expect(time.monotonic() < deadline, f"{wanted} after {PATIENCE} seconds; it is {stats}")
            time.sleep(0.1)

    def rss(self):
        """Resident bytes. An answer leaves before its turn of the loop gives memory back: we wait for another turn."""
        self.stats()
        return int(self.status("VmRSS")) * 1024

    def __exit__(self, *error):
        self.process.terminate()
        try:
            code = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            sys.exit("the server does not end within 20 seconds of SIGTERM")
        if error[0] is None:
            expect(code == 0, f"the server ends with 0, not {code}")


class Peers(Process):
    """A process of many clients; its commands stand in peer.c."""

    def __init__(self, program, server, count):
        super().__init__(program, server.port, count)

    def tell(self, command):
        self.process.stdin.write(command.encode() + b"\n")

    def has_answered(self):
        return b"\n" in self.unread or bool(select.select([self.process.stdout], [], [], 0)[0])

    def answer(self):
        return {name: int(value) for name, value in (pair.split("=") for pair in self.line().split())}

    def ask(self, command):
        self.tell(command)
        return self.answer()

    def await_stop(self):
        deadline = time.monotonic() + PATIENCE
        while self.status("State") != "T":
            expect(time.monotonic() < deadline, "a process stops when it is told")
            time.sleep(0.01)

    def stop(self):
        self.send_signal(signal.SIGSTOP)
        self.await_stop()

    def go_on(self):
        self.send_signal(signal.SIGCONT)


class Control:
    """One keep-alive connection for one request at a time."""

    def __init__(self, port):
        self.connection = Connection(("127.0.0.1", port), seconds=PATIENCE)
        self.connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def exchange(self, method, message, session=None):
        """Sends a request; the response."""
        body = b"" if message is None else json.dumps(message).encode()
        head = (
            f"{method} /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json, text/event-stream\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        )
        if session:
            head += f"Mcp-Session-Id: {session}\r\nMCP-Protocol-Version: 2025-11-25\r\n"
        self.connection.send(head.encode() + b"\r\n" + body)
        response = self.connection.response()
        expect(200 <= response.status < 300, f"{method} is answered with success, not {response.status}")
        return response
