"""A reader of responses that takes HTTP/1.1 at its word, for every test in Python: it knows where each response
ends, and when the connection did.

Anything but a well-formed response is an `Inexact`, and so is a byte that belongs to none.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import time
from dataclasses import dataclass, field

SECONDS = 10.0
"""Nothing takes so long; waiting longer is a failure."""

STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) [\x20-\x7e]*")
FIELD_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): *([\x20-\x7e\t]*)")


class Inexact(AssertionError):
    """What arrived is no HTTP."""


class Ended(AssertionError):
    """The connection ended inside of what was awaited."""


@dataclass
class Head:
    status: int
    fields: list[tuple[str, str]]

    def __getitem__(self, name):
        """The value of a field that is there once; None without it."""
        values = [value for one, value in self.fields if one == name.lower()]
        assert len(values) <= 1, f"{name} is there {len(values)} times"
        return values[0] if values else None

    def __contains__(self, name):
        return self[name] is not None

    @property
    def content_type(self):
        """Without parameters; empty if there is none."""
        return (self["Content-Type"] or "").partition(";")[0].strip().lower()

    @property
    def closes(self):
        return (self["Connection"] or "").lower() == "close"


@dataclass
class Response(Head):
    body: bytes = b""

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def messages(self):
        """The JSON-RPC messages, of a stream or of a document."""
        if self.content_type == "text/event-stream":
            return [json.loads(event.data) for event in events(self.body) if event.data]
        return [self.json] if self.body else []

    @property
    def last(self):
        """The last message: the answer."""
        return self.messages[-1]

    @property
    def ids(self):
        """The ids of a stream's events."""
        return [event.id for event in events(self.body) if event.id]


@dataclass
class Event:
    """One block of a stream, to its empty line: an event, a comment, or a bit of both."""

    id: str | None = None
    data: str = ""
    retry: int | None = None
    comment: str | None = None
    fields: list[str] = field(default_factory=list)

    @property
    def message(self):
        return json.loads(self.data) if self.data else None

    @classmethod
    def of(cls, lines):
        event = cls()
        for line in lines:
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ").decode()
            event.fields.append(name.decode())
            if name == b"":
                event.comment = value
            elif name == b"id":
                event.id = value
            elif name == b"retry":
                event.retry = int(value)
            elif name == b"data":
                event.data += value
        return event


def events(body):
    """The blocks of a whole stream."""
    return [Event.of(block.split(b"\n")) for block in body.split(b"\n\n") if block]


