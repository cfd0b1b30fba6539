"""From the library's events to handlers and back: what is cancelled, what cannot be sent, what raises."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import gc
import json
import weakref
from typing import Any

import httpx2
import pytest
import uvicorn
from mcp.client import Client
from mcp.server._otel import OpenTelemetryMiddleware
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.subscriptions import ResourceUpdated, ToolsListChanged
from mcp.shared.exceptions import MCPError
from mcp_types import Annotations, CallToolResult, TextContent
from opentelemetry import trace
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.routing import Host, Mount

import streamablehttp.mcp
from streamablehttp import Cancelled, HTTPRequest, LimitError, Notification, Request, Session, SessionClosed
from streamablehttp._values import load
from streamablehttp.mcp import UnsupportedServer
from streamablehttp.mcp._context import ASKING, Standalone, Watchers, ask
from streamablehttp.mcp._fast import FastCalls
from streamablehttp.mcp._request import LazyRequest
from streamablehttp.mcp._routes import Routes
from streamablehttp.mcp._serve import Publisher
from streamablehttp.mcp._sessions import Bridge, Entry, parsed
from test_authorization import HEADERS, INITIALIZE

SECONDS = 15
BASE = {"type": "http", "scheme": "http", "server": ("127.0.0.1", 8000), "root_path": "", "state": {}}
NOWHERE: Any = None
FAILED = ("fail", -32603, "Internal server error", None)


def on_asyncio(test):
    @functools.wraps(test)
    def run(*arguments, **keywords):
        asyncio.run(asyncio.wait_for(test(*arguments, **keywords), SECONDS))

    return run


def bridge_of(mcp, **options):
    """A bridge whose server takes no commands: the requests record their answers."""
    return Bridge(NOWHERE, mcp._lowlevel_server, {}, contextvars.copy_context(), BASE, **options)


def call(name, **arguments):
    return Request(method="tools/call", params={"name": name, "arguments": arguments}, id=1)


async def answered(request):
    while not request.sent:
        await asyncio.sleep(0.001)
    return request.sent


@contextlib.asynccontextmanager
async def session_of(target, **options):
    """Serves it, and gives a function that calls tools in a session, and returns the messages of the answers."""
    async with (
        streamablehttp.mcp.serve(target, port=0, **options) as server,
        httpx2.AsyncClient(timeout=SECONDS) as http,
    ):
        opened = await http.post(server.url, json=INITIALIZE, headers=HEADERS)
        headers = {**HEADERS, "mcp-session-id": opened.headers["mcp-session-id"]}

        async def ask(name, arguments, **more):
            params = {"name": name, "arguments": arguments, **more}
            message = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}
            text = (await http.post(server.url, json=message, headers=headers)).text
            return json.loads(text.rsplit("data: ", 1)[1])

        yield ask


async def turns(count=20):
    for _ in range(count):
        await asyncio.sleep(0)


def tools():
    mcp = MCPServer("tools")

    @mcp.tool()
    async def wait() -> str:
        await asyncio.sleep(60)
        return "waited"

    @mcp.tool()
    def add(a: int, b: int) -> int:
        return a + b

    return mcp


# ---- The HTTP request in the context --------------------------------------------------------


@on_asyncio
async def test_a_client_that_has_gone():
    """A look at it leaves nothing, and does not take the body away."""
    message = call("wait")
    request = LazyRequest(message, BASE)
    for _ in range(100):
        assert not await request.is_disconnected()
    assert message._state.waiters == []
    assert (await request.json())["params"]["name"] == "wait"
    message._cancel()
    assert await request.is_disconnected()


@on_asyncio
async def test_nobody_waits_for_an_answer_twice():
    message = call("wait")
    request = LazyRequest(message, BASE)
    message.respond({})
    assert await request.is_disconnected()
    assert await LazyRequest(Notification(method="x"), BASE).is_disconnected()


@pytest.mark.parametrize(
    "target, path, raw_path, query",
    [
        ("/a%20b/mcp?x=%41&y", "/a b/mcp", b"/a%20b/mcp", b"x=%41&y"),
        ("/mcp?x#y?z", "/mcp", b"/mcp", b"x"),
        ("http://example.com/mcp?x", "/mcp", b"/mcp", b"x"),
    ],
)
def test_where_a_request_went(target, path, raw_path, query):
    message = Request(method="x", target=target, peer="[fe80::1%eth0]:123", headers={"X-A": "1"})
    scope = LazyRequest(message, BASE).scope
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == (path, raw_path, query)
    assert scope["client"] == ("fe80::1%eth0", 123)
    scope["headers"].clear()
    assert message.headers.raw == [(b"x-a", b"1")]


def mounted():
    """An application with an endpoint below /one, whose tool tells the scope that it sees."""
    mcp = MCPServer("mounted")

    @mcp.tool()
    async def scope(ctx: Context) -> str:
        request = ctx.request_context.request
        others = {"headers", "state", "starlette.exception_handlers", "route"}  # "route" depends on Starlette
        found = {name: request.scope[name] for name in sorted(request.scope.keys() - others)}
        for name in ("client", "server"):
            found[name] = found[name][0]  # without its port
        found["app"] = found["app"] is inner
        found["router"] = found["router"] is outer.router
        found["endpoint"] = type(found["endpoint"]).__name__
        found["headers"] = sorted(request.scope["headers"])
        found["base"], found["url"] = str(request.base_url), str(request.url)
        found["gone"] = await request.is_disconnected()
        return repr(found)

    inner = mcp.streamable_http_app()
    outer = Starlette(routes=[Mount("/one", inner)], lifespan=lambda app: mcp.session_manager.run())
    return outer


@on_asyncio
async def test_the_scope_is_uvicorns():
    async def ask(url):
        headers = {**HEADERS, "host": "127.0.0.1:80", "user-agent": "t", "X-Caf": "\xe9\xa0"}
        lines = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        body = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "scope", "arguments": {}}}
        async with httpx2.AsyncClient(timeout=SECONDS) as http:
            opened = await http.post(url, json=INITIALIZE, headers=lines)
            session = (b"mcp-session-id", opened.headers["mcp-session-id"].encode())
            text = (await http.post(url + "?a=%41", json=body, headers=[*lines, session])).text
            content = json.loads(text.rsplit("data: ", 1)[1])["result"]["content"]
            return content[0]["text"].replace(session[1].decode(), "session")

    async with streamablehttp.mcp.serve(mounted(), port=0) as server:
        ours = await ask(server.url)
    config = uvicorn.Config(mounted(), port=0, log_level="critical")
    other = uvicorn.Server(config)
    task = asyncio.create_task(other.serve())
    while not other.started:
        await asyncio.sleep(0.01)
    theirs = await ask(f"http://127.0.0.1:{other.servers[0].sockets[0].getsockname()[1]}/one/mcp")
    other.should_exit = True
    await task
    assert "root_path" in ours
    assert ours == theirs


@pytest.mark.parametrize("fast", [False, True])
@on_asyncio
async def test_a_call_leaves_no_cycle(fast):
    """What belongs to a call is freed with its end, and does not wait for the garbage collector."""
    mcp, kept = MCPServer("m"), []

    @mcp.tool()
    async def look(ctx: Context, fail: bool) -> str:
        kept.append(weakref.ref(ctx.request_context.request))
        if fail:
            raise MCPError(code=-32001, message="no")
        return "looked"

    async with session_of(mcp, fast=fast) as ask:
        gc.disable()
        try:
            for fail in (False, True, False):
                await ask("look", {"fail": fail})
            await turns()
            assert [one() for one in kept] == [None] * 3
        finally:
            gc.enable()
    assert len(kept) == 3


@on_asyncio
async def test_spans(monkeypatch):
    """The SDK's middleware is called if somebody collects spans, or the request may carry a trace."""
    traced = []

    async def middleware(self, ctx, call_next):
        if ctx.method == "tools/call":
            traced.append(ctx.params.get("_meta"))
        return await call_next(ctx)

    monkeypatch.setattr(OpenTelemetryMiddleware, "__call__", middleware)
    arguments = {"a": 1, "b": 2}
    async with session_of(tools()) as ask:
        answers = [await ask("add", arguments)]
        assert traced == []
        answers.append(await ask("add", arguments, _meta={"a": 1}))
        assert traced == [{"a": 1}]
        monkeypatch.setattr(trace, "_TRACER_PROVIDER", trace.NoOpTracerProvider())
        answers.append(await ask("add", arguments))
        assert [one["result"]["content"][0]["text"] for one in answers] == ["3"] * 3
        assert traced == [{"a": 1}, None]


