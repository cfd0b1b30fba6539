"""Sessions that outlive the process, on a server that knows nothing of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket

import pytest
from mcp.client import Client
from mcp.server.mcpserver import MCPServer
from starlette.applications import Starlette
from starlette.routing import Mount
from test_life import SECONDS, call

import streamablehttp.mcp
from streamablehttp.mcp import UnsupportedOption
from test_authorization import Peer
from test_options import begin


@pytest.fixture
def restart(start, tmp_path):
    """Starts a server of servers.py in place of the one before, which is killed.

    It listens on a socket that is always there: SDK's clients give up when they are refused twice.
    """
    last = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.fileno()

        def again(name, *options):
            if last:
                last[-1].process.send_signal(signal.SIGTERM if "--gently" in options else signal.SIGKILL)
                last[-1].process.wait(15)
                last[-1].process.returncode = 0
            place = ["--listen-fd", str(number), "--store", f"sqlite:{tmp_path / 'kept.db'}"]
            others = [one for one in options if one != "--gently"]
            last.append(start(name, "library", *place, *others, pass_fds=(number,)))
            return last[-1].url

        yield again


def result(response):
    """What the last message of an answer has."""
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: {")]
    return json.loads(lines[-1])["result"]


def said(answer):
    return answer.content[0].text


# ---- One ClientSession -----------------------------------------------------------------------


@pytest.mark.parametrize("how", [(), ("--gently",), ("--fast",)])
@pytest.mark.parametrize("name", ["sdk", "fastmcp"])
def test_the_same_client_goes_on(restart, name, how):
    """Tools, progress, logs, and what the server asks: the client notices nothing."""

    async def elicit(context, params):
        from mcp_types import ElicitResult

        return ElicitResult(action="accept", content={"name": "Ada", "age": 36})

    async def sample(context, params):
        from mcp_types import CreateMessageResult, TextContent

        text = TextContent(type="text", text=f"re: {params.messages[0].content.text}")
        return CreateMessageResult(role="assistant", content=text, model="m")

    async def roots(context):
        from mcp_types import ListRootsResult, Root

        return ListRootsResult(roots=[Root(uri="file:///a")])

    async def talk():
        url = restart(name)
        logs: list[str] = []

        async def log(params):
            logs.append(str(params.data))

        options = {
            "elicitation_callback": elicit,
            "sampling_callback": sample,
            "list_roots_callback": roots,
            "logging_callback": log,
            "read_timeout_seconds": SECONDS,
        }
        async with Client(url, mode="legacy", **options) as client:
            # SDK's client gives up its primary stream when that was cut twice, if it never ended as it should.
            for _ in range(3 if "--gently" in how else 2):
                assert said(await client.call_tool("add", {"a": 2, "b": 3})) == "5"
                assert "Ada" in said(await client.call_tool("elicit", {}))
                if name == "sdk":  # FastMCP 4.2 has these no more
                    assert said(await client.call_tool("sample", {"prompt": "hi"})) == "re: hi"
                    assert "file:///a" in str((await client.call_tool("roots", {})).content)
                steps: list[float] = []

                async def progress(step, total, message, steps=steps):
                    steps.append(step)

                logs.clear()
                await client.call_tool("talk", {"times": 3}, progress_callback=progress)
                assert steps == [0, 1, 2] and sum("log" in one for one in logs) == 3
                await asyncio.to_thread(restart, name, *how)

    asyncio.run(talk())


@pytest.mark.parametrize("name", ["sdk", "fastmcp"])
@pytest.mark.parametrize("revision", ["2025-03-26", "2025-06-18", "2025-11-25"])
def test_what_a_handler_finds_in_its_context(restart, name, revision):
    """As before the restart, in every revision that has sessions."""
    peer = Peer(restart(name))
    opening = {
        "protocolVersion": revision,
        "capabilities": {"sampling": {}, "roots": {"listChanged": True}},
        "clientInfo": {"name": "n", "version": "1"},
    }
    response = peer.post({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": opening})
    session = response.headers["mcp-session-id"]
    assert peer.post({"jsonrpc": "2.0", "method": "notifications/initialized"}, session=session).status_code == 202
    before = result(peer.post(call("context"), session=session))
    peer = Peer(restart(name))
    assert result(peer.post(call("context"), session=session)) == before
    if name == "sdk":
        assert "RootsCapability" in str(before) and revision in str(before)


def test_a_session_that_was_not_ready(restart):
    """The restart comes between initialize and notifications/initialized."""
    peer = Peer(restart("sdk"))
    opening = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "n", "version": "1"}}
    response = peer.post({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": opening})
    session = response.headers["mcp-session-id"]
    peer = Peer(restart("sdk"))
    assert peer.post({"jsonrpc": "2.0", "method": "notifications/initialized"}, session=session).status_code == 202
    assert '"text":"5"' in peer.post(call("add", a=2, b=3), session=session).text


def test_fastmcp_keeps_the_state_of_a_session_by_its_id(restart):
    """In its own store, which is in memory unless the server has another: a new value works, the old one is gone."""
    peer = Peer(restart("fastmcp"))
    session = peer.open(None)
    assert "seven" not in peer.post(call("state", value="seven"), session=session).text
    assert "seven" in peer.post(call("state"), session=session).text
    peer = Peer(restart("fastmcp"))
    assert "seven" not in peer.post(call("state", value="eight"), session=session).text
    assert "eight" in peer.post(call("state"), session=session).text


def test_fastmcp_finds_what_its_own_store_has(restart, tmp_path):
    """One that outlives the process, too, has the session's state under the same key."""
    folder = str(tmp_path / "state")
    peer = Peer(restart("fastmcp", "--state", folder))
    session = peer.open(None)
    peer.post(call("state", value="seven"), session=session)
    peer = Peer(restart("fastmcp", "--state", folder))
    assert "seven" in peer.post(call("state"), session=session).text


