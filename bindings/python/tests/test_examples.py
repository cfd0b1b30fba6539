"""The programs under examples/, run as they stand."""

import signal
import subprocess
import sys

import pytest

from conftest import REPOSITORY, built
from wire import SECONDS, Client, ModernClient

EXAMPLES = REPOSITORY / "examples"


def test_walkthrough():
    run = subprocess.run(
        [sys.executable, str(EXAMPLES / "walkthrough.py")],
        capture_output=True,
        text=True,
        timeout=40,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stderr == ""
    assert max(map(len, run.stdout.splitlines())) <= 100
    for word in ("progress 2 of 2", "StatelessError", "JSONResponseError", "405", "input required", "list_changed"):
        assert word in run.stdout


def port_of(url):
    return int(url.rsplit(":", 1)[1].split("/")[0])


def text(exchange):
    return exchange.next()["result"]["content"][0]["text"]


def test_echo_server_with_a_token(echo_server):
    url = echo_server("--bearer-tokens", "s3cret")
    client = Client(port_of(url))
    assert client.send("GET").status == 401
    client.headers["Authorization"] = "Bearer s3cret"
    client.initialize()
    assert client.call_tool("echo", text="x").next()["result"]["content"][0]["text"] == "x"


def test_echo_server_serves_both_eras(echo_server):
    port = port_of(echo_server())
    old, new = Client(port), ModernClient(port, capabilities={"sampling": {}})
    old.initialize(capabilities={"sampling": {}})
    assert new.request("server/discover").next()["result"]["capabilities"] == {"tools": {}, "logging": {}}
    assert new.request("nothing").status == 404
    assert old.request("nothing").status == 200
    said = {"role": "assistant", "model": "m", "content": {"type": "text", "text": "42"}}
    asking = new.call_tool("ask", prompt="x").next()["result"]
    answers = [new.go_on(asking, {"sampling/createMessage": said}, "ask", prompt="x")]
    answers.append(old.call_tool("ask", prompt="x"))
    old.answer(answers[1].next(), said)
    assert [answer.next()["result"]["content"][0]["text"] for answer in answers] == ["42"] * 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_everything_server_ends_cleanly(serve, everything_server, number):
    url, process = serve(*everything_server)
    client = Client(port_of(url))
    client.initialize(capabilities={"sampling": {}})
    primary = client.listen()
    slow = client.call_tool("test_sampling", prompt="x")
    assert slow.next()["method"] == "sampling/createMessage"
    process.send_signal(number)
    assert primary.next() is None
    client.hang_up()
    assert process.wait(SECONDS) == 0


# ---- The key-value server, in C and in C++ ------------------------------------------


@pytest.fixture(params=["kv_server", "kv_server_cc"])
def store(serve, request):
    """Its port, with the keys a1 to a300."""
    port = port_of(serve(built(request.param), "0")[0])
    client = ModernClient(port)
    for number in range(1, 301):
        assert text(client.call_tool("set", key=f"a{number}", value=str(number))) == "done"
    client.hang_up()
    return port


@pytest.fixture(params=[Client, ModernClient], ids=["session", "modern"])
def user(store, request):
    """A client of each era."""
    client = request.param(store)
    if request.param is Client:
        client.initialize()
    yield client
    client.hang_up()


def test_keys(user):
    listed = user.request("tools/list").next()["result"]["tools"]
    assert [tool["name"] for tool in listed] == ["get", "set", "list", "watch"]
    assert listed[1]["inputSchema"]["required"] == ["key", "value"]
    assert text(user.call_tool("get", key="a7")) == "7"
    assert user.call_tool("get", key="b").next()["result"]["isError"]
    content = user.call_tool("list", prefix="a29", limit=5).next()["result"]["content"]
    assert [item["text"] for item in content] == ["a29", "a290", "a291", "a292", "a293"]
    assert len(user.call_tool("list").next()["result"]["content"]) == 100
    for wrong in ({"key": "a b", "value": ""}, {"key": "", "value": ""}, {"key": "a"}, {"key": "a", "value": 1}):
        assert user.call_tool("set", **wrong).next()["result"]["isError"], wrong
    assert user.call_tool("list", limit=0).next()["result"]["isError"]


def test_keys_are_resources(user):
    assert user.request("resources/read", {"uri": "kv://a7"}).next()["result"]["contents"][0]["text"] == "7"
    assert "error" in user.request("resources/read", {"uri": "kv://b"}).next()
    template = user.request("resources/templates/list").next()["result"]["resourceTemplates"][0]
    assert template["uriTemplate"] == "kv://{key}"
    uris: list = []
    params: dict | None = {}
    while params is not None:
        page = user.request("resources/list", params).next()["result"]
        uris += [resource["uri"] for resource in page["resources"]]
        params = {"cursor": page["nextCursor"]} if "nextCursor" in page else None
    assert uris == [f"kv://{key}" for key in sorted(f"a{number}" for number in range(1, 301))]
    ref = {"type": "ref/resource", "uri": "kv://{key}"}
    for reference in (ref, {"type": "ref/prompt", "name": "explain"}):
        completion = {"ref": reference, "argument": {"name": "key", "value": "a29"}}
        values = user.request("completion/complete", completion).next()["result"]["completion"]["values"]
        assert values == ["a29", *(f"a{number}" for number in range(290, 300))]
    explained = user.request("prompts/get", {"name": "explain", "arguments": {"key": "a7"}}).next()["result"]
    assert explained["messages"][0]["content"]["text"] == "What may the key a7 stand for?"


def test_a_key_is_watched(store):
    watching, setting = Client(store), ModernClient(store)
    watching.initialize()
    assert watching.request("resources/subscribe", {"uri": "kv://a7"}).next()["result"] == {}
    primary, listening = watching.listen(), setting.listen(resourceSubscriptions=["kv://a7"])
    watch = ModernClient(store).call_tool("watch", token="t", key="a7", changes=2)
    cancelled = ModernClient(store)
    cancelled.call_tool("watch", key="a7", changes=1)
    cancelled.hang_up()
    for value in ("x", "y"):
        assert text(setting.call_tool("set", key="a7", value=value)) == "done"
        for stream in (primary, listening):
            assert stream.next()["params"]["uri"] == "kv://a7"
        told = watch.next()["params"]
        assert (told["message"], told["total"]) == (value, 2)
    assert text(watch) == "a7 is now y"
    # A new key changes the list.
    setting.call_tool("set", key="new", value="").next()
    assert primary.next()["method"] == "notifications/resources/list_changed"


# ---- In the loop of a program -----------------------------------------------------------


def test_epoll_server(serve):
    url, process = serve(built("epoll_server"), "0")
    old, new = Client(port_of(url)), ModernClient(port_of(url))
    old.initialize()
    assert old.request("resources/subscribe", {"uri": "clock://now"}).next()["result"] == {}
    primary, listening = old.listen(), new.listen(resourceSubscriptions=["clock://now"])
    for stream in (primary, listening, primary):
        assert stream.next()["params"]["uri"] == "clock://now"
    hour, minute, second = map(int, text(new.call_tool("now")).split(":"))
    assert hour < 24 and minute < 60 and second < 61
    assert old.request("resources/read", {"uri": "clock://now"}).next()["result"]["contents"][0]["text"].count(":") == 2
    process.send_signal(signal.SIGTERM)
    old.hang_up()
    new.hang_up()
    assert process.wait(SECONDS) == 0


def test_glib_server(serve):
    url, process = serve(built("glib_server"), "0")
    old, new = Client(port_of(url)), ModernClient(port_of(url))
    old.initialize()
    slow = new.call_tool("later", text="slow", delay_ms=300)
    quick = [client.call_tool("later", text="quick", delay_ms=0) for client in (old, ModernClient(port_of(url)))]
    assert [text(exchange) for exchange in quick] == ["quick"] * 2
    assert text(slow) == "slow"
    assert old.call_tool("later", text="x", delay_ms=-1).next()["result"]["isError"]
    gone = ModernClient(port_of(url))
    gone.call_tool("later", text="never", delay_ms=60000)  # its client does not wait
    gone.hang_up()
    assert text(old.call_tool("later", text="still here", delay_ms=10)) == "still here"
    process.send_signal(signal.SIGINT)
    old.hang_up()
    new.hang_up()
    assert process.wait(SECONDS) == 0
