"""The everything server's tools of revision 2026-07-28, as a test client looks at them (by hand)."""

import subprocess

import pytest

from wire import META, MODERN, Client, ModernClient

EVERYTHING = {"elicitation": {}, "sampling": {}, "roots": {}}
SAID = {"role": "assistant", "model": "m", "content": {"type": "text", "text": "Paris"}}
ROOTS = {"roots": [{"uri": "file:///a"}]}


def accepted(**content):
    return {"action": "accept", "content": content}


def port_of(url):
    return int(url.rsplit(":", 1)[1].split("/")[0])


@pytest.fixture(scope="module")
def port(everything_server):
    """One server of each for the whole module: the tools keep nothing."""
    process = subprocess.Popen(everything_server, stdout=subprocess.PIPE, text=True)
    yield port_of(process.stdout.readline().strip())
    process.terminate()
    process.wait()
    process.stdout.close()


@pytest.fixture
def client(port):
    one = ModernClient(port, capabilities=EVERYTHING)
    yield one
    one.hang_up()


def result(exchange):
    answer = exchange.next()
    assert "result" in answer, answer
    return answer["result"]


def text(exchange):
    return result(exchange)["content"][0]["text"]


def names(client, method="tools/list", kind="tools"):
    return [one["name"] for one in result(client.request(method))[kind]]


def test_each_era_has_its_tools(port, client):
    old = Client(port)
    old.initialize()
    modern, of_sessions = names(client), names(old)
    assert modern[0] == of_sessions[0] == "test_simple_text"
    assert "test_reconnection" in of_sessions and "test_reconnection" not in modern
    assert "test_x_mcp_header" in modern and "test_x_mcp_header" not in of_sessions
    assert {"test_elicitation", "test_sampling", "test_tool_with_logging"} <= {*modern} & {*of_sessions}
    assert "test_input_required_result_prompt" in names(client, "prompts/list", "prompts")
    assert "test_input_required_result_prompt" not in names(old, "prompts/list", "prompts")
    for answer in (old.call_tool("test_x_mcp_header"), client.call_tool("test_reconnection")):
        assert answer.next()["error"]["code"] == -32602
    old.hang_up()


def test_discovery(client):
    found = result(client.request("server/discover"))
    assert found["supportedVersions"] == [MODERN]
    assert {*found["capabilities"]} == {"tools", "prompts", "resources", "completions"}
    assert found["_meta"][f"{META}serverInfo"] == {"name": "everything", "version": "1.0.0"}


def test_missing_capability(client):
    assert text(client.call_tool("test_missing_capability"))
    client.capabilities = {"roots": {}}
    refused = client.call_tool("test_missing_capability")
    error = refused.next()["error"]
    assert (refused.status, error["code"]) == (400, -32021)
    assert error["data"] == {"requiredCapabilities": {"sampling": {}}}


def test_a_missing_resource(port, client):
    refused = client.request("resources/read", {"uri": "test://nothing"})
    assert (refused.status, refused.next()["error"]["code"]) == (400, -32602)
    old = Client(port)
    old.initialize()
    assert old.request("resources/read", {"uri": "test://nothing"}).next()["error"]["code"] == -32002
    old.hang_up()


def test_headers_of_a_tool(client):
    assert text(client.call_tool("test_x_mcp_header", headers={"Mcp-Param-Region": "eu"}, region="eu")) == "Region: eu"
    wrong = client.call_tool("test_x_mcp_header", headers={"Mcp-Param-Region": "us"}, region="eu")
    assert (wrong.status, wrong.next()["error"]["code"]) == (400, -32020)


def test_logs(client):
    silent = client.call_tool("test_logging_tool")
    assert silent.header.content_type == "application/json"
    loud = client.call_tool("test_logging_tool", log_level="info")
    methods = [message.get("method") for message in loud.messages]
    assert methods == ["notifications/message"] * 3 + [None]


