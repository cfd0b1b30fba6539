#!/usr/bin/env python3
"""Shows the streams of Streamable HTTP.

    python examples/walkthrough.py

A server and its clients use real connections, and a table shows which message was sent on which
stream: first with a session, then in the two modes that disable parts of it, and at last with
revision 2026-07-28, which has no sessions, and a session beside it. The host waits until each
message has arrived before it sends the next, so the order is always the same. The exit status is 1
if the result differs from the one described here.
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
from typing import Any, ClassVar

try:
    import streamablehttp  # noqa: F401
except ImportError:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bindings" / "python"))

from streamablehttp import Request, Server, StreamableHTTPError

SECONDS = 10.0
"""The time-out of every step: nothing here should take this long."""

CLIENT, PRIMARY, CALL, HOST = range(4)
NEW, LISTEN, OLD = range(3)
"""The columns where clients of both eras are."""

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

BOTH_ERAS = [
    (NEW, "server/discover -->"),
    (NEW, "<-- JSON result: capabilities"),
    (NEW, "subscriptions/listen -->"),
    (LISTEN, "<-- acknowledged"),
    (NEW, "tools/call: time -->"),
    (NEW, "<-- JSON result: noon"),
    (NEW, "tools/call: search -->"),
    (NEW, "<-- progress 1 of 1"),
    (NEW, "<-- result: found"),
    (NEW, "ends"),
    (NEW, "tools/call: greet -->"),
    (NEW, "<-- JSON result: input required"),
    (NEW, "again, with the answer -->"),
    (NEW, "<-- JSON result: Hello, Ada!"),
    (OLD, "initialize, GET -->"),
    (OLD, "tools/call: greet -->"),
    (OLD, "<-- elicitation/create"),
    (OLD, "answer to elicitation -->"),
    (OLD, "<-- result: Hello, Ada!"),
    (OLD, "ends"),
    (HOST, 'publish("tools")'),
    (LISTEN, "<-- tools/list_changed"),
    (OLD, "<-- tools/list_changed on the GET"),
    (LISTEN, "<-- result: complete"),
    (LISTEN, "ends"),
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
    (
        "Revision 2026-07-28, and a session beside it",
        {},
        BOTH_ERAS,
        "Every request stands for itself, and its answer is a JSON document; the first message\n"
        "before the result makes it a stream. A client that is to be told of changes listens for\n"
        "them. A request to the client is a result that requires input: the client makes its call\n"
        "again, and the host's request, which has waited, goes on. A session's client gets the\n"
        "same request on its stream; the host has one handler for both.",
    ),
]


class Picture:
    """The table of sent messages, in their order. Several threads add rows."""

    WIDTHS = (31, 22, 32)

    def __init__(self, *columns: str) -> None:
        self.rows: list[tuple[int, str]] = []
        self._changed = threading.Condition()
        self._start = time.monotonic()
        self._print("ms", columns)
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


SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}}


def serve_both(server: Server, picture: Picture) -> None:
    """Serves three tools; it does not know which client has a session."""
    for event in server:
        if not isinstance(event, Request):
            continue
        text = "noon"
        if event.params.get("name") == "search":
            attempt(picture, "progress", lambda event=event: event.progress(1, 1), "<-- progress")  # type: ignore[misc]
            text = "found"
        elif event.params.get("name") == "greet":
            answer = event.elicit("Who are you?", SCHEMA).result(timeout=SECONDS)
            text = f"Hello, {answer['content']['name']}!"
        event.respond({"content": [{"type": "text", "text": text}]})


# ---- The clients ------------------------------------------------------------


class Client:
    """A client on plain HTTP: each stream has its own connection, each message is a POST."""

    capabilities: ClassVar[Any] = {"sampling": {}}

    def __init__(self, port: int, picture: Picture) -> None:
        self.port = port
        self.picture = picture
        self.headers = {
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
        }

    def send(self, verb: str, message: Any = None, **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        body = None if message is None else json.dumps({"jsonrpc": "2.0", **message})
        connection.request(verb, "/mcp", body, {**self.headers, **headers})
        return connection.getresponse()

    def begin(self) -> str | None:
        """Initializes, and returns the session's id."""
        params = {
            "protocolVersion": "2025-11-25",
            "capabilities": self.capabilities,
            "clientInfo": {"name": "walkthrough", "version": "1"},
        }
        response = self.send("POST", {"id": 0, "method": "initialize", "params": params})
        (answer,) = messages(response)
        session = response.headers["Mcp-Session-Id"]
        self.headers["MCP-Protocol-Version"] = answer["result"]["protocolVersion"]
        if session:
            self.headers["Mcp-Session-Id"] = session
        return session

    def initialize(self) -> None:
        self.picture.add(CLIENT, "initialize -->")
        session = self.begin()
        if session:
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


