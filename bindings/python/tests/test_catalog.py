"""examples/kv_server.c and kv_server.cc, which are all on the catalog, with clients of both eras."""

import pytest

from conftest import built
from wire import Client, ModernClient


@pytest.fixture(params=["kv_server", "kv_server_cc"])
def port(serve, request):
    return int(serve(built(request.param), "0")[0].rsplit(":", 1)[1].split("/")[0])


def result(exchange):
    """The result of a request, behind whatever was logged before it."""
    message = exchange.next()
    while "method" in message:
        message = exchange.next()
    return message.get("result", message.get("error"))


def text(exchange):
    answer = result(exchange)
    return answer["content"][0]["text"], answer.get("isError", False)


@pytest.mark.parametrize("era", ["session", "modern"])
def test_tools(port, era):
    client = Client(port) if era == "session" else ModernClient(port)
    if era == "session":
        client.initialize()
    tools = result(client.request("tools/list"))["tools"]
    assert [tool["name"] for tool in tools] == ["get", "set", "list", "watch"]
    assert tools[2]["inputSchema"]["properties"]["limit"] == {
        "type": "integer", "minimum": 1, "maximum": 1000, "default": 100
    }  # fmt: skip
    assert text(client.call_tool("set", key="b", value='"1"\n')) == ("done", False)
    assert text(client.call_tool("set", key="ab", value="2")) == ("done", False)
    assert text(client.call_tool("get", key="b")) == ('"1"\n', False)
    assert text(client.call_tool("get", key="none")) == ("Not found", True)
    listed = result(client.call_tool("list", prefix="a"))
    assert listed["content"] == [{"type": "text", "text": "ab"}]
    assert text(client.call_tool("list", limit=0, prefix=1)) == (
        "limit must be at least 1. prefix must be a string.", True
    )  # fmt: skip
    assert text(client.call_tool("set", key="x" * 65)) == (
        "key must have at most 64 characters. value is missing.", True
    )  # fmt: skip


def test_watch_reports_progress_and_ends(port):
    watcher, other = Client(port), Client(port)
    watcher.initialize()
    other.initialize()
    watching = watcher.call_tool("watch", token="t", key="k", changes=2)
    assert watching.status == 200
    for value in ("1", "2"):
        assert text(other.call_tool("set", key="k", value=value)) == ("done", False)
    progress = [watching.next()["params"] for _ in range(2)]
    assert [(one["progress"], one["total"], one["message"]) for one in progress] == [(1, 2, "1"), (2, 2, "2")]
    assert text(watching) == ("k is now 2", False)


def test_keys_are_resources(port):
    client, modern = Client(port), ModernClient(port)
    client.initialize()
    for key in ("a", "b"):
        assert text(client.call_tool("set", key=key, value=key * 2)) == ("done", False)
    listed = result(modern.request("resources/list"))["resources"]
    assert listed == [{"uri": "kv://a", "name": "a"}, {"uri": "kv://b", "name": "b"}]
    assert result(client.request("resources/read", {"uri": "kv://b"}))["contents"] == [{"uri": "kv://b", "text": "bb"}]
    assert result(client.request("resources/read", {"uri": "kv://c"}))["code"] == -32002
    reference = {"type": "ref/resource", "uri": "kv://{key}"}
    wanted = {"ref": reference, "argument": {"name": "key", "value": "b"}}
    assert result(client.request("completion/complete", wanted))["completion"]["values"] == ["b"]

    assert result(client.request("resources/subscribe", {"uri": "kv://b"})) == {}
    primary = client.listen()
    assert primary.next()["method"] == "notifications/resources/list_changed"  # of a and b, once
    assert text(client.call_tool("set", key="a", value="x")) == ("done", False)
    assert text(client.call_tool("set", key="b", value="y")) == ("done", False)
    updated = primary.next()
    assert (updated["method"], updated["params"]) == ("notifications/resources/updated", {"uri": "kv://b"})
    assert text(client.call_tool("set", key="c", value="new")) == ("done", False)
    assert primary.next()["method"] == "notifications/resources/list_changed"


def test_the_prompt_and_the_log(port):
    client = Client(port)
    client.initialize()
    messages = result(client.request("prompts/get", {"name": "explain", "arguments": {"key": "k"}}))["messages"]
    assert messages[0]["content"]["text"] == "What may the key k stand for?"
    logged = client.call_tool("set", key="k", value="1")
    assert logged.next()["params"] == {"level": "info", "logger": "kv", "data": "k was set"}
    assert result(client.request("logging/setLevel", {"level": "warning"})) == {}
    assert "result" in client.call_tool("set", key="k", value="2").next()
    silent = ModernClient(port)
    assert "result" in silent.call_tool("set", key="k", value="3").next()
    told = silent.call_tool("set", key="k", value="4", log_level="debug")
    assert told.next()["params"]["data"] == "k was set"
