"""Clients of 2026-07-28, and sessions beside them: one handler serves both."""

import asyncio
import concurrent.futures
import json

import pytest

from streamablehttp import (
    Cancelled,
    ClientError,
    DisconnectedError,
    InvalidArgumentError,
    InvalidMessageError,
    InvalidOptionError,
    LimitError,
    NoCallsError,
    NoCapabilityError,
    NotFoundError,
    Notification,
    PrimaryOpened,
    Request,
    RequestCancelledError,
    ResourceSubscribed,
    ResourceUnsubscribed,
    Server,
    Session,
    SessionClosed,
    StatelessError,
)
from wire import META, MODERN, SECONDS, Client, ModernClient, on_asyncio

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
MESSAGES = [{"role": "user", "content": {"type": "text", "text": "hello"}}]
ACCEPTED = {"action": "accept", "content": {"name": "Ada"}}
SAID = {"role": "assistant", "model": "m", "content": {"type": "text", "text": "hi"}}
ROOTS = {"roots": [{"uri": "file:///a"}]}
EVERYTHING = {"elicitation": {}, "sampling": {}, "roots": {}}
ANSWERS = {"elicitation/create": ACCEPTED, "sampling/createMessage": SAID, "roots/list": ROOTS}

LISTS = {"tools": {"listChanged": True}, "prompts": {"listChanged": True}}
CHANGES = {**LISTS, "resources": {"listChanged": True, "subscribe": True}}


# ---- Requests -------------------------------------------------------------------


def test_both_eras_get_the_same_events(host):
    one = host(capabilities={"tools": {}})
    old, new = one.client(), one.modern_client(sampling={})
    old.initialize(capabilities={"sampling": {}})
    for client, revision in ((old, "2025-11-25"), (new, MODERN)):
        exchange = client.call_tool("add", a=1)
        request = one.next()
        assert (request.method, request.revision) == ("tools/call", revision)
        assert (request.params["name"], request.params["arguments"]) == ("add", {"a": 1})
        assert request.client_capabilities == {"sampling": {}}
        assert (request.session is None) == (client is new)
        request.respond({"content": []})
        assert exchange.next()["result"]["content"] == []
    assert exchange.header.content_type == "application/json"
    assert "Mcp-Session-Id" not in exchange.header


def test_a_result_gets_what_the_host_left_out(host):
    one = host(version="7")
    exchange = one.modern_client().request("tools/list")
    one.next().respond({"tools": []})
    assert exchange.next()["result"] == {
        "tools": [],
        "resultType": "complete",
        "_meta": {f"{META}serverInfo": {"name": "host", "version": "7"}},
        "ttlMs": 0,
        "cacheScope": "private",
    }


def test_discovery(host):
    one = host(capabilities={"logging": {}}, discover_capabilities={"tools": {}}, instructions="Read me.")
    result = one.modern_client().request("server/discover").next()["result"]
    assert (result["supportedVersions"], result["capabilities"]) == ([MODERN], {"tools": {}})
    assert result["instructions"] == "Read me."
    assert one.client().initialize()["capabilities"] == {"logging": {}}


def test_progress_and_logs_make_a_stream(host):
    one = host()
    exchange = one.modern_client().call_tool(token="t", log_level="warning")
    request = one.next()
    request.log("info", "not wanted")
    request.progress(1, 2)
    request.log("error", "wanted")
    request.respond({"content": []})
    assert exchange.header.content_type == "text/event-stream"
    first, second, last = exchange.messages
    assert (first["params"]["progressToken"], first["params"]["progress"]) == ("t", 1)
    assert second["params"] == {"level": "error", "data": "wanted"}
    assert last["result"]["content"] == []


@pytest.mark.parametrize(
    ("code", "in_band", "status"),
    [(-32601, False, 404), (-32602, False, 400), (-32021, False, 400), (-32601, True, 200), (-1, False, 200)],
)
def test_an_errors_code_decides_the_status(host, code, in_band, status):
    one = host()
    exchange = one.modern_client().request("x")
    one.next().fail(code, "no", {"n": 1}, in_band=in_band)
    assert exchange.status == status
    assert exchange.next()["error"] == {"code": code, "message": "no", "data": {"n": 1}}