@pytest.mark.parametrize("text", ['"\\ud800"', "[" * 250 + "]" * 250, "9" * 5000, '{"a": 1, "a": 2}', "1e400", "-0.0"])
def test_what_is_parsed(text):
    """The same as by the binding, which reads more than the SDK."""
    assert repr(parsed(text.encode())) == repr(load(text.encode()))


# ---- Requests that wait ---------------------------------------------------------------------


@on_asyncio
async def test_cancelled_requests_do_not_wait():
    bridge = bridge_of(tools(), requests_max=1)
    first, session = call("wait"), Session()
    bridge._handle(first)
    for _ in range(100):
        request = call("add", a=1, b=2)
        bridge._handle(request)
        request._cancel()
        bridge._handle(Cancelled(request=request))
    assert not bridge._waiting
    bridge._handle(Request(method="tools/call", params={}, session=session))
    bridge._handle(SessionClosed(session=session))
    assert not bridge._waiting
    last = call("add", a=1, b=2)
    bridge._handle(last)
    await turns()
    assert not last.sent
    first._cancel()
    bridge._handle(Cancelled(request=first))
    assert (await answered(last))[0][0] == "respond"
    await bridge._end()


# ---- What cannot be sent ---------------------------------------------------------------------


def full(monkeypatch, kind, name, count):
    """The queue of commands is full, so many times."""
    send, left = getattr(kind, name), [count]

    def limited(self, *arguments, **keywords):
        if left[0]:
            left[0] -= 1
            raise LimitError("full")
        return send(self, *arguments, **keywords)

    monkeypatch.setattr(kind, name, limited)


