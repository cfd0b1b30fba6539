"""Section 6: what a handler of a Python host does wrong is told, and costs nobody else anything."""

from __future__ import annotations

import json

import pytest
from exact import Session, call, message, post
from hosts import Host

INTERNAL_ERROR = -32603


@pytest.fixture(scope="module")
def host():
    host = Host("python_host")
    yield host
    host.end()


# ---- Requests that nobody answers ----------------------------------------------------------------


@pytest.mark.parametrize("tool", ["throw", "drop"])
def test_a_request_that_is_dropped_fails(start, tool):
    host = start("python_host")
    answer = Session(host).say(call(tool)).last
    assert answer["error"]["code"] == INTERNAL_ERROR
    host.heard("log (ERROR|WARNING) streamablehttp")


@pytest.mark.parametrize("tool", ["throw", "drop"])
def test_requests_that_are_dropped_do_not_use_a_session_up(start, tool):
    session = Session(start("python_host", "--session_requests_max", 10))
    for number in range(30):
        assert session.say(call(tool, id=number)).last["error"]["code"] == INTERNAL_ERROR
    session.must_serve()


@pytest.mark.parametrize("options", [["--json_response", "true"], ["--stateless", "true"]])
def test_a_request_that_is_dropped_fails_in_each_mode(start, options):
    host = start("python_host", *options)
    body = call("throw")
    if "--stateless" in options:
        with host.connect() as connection:
            connection.send(post(body))
            answer = connection.response().last
    else:
        answer = Session(host).say(body).last
    assert answer["error"]["code"] == INTERNAL_ERROR


def test_a_request_that_is_cancelled_and_dropped_is_no_failure(host):
    session = Session(host)
    with session.begin(call("hang", id=77)):
        host.heard("hangs 77")
        session.say(message("notifications/cancelled", {"requestId": 77}))
        host.heard("cancelled 77")
    session.must_serve()


# ---- An exception of the host's in the middle of the events -----------------------------------------


def test_a_logging_filter_that_raises_costs_no_event(start):
    host = start("python_host", "--log-raises", "true", "--log_level", "debug")
    session = Session(host)
    refused, served = b"GET /elsewhere HTTP/1.1\r\nHost: localhost\r\n\r\n", 20
    with host.connect() as connection:
        for number in range(served):
            connection.send(refused, session.post(call("size", id=number)))
        for number in range(served):
            assert connection.response("GET").status == 404
            assert connection.response().last["id"] == number
    session.must_serve()


# ---- Texts and numbers ---------------------------------------------------------------------------------

HALF = "\ud83d"
"""What is left of an emoji when a text is cut inside it."""


def give(session, command, *arguments, **more):
    """What a method of the request's raised, and all that came of it."""
    response = session.say(call("give", command=command, arguments=json.dumps(arguments), **more))
    return response.last.get("result", {}).get("value"), response.messages


def test_a_text_with_half_an_emoji_is_sent_with_a_replacement(host):
    session = Session(host)
    _, messages = give(session, "fail", -32000, f"a{HALF}b")
    assert messages[-1]["error"]["message"] in ("a\ufffdb", "a?b")
    raised, messages = give(session, "log", "info", f"a{HALF}b", f"a{HALF}b")
    assert raised is None
    assert messages[0]["params"]["logger"] in ("a\ufffdb", "a?b")
    raised, messages = give(session, "progress", 1, None, f"a{HALF}b", token="t")
    assert raised is None
    assert messages[0]["params"]["message"] in ("a\ufffdb", "a?b")


@pytest.mark.parametrize(
    ("command", "arguments", "name"),
    [
        ("fail", [1 << 40, "x"], "code"),
        ("fail", [-1 << 40, "x"], "code"),
        ("progress", [10**400], "progress"),
        ("progress", [1, 10**400], "total"),
        ("hang_up", [1 << 40], "retry_ms"),
        ("hang_up", [-1], "retry_ms"),
    ],
)
def test_a_number_that_does_not_fit_is_a_value_error(host, command, arguments, name):
    raised, _ = give(Session(host), command, *arguments, token="t")
    assert raised is not None and raised.startswith("ValueError") and name in raised, raised


@pytest.mark.parametrize("name", ["sessions_max", "keepalive_ms", "port"])
@pytest.mark.parametrize("number", [1 << 32, -1])
def test_an_option_that_does_not_fit_is_told_by_its_name(start, name, number):
    host = start("python_host", f"--{name}", number, wait=False)
    assert host.wait() == 1
    assert "Error: " in host.errors[-1] and name in host.errors[-1], host.errors


# ---- Addresses ------------------------------------------------------------------------------------------


def test_localhost_is_an_address(start):
    host = start("python_host", "--host", "localhost")
    Session(host).must_serve()


# ---- The example ----------------------------------------------------------------------------------------


def test_in_json_mode_the_everything_server_asks_on_the_primary_stream(start):
    host = start("everything_server", "--port", 0, "--json-response")
    session = Session(host)
    with session.listen().begin() as primary, session.begin(call("test_sampling", prompt="hello")) as asking:
        asked = primary.message()
        assert asked["method"] == "sampling/createMessage"
        answer = {"role": "assistant", "content": {"type": "text", "text": "hi"}, "model": "m"}
        session.say({"jsonrpc": "2.0", "id": asked["id"], "result": answer})
        assert "hi" in asking.response().last["result"]["content"][0]["text"]