# ---- The end ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sdk", "fastmcp"])
def test_a_deleted_session_stays_deleted(restart, name):
    peer = Peer(restart(name))
    session = peer.open(None)
    assert peer.http.delete(peer.url, headers={"mcp-session-id": session}).status_code == 204
    peer = Peer(restart(name, "--gently"))
    assert peer.post(call("add", a=2, b=3), session=session).status_code == 404


@pytest.mark.parametrize("name", ["sdk-auth", "fastmcp-auth"])
def test_another_user_never_gets_it(restart, name):
    peer = Peer(restart(name))
    session = peer.open("alice")
    peer = Peer(restart(name))
    assert peer.post(call("user"), "bob", session).status_code == 404
    assert '"alice"' in peer.post(call("user"), "alice-2", session).text.replace("\\", "")
    assert peer.post(call("user"), "bob", session).status_code == 404


def test_without_a_store_a_restart_ends_it(start):
    server = start("sdk", "library")
    session = Peer(server.url).open(None)
    server.end()
    again = start("sdk", "library")
    assert Peer(again.url).post(call("add", a=2, b=3), session=session).status_code == 404


# ---- Options ---------------------------------------------------------------------------------


def test_one_endpoint_only(tmp_path):
    """Else a session of one endpoint would be one of the other, too."""
    one, two = MCPServer("one"), MCPServer("two")
    apps = [one.streamable_http_app(), two.streamable_http_app()]

    @contextlib.asynccontextmanager
    async def lifespan(app):
        async with one.session_manager.run(), two.session_manager.run():
            yield

    app = Starlette(routes=[Mount("/one", apps[0]), Mount("/two", apps[1])], lifespan=lifespan)
    with pytest.raises(UnsupportedOption, match="port of its own"):
        begin(app, engine={"store": f"sqlite:{tmp_path / 'kept.db'}"})


def test_a_store_of_the_hosts(tmp_path):
    """Any object that `Server` takes."""

    class Store:
        def __init__(self):
            self.records = {}

        def keep(self, session, record, idle_ms):
            self.records[session] = record

        def touch(self, session, idle_ms):
            pass

        def find(self, session, lookup):
            lookup.found(self.records[session]) if session in self.records else lookup.none()

        def forget(self, session):
            self.records.pop(session, None)

    async def talk():
        store, sessions = Store(), []
        for _ in range(2):
            mcp = MCPServer("m")
            mcp.add_tool(lambda: "done", name="do")
            serving = streamablehttp.mcp.serve(mcp, port=0, engine={"session_store": store})
            async with serving as server:
                peer = Peer(server.url)
                if not sessions:
                    sessions.append(await asyncio.to_thread(peer.open, None))
                response = await asyncio.to_thread(peer.post, call("do"), None, sessions[0])
                assert '"text":"done"' in response.text
        assert set(store.records) == set(sessions)

    asyncio.run(talk())
