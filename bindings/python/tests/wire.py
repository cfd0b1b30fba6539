"""Both ends of a test: a client with a reader of its own, and a host on a thread of its own."""

from __future__ import annotations

import asyncio
import functools
import json
import queue
import sys
import threading
from pathlib import Path

from streamablehttp import Request, Server

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "Tests" / "Support"))

from http_reader import Connection, Ended, Stream  # noqa: F401

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

    def __init__(self, connection, verb):
        self._connection = connection
        self._verb = verb
        self.last_id = None
        """The id of the last event, a priming event included."""
        self.retry_ms = None
        """When the server wants the client to come back."""

    @functools.cached_property
    def header(self):
        """Waits for the head."""
        return self._connection.head()

    @property
    def status(self):
        return self.header.status

    @functools.cached_property
    def body(self):
        return b"".join(self._connection.body(self.header, self._verb))

    @functools.cached_property
    def messages(self):
        """The JSON-RPC messages, as they arrive; ends when the body does."""
        if self.header.content_type == "application/json":
            return iter([json.loads(self.body)])
        return self._messages()

    def next(self):
        """The next message; None at the end."""
        return next(self.messages, None)

    @functools.cached_property
    def _stream(self):
        assert self.header.content_type == "text/event-stream", self.status
        return Stream(self._connection, self.header)

    def _event(self):
        event = self._stream.next()
        if event is not None:
            self.last_id = event.id or self.last_id
            self.retry_ms = self.retry_ms if event.retry is None else event.retry
        return event

    def _messages(self):
        while event := self._event():
            if event.data:
                yield event.message

    def until_primed(self):
        """Reads the event that begins a stream, which has an id and no message. Gives the id."""
        while "id" not in (event := self._event()).fields:
            assert event.fields == [""], event
        assert event.fields == ["id", "data"] and not event.data, event
        return self.last_id

    def close(self):
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
        connection = Connection(self._unix_path or ("127.0.0.1", self._port), seconds=SECONDS)
        body = ""
        if message is not None:
            body = json.dumps({"jsonrpc": "2.0", **message}).replace(json.dumps(HUGE), "1" * 5000)
        host = "127.0.0.1" if self._unix_path else f"127.0.0.1:{self._port}"
        fields = {"Host": host, **self.headers, **headers}
        if body or verb == "POST":
            fields["Content-Length"] = len(body)
        lines = [f"{verb} {self._path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        connection.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), body.encode())
        self._exchanges.append(Exchange(connection, verb))
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


MODERN = "2026-07-28"
META = "io.modelcontextprotocol/"


class ModernClient(Client):
    """A client of 2026-07-28: each request stands for itself."""

    def __init__(self, *arguments, capabilities=None, **keywords):
        super().__init__(*arguments, **keywords)
        self.headers["MCP-Protocol-Version"] = MODERN
        self.capabilities = capabilities or {}

    def request(self, method, params=None, id=None, headers=None, **meta):
        """`meta` are more members of the request's `_meta`."""
        if id is None:
            id = self._next_id
            self._next_id += 1
        params = params or {}
        own = {f"{META}protocolVersion": MODERN, f"{META}clientCapabilities": self.capabilities}
        mirrored = {"Mcp-Method": method}
        if name := params.get("name") or params.get("uri"):
            mirrored["Mcp-Name"] = name
        message = {"id": id, "method": method, "params": {**params, "_meta": {**own, **meta}}}
        return self.send("POST", message, **mirrored, **(headers or {}))

    def call_tool(self, name="tool", token=None, log_level=None, headers=None, more=None, **arguments):
        meta = {} if token is None else {"progressToken": token}
        if log_level is not None:
            meta[f"{META}logLevel"] = log_level
        return self.request(
            "tools/call", {"name": name, "arguments": arguments, **(more or {})}, headers=headers, **meta
        )

    def go_on(self, result, answers, name="tool", token=None, **arguments):
        """Calls a tool again, with the answers to what its result asks for, by the methods asked."""
        asked = result["inputRequests"]
        responses = {key: answers[asked[key]["method"]] for key in asked if asked[key]["method"] in answers}
        more = {"inputResponses": responses}
        if "requestState" in result:
            more["requestState"] = result["requestState"]
        return self.call_tool(name, token, more=more, **arguments)

    def listen(self, **kinds):
        """Opens a stream of changes, and reads its acknowledgement."""
        exchange = self.request("subscriptions/listen", {"notifications": kinds})
        assert exchange.status == 200, exchange.body
        acknowledged = exchange.next()
        assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
        return exchange


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

    def modern_client(self, **capabilities):
        """One of 2026-07-28, with these capabilities."""
        port, unix_path, path = self.server.port, self.server.unix_path, self.server.path
        self._clients.append(ModernClient(port, unix_path, path, capabilities=capabilities))
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