def test_a_client_that_disconnects_has_cancelled(host):
    one = host()
    exchange = one.modern_client().call_tool()
    request = one.next()
    exchange.close()
    assert one.next(Cancelled).request is request
    assert request.cancelled
    with pytest.raises(RequestCancelledError):
        request.respond({})


# ---- Questions to the client ----------------------------------------------------


def ask_everything(request):
    """What a handler does that knows no eras; the calls leave together."""
    calls = [
        request.elicit("Who?", SCHEMA),
        request.sample(MESSAGES, 9, system_prompt="Be brief.", temperature=0.5, stop_sequences=("x",)),
        request.list_roots(),
    ]
    return [call.result(SECONDS) for call in calls]


QUESTIONS = [
    ("elicitation/create", {"message": "Who?", "requestedSchema": SCHEMA}),
    (
        "sampling/createMessage",
        {"messages": MESSAGES, "maxTokens": 9, "systemPrompt": "Be brief.", "temperature": 0.5, "stopSequences": ["x"]},
    ),
    ("roots/list", None),
]


@pytest.fixture
def apart():
    with concurrent.futures.ThreadPoolExecutor() as pool:
        yield pool.submit


def answer_everything(client, stream):
    """What a client with a session does meanwhile."""
    for method, params in QUESTIONS:
        question = stream.next()
        assert (question["method"], question.get("params")) == (method, params)
        client.answer(question, ANSWERS[method])


def test_a_session_is_asked_on_its_stream(host, apart):
    one = host()
    client = one.client()
    client.initialize(capabilities=EVERYTHING)
    exchange = client.call_tool()
    request = one.next()
    answers = apart(ask_everything, request)
    answer_everything(client, exchange)
    assert answers.result(SECONDS) == [ACCEPTED, SAID, ROOTS]
    request.respond({"content": []})
    assert exchange.next()["result"] == {"content": []}


def test_a_modern_client_is_asked_by_round_trips(host, apart):
    one = host()
    client = one.modern_client(**EVERYTHING)
    exchange = client.call_tool(token=1, a=1)
    request = one.next()
    answers = apart(ask_everything, request)
    result = exchange.next()["result"]
    seen = []
    while result.get("resultType") == "input_required":
        seen += [(one["method"], one.get("params")) for one in result["inputRequests"].values()]
        exchange = client.go_on(result, ANSWERS, token=2, a=1)
        if len(seen) == len(QUESTIONS):
            assert answers.result(SECONDS) == [ACCEPTED, SAID, ROOTS]
            request.progress(1)
            request.respond({"content": []})
            break
        result = exchange.next()["result"]
    assert sorted(seen, key=str) == sorted(QUESTIONS, key=str)
    # The call that came back has taken the place of the first, with its own token.
    assert exchange.next()["params"]["progressToken"] == 2
    assert exchange.next()["result"]["content"] == []


@on_asyncio
async def test_one_handler_for_both(host):
    """The program of the README, in short."""

    async def handle(request):
        with request:
            answer = await request.elicit("Who?", SCHEMA, timeout=SECONDS)
            text = f"Hello, {answer['content']['name']}!"
            request.respond({"content": [{"type": "text", "text": text}]})

    def talk(port):
        old = Client(port)
        old.initialize(capabilities={"elicitation": {}})
        exchange = old.call_tool()
        old.answer(exchange.next(), ACCEPTED)
        new = ModernClient(port, capabilities={"elicitation": {}})
        result = new.call_tool().next()["result"]
        said = [one.next()["result"]["content"][0]["text"] for one in (exchange, new.go_on(result, ANSWERS))]
        old.hang_up()
        new.hang_up()
        return said

    async with Server(name="x") as server:
        talking = asyncio.create_task(asyncio.to_thread(talk, server.port))
        tasks = set()
        talking.add_done_callback(lambda _: server.close())
        async for event in server.events():
            if isinstance(event, Request):
                tasks.add(asyncio.create_task(handle(event)))
        assert await talking == ["Hello, Ada!"] * 2
        assert len(tasks) == 2
        await asyncio.gather(*tasks)