class Connection:
    """A connection to `address`, a path or a host and port; closed at the end of a `with`."""

    def __init__(self, address, *, slow=False, seconds=SECONDS, source=None, rate=None):
        """`slow`: the kernel shall keep as little as it can for us, so that it soon is the server that waits.
        `source`: an address of our own, such as 127.0.0.2. `rate`: so many bytes a second are read."""
        self.socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        if slow:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            if not isinstance(address, str):
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect(address)  # Without a timeout, or else a full Unix socket refuses.
        self.socket.settimeout(seconds)
        self._buffer = bytearray()
        self._rate = rate
        self._due = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, *parts):
        self.socket.sendall(b"".join(parts))

    def close(self):
        self.socket.close()

    def reset(self):
        """Closes with RST, unread bytes or not."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # ---- Bytes ----

    def receive(self, bytes_max=65536):
        """Some bytes; none at the end of the connection."""
        if self._buffer:
            taken, self._buffer = self._buffer[:bytes_max], self._buffer[bytes_max:]
            return bytes(taken)
        try:
            return self._receive(bytes_max)
        except ConnectionError:
            return b""

    def _receive(self, bytes_max):
        """At the connection's rate."""
        if self._rate is None:
            return self.socket.recv(bytes_max)
        more = self.socket.recv(16384)
        self._due += len(more) / self._rate
        time.sleep(max(0, self._due - time.monotonic()))
        return more

    def _more(self, awaited):
        try:
            more = self._receive(262144)
        except ConnectionError as error:
            raise Ended(f"{error} before {awaited}") from None
        except TimeoutError:
            so_far = bytes(self._buffer[:200])
            raise AssertionError(f"{awaited} did not come, after {so_far!r}") from None
        if not more:
            raise Ended(f"the connection ended before {awaited}, after {bytes(self._buffer[:200])!r}")
        self._buffer += more

    def _line(self, awaited, end=b"\r\n"):
        start = 0
        while (at := self._buffer.find(end, start)) < 0:
            start = max(0, len(self._buffer) - 1)
            self._more(awaited)
        line = bytes(self._buffer[:at])
        del self._buffer[: at + len(end)]
        return line

    def _exactly(self, count, awaited):
        while len(self._buffer) < count:
            self._more(awaited)
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    # ---- Responses ----

    def head(self):
        """The next response's head."""
        line = self._line("a status line")
        status = STATUS_LINE.fullmatch(line)
        if not status:
            raise Inexact(f"no status line: {line[:200]!r}")
        fields = []
        while line := self._line("the end of a head"):
            found = FIELD_LINE.fullmatch(line)
            if not found:
                raise Inexact(f"no field: {line[:200]!r}")
            fields.append((found[1].decode().lower(), found[2].decode().strip()))
        return Head(int(status[1]), fields)

    def response(self, method="POST"):
        """The next response, to its last byte. An interim one is a response, too."""
        head = self.head()
        return Response(head.status, head.fields, b"".join(self.body(head, method)))

    def body(self, head, method="POST"):
        """A body as it arrives."""
        if head.status < 200 or head.status in (204, 304) or method == "HEAD":
            assert head["Transfer-Encoding"] is None, "a body where none can be"
        elif head["Transfer-Encoding"] is not None:
            assert head["Transfer-Encoding"] == "chunked" and head["Content-Length"] is None
            while size := int(self._line("a chunk's size"), 16):
                yield self._exactly(size, "the end of a chunk")
                assert self._exactly(2, "a chunk's line end") == b"\r\n"
            assert self._line("the end of the body") == b""
        elif head["Content-Length"] is not None:
            yield self._exactly(int(head["Content-Length"]), "the end of the body")
        else:
            assert head.closes, "a body without an end"
            while part := self.receive():
                yield part

    def stream(self):
        """The next response as a stream, of which only the head is read."""
        return Stream(self, self.head())

    def responses(self, seconds=SECONDS):
        """Every response until the server closes the connection. It must, in time."""
        found = []
        deadline = time.monotonic() + seconds
        with contextlib.suppress(Ended):
            while self._buffer or not self._is_over(deadline - time.monotonic(), found):
                found.append(self.response())
        assert not self._buffer, f"bytes of no response: {bytes(self._buffer[:200])!r}"
        return found

    def _is_over(self, seconds, found):
        self.socket.settimeout(max(seconds, 0.01))
        try:
            more = self.socket.recv(262144)
        except ConnectionError:
            return True
        except TimeoutError:
            said = [one.status for one in found]
            raise AssertionError(f"the connection was not closed after the responses {said}") from None
        finally:
            self.socket.settimeout(SECONDS)
        self._buffer += more
        return not more


class Stream:
    """An event stream under way."""

    def __init__(self, connection, head):
        self.connection = connection
        self.head = head
        self.last_id = None
        self.seen = []
        """Every event and comment so far."""
        self.raw = b""
        """Every byte so far."""
        self._parts = connection.body(head, "GET")
        self._text = b""

    @property
    def status(self):
        return self.head.status

    def next(self):
        """The next event or comment; None at the end."""
        while b"\n\n" not in self._text:
            part = next(self._parts, None)
            if part is None:
                assert not self._text, f"half an event: {self._text[:200]!r}"
                return None
            self._text += part
            self.raw += part
        block, _, self._text = self._text.partition(b"\n\n")
        event = Event.of(block.split(b"\n"))
        self.last_id = event.id or self.last_id
        self.seen.append(event)
        return event

    def message(self):
        """The next message; None at the end."""
        while event := self.next():
            if event.data:
                return event.message
        return None

    def until(self, is_it):
        """The first message that is the one; there must be one."""
        while message := self.message():
            if is_it(message):
                return message
        raise Ended(f"the stream ended, and the message was not on it: {self.seen}")

    def begin(self):
        """Reads what a stream begins with, so that what follows is news."""
        self.next()
        return self

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
