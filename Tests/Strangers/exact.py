"""What a client sends, byte for byte, and its sessions."""

from __future__ import annotations

import json

REVISION = "2025-11-25"

FIELDS = {
    "Host": "localhost",
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
}


def request(method, body=None, path="/mcp", lines=(), **fields):
    """A request's bytes. A field that is None is left out; `lines` go into the head as they are."""
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    every = {**FIELDS, **named}
    if body is not None:
        if not isinstance(body, bytes):
            body = (body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)).encode()
        every.setdefault("Content-Length", str(len(body)))
    else:
        every.pop("Content-Type")
    head = [f"{method} {path} HTTP/1.1".encode()]
    head += [f"{name}: {value}".encode() for name, value in every.items() if value is not None]
    head += [line if isinstance(line, bytes) else line.encode() for line in lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + (body or b"")


def post(body, **fields):
    return request("POST", body, **fields)


def message(method, params=None, id=None):
    """A request, or a notification without `id`."""
    parts = {"jsonrpc": "2.0", "id": id, "method": method, "params": params}
    return {name: value for name, value in parts.items() if value is not None}


def call(tool, id=1, token=None, **arguments):
    params = {"name": tool, "arguments": arguments}
    if token is not None:
        params["_meta"] = {"progressToken": token}
    return message("tools/call", params, id)


def initialize(revision=REVISION, id=0, **more):
    params = {
        "protocolVersion": revision,
        "capabilities": {"sampling": {}},
        "clientInfo": {"name": "stranger", "version": "1"},
    }
    return message("initialize", {**params, **more}, id)


class Session:
    """A session of a host's, and what a client does with it."""

    def __init__(self, host, revision=REVISION, connection=None, source=None, **fields):
        """On a connection of its own, or on `connection`."""
        self.host = host
        self.fields = fields
        own = connection or host.connect(source=source)
        own.send(post(initialize(revision), **fields))
        answer = own.response()
        assert answer.status == 200, answer
        self.result = answer.last["result"]
        self.id = answer["Mcp-Session-Id"]
        self.fields = {**fields, "Mcp_Session_Id": self.id}
        own.send(self.post(message("notifications/initialized")))
        assert own.response().status == 202
        if connection is None:
            own.close()

    def post(self, body, **fields):
        return post(body, **{**self.fields, **fields})

    def get(self, **fields):
        fields = {**self.fields, "Accept": "text/event-stream", **fields}
        return request("GET", **fields)

    def say(self, body, **fields):
        """POSTs on a connection of its own, and gives the response."""
        with self.host.connect() as connection:
            connection.send(self.post(body, **fields))
            return connection.response()

    def value(self, tool, **arguments):
        """Calls a tool, and gives what it answered."""
        return self.say(call(tool, **arguments)).last["result"]["value"]

    def must_serve(self):
        """The host lives, and serves this session and new ones."""
        self.host.must_live()
        ping = self.say(message("ping", id="ping"))
        assert (ping.status, ping.last["result"]) == (200, {})
        Session(self.host, **{name: value for name, value in self.fields.items() if name != "Mcp_Session_Id"})
        self.host.must_live()

    def begin(self, body, slow=False, rate=None, **fields):
        """POSTs, and gives the connection."""
        connection = self.host.connect(slow=slow, rate=rate)
        connection.send(self.post(body, **fields))
        return connection

    def listen(self, slow=False, **fields):
        """Opens the primary stream, or comes back for a stream, and reads the head."""
        connection = self.host.connect(slow=slow)
        connection.send(self.get(**fields))
        stream = connection.stream()
        return stream

    def resume(self, last_id):
        """Comes back for a stream, and reads the head."""
        return self.listen(Last_Event_ID=last_id)

    def status(self):
        """The status that the session's requests get now."""
        return self.say(message("ping", id="status")).status
