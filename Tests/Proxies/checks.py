"""What must work through a proxy."""

from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import contextlib
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from proxies import KEEPALIVE_MS, NAME, Proxy

sys.path += [str(Path(__file__).resolve().parent.parent / name) for name in ("Strangers", "Support")]
import exact
import http_reader

HELD_SECONDS = 5.0
"""How long a stream is idle: longer than every time-out of the blocks, which are a fifteenth of theirs."""
STEPS = 5
MODERN = "2026-07-28"
BURST_CLIENTS = 20
BURST_CALLS = 15


class Connection(http_reader.Connection):
    """A connection to a proxy, with TLS."""

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(("127.0.0.1", proxy.port))
        context = ssl.create_default_context(cafile=proxy.authority)
        context.set_alpn_protocols(["http/1.1"])
        self.socket: socket.socket = context.wrap_socket(self.socket, server_hostname=NAME)


class Client:
    """What `exact` needs to know of a server."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy

    def connect(self, **_: Any) -> Connection:
        return Connection(self.proxy)

    def session(self) -> Session:
        return Session(self, Host=NAME)


class Session(exact.Session):
    def value(self, tool: str, **arguments: Any) -> Any:
        return self.say(exact.call(tool, **arguments)).last["result"]["structuredContent"]["value"]

    def tell(self, method: str) -> None:
        assert self.say(exact.message(method)).status == 202

    def until(self, tool: str, wanted: object, seconds: float = 10) -> None:
        deadline = time.monotonic() + seconds
        while (value := self.value(tool)) != wanted:
            assert time.monotonic() < deadline, f"{tool} is {value} after {seconds} s"
            time.sleep(0.05)

    def delete(self) -> int:
        with self.host.connect() as connection:
            connection.send(exact.request("DELETE", **self.fields))
            return connection.response("DELETE").status


def check_stream(client: Client) -> None:
    """Each message arrives before the next is sent: it is sent only when the client has said so."""
    session = client.session()
    connection = session.begin(exact.call("steps", token="t", count=STEPS))
    with connection.stream() as stream:
        assert stream.status == 200 and stream.head["Content-Type"].startswith("text/event-stream")
        for number in range(1, STEPS + 1):
            assert stream.message()["params"]["progress"] == number
            session.tell("test/next")
        assert "result" in stream.message() and stream.next() is None


def check_http2(client: Client) -> None:
    """The same over HTTP/2, which the proxies speak with clients that can."""
    proxy = client.proxy
    session = client.session()
    fields = [f"{name}: {exact.FIELDS[name]}" for name in ("Content-Type", "Accept")]
    command = ["curl", "--http2", "-sSN", "--max-time", "10", "--cacert", proxy.authority]
    command += ["--resolve", f"{NAME}:{proxy.port}:127.0.0.1", "-w", "HTTP/%{http_version} %{http_code}\n"]
    for field in (*fields, f"Mcp-Session-Id: {session.id}"):
        command += ["-H", field]
    command += ["-d", json.dumps(exact.call("steps", token="t", count=STEPS)), f"https://{NAME}:{proxy.port}/mcp"]
    messages = 0
    with subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True) as curl:
        for line in curl.stdout:
            if line.startswith("data: {"):
                messages += 1
                session.tell("test/next")
        assert line == "HTTP/2 200\n", line
    assert (curl.returncode, messages) == (0, STEPS + 1)


def check_large_stream(client: Client) -> None:
    """A message that no buffer holds."""
    session = client.session()
    text = "x" * 3_900_000
    assert session.value("size", text=text) == len(text)


def check_too_large(client: Client) -> None:
    """A body over message_bytes_max is refused by the server, and a much longer one at the latest there."""
    session = client.session()
    for length in (4_300_000, 9_000_000):
        with client.connect() as connection:
            with contextlib.suppress(OSError):  # the answer may come before the end, and end the connection
                connection.send(session.post(exact.call("size", text="x" * length)))
            refused = connection.response()
            assert refused.status == 413, refused
            assert b"The message is too large" in refused.body or length > 5 << 20, refused


def check_primary(client: Client) -> None:
    """The primary stream outlives the proxy's time-outs, and ends at the server when the client has gone."""
    session = client.session()
    with session.listen() as stream:
        assert stream.status == 200
        until = time.monotonic() + HELD_SECONDS
        while time.monotonic() < until:
            event = stream.next()
            assert event and not event.data, "only keep-alives, and no end"
        assert sum(event.comment is not None for event in stream.seen) >= HELD_SECONDS / (KEEPALIVE_MS / 1000) - 2
        assert session.value("primary") is True
        for number in range(STEPS):
            session.value("notify", number=number)
            assert stream.message()["params"]["number"] == number
    session.until("primary", False, KEEPALIVE_MS / 1000 * 5)
    assert session.delete() == 204
    assert session.status() == 404


