#!/usr/bin/env python3
"""Shows the streams of Streamable HTTP.

    python examples/walkthrough.py

A server and a client use real connections, and a table shows which message was sent on which
stream: first with a session, then in the two modes that disable parts of it. The host waits until
each message has arrived before it sends the next, so the order is always the same. The exit status
is 1 if the result differs from the one described here.
"""

from __future__ import annotations

import difflib
import http.client
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

try:
    import streamablehttp  # noqa: F401
except ImportError:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bindings" / "python"))

from streamablehttp import Request, Server, StreamableHTTPError

SECONDS = 10.0
"""The time-out of every step: nothing here should take this long."""

CLIENT, PRIMARY, CALL, HOST = range(4)

WITH_SESSION = [
    (CLIENT, "initialize -->"),
    (CLIENT, "<-- result, session id"),
    (CLIENT, "notifications/initialized -->"),
    (CLIENT, "GET -->"),
    (PRIMARY, "opens"),
    (CLIENT, "tools/call -->"),
    (PRIMARY, "<-- progress 1 of 2"),
    (CALL, "<-- log: searching"),
    (CALL, "<-- sampling/createMessage"),
    (CLIENT, "answer to sampling -->"),
    (PRIMARY, "<-- progress 2 of 2"),
    (CALL, "<-- result: the model says 42"),
    (CALL, "ends"),
    (CLIENT, "DELETE -->"),
    (PRIMARY, "ends"),
]

STATELESS = [
    (CLIENT, "initialize -->"),
    (CLIENT, "<-- result, no session id"),
    (CLIENT, "notifications/initialized -->"),
    (CLIENT, "GET -->"),
    (CLIENT, "<-- 405: there is no primary"),
    (CLIENT, "tools/call -->"),
    (CALL, "<-- progress 1 of 2"),
    (CALL, "<-- log: searching"),
    (HOST, "call() raises StatelessError, SHTTP_ERR_STATELESS"),
    (CALL, "<-- progress 2 of 2"),
    (CALL, "<-- result: no model to ask"),
    (CALL, "ends"),
]

JSON_RESPONSE = [
    (CLIENT, "initialize -->"),
    (CLIENT, "<-- result, session id"),
    (CLIENT, "notifications/initialized -->"),
    (CLIENT, "GET -->"),
    (PRIMARY, "opens"),
    (CLIENT, "tools/call -->"),
    (PRIMARY, "<-- progress 1 of 2"),
    (HOST, "log() raises JSONResponseError, SHTTP_ERR_JSON_RESPONSE"),
    (HOST, "call() raises JSONResponseError, SHTTP_ERR_JSON_RESPONSE"),
    (PRIMARY, "<-- progress 2 of 2"),
    (CALL, "<-- JSON result: no model to ask"),
    (CALL, "ends"),
    (CLIENT, "DELETE -->"),
    (PRIMARY, "ends"),
]

ACTS = [
    (
        "With a session",
        {},
        WITH_SESSION,
        "The primary stream stays open as long as the session, and progress is sent on it. The\n"
        "call has its own stream for its other messages, which ends with its result.",
    ),
    (
        "The same call, stateless",
        {"stateless": True},
        STATELESS,
        "Not available: the session id; the primary stream, so progress is sent on the call's\n"
        "own; and requests to the client, because a stateless server could not match the\n"
        "response: the host gets StatelessError at once, and does not wait for one.",
    ),
    (
        "The same call, json_response",
        {"json_response": True},
        JSON_RESPONSE,
        "Not available: the call's own stream. Its answer is one JSON document, so logs and\n"
        "requests to the client that belong to the call raise JSONResponseError. Progress is\n"
        "sent on the primary.",
    ),
]