def failing():
    mcp = MCPServer("failing")

    @mcp.tool()
    def plain() -> str:
        raise MCPError(code=-32001, message="no", data={"why": 1})

    @mcp.tool()
    def large() -> str:
        raise MCPError(code=1 << 40, message="no")

    @mcp.tool()
    def no_json() -> str:
        raise MCPError(code=-32001, message="no", data={1: object()})

    return mcp


@on_asyncio
async def test_an_answer_waits_for_room(monkeypatch):
    full(monkeypatch, Request, "respond", 3)
    request = call("add", a=1, b=2)
    bridge_of(tools())._handle(request)
    assert [one[0] for one in await answered(request) if one[0] != "when_writable"] == []
    while request.sent[-1][0] != "respond":
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("name", ["plain", "unknown"])
@on_asyncio
async def test_an_error_waits_for_room(monkeypatch, name):
    full(monkeypatch, Request, "fail", 3)
    bridge = bridge_of(failing())
    params = {"name": "plain"} if name == "plain" else ["no", "object"]
    request = Request(method="tools/call", params=params)
    bridge._handle(request)
    wanted = {"plain": (-32001, "no", {"why": 1}), "unknown": (-32602, "Invalid request parameters", "")}
    while not request.sent or request.sent[-1][0] == "when_writable":
        await asyncio.sleep(0.001)
    assert request.sent[-1] == ("fail", *wanted[name])


@pytest.mark.parametrize("name", ["large", "no_json"])
@on_asyncio
async def test_an_error_that_cannot_be_sent(caplog, name):
    """The client gets another one, and the log says why."""
    bridge = bridge_of(failing())
    request = call(name)
    bridge._handle(request)
    assert await answered(request) == [FAILED]
    assert "cannot be sent" in caplog.text


@on_asyncio
async def test_every_answer_comes_when_the_queue_is_full():
    """A queue that takes one command at a time, and answers of every kind at once."""
    options = {"command_bytes_max": 1}
    async with (
        streamablehttp.mcp.serve(failing(), port=0, engine=options) as server,
        httpx2.AsyncClient(timeout=SECONDS, limits=httpx2.Limits(max_connections=60)) as http,
    ):

        async def ask(session, body):
            headers = HEADERS if session is None else {**HEADERS, "mcp-session-id": session}
            return await http.post(server.url, json=body, headers=headers)

        opened = await asyncio.gather(*(ask(None, INITIALIZE) for _ in range(60)))
        assert all('"protocolVersion":"2025-11-25"' in one.text for one in opened)
        body = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "plain", "arguments": {}}}
        failed = await asyncio.gather(*(ask(one.headers["mcp-session-id"], body) for one in opened))
        assert all('"code":-32001' in one.text for one in failed)