def test_a_session_is_asked_on_its_primary(host, apart):
    one = host()
    client = one.client()
    client.initialize(capabilities=EVERYTHING)
    primary = client.listen()
    session = one.next(PrimaryOpened).session
    answers = apart(ask_everything, session)
    answer_everything(client, primary)
    assert answers.result(SECONDS) == [ACCEPTED, SAID, ROOTS]
    client.delete()
    one.next(SessionClosed)
    with pytest.raises(NotFoundError):
        session.list_roots()


ASKING = [
    ("elicitation", lambda request: request.elicit("Who?", SCHEMA)),
    ("sampling", lambda request: request.sample(MESSAGES, 9)),
    ("roots", lambda request: request.list_roots()),
]


@pytest.mark.parametrize(("capability", "ask"), ASKING, ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("is_modern", [False, True], ids=["session", "modern"])
def test_a_client_without_the_capability_is_not_asked(host, capability, ask, is_modern):
    declared = {name: value for name, value in EVERYTHING.items() if name != capability}
    one = host()
    client = one.modern_client(**declared) if is_modern else one.client()
    if not is_modern:
        client.initialize(capabilities=declared)
    exchange = client.call_tool()
    request = one.next()
    with pytest.raises(NoCapabilityError):
        ask(request).result(SECONDS)
    request.respond({"content": []})
    assert exchange.next()["result"]["content"] == []


def test_what_cannot_ask(host):
    one = host()
    client = one.modern_client(**EVERYTHING)
    client.request("x")
    request = one.next()
    with pytest.raises(NoCallsError):
        request.list_roots().result(SECONDS)
    client.call_tool()
    request = one.next()
    with pytest.raises(NoCallsError):
        request.call("ping").result(SECONDS)


def test_a_client_that_answers_with_an_error(host):
    one = host()
    client = one.client()
    client.initialize(capabilities=EVERYTHING)
    exchange = client.call_tool()
    request = one.next()
    call = request.sample(MESSAGES, 9)
    client.answer(exchange.next(), error={"code": -1, "message": "no model"})
    with pytest.raises(ClientError, match="no model") as raised:
        call.result(SECONDS)
    assert raised.value.code == -1
    request.respond({})


def test_a_client_that_does_not_come_back(host):
    one = host(parked_ms=50)
    exchange = one.modern_client(**EVERYTHING).call_tool()
    request = one.next()
    call = request.elicit("Who?", SCHEMA)
    assert exchange.next()["result"]["resultType"] == "input_required"
    assert one.next(Cancelled).request is request
    with pytest.raises(DisconnectedError):
        call.result(SECONDS)
    with pytest.raises(RequestCancelledError):
        request.elicit("Who?", SCHEMA)


def test_a_state_that_is_used_or_forged(host):
    one = host()
    client = one.modern_client(**EVERYTHING)
    exchange = client.call_tool()
    request = one.next()
    call = request.elicit("Who?", SCHEMA)
    result = exchange.next()["result"]
    forged = client.go_on({**result, "requestState": "shttp-" + "0" * 32}, ANSWERS)
    assert (forged.status, forged.next()["error"]["code"]) == (400, -32602)
    good = client.go_on(result, ANSWERS)
    assert call.result(SECONDS) == ACCEPTED
    assert client.go_on(result, ANSWERS).status == 400
    request.respond({"content": []})
    assert good.next()["result"]["content"] == []


def test_a_place_to_wait_is_limited(host):
    one = host(parked_max=1, address_share_percent=100)
    client = one.modern_client(**EVERYTHING)
    client.call_tool()
    waiting = one.next()
    waiting.elicit("Who?", SCHEMA)
    client.call_tool()
    request = one.next()
    with pytest.raises(LimitError):
        request.elicit("Who?", SCHEMA).result(SECONDS)


def test_a_host_that_keeps_no_state(host):
    """It asks with a result of its own, which passes as it is."""
    one = host()
    client = one.modern_client(**EVERYTHING)
    question = {"who": {"method": "elicitation/create", "params": {"message": "Who?", "requestedSchema": SCHEMA}}}
    exchange = client.call_tool()
    asking = {"resultType": "input_required", "inputRequests": question, "requestState": "mine"}
    one.next().respond(asking)
    result = exchange.next()["result"]
    assert {name: result[name] for name in asking} == asking
    exchange = client.go_on(result, ANSWERS)
    again = one.next()
    assert again.params["inputResponses"] == {"who": ACCEPTED}
    assert again.params["requestState"] == "mine"
    again.respond({"content": []})
    assert exchange.next()["result"]["content"] == []


def test_a_stateless_server_asks_modern_clients_only(host):
    one = host(stateless=True)
    old, new = one.client(), one.modern_client(**EVERYTHING)
    old.initialize()
    old.call_tool()
    with pytest.raises(StatelessError):
        one.next().list_roots().result(SECONDS)
    exchange = new.call_tool()
    request = one.next()
    call = request.list_roots()
    new.go_on(exchange.next()["result"], ANSWERS)
    assert call.result(SECONDS) == ROOTS


def test_what_a_test_of_a_host_sees():
    request = Request(method="tools/call")
    request.elicit("Who?", SCHEMA)
    request.sample(MESSAGES, 9, tools=[{"name": "t"}], tool_choice={"mode": "auto"}, include_context="none")
    request.list_roots().set_result(ROOTS)
    request.fail(-1, "no", {"n": 1}, in_band=True)
    more = {"tools": [{"name": "t"}], "toolChoice": {"mode": "auto"}, "includeContext": "none"}
    assert [one[:3] for one in request.sent] == [
        ("call", "elicitation/create", {"message": "Who?", "requestedSchema": SCHEMA}),
        ("call", "sampling/createMessage", {"messages": MESSAGES, "maxTokens": 9, **more}),
        ("call", "roots/list", None),
        ("fail_in_band", -1, "no"),
    ]
    assert request.sent[-1] == ("fail_in_band", -1, "no", {"n": 1})
    mute = Request(method="tools/call", session=Session(client_capabilities={"roots": {}}))
    assert mute.client_capabilities == {"roots": {}}
    with pytest.raises(NoCapabilityError):
        mute.elicit("Who?", SCHEMA).result(0)
    assert mute.sent == []
    told = {"_meta": {f"{META}clientCapabilities": {"sampling": {}}}}
    assert Request(method="x", params=told, revision=MODERN).client_capabilities == {"sampling": {}}
    for strange in ([], {"_meta": 1}, {"_meta": {f"{META}clientCapabilities": 1}}):
        assert Request(method="x", params=strange).client_capabilities == {}


# ---- Changes --------------------------------------------------------------------


def test_a_change_reaches_both_eras(host):
    one = host(capabilities=CHANGES)
    old, new = one.client(), one.modern_client()
    old.initialize()
    primary = old.listen()
    one.next(PrimaryOpened)
    listening = new.listen(toolsListChanged=True)
    one.server.publish("prompts")  # not asked for by the modern client
    one.server.publish("tools")
    assert [primary.next()["method"] for _ in range(2)] == [
        "notifications/prompts/list_changed",
        "notifications/tools/list_changed",
    ]
    change = listening.next()
    assert change["method"] == "notifications/tools/list_changed"
    assert f"{META}subscriptionId" in change["params"]["_meta"]
    one.server.drain(0)
    assert listening.next()["result"]["resultType"] == "complete"


def test_a_resource_is_watched_in_both_eras(host):
    one = host(capabilities=CHANGES, keep_subscriptions=True)
    old, new = one.client(), one.modern_client()
    old.initialize()
    primary = old.listen()
    one.next(PrimaryOpened)
    listening = new.listen(resourceSubscriptions=["test://ü"])
    subscribed = one.next(ResourceSubscribed)
    assert (subscribed.uri, subscribed.session) == ("test://ü", None)
    assert old.request("resources/subscribe", {"uri": "test://ü"}).next()["result"] == {}
    one.server.publish("resource", "test://other")
    one.server.publish("resource", "test://ü")
    for stream in (primary, listening):
        told = stream.next()
        assert (told["method"], told["params"]["uri"]) == ("notifications/resources/updated", "test://ü")
    listening.close()
    assert old.request("resources/unsubscribe", {"uri": "test://ü"}).next()["result"] == {}
    assert one.next(ResourceUnsubscribed).uri == "test://ü"


def test_without_keep_subscriptions_the_host_answers(host):
    one = host()
    client = one.client()
    client.initialize()
    exchange = client.request("resources/subscribe", {"uri": "a:b"})
    request = one.next()
    assert (request.method, request.params) == ("resources/subscribe", {"uri": "a:b"})
    request.respond({})
    assert exchange.next()["result"] == {}


@pytest.mark.parametrize(
    ("limit", "code"), [({"listens_max": 1}, -32603), ({"subscriptions_max": 1}, -32602)], ids=["streams", "resources"]
)
def test_listening_is_limited(host, limit, code):
    one = host(capabilities=CHANGES, address_share_percent=100, **limit)
    client = one.modern_client()
    first = client.listen(resourceSubscriptions=["a:1"])
    uris = ["a:1", "a:2"] if "subscriptions_max" in limit else ["a:1"]
    refused = client.request("subscriptions/listen", {"notifications": {"resourceSubscriptions": uris}})
    assert refused.next()["error"]["code"] == code
    first.close()


@pytest.mark.parametrize(
    ("change", "uri", "error"),
    [
        ("tool", None, InvalidArgumentError),
        ("resource", None, InvalidArgumentError),
        ("resource", "", InvalidArgumentError),
        ("tools", "a:b", InvalidArgumentError),
        (0, None, TypeError),
        (None, None, TypeError),
        ("resource", b"a:b", TypeError),
        ("resource", 1, TypeError),
    ],
)
def test_wrong_changes(host, change, uri, error):
    with pytest.raises(error, match=r"^(change|uri): "):
        host().server.publish(change, uri)


# ---- The tools' headers ---------------------------------------------------------

REGION = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}