class Picture:
    """The table of sent messages, in their order. Several threads add rows."""

    WIDTHS = (30, 22, 33)

    def __init__(self) -> None:
        self.rows: list[tuple[int, str]] = []
        self._changed = threading.Condition()
        self._start = time.monotonic()
        self._print("ms", ("client", "primary (GET)", "tool call (POST)"))
        print("-" * 6 + "".join("+" + "-" * (width + 2) for width in self.WIDTHS))

    def add(self, column: int, what: str, detail: str = "") -> None:
        """Adds a row. `detail` is shown but not compared: it differs from run to run."""
        with self._changed:
            self.rows.append((column, what))
            ms = f"{(time.monotonic() - self._start) * 1000:.0f}"
            if column == HOST:
                print(f"{ms:>5} | host: {what}")
            else:
                cells = [""] * len(self.WIDTHS)
                cells[column] = f"{what}{detail}"
                self._print(ms, cells)
            self._changed.notify_all()

    def wait_for(self, what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: self._saw(what), SECONDS):
                raise TimeoutError(f"nobody saw {what!r}")

    def _saw(self, what: str) -> bool:
        return any(row.startswith(what) for _, row in self.rows)

    def _print(self, ms: str, cells: Any) -> None:
        columns = [f"{cell:<{width}}" for cell, width in zip(cells, self.WIDTHS)]
        print(f"{ms:>5} | {' | '.join(columns)}".rstrip())


# ---- The host ---------------------------------------------------------------


def host(server: Server, picture: Picture) -> None:
    """Serves one tool, on one thread, until the server has closed."""
    for event in server:
        if isinstance(event, Request):
            research(event, picture)


def research(request: Request, picture: Picture) -> None:
    """The tool: it sends progress and logs, calls the client's model, and answers."""
    prompt = {"messages": [], "maxTokens": 10}
    said = "no model to ask"

    def ask() -> None:
        nonlocal said
        answer = request.call("sampling/createMessage", prompt).result(timeout=SECONDS)
        said = f"the model says {answer['content']['text']}"

    attempt(picture, "progress", lambda: request.progress(1, 2), "<-- progress 1 of 2")
    attempt(picture, "log", lambda: request.log("info", "searching"), "<-- log")
    attempt(picture, "call", ask, "<-- sampling/createMessage")
    attempt(picture, "progress", lambda: request.progress(2, 2), "<-- progress 2 of 2")
    request.respond({"content": [{"type": "text", "text": said}]})


def attempt(picture: Picture, name: str, command: Callable[[], None], seen: str) -> None:
    """Sends a message and waits until the client has it, or shows why it cannot be sent."""
    try:
        command()
        picture.wait_for(seen)
    except StreamableHTTPError as error:
        picture.add(HOST, f"{name}() raises {type(error).__name__}, {error.status_name}")


# ---- The client -------------------------------------------------------------


