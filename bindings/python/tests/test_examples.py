"""The Python programs under examples/, run as they stand."""

import signal
import subprocess
import sys

import pytest

from conftest import REPOSITORY
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


def test_echo_server_with_a_token(echo_server):
    url = echo_server("--token", "s3cret")
    client = Client(int(url.rsplit(":", 1)[1].split("/")[0]))
    assert client.send("GET").status == 401
    client.headers["Authorization"] = "Bearer s3cret"
    client.initialize()
    assert client.call_tool("echo", text="x").next()["result"]["content"][0]["text"] == "x"


def test_echo_server_serves_both_eras(echo_server):
    port = int(echo_server().rsplit(":", 1)[1].split("/")[0])
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
def test_everything_server_ends_cleanly(serve, number):
    url, process = serve(sys.executable, str(EXAMPLES / "everything_server.py"))
    client = Client(int(url.rsplit(":", 1)[1].split("/")[0]))
    client.initialize(capabilities={"sampling": {}})
    primary = client.listen()
    slow = client.call_tool("test_sampling", prompt="x")
    assert slow.next()["method"] == "sampling/createMessage"
    process.send_signal(number)
    assert primary.next() is None
    client.hang_up()
    assert process.wait(SECONDS) == 0
