"""Events that a host builds itself, for tests of its own."""

import asyncio
import concurrent.futures
import dataclasses
import gc
import json
import logging
import re
import sys

import pytest

import streamablehttp
from conftest import REPOSITORY
from streamablehttp import (
    Access,
    Authorization,
    Cancelled,
    ClientError,
    CommandFailed,
    Event,
    Headers,
    HTTPRequest,
    Idle,
    InvalidArgumentError,
    LimitError,
    Message,
    NotFoundError,
    Notification,
    PrimaryClosed,
    PrimaryGap,
    PrimaryOpened,
    Request,
    RequestCancelledError,
    ResourceSubscribed,
    ResourceUnsubscribed,
    Session,
    SessionClosed,
    SessionEvent,
    SessionOpened,
)
from wire import on_asyncio

SECRET = "s3cret"


def session():
    return Session(id=SECRET, principal="alice", client_info={"name": "test\n"})


def one_of_each():
    request = Request(method="tools/call", params={"x": SECRET}, id=7, session=session())
    return [
        request,
        Notification(method="a\nb", params={"x": SECRET}, session=session()),
        Cancelled(request=request, reason=SECRET),
        SessionOpened(session=session(), headers={"Authorization": SECRET}),
        SessionClosed(session=session(), made_room=True),
        PrimaryOpened(session=session()),
        PrimaryGap(session=session()),
        PrimaryClosed(session=session()),
        HTTPRequest(target=f"/a\nb?token={SECRET}", headers={"Authorization": SECRET}, body=SECRET.encode()),
        CommandFailed(error=LimitError("full"), request=request),
        CommandFailed(error=LimitError("full")),
        Idle(),
        ResourceSubscribed(uri="test://a\nb"),
        ResourceUnsubscribed(uri="test://a"),
        Access(target=f"/mcp?token={SECRET}", session=session()),
        Authorization(
            target=f"/mcp?token={SECRET}",
            scheme="bearer",
            credentials=SECRET,
            headers={"Authorization": f"Bearer {SECRET}"},
        ),
    ]


KINDS = sorted(
    {kind for kind in vars(streamablehttp).values() if isinstance(kind, type) and issubclass(kind, Event)},
    key=lambda kind: kind.__name__,
)


def test_every_event_is_built_here():
    assert {type(event) for event in one_of_each()} == {*KINDS} - {Event, Message, SessionEvent}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_events_are_dataclasses_that_take_keywords(kind):
    assert hasattr(kind, "__dataclass_fields__")
    assert "__match_args__" in vars(kind) or sys.version_info < (3, 10)
    with pytest.raises(TypeError, match="positional"):
        kind(None)


@pytest.mark.parametrize("event", one_of_each(), ids=lambda event: type(event).__name__)
def test_events_do_not_change_and_tell_no_secrets(event):
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.session = None
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.more = None
    shown = repr(event)
    assert shown.startswith(f"<{type(event).__name__}") and shown.endswith(">")
    assert SECRET not in shown and "\n" not in shown
    assert event == event and event != object()
    assert len({event, event}) == 1


def test_reprs():
    request, notification, cancelled, opened, *_, failed, _, watched, _, access, asked = one_of_each()
    assert repr(request) == r"<Request 'tools/call' id=7 <Session 0x0 'test\n'>>"
    assert repr(notification) == r"<Notification 'a\nb' <Session 0x0 'test\n'>>"
    assert repr(cancelled) == f"<Cancelled {request!r}>"
    assert repr(opened) == r"<SessionOpened <Session 0x0 'test\n'>>"
    assert repr(failed) == "<CommandFailed LimitError('full')>"
    assert repr(access) == r"<Access 200 'POST' '/mcp' <Session 0x0 'test\n'>>"
    assert repr(watched) == r"<ResourceSubscribed 'test://a\nb'>"
    assert repr(asked) == "<Authorization 'POST' '/mcp'>"
    assert repr(Idle()) == "<Idle>"
    assert repr(Request(method="x" * 1000)) == f"<Request '{'x' * 99}... id=0>"


