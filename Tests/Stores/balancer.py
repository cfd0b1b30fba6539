"""A balancer without stickiness: each request of a client goes to any of the nodes, whatever connection it comes on.

It buffers requests, and passes responses through as they come. A node that refuses the connection is passed over. One
that dies in its response cuts the client's connection, and a client that goes ends the node's.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter

LINE_MAX = 1 << 17


class Reader(asyncio.StreamReader):
    """Knows that its peer has gone before everything is read."""

    def __init__(self):
        super().__init__(limit=LINE_MAX)
        self.ended = asyncio.Event()

    def feed_eof(self):
        super().feed_eof()
        self.ended.set()

    def set_exception(self, problem):
        super().set_exception(problem)
        self.ended.set()


class Head:
    """The head of a request or response, and how its body is delimited."""

    def __init__(self, raw):
        self.raw = raw
        self.first, *lines = raw.decode("latin-1").split("\r\n")
        fields = (line.partition(":") for line in lines if line)
        self.fields = {name.lower(): value.strip().lower() for name, _, value in fields}

    async def body(self, reader, until_end=False):
        """Its bytes as they arrive, with the framing."""
        if self.fields.get("transfer-encoding") == "chunked":
            size = 1
            while size:
                line = await reader.readuntil(b"\r\n")
                yield line
                size = int(line, 16)
                async for part in exactly(reader, size + 2):
                    yield part
        elif "content-length" in self.fields:
            async for part in exactly(reader, int(self.fields["content-length"])):
                yield part
        elif until_end:
            while part := await reader.read(65536):
                yield part


async def exactly(reader, count):
    while count:
        part = await reader.read(min(count, 65536))
        if not part:
            raise asyncio.IncompleteReadError(b"", count)
        count -= len(part)
        yield part


async def answered(node, writer):
    """Passes a response on. Returns whether another one may follow."""
    head = Head(await node.readuntil(b"\r\n\r\n"))
    writer.write(head.raw)
    is_empty = head.first.split()[1] in ("204", "304")
    if not is_empty:
        async for part in head.body(node, until_end=True):
            writer.write(part)
            await writer.drain()
    is_delimited = is_empty or not {"content-length", "transfer-encoding"}.isdisjoint(head.fields)
    return is_delimited and head.fields.get("connection") != "close"


class Balancer:
    """One on a thread of its own, from the first to the last line of a `with` block."""

    def __init__(self, ports=(), chance=None):
        self.ports = list(ports)
        """Of the nodes: it may change at any time."""
        self.taken = Counter()
        """How many requests each of them has taken."""
        self.port = 0
        self._chance = chance or random.Random()
        self._loop = asyncio.new_event_loop()
        self._tasks = set()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self):
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self):
        def protocol():
            return asyncio.StreamReaderProtocol(Reader(), self._accept)

        self._server = await self._loop.create_server(protocol, "127.0.0.1", 0, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self):
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, client, writer):
        task = self._loop.create_task(self._serve(client, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, client, writer):
        try:
            while await self._exchange(client, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass  # one of the two has gone
        finally:
            writer.close()

    async def _exchange(self, client, writer):
        """One request and its response. Returns whether another one may follow."""
        head = Head(await client.readuntil(b"\r\n\r\n"))
        parts = [part async for part in head.body(client)]
        node, to_node = await self._connect()
        if node is None:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return True
        try:
            to_node.writelines([head.raw, *parts])
            answer = asyncio.create_task(answered(node, writer))
            gone = asyncio.create_task(client.ended.wait())
            try:
                await asyncio.wait([answer, gone], return_when=asyncio.FIRST_COMPLETED)
                return answer.done() and answer.result()
            finally:
                answer.cancel()
                gone.cancel()
        finally:
            to_node.close()

    async def _connect(self):
        ports = list(self.ports)
        self._chance.shuffle(ports)
        for port in ports:
            try:
                connected = await asyncio.open_connection("127.0.0.1", port, limit=LINE_MAX)
            except OSError:
                continue
            self.taken[port] += 1
            return connected
        return None, None