@on_asyncio
async def test_what_initialize_says_comes_in_order(monkeypatch):
    full(monkeypatch, Session, "notify", 2)
    outbound, session = Standalone(Watchers()), Session()
    for number in range(3):
        await outbound.notify("notifications/early", {"number": number})
    sending = outbound.open(session)
    assert sending is not None
    task = asyncio.ensure_future(sending)
    await outbound.notify("notifications/late", None)
    await task
    told = [one for one in session.sent if one[0] == "notify"]
    assert [one[1] for one in told] == [*["notifications/early"] * 3, "notifications/late"]
    assert [one[2]["number"] for one in told[:3]] == [0, 1, 2]


@on_asyncio
async def test_a_change_waits_for_room():
    mcp = MCPServer("publishing")
    told, refusals = [], [1, 1]

    class Server:
        def publish(self, kind, uri):
            if refusals:
                refusals.pop()
                raise LimitError("full")
            told.append((kind, uri))

    publisher = Publisher(mcp._lowlevel_server)
    server: Any = Server()
    publisher.begin(server)
    await publisher._bus.publish(ToolsListChanged())
    await publisher._bus.publish(ResourceUpdated(uri="data://one"))
    while len(told) < 2:
        await asyncio.sleep(0.001)
    publisher.end()
    assert told == [("tools", None), ("resource", "data://one")]


@on_asyncio
async def test_progress_of_another_client():
    """Tokens can be guessed: only the client that was asked is listened to."""
    bridge, told = bridge_of(tools()), []
    sessions = [Session(), Session()]
    for session in sessions:
        session.data = Entry(bridge, ASKING)

    async def watch(progress, total, message):
        told.append(progress)

    asking = asyncio.ensure_future(ask(sessions[0], "roots/list", None, {"on_progress": watch}, bridge.watchers))
    while not sessions[0].sent:
        await asyncio.sleep(0)
    token = sessions[0].sent[0][2]["_meta"]["progressToken"]
    for session, progress in ((sessions[1], 1), (sessions[0], 2)):
        params = {"progressToken": token, "progress": progress}
        bridge._handle(Notification(method="notifications/progress", params=params, session=session))
    while not told:
        await asyncio.sleep(0)
    assert told == [2]
    asking.cancel()
    await bridge._end()


# ---- Authorization ----------------------------------------------------------------------------


class NoName(BaseUser):
    """As Starlette's own: it has no name."""

    is_authenticated = True


class Backend(AuthenticationBackend):
    async def authenticate(self, conn):
        if "x-nameless" in conn.headers:
            return AuthCredentials(), NoName()
        raise LookupError("no database")


@pytest.mark.parametrize("header, text", [("x-a", "no database"), ("x-nameless", "NotImplementedError")])
@on_asyncio
async def test_an_authorization_that_raises(caplog, header, text):
    """As on uvicorn: the client gets 500, and the log has the traceback."""
    app = tools().streamable_http_app()
    app.user_middleware.append(Middleware(AuthenticationMiddleware, backend=Backend()))
    async with streamablehttp.mcp.serve(app, port=0) as server, httpx2.AsyncClient() as http:
        response = await http.post(server.url, json=INITIALIZE, headers={**HEADERS, header: "1"})
    assert (response.status_code, response.text) == (500, "Internal Server Error")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert text in caplog.text and "Traceback" in caplog.text


# ---- Other paths ------------------------------------------------------------------------------


