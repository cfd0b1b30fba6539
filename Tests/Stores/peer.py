"""What the proofs of stores share: the echo server as a process that is killed, and clients that go on."""

from __future__ import annotations

import copy
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "Support"))

from http_reader import Connection, Ended  # noqa: E402, F401

BUILD = Path(os.environ.get("SHTTP_BUILD_DIR", HERE.parents[1] / ".build-cmake"))
ECHO_SERVER = BUILD / "examples" / "echo_server"
SECONDS = 60.0
"""Nothing takes so long; waiting longer is a failure."""

TOKENS = {"alice": "token-of-alice", "bob": "token-of-bob"}


def until(condition, what="it"):
    """Waits for it, and returns it."""
    end = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < end, f"{what} did not come"
        time.sleep(0.005)
    return found


class Server:
    """A server on one port for its whole life, however often it is killed."""

    def __init__(self, *options, command=(str(ECHO_SERVER),), limits=None, pass_fds=()):
        self._command = [*command, *map(str, options)]
        self._limits = limits
        self._pass_fds = pass_fds
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self.port = 0
        self.generation = 0
        self.process = None
        self.start()

    def start(self):
        self.generation += 1  # before the first client gets there
        self.process = subprocess.Popen(
            [*self._command, "--port", str(self.port)],
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            preexec_fn=self._limits,
            restore_signals=self._limits is None,
            pass_fds=self._pass_fds,
        )
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), self.log()
        self.port = int(line.rsplit(":", 1)[1].split("/")[0])

    def kill(self):
        """As if the machine's owner had; nothing is finished."""
        self.process.kill()
        self._reap()

    def restart(self):
        self.kill()
        self.start()

    def end(self):
        """As an operator does."""
        self.process.send_signal(signal.SIGTERM)
        self._reap()

    def _reap(self):
        try:
            self.process.wait(SECONDS)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()

    def log(self):
        """What it has said so far. The file's position is that of the process, which goes on writing."""
        return os.pread(self._errors.fileno(), 1 << 24, 0).decode(errors="replace")

    def rss(self):
        """The memory of the process, in bytes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) << 10
        raise AssertionError

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.end()
        self._errors.close()


class Client:
    """A client with one session. Each request has a connection of its own."""

    def __init__(self, server, name=None):
        self.server = server
        self.headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
        if name:
            self.headers["Authorization"] = f"Bearer {TOKENS[name]}"
        self._ids = itertools.count(1)

    def next_id(self):
        return next(self._ids)

    def at(self, server):
        """The same client, which goes to another server."""
        other = copy.copy(self)
        other.server = server
        return other

    def send(self, verb, message=None, **headers):
        """Sends it, and gives the connection on which the answer comes. A batch is sent as it is."""
        whole = message if isinstance(message, list) else {"jsonrpc": "2.0", **(message or {})}
        body = b"" if message is None else json.dumps(whole).encode()
        fields = {"Host": f"127.0.0.1:{self.server.port}", **self.headers, **headers}
        fields = {name.replace("_", "-"): value for name, value in fields.items()}
        if verb == "POST":
            fields["Content-Length"] = str(len(body))
        head = f"{verb} /mcp HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        connection = Connection(("127.0.0.1", self.server.port), seconds=SECONDS)
        connection.send(head.encode() + b"\r\n", body)
        return connection

    def ask(self, verb, message=None, **headers):
        """The whole response."""
        with self.send(verb, message, **headers) as connection:
            return connection.response(verb)

    def initialize(self, revision="2025-11-25", **capabilities):
        """Its response. With a session it is not ready before it has said so."""
        params = {
            "protocolVersion": revision,
            "capabilities": capabilities,
            "clientInfo": {"name": "peer", "version": "1"},
        }
        response = self.ask("POST", {"id": self.next_id(), "method": "initialize", "params": params})
        if response.status == 200:
            self.headers["Mcp-Session-Id"] = response["Mcp-Session-Id"]
            self.headers["MCP-Protocol-Version"] = revision
        return response

    def open(self, **capabilities):
        assert self.initialize(**capabilities).status == 200
        assert self.notify("notifications/initialized") == 202
        return self

    def notify(self, method, **params):
        """The status."""
        return self.ask("POST", {"method": method, "params": params} if params else {"method": method}).status

    def calling(self, tool, **arguments):
        """The message of a call."""
        params = {"name": tool, "arguments": arguments}
        return {"id": self.next_id(), "method": "tools/call", "params": params}

    def call(self, tool, **arguments):
        return self.ask("POST", self.calling(tool, **arguments))

    def echo(self):
        """The status of a call that is answered at once."""
        response = self.call("echo", text="here")
        if response.status == 200:
            assert response.last["result"]["content"][0]["text"] == "here", response
        return response.status

    def resume(self, after):
        return self.send("GET", Last_Event_ID=after)


MODERN = "2026-07-28"
META = "io.modelcontextprotocol/"


class ModernClient(Client):
    """A client of 2026-07-28: no session, and each request stands for itself."""

    def __init__(self, server, name=None, **capabilities):
        super().__init__(server, name)
        self.headers["MCP-Protocol-Version"] = MODERN
        self._meta = {f"{META}protocolVersion": MODERN, f"{META}clientCapabilities": capabilities}

    def send(self, verb, message=None, **headers):
        params = {"_meta": self._meta, **message.get("params", {})}
        repeated = {"Mcp-Method": message["method"]}
        if name := params.get("name") or params.get("uri"):
            repeated["Mcp-Name"] = name
        return super().send(verb, {**message, "params": params}, **repeated, **headers)

    def listening(self, **kinds):
        """The message that opens a stream of changes."""
        return {"id": self.next_id(), "method": "subscriptions/listen", "params": {"notifications": kinds}}

    def retrying(self, message, result, **answers):
        """The message of a call again, with the answers to what its result asks for, by method."""
        given = {key: answers[asked["method"].replace("/", "_")] for key, asked in result["inputRequests"].items()}
        params = {**message["params"], "inputResponses": given, "requestState": result["requestState"]}
        return {**message, "id": self.next_id(), "params": params}


class Stream:
    """A stream of events that a client follows over any number of connections."""

    def __init__(self):
        self.last_id = None
        self.messages = []
        self.refused = False

    def follow(self, connection):
        """Reads to its end; raises Ended if the connection is cut. Returns the status."""
        with connection:
            stream = connection.stream()
            if stream.status != 200:
                return stream.status
            while event := stream.next():
                self.last_id = event.id or self.last_id
                if event.data:
                    self.messages.append(event.message)
                    self.heard(event.message)
            return 200

    def heard(self, message):
        pass