def test_what_was_not_given():
    request = Request(method="x")
    assert (request.params, request.id, request.session, request.principal) == ({}, 0, None, "")
    assert json.loads(request.message) == {"jsonrpc": "2.0", "id": 0, "method": "x", "params": {}}
    assert json.loads(Notification(method="x").message) == {
        "jsonrpc": "2.0",
        "method": "x",
        "params": {},
    }
    assert dict(request.headers) == {}
    assert Cancelled(request=request).reason is None


def test_params_as_json_text():
    request = Request(method="x", message=b'{"params":[1]}')
    assert "params" not in vars(request)
    assert request.params == [1] and request.params is request.params
    assert Request(method="x", message=b"{}").params == {}
    with pytest.raises(ValueError):
        assert Request(method="x", message=b"{").params
    with pytest.raises(TypeError, match=r"^params: "):
        Request(method="x", message=b"{}", params={})


def test_headers_of_an_event():
    headers = Headers(b"Host: a\r\nX-Y: 1\r\nx-y: 2\r\n")
    assert dict(headers) == {"host": "a", "x-y": "1, 2"}
    assert headers["HOST"] == "a" and "Host" in headers and None not in headers
    assert Request(method="x", headers=headers).headers is headers
    assert Request(method="x", headers={"X-Y": "1"}).headers["x-y"] == "1"


def test_one_is_replaced():
    request = Request(method="x", params={"n": 1}, id="7", session=session(), principal="p")
    other = dataclasses.replace(request, method="y")
    assert (other.method, other.params, other.id) == ("y", {"n": 1}, "7")
    assert other.session is request.session and other.principal == "p"
    assert json.loads(other.message)["method"] == "y"
    request.respond({})
    assert other.sent == []


@pytest.mark.skipif(sys.version_info < (3, 10), reason="Python 3.9 has no match")
def test_matching():
    names = {}
    exec(  # Python 3.9 cannot read it
        """
def kind(event):
    match event:
        case Request("tools/call", {"x": value}): return value
        case Request(method="ping"): return "ping"
        case Message(method): return method
        case SessionClosed(session, made_room=True): return session
        case SessionEvent(Session(revision=revision)): return revision
        case Cancelled(Request(id=id)): return id
        case CommandFailed(LimitError(), None): return "limit"
        case CommandFailed(request=Request(id=id)): return -id
        case Authorization(method, target): return method, target
        case HTTPRequest(method, path): return method, path
        case Idle(): return "idle"
        case ResourceSubscribed(uri): return uri
        case ResourceUnsubscribed(uri): return f"gone {uri}"
        case Access(status, method): return status, method
""",
        vars(streamablehttp),
        names,
    )
    events = one_of_each()
    assert [names["kind"](event) for event in events] == [
        SECRET,
        "a\nb",
        7,
        "2025-11-25",
        events[4].session,
        *["2025-11-25"] * 3,
        ("GET", "/a\nb"),
        -7,
        "limit",
        "idle",
        "test://a\nb",
        "gone test://a",
        (200, "POST"),
        ("POST", f"/mcp?token={SECRET}"),
    ]
    assert names["kind"](Request(method="ping")) == "ping"


# ---- What was sent ---------------------------------------------------------------


def test_commands_of_a_request():
    request = Request(method="x")
    request.progress(1)
    request.progress(1, 2, "half")
    request.log("info", {"a": 1}, logger="l")
    request.log("info", "text")
    request.notify("test/n", [1])
    request.hang_up(5)
    request.fail(-1, "no", [2])
    assert request.sent == [
        ("progress", 1.0, None, ""),
        ("progress", 1.0, 2.0, "half"),
        ("log", "info", "l", {"a": 1}),
        ("log", "info", "", "text"),
        ("notify", "test/n", [1]),
        ("hang_up", 5),
        ("fail", -1, "no", [2]),
    ]