START = {"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"1")]}
FAILED_PAGE = ("respond", 500, [(b"content-type", b"text/plain; charset=utf-8")], b"Internal Server Error")


def body(text, more=False):
    return {"type": "http.response.body", "body": text, "more_body": more}


def sending(*messages, error=None):
    async def app(scope, receive, send):
        for message in messages:
            await send(message)
        if error is not None:
            raise error

    return app


PAGES = {
    "whole": (sending(START, body(b"a")), [("respond", 200, [(b"x-a", b"1")], b"a")], ""),
    "in parts": (
        sending(START, body(b"a", True), body(b"", True), body(b"b")),
        [("start", 200, [(b"x-a", b"1")]), ("write", b"a"), ("write", b"b"), ("end",)],
        "",
    ),
    "raises": (sending(error=LookupError("page")), [FAILED_PAGE], "LookupError"),
    "raises after its head": (sending(START, error=LookupError("page")), [FAILED_PAGE], "LookupError"),
    "raises after a part": (
        sending(START, body(b"a", True), error=LookupError("page")),
        [("start", 200, [(b"x-a", b"1")]), ("write", b"a"), ("end",)],
        "LookupError",
    ),
    "nothing": (sending(), [FAILED_PAGE], "not completed"),
    "a body without a head": (sending(body(b"a")), [FAILED_PAGE], "RuntimeError"),
    "two heads": (sending(START, START, body(b"a")), [FAILED_PAGE], "RuntimeError"),
    "a header that is none": (
        sending({**START, "headers": [("x-a", 1)]}, body(b"a", True)),
        [FAILED_PAGE],
        "Error",
    ),
}


@pytest.mark.parametrize("case", PAGES)
@on_asyncio
async def test_a_page(caplog, case):
    app, sent, logged = PAGES[case]
    request = HTTPRequest(target="/page")
    await Routes(app, BASE).serve(request)
    assert request.sent == sent
    assert logged in caplog.text and bool(caplog.text) == bool(logged)


@on_asyncio
async def test_a_page_whose_client_has_gone():
    """As on uvicorn: nothing is raised where the application sends."""
    done = []

    async def app(scope, receive, send):
        await receive()
        await send(START)
        await send(body(b"a", True))
        request._close()
        assert (await receive())["type"] == "http.disconnect"
        await send(body(b"b"))
        done.append(True)

    request = HTTPRequest()
    await Routes(app, BASE).serve(request)
    assert done == [True] and request.sent[-1] == ("write", b"a")


@on_asyncio
async def test_what_comes_after_a_page():
    """As on uvicorn: the news that it is over."""

    async def app(scope, receive, send):
        await receive()
        await send(START)
        await send(body(b"a"))
        assert (await receive())["type"] == "http.disconnect"

    request = HTTPRequest()
    await Routes(app, BASE).serve(request)
    assert request._state.waiters == []


@on_asyncio
async def test_a_part_waits_for_room(monkeypatch):
    for name in ("respond", "start", "write", "end"):
        full(monkeypatch, HTTPRequest, name, 2)
    for app, count in ((sending(START, body(b"a")), 1), (sending(START, body(b"a", True), body(b"b")), 4)):
        request = HTTPRequest()
        await Routes(app, BASE).serve(request)
        assert len(request.sent) == count


# ---- The shorter way ----------------------------------------------------------------------------


def odd():
    """Tools with results of every kind."""
    mcp = MCPServer("odd")
    text = TextContent(type="text", text="t")
    results = {
        "plain": CallToolResult(content=[text]),
        "none": CallToolResult(content=[text], structured_content={"a": None, "b": [None, {"c": None}]}),
        "numbers": CallToolResult(content=[], structured_content={"a": float("inf"), "b": float("nan"), "c": 1 << 70}),
        "surrogate": CallToolResult(content=[TextContent(type="text", text="\ud800 a")]),
        "surrogate inside": CallToolResult(content=[], structured_content={"\ud800": ["\udfff"]}),
        "annotated": CallToolResult(
            content=[
                TextContent(
                    type="text", text="t", annotations=Annotations.model_validate({"priority": 1, "extra": {"a": None}})
                )
            ]
        ),
        "meta": CallToolResult.model_validate({"content": [], "_meta": {"a": None, "b": 1}}),
        "meta inside": CallToolResult.model_validate(
            {"content": [{"type": "text", "text": "t", "_meta": {"a": None}}], "extra": 1}
        ),
    }

    @mcp.tool()
    def odd(kind: str) -> CallToolResult:
        return results[kind]

    return mcp, list(results)


@on_asyncio
async def test_the_shorter_way_answers_the_same(monkeypatch):
    mcp, kinds = odd()
    shorter = []
    serve = FastCalls.call

    async def count(self, entry, exchange, method, params):
        shorter.append(method)
        return await serve(self, entry, exchange, method, params)

    monkeypatch.setattr(FastCalls, "call", count)
    answers = []
    for fast in (False, True):
        async with session_of(mcp.streamable_http_app(), fast=fast) as ask:
            answers.append({kind: await ask("odd", {"kind": kind}) for kind in kinds})
        mcp._session_manager = None
    assert answers[0] == answers[1]
    assert len(shorter) == len(kinds)


@on_asyncio
async def test_a_server_without_middlewares_takes_the_shorter_way(monkeypatch):
    mcp = tools()
    mcp._lowlevel_server.middleware.clear()
    shorter = []
    serve = FastCalls.call

    async def count(self, *arguments):
        shorter.append(arguments)
        return await serve(self, *arguments)

    monkeypatch.setattr(FastCalls, "call", count)
    async with session_of(mcp, fast=True) as ask:
        assert (await ask("add", {"a": 1, "b": 2}))["result"]["content"][0]["text"] == "3"
    assert len(shorter) == 1


@on_asyncio
async def test_a_handler_with_params_of_its_own_takes_the_usual_way():
    """The kernel validates what it always validates."""
    from mcp_types import RequestParams

    mcp = tools()
    seen = []

    async def handler(context, params):
        seen.append(type(params))
        return CallToolResult(content=[])

    mcp._lowlevel_server.add_request_handler("tools/call", RequestParams, handler)
    answers = []
    for fast in (False, True):
        async with session_of(mcp.streamable_http_app(), fast=fast) as ask:
            answers.append(await ask(7, {}))
        mcp._session_manager = None
    assert answers[0] == answers[1] and answers[0]["error"]["code"] == -32602 and not seen


# ---- Its life -------------------------------------------------------------------------------------


@on_asyncio
async def test_who_stops_waiting_stops_nothing():
    async with streamablehttp.mcp.serve(tools(), port=0) as server:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(server.ended, 0.05)
        assert not server.ended.done()
        async with Client(server.url, mode="legacy") as client:
            assert (await client.call_tool("add", {"a": 1, "b": 2})).content[0].text == "3"
        server.close()
        await server.ended
        assert server.ended.done()


@on_asyncio
async def test_a_cancelled_server_cancels_its_handlers():
    """Also if the cancellation comes while it waits for its end."""
    mcp, ended = MCPServer("m"), []

    @mcp.tool()
    async def wait() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return ""

    async def serve():
        async with streamablehttp.mcp.serve(mcp, port=0) as server:
            opened.set_result(server.url)
            await server.ended

    opened = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve())
    url = await opened
    before = asyncio.all_tasks()
    async with httpx2.AsyncClient(timeout=SECONDS) as http:
        session = (await http.post(url, json=INITIALIZE, headers=HEADERS)).headers["mcp-session-id"]
        message = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "wait", "arguments": {}}}
        answer = asyncio.create_task(http.post(url, json=message, headers={**HEADERS, "mcp-session-id": session}))
        await asyncio.sleep(0.3)
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([task, answer])
    assert ended == ["cancelled"]
    assert asyncio.all_tasks() <= before