@pytest.mark.parametrize("form", [list, tuple, iter, lambda tools: json.dumps(tools).encode()])
def test_repeated_parameters(host, form):
    one = host()
    one.server.set_tools(form([{"name": "tool", "inputSchema": REGION, "description": "more"}]))
    client = one.modern_client()
    exchange = client.call_tool(headers={"Mcp-Param-Region": "eu"}, region="eu")
    one.next().respond({"content": []})
    assert exchange.status == 200
    for headers in ({}, {"Mcp-Param-Region": "us"}):
        wrong = client.call_tool(headers=headers, region="eu")
        assert (wrong.status, wrong.next()["error"]["code"]) == (400, -32020)
    one.server.set_tools([])
    exchange = client.call_tool(region="eu")
    one.next().respond({"content": []})
    assert exchange.status == 200


@pytest.mark.parametrize("tools", ["[]", {}, None, 1, [object()]])
def test_tools_of_the_wrong_type(host, tools):
    with pytest.raises(TypeError, match=r"^tools: "):
        host().server.set_tools(tools)


@pytest.mark.parametrize("tools", [b"{}", b"[1]", [{"inputSchema": {}}], [{"name": float("nan")}]])
def test_tools_that_are_none(host, tools):
    with pytest.raises(InvalidMessageError):
        host().server.set_tools(tools)


# ---- Options --------------------------------------------------------------------


def test_an_endpoint_of_one_era(host):
    new = host(revisions=[MODERN])
    refused = new.client().request("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}})
    assert refused.status == 400 and MODERN in json.dumps(refused.next())
    assert new.client().send("GET").status == 405
    exchange = new.modern_client().call_tool()
    new.next().respond({"content": []})
    assert exchange.status == 200

    old = host(revisions=["2025-06-18", "2025-11-25"])
    refused = old.modern_client().call_tool()
    assert (refused.status, refused.next()["error"]["code"]) == (400, -32022)
    assert old.client().initialize("2025-03-26")["protocolVersion"] == "2025-11-25"


@pytest.mark.parametrize("revisions", [[], ["2020-01-01"], ["2025-11-25,"], [MODERN, ""]])
def test_revisions_that_are_none(revisions):
    with pytest.raises(InvalidOptionError, match="revisions"):
        Server(name="x", revisions=revisions)


def test_a_modern_notification(host):
    one = host()
    client = one.modern_client()
    assert client.notify("notifications/x", {"n": 1}).status == 202
    notification = one.next(Notification)
    assert (notification.params, notification.revision) == ({"n": 1}, MODERN)