def test_streaming_elicitation(client):
    tool = "test_streaming_elicitation"
    exchange = client.call_tool(tool, token="t", log_level="debug")
    *told, asking = exchange.messages
    assert {one["method"] for one in told} == {"notifications/progress", "notifications/message"}
    assert "input_required" in asking["result"]["resultType"]
    answer = client.go_on(asking["result"], {"elicitation/create": accepted(go_on=True)}, tool)
    assert "action=accept" in text(answer)
    client.capabilities = {}
    assert text(client.call_tool(tool)) == "There is nobody to ask."


@pytest.mark.parametrize("kind", ["tool", "prompt"])
def test_changes_of_lists(client, kind):
    listening = client.listen(**{f"{kind}sListChanged": True})
    before = names(client, f"{kind}s/list", f"{kind}s")
    for number in range(2):
        assert text(client.call_tool(f"test_trigger_{kind}_change"))
        assert listening.next()["method"] == f"notifications/{kind}s/list_changed"
        now = names(client, f"{kind}s/list", f"{kind}s")
        assert (now == before) == (number == 1)


def test_the_watched_resource(client):
    listening = client.listen(resourceSubscriptions=["test://watched-resource"])
    client.call_tool("test_trigger_resource_change").next()
    told = listening.next()
    assert told["params"]["uri"] == "test://watched-resource"


# ---- test_input_required_... ------------------------------------------------------


def ask(client, tool, **more):
    asking = result(client.call_tool(f"test_input_required_result_{tool}", more=more))
    assert asking["resultType"] == "input_required"
    assert "ttlMs" not in asking
    return asking


def answer(client, tool, responses, asking=None, state=None):
    more = {"inputResponses": responses}
    if asking is not None and "requestState" in asking:
        more["requestState"] = asking["requestState"]
    if state is not None:
        more["requestState"] = state
    return client.call_tool(f"test_input_required_result_{tool}", more=more)


SINGLE = [
    ("elicitation", "user_name", "elicitation/create", accepted(name="Ada"), "Hello, Ada!"),
    ("sampling", "capital_question", "sampling/createMessage", SAID, "Paris"),
    ("list_roots", "client_roots", "roots/list", ROOTS, "file:///a"),
]


@pytest.mark.parametrize(("tool", "key", "method", "good", "said"), SINGLE, ids=lambda value: str(value)[:12])
def test_one_question(client, tool, key, method, good, said):
    asked = ask(client, tool)["inputRequests"]
    assert {name: one["method"] for name, one in asked.items()} == {key: method}
    assert said in text(answer(client, tool, {key: good}))


def test_the_questions(client):
    params = ask(client, "elicitation")["inputRequests"]["user_name"]["params"]
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    assert params == {"message": "What is your name?", "requestedSchema": schema}
    params = ask(client, "sampling")["inputRequests"]["capital_question"]["params"]
    assert params["maxTokens"] == 100
    assert params["messages"][0]["content"]["text"] == "What is the capital of France?"


@pytest.mark.parametrize(
    ("tool", "wrong"),
    [
        ("elicitation", {"user_name": accepted(name=1)}),
        ("elicitation", {"user_name": accepted()}),
        ("elicitation", {"user_name": {"action": "accept"}}),
        ("elicitation", {"user_name": {"action": "perhaps"}}),
        ("elicitation", {"user_name": ROOTS}),
        ("elicitation", {"user_name": "Ada"}),
        ("elicitation", {"other": accepted(name="Ada")}),
        ("elicitation", {}),
        ("elicitation", []),
        ("sampling", {"capital_question": accepted(name="Ada")}),
        ("list_roots", {"client_roots": {"roots": "file:///a"}}),
    ],
)
def test_wrong_answers_do_not_complete(client, tool, wrong):
    assert result(answer(client, tool, wrong))["resultType"] == "input_required"