@pytest.mark.parametrize("moment", ["start", "end"])
@on_asyncio
async def test_a_lifespan_that_raises(moment):
    @contextlib.asynccontextmanager
    async def lifespan(server):
        if moment == "start":
            raise LookupError(moment)
        yield {}
        raise LookupError(moment)

    before = asyncio.all_tasks()
    with pytest.raises((LookupError, BaseExceptionGroup)) as caught:
        async with streamablehttp.mcp.serve(MCPServer("m", lifespan=lifespan), port=0) as server:
            assert moment == "end" and server.port
    assert moment in repr(caught.value) + repr(getattr(caught.value, "exceptions", ""))
    assert asyncio.all_tasks() == before


def test_paths_that_no_endpoint_can_have():
    with pytest.raises(UnsupportedServer, match="parameters"):
        asyncio.run(serve_once(Starlette(routes=[Mount("/{tenant}", MCPServer("m").streamable_http_app())])))
    with pytest.raises(UnsupportedServer, match="no endpoint"):
        asyncio.run(serve_once(Starlette(routes=[Host("a.example", MCPServer("m").streamable_http_app())])))


async def serve_once(target, **options):
    async with streamablehttp.mcp.serve(target, port=0, **options):
        pass


@pytest.mark.parametrize("count", [-1, "many"])
def test_how_many_requests(count):
    with pytest.raises((TypeError, ValueError), match="requests_max"):
        streamablehttp.mcp.serve(tools(), requests_max=count)