def check_resume(client: Client) -> None:
    """A stream that is cut is resumed, with everything that was missed."""
    session = client.session()
    with session.begin(exact.call("steps", token="t", count=STEPS)).stream() as stream:
        assert stream.message()["params"]["progress"] == 1
        last_id = stream.last_id
        stream.connection.reset()
    session.tell("test/next")
    with session.resume(last_id) as stream:
        for number in range(2, STEPS + 1):
            assert stream.message()["params"]["progress"] == number
            session.tell("test/next")
        assert "result" in stream.message() and stream.next() is None


def check_fields(client: Client) -> None:
    """The host sees the client's address, and nothing that a client claims about itself."""
    session = client.session()
    for claimed in (None, "192.0.2.7"):
        session.fields["X_Forwarded_For"] = claimed
        assert session.value("headers", name="X-Forwarded-For") == "127.0.0.1"
        assert session.value("headers", name="X-Forwarded-Proto") == "https"
    assert session.value("headers", name="Host") == NAME
    with client.connect() as connection:
        connection.send(exact.request("GET", path="/other", Host=NAME))
        assert connection.response("GET").status == 404


def check_burst(client: Client) -> None:
    """Many calls at once; the proxy uses its connections to the server again."""
    session = client.session()
    before = session.value("stats")["connections_total"]

    def calls(client_number: int) -> None:
        with client.connect() as connection:
            for number in range(BURST_CALLS):
                id = f"{client_number}/{number}"
                connection.send(session.post(exact.call("size", id=id, text="x" * number)))
                answer = connection.response()
                assert answer.status == 200 and answer.last["id"] == id, answer
                assert answer.last["result"]["structuredContent"]["value"] == number

    with concurrent.futures.ThreadPoolExecutor(BURST_CLIENTS) as pool:
        list(pool.map(calls, range(BURST_CLIENTS)))
    opened = session.value("stats")["connections_total"] - before
    assert opened < BURST_CLIENTS * 3, f"{opened} connections for {BURST_CLIENTS * BURST_CALLS} calls"


def check_official(client: Client) -> None:
    """The official client, with every progress callback."""
    import httpx2
    from mcp.client import Client as OfficialClient
    from mcp.client.streamable_http import streamable_http_client

    proxy = client.proxy

    async def name_server(request: httpx2.Request) -> None:
        request.extensions["sni_hostname"] = NAME

    async def use() -> None:
        seen = []

        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            seen.append(progress)

        async with httpx2.AsyncClient(
            verify=ssl.create_default_context(cafile=proxy.authority),
            headers={"Host": NAME},
            event_hooks={"request": [name_server]},
        ) as http:
            transport = streamable_http_client(f"https://127.0.0.1:{proxy.port}/mcp", http_client=http)
            async with OfficialClient(transport, mode="legacy", read_timeout_seconds=10) as official:
                assert "progress" in {tool.name for tool in (await official.list_tools()).tools}
                await official.call_tool("progress", {"count": STEPS}, progress_callback=on_progress)
        assert seen == list(range(1, STEPS + 1)), seen

    asyncio.run(asyncio.wait_for(use(), 20))


def await_new_server(session: Session) -> None:
    """It does not know the session, and serves new ones."""
    deadline = time.monotonic() + 10
    while session.status() != 404:
        assert time.monotonic() < deadline, "the new server is not there"
        time.sleep(0.1)
    assert session.host.session().value("size", text="new") == 3


def check_restart(client: Client) -> None:
    """A server that drains finishes its calls; another one on the same socket takes over."""
    proxy = client.proxy
    session = client.session()
    primary = session.listen().begin()
    with session.begin(exact.call("sleep", token="t", ms=1000)).stream() as stream:
        proxy.host.process.terminate()
        while event := primary.next():
            assert not event.data, event
        assert any(event.retry for event in primary.seen)
        primary.close()
        assert proxy.host.process.poll() is None, "it waits for the call"
        proxy.start_host()
        assert "result" in stream.message()
    await_new_server(session)