class OldClient(Client):
    """A client with a session, where clients of both eras are."""

    capabilities: ClassVar[Any] = {"elicitation": {}}

    def initialize(self) -> None:
        self.picture.add(OLD, "initialize, GET -->")
        self.begin()
        self.send("POST", {"method": "notifications/initialized"}).read()
        threading.Thread(target=self.hear, args=(self.send("GET"),)).start()

    def hear(self, primary: http.client.HTTPResponse) -> None:
        for message in messages(primary):
            # The other client hears of it at the same time.
            self.picture.wait_for(f"<-- {describe(message)}")
            self.picture.add(OLD, f"<-- {describe(message)} on the GET")

    def call(self, tool: str) -> None:
        self.picture.add(OLD, f"tools/call: {tool} -->")
        self.read(self.send("POST", {"id": 1, "method": "tools/call", "params": {"name": tool}}), OLD)

    def answer(self, id: Any) -> None:
        self.picture.add(OLD, "answer to elicitation -->")
        self.send("POST", {"id": id, "result": ACCEPTED}).read()


ACCEPTED = {"action": "accept", "content": {"name": "Ada"}}


class NewClient(Client):
    """A client of 2026-07-28: every request says all that there is to know."""

    def request(self, method: str, params: Any) -> http.client.HTTPResponse:
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
            "progressToken": "p",
        }
        headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method}
        if "name" in params:
            headers["Mcp-Name"] = params["name"]
        message = {"id": 1, "method": method, "params": {**params, "_meta": meta}}
        return self.send("POST", message, **headers)

    def discover(self) -> None:
        self.picture.add(NEW, "server/discover -->")
        self.take(self.request("server/discover", {}))

    def listen(self) -> threading.Thread:
        self.picture.add(NEW, "subscriptions/listen -->")
        response = self.request("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
        thread = threading.Thread(target=self.read, args=(response, LISTEN))
        thread.start()
        self.picture.wait_for("<-- acknowledged")
        return thread

    def call(self, tool: str) -> None:
        self.picture.add(NEW, f"tools/call: {tool} -->")
        result = self.take(self.request("tools/call", {"name": tool}))
        if "inputRequests" in result:
            self.picture.add(NEW, "again, with the answer -->")
            answers = dict.fromkeys(result["inputRequests"], ACCEPTED)
            state = {"inputResponses": answers, "requestState": result["requestState"]}
            self.take(self.request("tools/call", {"name": tool, **state}))

    def take(self, response: http.client.HTTPResponse) -> Any:
        """Shows an answer, and returns its result."""
        how = "" if is_stream(response) else "JSON "
        message = None
        for message in messages(response):
            self.picture.add(NEW, f"<-- {how}{describe(message)}")
        if is_stream(response):
            self.picture.add(NEW, "ends")
        return message["result"] if message else {}


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
        return str(message["method"]).replace("notifications/", "").replace("subscriptions/", "")
    result = message["result"]
    if "content" in result:
        return f"result: {result['content'][0]['text']}"
    return f"result: {'capabilities' if 'capabilities' in result else result['resultType'].replace('_', ' ')}"


# ---- The acts ---------------------------------------------------------------


def play(options: Any) -> list[tuple[int, str]]:
    """Runs the server and the client, and returns the rows of the table."""
    picture = Picture("client", "primary (GET)", "tool call (POST)")
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


def play_both_eras(options: Any) -> list[tuple[int, str]]:
    """The same for clients of both eras, and one server."""
    picture = Picture("client of 2026-07-28 (POST)", "listen (POST)", "client with a session")
    with Server(name="walkthrough", version="1", capabilities={"tools": {"listChanged": True}}, **options) as server:
        thread = threading.Thread(target=serve_both, args=(server, picture))
        thread.start()
        try:
            new = NewClient(server.port, picture)
            new.discover()
            listening = new.listen()
            for tool in ("time", "search", "greet"):
                new.call(tool)
            old = OldClient(server.port, picture)
            old.initialize()
            old.call("greet")
            picture.add(HOST, 'publish("tools")')
            server.publish("tools")
            picture.wait_for("<-- tools/list_changed on the GET")
        finally:
            server.close()
            thread.join(SECONDS)
        listening.join(SECONDS)
    return picture.rows


def lines(rows: list[tuple[int, str]]) -> list[str]:
    names = ("first column", "second column", "third column", "host")
    return [f"{names[column]}: {what}" for column, what in rows]


def main() -> int:
    surprises = 0
    for title, options, expected, moral in ACTS:
        print(f"\n{title}\n")
        seen = play_both_eras(options) if expected is BOTH_ERAS else play(options)
        print(f"\n{moral}")
        if seen != expected:
            surprises += 1
            print("\nNot what is explained here (-), but this (+):", file=sys.stderr)
            print("\n".join(difflib.ndiff(lines(expected), lines(seen))), file=sys.stderr)
    return 1 if surprises else 0


if __name__ == "__main__":
    sys.exit(main())
