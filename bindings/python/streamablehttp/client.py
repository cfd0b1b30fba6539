"""A client inside this process, for tests of a host."""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
import socket
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Callable, Protocol

from .errors import ServerError

MODERN = "2026-07-28"
META = "io.modelcontextprotocol/"
NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""The param that a header repeats, by method."""

NOTIFICATIONS_MAX = 10_000
BODY_BYTES_MAX = 64 << 20
ROUNDS_MAX = 16
METHOD_NOT_FOUND = -32601
INTERNAL_ERROR = -32603

Answer = Callable[[str, Any], Any]


class Server(Protocol):
    """What a client needs of a server."""

    path: str

    @property
    def closed(self) -> bool: ...

    def adopt(self, connection: socket.socket) -> None: ...


@dataclass(frozen=True)
class Notified:
    """A notification that a client has received."""

    method: str
    params: Any


class Client:
    """A client of a `Server` in this process; see `Server.client`. Its requests need no port.

    Each HTTP request has a connection of its own: one end of a pair of sockets. Every wait is
    bounded by `timeout` (seconds). `revision` is the protocol revision that it asks for: with
    2026-07-28 it has no session. `capabilities` are what it declares, and `on_request(method,
    params)` answers what the server asks it for: its result, or an awaitable of that, is the answer,
    and an exception is an error. `headers` are sent with every request, for example Authorization.

    As an async context manager it ends its session and closes its connections.
    """

    def __init__(
        self,
        server: Server,
        *,
        revision: str = "2025-11-25",
        name: str = "client",
        version: str = "1",
        capabilities: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        on_request: Answer | None = None,
        host: str = "localhost",
        timeout: float = 30.0,
    ) -> None:
        """`host` is the Host header, for a server with `allowed_hosts`."""
        self.revision = revision
        """The revision in use: that of the server's answer, once it has answered initialize."""
        self.session_id: str | None = None
        self.notifications: deque[Notified] = deque(maxlen=NOTIFICATIONS_MAX)
        """What the server has sent without being asked, the oldest first; the last 10,000."""
        self._server = server
        self._info = {"name": name, "version": version}
        self._capabilities = dict(capabilities or {})
        self._headers = {"Host": host, **(headers or {})}
        self._on_request = on_request
        self._timeout = timeout
        self._next_id = 1
        self._tasks: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Event()

    @property
    def is_modern(self) -> bool:
        """Whether it speaks 2026-07-28, which has no sessions."""
        return self.revision >= MODERN

    async def initialize(self) -> dict[str, Any]:
        """Opens a session and its primary stream; returns the result of initialize.

        With 2026-07-28 it returns the result of server/discover, and opens nothing.
        """
        if self.is_modern:
            result: dict[str, Any] = await self.request("server/discover")
            return result
        about = {
            "protocolVersion": self.revision,
            "capabilities": self._capabilities,
            "clientInfo": self._info,
        }
        result = await self.request("initialize", about)
        self.revision = result["protocolVersion"]
        await self.notify("notifications/initialized")
        if self.session_id is not None:
            await self._open("GET", None)
        return result

    async def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        on_progress: Callable[[dict[str, Any]], object] | None = None,
    ) -> Any:
        """Makes a request, and returns its result. Raises ServerError for an error.

        `on_progress` is called with the params of its notifications/progress. If the server asks for
        input, `on_request` gives it. A cancelled task cancels the request.
        """
        return await asyncio.wait_for(self._request(method, params, on_progress), self._timeout)

    async def notify(self, method: str, params: Mapping[str, Any] | None = None) -> None:
        """Sends a notification. Raises ServerError if it is refused."""
        await self._post({"method": method, **self._params(method, params)})

    async def listen(self, **kinds: Any) -> None:
        """Opens a stream of subscriptions/listen (2026-07-28), such as `toolsListChanged=True`.

        What it tells is in `notifications`, first that it is open.
        """
        message = self._numbered("subscriptions/listen", {"notifications": kinds})
        await self._open("POST", message)

    async def notification(self, method: str | None = None) -> Notified:
        """Removes and returns the oldest notification, of this method if one is given. Waits for it."""
        return await asyncio.wait_for(self._notification(method), self._timeout)

    async def close(self) -> None:
        """Ends the session, and closes every connection."""
        try:
            if self.session_id is not None and not self._server.closed:
                async for _ in self._exchange("DELETE", None):
                    pass
        except (ServerError, OSError, EOFError):
            pass  # it has ended already
        finally:
            self.session_id = None
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await asyncio.wait_for(self.close(), self._timeout)

    # ---- Messages -----------------------------------------------------------------

    def _numbered(self, method: str, params: Mapping[str, Any] | None) -> dict[str, Any]:
        self._next_id += 1
        return {"id": self._next_id - 1, "method": method, **self._params(method, params)}

    def _params(self, method: str, params: Mapping[str, Any] | None) -> dict[str, Any]:
        if not self.is_modern:
            return {} if params is None else {"params": dict(params)}
        meta = {
            f"{META}protocolVersion": self.revision,
            f"{META}clientInfo": self._info,
            f"{META}clientCapabilities": self._capabilities,
        }
        given = dict(params or {})
        return {"params": {**given, "_meta": {**meta, **given.get("_meta", {})}}}

    async def _request(
        self, method: str, params: Mapping[str, Any] | None, on_progress: Callable[[dict[str, Any]], object] | None
    ) -> Any:
        given = dict(params or {})
        for _ in range(ROUNDS_MAX):
            message = self._numbered(method, given if given or params is not None else None)
            if on_progress is not None:
                sent = message.setdefault("params", {})
                sent["_meta"] = {"progressToken": message["id"], **sent.get("_meta", {})}
            result = await self._answer_to(message, on_progress)
            if not (self.is_modern and isinstance(result, dict) and result.get("resultType") == "input_required"):
                return result
            given.pop("requestState", None)
            asked = result.get("inputRequests", {})
            given["inputResponses"] = {
                key: await self._asked(one.get("method", ""), one.get("params")) for key, one in asked.items()
            }
            if "requestState" in result:
                given["requestState"] = result["requestState"]
        raise ServerError(INTERNAL_ERROR, f"the server asked for input {ROUNDS_MAX} times")

    async def _answer_to(self, message: dict[str, Any], on_progress: Callable[[dict[str, Any]], object] | None) -> Any:
        number, answer = message["id"], None
        try:
            async for received in self._exchange("POST", message):
                if received.get("id") == number and "method" not in received:
                    answer = received
                elif on_progress is not None and received.get("method") == "notifications/progress":
                    self._note(received)
                    on_progress(received.get("params", {}))
                else:
                    self._received(received)
        except asyncio.CancelledError:
            if not self.is_modern:  # there, the connection's end says it
                self._start(self.notify("notifications/cancelled", {"requestId": number}))
            raise
        if answer is None:
            raise ServerError(INTERNAL_ERROR, "the stream has ended without an answer")
        if "error" in answer:
            raise _error(answer, answer["status"])
        return answer.get("result")

    def _received(self, message: dict[str, Any]) -> None:
        if "method" in message and "id" in message:
            self._start(self._respond(message))
        elif "method" in message:
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        self.notifications.append(Notified(message["method"], message.get("params", {})))
        self._arrived.set()

    async def _notification(self, method: str | None) -> Notified:
        while True:
            for one in self.notifications:
                if method is None or one.method == method:
                    self.notifications.remove(one)
                    return one
            self._arrived.clear()
            await self._arrived.wait()

    async def _asked(self, method: str, params: Any) -> Any:
        if self._on_request is None:
            raise ServerError(METHOD_NOT_FOUND, f"nobody answers {method}")
        result = self._on_request(method, {} if params is None else params)
        return await result if inspect.isawaitable(result) else result

    async def _respond(self, message: dict[str, Any]) -> None:
        """Answers a request of the server."""
        outcome: dict[str, Any]
        try:
            if message["method"] == "ping":
                outcome = {"result": {}}
            else:
                outcome = {"result": await self._asked(message["method"], message.get("params"))}
        except ServerError as error:
            outcome = {"error": {"code": error.code, "message": error.message}}
        except Exception as problem:
            outcome = {"error": {"code": INTERNAL_ERROR, "message": str(problem) or repr(problem)}}
        await self._post({"id": message["id"], **outcome})

    def _start(self, work: Any) -> None:
        """Starts a task, which `close` cancels. That it fails is no matter: the server may be gone."""

        async def run() -> None:
            try:
                await asyncio.wait_for(work, self._timeout)
            except (ServerError, OSError, EOFError, asyncio.TimeoutError):
                pass

        self._keep(asyncio.ensure_future(run()))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _post(self, message: dict[str, Any]) -> None:
        async def send() -> None:
            async for received in self._exchange("POST", message):
                self._received(received)

        await asyncio.wait_for(send(), self._timeout)

    async def _open(self, verb: str, message: dict[str, Any] | None) -> None:
        """Opens a stream that goes on; returns when its head has arrived. Raises ServerError."""
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def read() -> None:
            try:
                async for received in self._exchange(verb, message, opened):
                    self._received(received)
            except (ServerError, OSError, EOFError) as problem:
                if not opened.done():
                    opened.set_exception(problem)

        self._keep(asyncio.ensure_future(read()))
        await asyncio.wait_for(opened, self._timeout)

    # ---- HTTP ---------------------------------------------------------------------

    def _head(self, verb: str, message: dict[str, Any] | None, length: int) -> bytes:
        fields = {"Accept": "application/json, text/event-stream", **self._headers, "Connection": "close"}
        if message is not None:
            fields.update({"Content-Type": "application/json", "Content-Length": str(length)})
        method = message.get("method") if message else None
        if self.is_modern and method is not None:
            fields.update({"MCP-Protocol-Version": self.revision, "Mcp-Method": method})
            name = message["params"].get(NAMED.get(method, "")) if message else None
            if isinstance(name, str):
                fields["Mcp-Name"] = _header_value(name)
        elif self.session_id is not None:
            fields["Mcp-Session-Id"] = self.session_id
        if not self.is_modern and method != "initialize":
            fields["MCP-Protocol-Version"] = self.revision
        lines = [f"{verb} {self._server.path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    async def _exchange(
        self, verb: str, message: dict[str, Any] | None, opened: asyncio.Future[None] | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Sends an HTTP request, and yields the messages of its response."""
        body = b"" if message is None else json.dumps({"jsonrpc": "2.0", **message}).encode()
        ours, theirs = socket.socketpair()
        try:
            self._server.adopt(theirs)
        except BaseException:
            ours.close()
            theirs.close()
            raise
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        try:
            writer.write(self._head(verb, message, len(body)) + body)
            await writer.drain()
            response = Response(reader, await reader.readuntil(b"\r\n\r\n"))
            if message is not None and message.get("method") == "initialize":
                self.session_id = response.fields.get("mcp-session-id")
            if not response.is_stream or response.status != 200:
                document = b"".join([part async for part in response.body()])
                for one in _messages(document, response):
                    if opened is not None:
                        raise _error(one, response.status)
                    yield one
                if opened is not None:
                    raise ServerError(0, f"HTTP {response.status} instead of a stream", None, response.status)
                return
            if opened is not None:
                opened.set_result(None)
            async for text in response.events():
                yield {**json.loads(text), "status": response.status}
        finally:
            writer.close()


def _messages(document: bytes, response: Response) -> list[dict[str, Any]]:
    """The messages of a response that is no stream. Raises ServerError if it is no message."""
    try:
        value = json.loads(document) if document else []
    except ValueError:
        value = None
    messages = [value] if isinstance(value, dict) else value
    is_error = response.status >= 400
    if not isinstance(messages, list) or (is_error and not any("error" in one for one in messages)):
        raise ServerError(0, f"HTTP {response.status}", None, response.status)
    if is_error and messages[0].get("id") is None:
        raise _error(messages[0], response.status)
    return [{**one, "status": response.status} for one in messages]


def _error(message: dict[str, Any], status: int) -> ServerError:
    error = message.get("error", {})
    return ServerError(error.get("code", 0), error.get("message", ""), error.get("data"), status)


def _header_value(text: str) -> str:
    if text.isascii() and text.isprintable() and text == text.strip() and not text.startswith("=?"):
        return text
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="


class Response:
    """An HTTP response, whose head has been read."""

    def __init__(self, reader: asyncio.StreamReader, head: bytes) -> None:
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split(" ")[1])
        pairs = (line.partition(":") for line in lines if line)
        self.fields = {name.lower(): value.strip() for name, _, value in pairs}
        self.is_stream = self.fields.get("content-type", "").startswith("text/event-stream")
        self._reader = reader

    async def body(self) -> AsyncIterator[bytes]:
        """The parts of the body. Raises EOFError if it is cut."""
        if self.fields.get("transfer-encoding") == "chunked":
            while size := int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16):
                yield (await self._reader.readexactly(_bounded(size) + 2))[:-2]
            await self._reader.readuntil(b"\r\n")
        elif "content-length" in self.fields:
            yield await self._reader.readexactly(_bounded(int(self.fields["content-length"])))
        elif self.status not in (202, 204):
            while part := await self._reader.read(1 << 16):
                yield part

    async def events(self) -> AsyncIterator[bytes]:
        """The data of the events that have any."""
        text = b""
        async for part in self.body():
            text += part
            *events, text = text.split(b"\n\n")
            _bounded(len(text))
            for event in events:
                lines = [line[5:].strip(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]
                if data := b"\n".join(lines):
                    yield data


def _bounded(count: int) -> int:
    if count > BODY_BYTES_MAX:
        raise ServerError(INTERNAL_ERROR, f"a message has more than {BODY_BYTES_MAX} bytes")
    return count