def check_gap(client: Client) -> None:
    """Without a server, clients are told so; with the next one, they go on."""
    session = client.session()
    assert client.proxy.host.terminate() == 0
    assert session.status() in (502, 503)
    client.proxy.start_host()
    await_new_server(session)


# ---- Several servers that share a Redis ------------------------------------------


def figures(client: Client) -> dict[int, dict[str, int]]:
    """The counters of each server, by its process: a client without a session asks until it has met all three."""
    meta = {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}}
    body = exact.call("stats")
    body["params"]["_meta"] = meta
    fields = {"MCP_Protocol_Version": MODERN, "Mcp_Method": "tools/call", "Mcp_Name": "stats", "Host": NAME}
    found: dict[int, dict[str, int]] = {}
    deadline = time.monotonic() + 10
    while len(found) < 3:
        assert time.monotonic() < deadline, f"only {len(found)} servers answer"
        with client.connect() as connection:
            connection.send(exact.post(body, **fields))
            answer = connection.response()
            assert answer.status == 200, answer
            stats = answer.last["result"]["structuredContent"]["value"]
            found[stats["process"]] = stats
    return found


def relayed(client: Client) -> dict[int, int]:
    return {process: stats["exchanges_relayed"] for process, stats in figures(client).items()}


def check_spread(client: Client) -> None:
    """A session's requests go to all servers, which pass them on to its own."""
    session = client.session()
    own = session.value("stats")["process"]
    before = relayed(client)
    for number in range(60):
        assert session.value("size", text="x" * number) == number
    assert session.value("stats")["process"] == own
    after = relayed(client)
    assert {process for process in after if after[process] > before[process]} == after.keys() - {own}


def check_stays(client: Client) -> None:
    """A session's requests go to its own server, and to none else."""
    before = relayed(client)
    sessions = [client.session() for _ in range(6)]
    for session in sessions * 5:
        assert session.value("size", text="here") == 4
        assert session.id.startswith("node-")
    assert len({session.id[:7] for session in sessions}) > 1, "new sessions are shared out"
    assert relayed(client) == before


def check_roll(client: Client) -> None:
    """Servers are replaced one after the other, and no client notices."""
    proxy = client.proxy
    sessions = [client.session() for _ in range(3)]
    statuses: collections.Counter[int] = collections.Counter()
    is_over = threading.Event()

    def calls(session: Session) -> None:
        while not is_over.is_set():
            with client.connect() as connection:
                while not is_over.is_set():
                    connection.send(session.post(exact.call("size", text="here")))
                    answer = connection.response()
                    statuses[answer.status] += 1
                    if answer.closes or not proxy.keeps_clients:
                        break

    with concurrent.futures.ThreadPoolExecutor(len(sessions)) as pool:
        running = [pool.submit(calls, session) for session in sessions]
        try:
            for number, host in enumerate(proxy.hosts):
                with proxy.without(number):
                    assert host.terminate() == 0
                    proxy.hosts[number] = proxy.run_node(number)
                wanted = {one.process.pid for one in proxy.hosts}
                while figures(client).keys() != wanted:
                    time.sleep(0.05)
        finally:
            is_over.set()
        for one in running:
            one.result()
    assert statuses.keys() == {200} and statuses[200] > 100, statuses


def check_death(client: Client) -> None:
    """The server of a session is killed, and another one goes on with it."""
    proxy = client.proxy
    session = client.session()
    own = session.value("stats")["process"]
    number, host = next((number, one) for number, one in enumerate(proxy.hosts) if one.process.pid == own)
    host.kill()
    deadline = time.monotonic() + 10
    while (status := session.status()) != 200:
        assert status in (502, 503) and time.monotonic() < deadline, status
    assert session.value("stats")["process"] != own
    proxy.hosts[number] = proxy.run_node(number)


ALL = (
    check_stream,
    check_http2,
    check_large_stream,
    check_too_large,
    check_primary,
    check_resume,
    check_fields,
    check_burst,
    check_official,
    check_restart,
    check_gap,
)
NODES = (
    check_stream,
    check_large_stream,
    check_primary,
    check_resume,
    check_fields,
    check_official,
    check_spread,
    check_roll,
    check_death,
)
STICKY = (check_stream, check_primary, check_resume, check_official, check_stays, check_roll, check_death)
OVER_TCP = (check_stream, check_fields, check_burst)