class Client:
    """A client on plain HTTP: each stream has its own connection, each message is a POST."""

    def __init__(self, port: int, picture: Picture) -> None:
        self.port = port
        self.picture = picture
        self.headers = {
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
        }

    def send(self, verb: str, message: Any = None) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        body = None if message is None else json.dumps({"jsonrpc": "2.0", **message})
        connection.request(verb, "/mcp", body, self.headers)
        return connection.getresponse()

    def initialize(self) -> None:
        self.picture.add(CLIENT, "initialize -->")
        params = {
            "protocolVersion": "2025-11-25",
            "capabilities": {"sampling": {}},
            "clientInfo": {"name": "walkthrough", "version": "1"},
        }
        response = self.send("POST", {"id": 0, "method": "initialize", "params": params})
        (answer,) = messages(response)
        session = response.headers["Mcp-Session-Id"]
        self.headers["MCP-Protocol-Version"] = answer["result"]["protocolVersion"]
        if session:
            self.headers["Mcp-Session-Id"] = session
            self.picture.add(CLIENT, "<-- result, session id", f" {session[:4]}...")
        else:
            self.picture.add(CLIENT, "<-- result, no session id")
        self.picture.add(CLIENT, "notifications/initialized -->")
        self.send("POST", {"method": "notifications/initialized"}).read()

    def listen(self) -> threading.Thread | None:
        """Opens the primary stream, and reads it on its own thread."""
        self.picture.add(CLIENT, "GET -->")
        response = self.send("GET")
        if response.status != 200:
            self.picture.add(CLIENT, f"<-- {response.status}: there is no primary")
            return None
        self.picture.add(PRIMARY, "opens")
        thread = threading.Thread(target=self.read, args=(response, PRIMARY))
        thread.start()
        return thread

    def call_tool(self) -> None:
        self.picture.add(CLIENT, "tools/call -->")
        params = {"name": "research", "arguments": {}, "_meta": {"progressToken": "p"}}
        self.read(self.send("POST", {"id": 1, "method": "tools/call", "params": params}), CALL)

    def read(self, response: http.client.HTTPResponse, column: int) -> None:
        how = "" if is_stream(response) else "JSON "
        for message in messages(response):
            self.picture.add(column, f"<-- {how}{describe(message)}")
            if "method" in message and "id" in message:
                self.answer(message["id"])
        self.picture.add(column, "ends")

    def answer(self, id: Any) -> None:
        self.picture.add(CLIENT, "answer to sampling -->")
        content = {"type": "text", "text": "42"}
        result = {"role": "assistant", "model": "m", "content": content}
        self.send("POST", {"id": id, "result": result}).read()

    def delete(self) -> None:
        self.picture.add(CLIENT, "DELETE -->")
        self.send("DELETE").read()


def is_stream(response: http.client.HTTPResponse) -> bool:
    return response.headers.get_content_type() == "text/event-stream"


def messages(response: http.client.HTTPResponse) -> Iterator[Any]:
    """The JSON-RPC messages of an answer, as they arrive: one document, or an event stream.

    Events also have ids, and a stream starts with an event that has only an id. Clients use them to
    resume a stream after a lost connection, which is not shown here.
    """
    if not is_stream(response):
        yield json.loads(response.read())
        return
    data = b""
    for line in response:
        if line.startswith(b"data:"):
            data += line[len(b"data:") :].strip()
        elif not line.strip() and data:
            yield json.loads(data)
            data = b""


def describe(message: Any) -> str:
    params = message.get("params", {})
    if message.get("method") == "notifications/progress":
        return f"progress {params['progress']:g} of {params['total']:g}"
    if message.get("method") == "notifications/message":
        return f"log: {params['data']}"
    if "method" in message:
        return str(message["method"])
    return f"result: {message['result']['content'][0]['text']}"


# ---- The acts ---------------------------------------------------------------


def play(options: Any) -> list[tuple[int, str]]:
    """Runs the server and the client, and returns the rows of the table."""
    picture = Picture()
    with Server(name="walkthrough", version="1", capabilities={"tools": {}}, **options) as server:
        thread = threading.Thread(target=host, args=(server, picture))
        thread.start()
        try:
            client = Client(server.port, picture)
            client.initialize()
            primary = client.listen()
            client.call_tool()
            if primary is not None:
                client.delete()
                primary.join(SECONDS)
        finally:
            server.close()
            thread.join(SECONDS)
    return picture.rows


def lines(rows: list[tuple[int, str]]) -> list[str]:
    names = ("client", "primary", "tool call", "host")
    return [f"{names[column]}: {what}" for column, what in rows]


def main() -> int:
    surprises = 0
    for title, options, expected, moral in ACTS:
        print(f"\n{title}\n")
        seen = play(options)
        print(f"\n{moral}")
        if seen != expected:
            surprises += 1
            print("\nNot what is explained here (-), but this (+):", file=sys.stderr)
            print("\n".join(difflib.ndiff(lines(expected), lines(seen))), file=sys.stderr)
    return 1 if surprises else 0


if __name__ == "__main__":
    sys.exit(main())