def test_one_may_decline(client):
    assert text(answer(client, "elicitation", {"user_name": {"action": "decline"}})) == "Hello, nobody!"


def test_a_client_that_cannot_be_asked(client):
    client.capabilities = {"sampling": {}}
    for tool, missing in (("elicitation", "elicitation"), ("list_roots", "roots")):
        refused = client.call_tool(f"test_input_required_result_{tool}")
        assert refused.status == 400
        assert refused.next()["error"]["data"] == {"requiredCapabilities": {missing: {}}}


def test_it_asks_for_what_was_declared(client):
    for declared, keys in (
        ({"sampling": {}}, {"capital_question"}),
        ({"elicitation": {}}, {"user_name"}),
        (EVERYTHING, {"user_name", "capital_question"}),
    ):
        client.capabilities = declared
        assert {*ask(client, "capabilities")["inputRequests"]} == keys
    client.capabilities = {}
    assert text(client.call_tool("test_input_required_result_capabilities")) == "Answered: nothing."


def test_a_state(client):
    asking = ask(client, "request_state")
    assert {*asking["inputRequests"]} == {"confirm"}
    good = {"confirm": accepted(ok=True)}
    assert "state-ok" in text(answer(client, "request_state", good, asking))
    # Without its state an answer counts for nothing.
    assert result(answer(client, "request_state", good))["resultType"] == "input_required"


def test_several_questions_at_once(client):
    asking = ask(client, "multiple_inputs")
    assert {key: one["method"] for key, one in asking["inputRequests"].items()} == {
        "user_name": "elicitation/create",
        "greeting": "sampling/createMessage",
        "client_roots": "roots/list",
    }
    assert asking["inputRequests"]["greeting"]["params"]["maxTokens"] == 50
    some = {"user_name": accepted(name="Ada"), "greeting": SAID}
    again = result(answer(client, "multiple_inputs", some, asking))
    assert again["resultType"] == "input_required"
    assert "Ada" in text(answer(client, "multiple_inputs", {"client_roots": ROOTS}, again))


def test_several_rounds(client):
    first = ask(client, "multi_round")
    assert {*first["inputRequests"]} == {"step1"}
    second = result(answer(client, "multi_round", {"step1": accepted(name="Ada")}, first))
    assert (second["resultType"], {*second["inputRequests"]}) == ("input_required", {"step2"})
    assert second["requestState"] != first["requestState"]
    assert text(answer(client, "multi_round", {"step2": accepted(color="blue")}, second)) == "Ada likes blue."


def test_a_state_that_was_altered(port, client):
    asking = ask(client, "tampered_state")
    state = asking["requestState"]
    other = ask(client, "request_state")["requestState"]
    good = {"confirm": accepted(ok=True)}
    for forged in (state[:-1], state + "0", "x" + state, state.replace(".", "", 1), "", "ü", other):
        refused = answer(client, "tampered_state", good, state=forged)
        assert (refused.status, refused.next()["error"]["code"]) == (400, -32602), forged
    assert text(answer(client, "tampered_state", good, asking))


def test_a_prompt_that_asks(client):
    name = {"name": "test_input_required_result_prompt"}
    asking = result(client.request("prompts/get", name))
    assert {*asking["inputRequests"]} == {"user_context"}
    responses = {"inputResponses": {"user_context": accepted(context="Rome")}}
    messages = result(client.request("prompts/get", {**name, **responses}))["messages"]
    assert "Rome" in messages[0]["content"]["text"]


def test_one_era_only(everything):
    new = port_of(everything("--era", "modern"))
    assert Client(new).request("initialize", {"protocolVersion": "2025-11-25"}).status == 400
    assert text(ModernClient(new).call_tool("test_simple_text"))
    old = port_of(everything("--era", "sessions"))
    assert ModernClient(old).call_tool("test_simple_text").status == 400
    assert Client(old).initialize()["protocolVersion"] == "2025-11-25"