def test_it_behaves_like_a_served_one(caplog):
    request = Request(method="x")
    with pytest.raises(ValueError, match=r"^level: "):
        request.log("loud", "x")
    with pytest.raises(TypeError, match=r"^result: "):
        request.respond(object())
    with request:
        request.respond({"n": 1})
    with pytest.raises(NotFoundError):
        request.respond({"n": 2})
    assert request.sent == [("respond", {"n": 1})]
    assert not caplog.records
    with pytest.raises(RuntimeError), Request(method="y") as request:
        raise RuntimeError
    assert request.sent == [("fail", -32603, "The handler did not answer", None)]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_one_that_is_only_looked_at_is_not_answered(caplog):
    request = Request(method="x")
    sent = request.sent
    del request
    gc.collect()
    assert not sent and not caplog.records


@on_asyncio
async def test_a_handler_that_calls():
    async def serve(request):
        answer = await request.call("elicitation/create", {"message": "?"}, timeout=10)
        request.respond(answer)

    request = Request(method="x")
    task = asyncio.create_task(serve(request))
    while not request.sent:
        await asyncio.sleep(0)
    command, method, params, call = request.sent[-1]
    assert (command, method, params) == ("call", "elicitation/create", {"message": "?"})
    call.set_result({"action": "accept"})
    await task
    assert request.sent[-1] == ("respond", {"action": "accept"})


def test_a_call_that_fails_or_ends_in_time():
    request = Request(method="x")
    call = request.call("roots/list")
    call.set_exception(ClientError(-1, "no"))
    with pytest.raises(ClientError):
        call.result(1)
    call = request.call("roots/list", timeout=0.01)
    with pytest.raises(concurrent.futures.TimeoutError):
        call.result()
    assert call.cancelled()
    assert [command[0] for command in request.sent] == ["call", "call", "close"]


def test_commands_of_a_session():
    one = session()
    one.notify("test/n", {"a": 1})
    call = one.call("ping")
    one.hang_up(1)
    one.close()
    assert one.sent == [
        ("notify", "test/n", {"a": 1}),
        ("call", "ping", None, call),
        ("hang_up", 1),
        ("close",),
    ]
    one.closed = True
    with pytest.raises(NotFoundError):
        one.notify("test/n")
    assert SECRET not in repr(one)


def test_answers_to_an_authorization():
    asked = Authorization(scheme="bearer", credentials="t")
    assert asked.token == "t" and asked.session is None
    with pytest.raises(InvalidArgumentError):
        asked.allow("")
    asked.allow("alice", 5)
    with pytest.raises(NotFoundError):
        asked.refuse()
    assert asked.sent == [("allow", "alice", 5)]
    asked = Authorization()
    asked.refuse(scope="a b")
    assert asked.sent == [("refuse", 1, "a b", "")]


def test_a_session_and_a_request_of_a_server_keep_no_record(host):
    one = host()
    client = one.client()
    client.initialize()
    exchange = client.request("x")
    request = one.next()
    request.respond({})
    request.session.notify("test/n")
    assert exchange.next()["result"] == {}
    assert request.sent == request.session.sent == []


def test_a_cancelled_request():
    request = Request(method="x")
    request._cancel()
    with pytest.raises(RequestCancelledError):
        request.respond({})


# ---- The README ------------------------------------------------------------------

README = (REPOSITORY / "bindings" / "python" / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@on_asyncio
async def test_the_test_that_the_readme_shows():
    names = {}
    exec(BLOCKS[0].replace("asyncio.run(main())", ""), names)
    (shown,) = [block for block in BLOCKS if "test_greet" in block]
    exec(shown, names)
    await names["test_greet"]()
    exec(shown.replace("Hello, Ada!", "Hello, Bob!"), names)
    with pytest.raises(AssertionError):
        await names["test_greet"]()


def test_the_stores_that_the_readme_shows():
    names = dict(vars(streamablehttp))
    for shown, stores in (("class FileStore:", ["FileStore"]), ("class Sessions:", ["Events", "Sessions"])):
        (block,) = [one for one in BLOCKS if shown in one]
        exec(block, names)
        with names["server"] as server:
            assert [type(one._store).__name__ for one in server._stores] == stores
