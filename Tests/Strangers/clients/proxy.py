"""A proxy that loses what passes, and cuts connections, on command."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit, urlunsplit


class Link:
    """A client's connection, and ours to the server for it."""

    def __init__(self, client, server):
        self.method = None
        """Of the last request: GET or POST."""
        self.swallows = False
        self.writers = (client, server)

    def abort(self):
        for writer in self.writers:
            writer.transport.abort()


class Proxy:
    """Listens while in an `async with`."""

    def __init__(self, url):
        self._to = urlsplit(url)
        self._links = set()
        self._answered = {"GET": 0, "POST": 0, "DELETE": 0}
        self._changed = asyncio.Condition()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = urlunsplit(self._to._replace(netloc=f"127.0.0.1:{port}"))
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for link in list(self._links):
            link.abort()

    async def _serve(self, reader, writer):
        there, back = await asyncio.open_connection(self._to.hostname, self._to.port)
        link = Link(writer, back)
        self._links.add(link)
        try:
            await asyncio.gather(self._up(link, reader, back), self._down(link, there, writer))
        except ConnectionError:
            pass
        finally:
            self._links.discard(link)
            link.abort()

    async def _up(self, link, reader, writer):
        while data := await reader.read(65536):
            method = data.partition(b" ")[0].decode("latin-1")
            if method in self._answered:
                link.method = method
            writer.write(data)
            await writer.drain()
        link.abort()

    async def _down(self, link, reader, writer):
        while data := await reader.read(65536):
            if link.swallows:
                continue
            writer.write(data)
            await writer.drain()
            if data.startswith(b"HTTP/1.1 ") and link.method:
                async with self._changed:
                    self._answered[link.method] += 1
                    self._changed.notify_all()
        writer.write_eof()

    # ---- Commands ----

    def answered(self, method):
        """How many responses to such requests have begun."""
        return self._answered[method]

    async def until_answered(self, method, count):
        async with self._changed:
            await self._changed.wait_for(lambda: self._answered[method] >= count)

    def swallow(self, method):
        """Lets nothing through to the client on the connections whose last request was such a one."""
        for link in self._links:
            link.swallows = link.swallows or link.method == method

    def cut(self, method):
        """Resets these connections, at both ends."""
        for link in list(self._links):
            if link.method == method:
                link.abort()
