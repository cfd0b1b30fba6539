"""Both ends of a test: a client that speaks HTTP by hand, and a host on a thread of its own."""

from __future__ import annotations

import asyncio
import functools
import http.client
import json
import queue
import socket
import threading

from streamablehttp import Request, Server

SECONDS = 15.0
"""Nothing takes so long; waiting longer is a failure."""


def on_asyncio(test):
    """Runs an async test, bounded in time."""

    @functools.wraps(test)
    def run(*arguments, **keywords):
        asyncio.run(asyncio.wait_for(test(*arguments, **keywords), SECONDS))

    return run


class Exchange:
    """One HTTP request and its response, on a connection of its own."""

    def __init__(self, connection):
        self._connection = connection
        self.last_id = None
        """The id of the last event, a priming event included."""
        self.retry_ms = None
        """When the server wants the client to come back."""

    @functools.cached_property
    def response(self):
        """Waits for the head."""
        return self._connection.getresponse()

    @property
    def status(self):
        return self.response.status

    @property
    def header(self):
        return self.response.headers

    @functools.cached_property
    def body(self):
        return self.response.read()

    @functools.cached_property
    def messages(self):
        """The JSON-RPC messages, as they arrive; ends when the body does."""
        if self.header.get_content_type() == "application/json":
            return iter([json.loads(self.body)])
        return self._events()

    def next(self):
        """The next message; None at the end."""
        return next(self.messages, None)

    def _events(self):
        assert self.header.get_content_type() == "text/event-stream", self.status
        data = b""
        for line in self.response:
            if line.startswith(b"data:"):
                data += line[len(b"data:") :].strip()
            elif line.startswith(b"id:"):
                self.last_id = line[len(b"id:") :].strip().decode()
            elif line.startswith(b"retry:"):
                self.retry_ms = int(line[len(b"retry:") :])
            elif not line.strip() and data:
                yield json.loads(data)
                data = b""

    def until_primed(self):
        """Reads the event that begins a stream, which has an id and no message. Gives the id."""
        for line in self.response:
            if line.startswith(b"id:"):
                self.last_id = line[len(b"id:") :].strip().decode()
            elif line.strip() == b"data:":
                assert self.response.readline() == b"\n"
                return self.last_id
            else:
                assert not line.strip() or line.startswith(b":"), line

    def close(self):
        if "response" in vars(self):
            self.response.close()
        self._connection.close()


HUGE = "<an integer of 5000 digits>"
"""Sent as that number, which Python does not read."""


class Client:
    """A client with at most one session."""

    def __init__(self, port, unix_path=None, path="/mcp"):
        self._port = port
        self._unix_path = unix_path
        self._path = path
        self._next_id = 1
        self._exchanges = []
        self.headers = {
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
        }

    def send(self, verb, message=None, **headers):
        """Sends an HTTP request and waits for nothing."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=SECONDS)
        if self._unix_path is not None:
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(SECONDS)
            connection.sock.connect(self._unix_path)
        body = None
        if message is not None:
            body = json.dumps({"jsonrpc": "2.0", **message}).replace(json.dumps(HUGE), "1" * 5000)
        connection.request(verb, self._path, body, {**self.headers, **headers})
        self._exchanges.append(Exchange(connection))
        return self._exchanges[-1]

    def hang_up(self):
        """Closes every connection."""
        for exchange in self._exchanges:
            exchange.close()

    def initialize(self, revision="2025-11-25", capabilities=None, ready=True):
        """Opens a session; with `ready` also sends notifications/initialized."""
        params = {
            "protocolVersion": revision,
            "capabilities": capabilities or {},
            "clientInfo": {"name": "test", "version": "1"},
        }
        exchange = self.request("initialize", params)
        answer = exchange.next()
        if "Mcp-Session-Id" in exchange.header:
            self.headers["Mcp-Session-Id"] = exchange.header["Mcp-Session-Id"]
        self.headers["MCP-Protocol-Version"] = answer["result"]["protocolVersion"]
        if ready:
            assert self.notify("notifications/initialized").status == 202
        return answer["result"]

    def request(self, method, params=None, id=None):
        if id is None:
            id = self._next_id
            self._next_id += 1
        message = {"id": id, "method": method}
        return self.send("POST", message if params is None else {**message, "params": params})

    def call_tool(self, name="tool", token=None, **arguments):
        params = {"name": name, "arguments": arguments}
        if token is not None:
            params["_meta"] = {"progressToken": token}
        return self.request("tools/call", params)

    def notify(self, method, params=None):
        message = {"method": method}
        return self.send("POST", message if params is None else {**message, "params": params})

    def answer(self, request, result=None, error=None):
        """Answers a request of the server."""
        outcome = {"result": result} if error is None else {"error": error}
        return self.send("POST", {"id": request["id"], **outcome})

    def listen(self):
        """Opens the primary stream."""
        exchange = self.send("GET")
        assert exchange.status == 200
        return exchange

    def resume(self, after):
        """Comes back for the stream of an event: its id, or the exchange that it was last on."""
        last_id = after.last_id if isinstance(after, Exchange) else after
        return self.send("GET", **{"Last-Event-ID": last_id})

    def delete(self):
        return self.send("DELETE")


class Host:
    """A server, and a thread that iterates over it; the test itself answers the requests."""

    def __init__(self, **options):
        options = {"name": "host", "version": "1", **options}
        if options.get("raw"):
            del options["name"], options["version"]
        self.server = Server(**options)
        self.events = queue.Queue()
        self._clients = []
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def _take(self):
        for event in self.server:
            self.events.put(event)
            del event  # or it would keep a request that the test lets go of
        self.events.put(None)

    def next(self, kind=Request):
        """The next event of this class; others before it are dropped."""
        while True:
            event = self.events.get(timeout=SECONDS)
            assert event is not None, f"closed before {kind.__name__}"
            if isinstance(event, kind):
                return event

    def client(self):
        self._clients.append(Client(self.server.port, self.server.unix_path, self.server.path))
        return self._clients[-1]

    def hang_up(self):
        """Closes every client, which makes closing the server quicker."""
        for client in self._clients:
            client.hang_up()

    def close(self):
        self.server.close()
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()
        assert self.server.closed
