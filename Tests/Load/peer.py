"""The echo server as a process, and an HTTP/1.1 client quick enough to load it. Standard library only."""

import json
import resource
import signal
import socket
import subprocess
import sys
import time

# So that being told to end unwinds the `with` blocks, and ends the server too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))

INITIALIZE = {
    "jsonrpc": "2.0", "id": 0, "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {},
               "clientInfo": {"name": "load", "version": "1"}},
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def call(tool, **arguments):
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": tool, "arguments": arguments}}


def allow_descriptors(count):
    """Raises the soft limit, which the server inherits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        sys.exit(f"this needs {count} descriptors, and the system allows {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))


class Server:
    """Runs the program for a `with` block, on a port of the system's choice."""

    def __init__(self, program, *options):
        self.process = subprocess.Popen([program, "--port", "0", *options], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            sys.exit(f"{program} does not listen")
        self.port = int(line.rsplit(":", 1)[1].split("/")[0])

    def rss(self):
        """Resident bytes, once what was going on has settled."""
        time.sleep(0.3)
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.terminate()
        try:
            code = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            sys.exit("the server does not end within 20 seconds of SIGTERM")
        if code != 0 and error[0] is None:
            sys.exit(f"the server ended with {code}")


class Connection:
    """One keep-alive connection: send() a request, then take the answer with receive()."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unread = b""

    def send(self, method, message=None, session=None):
        body = b"" if message is None else json.dumps(message).encode()
        head = f"{method} /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        if session:
            head += f"Mcp-Session-Id: {session}\r\nMCP-Protocol-Version: 2025-11-25\r\n"
        if method == "GET":
            head += "Accept: text/event-stream\r\n\r\n"
        elif method == "POST":
            head += ("Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n"
                     f"Content-Length: {len(body)}\r\n\r\n")
        else:
            head += "\r\n"
        self.socket.sendall(head.encode() + body)

    def receive(self):
        """(status, session id or None, body with the chunks undone)."""
        status, headers = self.receive_head()
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self._until(b"\r\n"), 16):
                body += self._exactly(size)
                self._until(b"\r\n")
            self._until(b"\r\n")
        else:
            body = self._exactly(int(headers.get("content-length", 0)))
        return status, headers.get("mcp-session-id"), body

    def receive_head(self):
        lines = self._until(b"\r\n\r\n").decode().split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return int(lines[0].split()[1]), headers

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server has closed the connection")
        self.unread += data

    def _until(self, mark):
        while (at := self.unread.find(mark)) < 0:
            self._more()
        found, self.unread = self.unread[:at], self.unread[at + len(mark):]
        return found

    def _exactly(self, size):
        while len(self.unread) < size:
            self._more()
        found, self.unread = self.unread[:size], self.unread[size:]
        return found


def exchange(connections, method, count, message=None, sessions=None, status=None):
    """`count` requests, as many at a time as there are connections; the answers in order."""
    answers = []
    for start in range(0, count, len(connections)):
        batch = range(start, min(start + len(connections), count))
        for number, connection in zip(batch, connections):
            connection.send(method, message, sessions[number] if sessions else None)
        for _, connection in zip(batch, connections):
            answer = connection.receive()
            if answer[0] != status:
                sys.exit(f"{method}: status {answer[0]} instead of {status}: {answer[2][:200]!r}")
            answers.append(answer)
    return answers


def open_sessions(connections, count):
    """Initializes `count` sessions and returns their ids."""
    sessions = [answer[1] for answer in exchange(connections, "POST", count, INITIALIZE, status=200)]
    if len(set(sessions)) != count or None in sessions:
        sys.exit("session ids are missing or not unique")
    exchange(connections, "POST", count, INITIALIZED, sessions, status=202)
    return sessions
