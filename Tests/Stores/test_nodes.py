"""Three nodes that share a Redis, and clients that ask any of them: what each promises of a session, whoever has it."""

from __future__ import annotations

import contextlib
import itertools
import random
import threading

import pytest
from cluster import ended, is_served, opened, owner, primary, value
from peer import TOKENS, Client, Ended, ModernClient, Server, Stream, until

PAIRS = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]
"""Where a session is asked, and then asked again; it belongs to the first node."""

ANSWERED = {"elicitation_create": {"action": "accept", "content": {"name": "Ada"}}}
CANCELLED = -32800
PRINCIPALS = {token: name for name, token in TOKENS.items()}
SAID = {"role": "assistant", "model": "m", "content": {"type": "text", "text": "hi"}}


def hears(stream, said):
    """All that was broadcast, and each once. What several nodes say may come in any order."""
    heard = []
    while not set(said) <= set(heard):
        message = stream.message()
        assert message is not None, f"the stream ended after {heard}"
        heard.append(message["params"]["data"]["seq"])
    assert sorted(heard) == said, (heard, said)


broadcasts = itertools.count(1)


def broadcast(node):
    """By a client without a session: it is that node that tells the others. Returns what was said."""
    seq = next(broadcasts)
    assert value(ModernClient(node).call("broadcast", seq=seq)) == "sent"
    return seq


# ---- Any node takes any request -------------------------------------------------


def test_a_session_is_known_everywhere_at_once(nodes):
    for number in range(30):
        opener, *others = random.sample(nodes.nodes, 3)
        client = Client(opener)
        assert client.initialize().status == 200
        client = client.at(others[number % 2])
        assert client.notify("notifications/initialized") == 202
        assert owner(client.call("echo")) == opener.pid


def test_its_requests_meet_at_its_own_node(nodes):
    home = nodes.nodes[0]
    client = opened(home)
    for node in nodes.nodes:
        assert owner(client.at(node).call("echo", text="ä")) == home.pid
        assert client.at(node).notify("test/notice") == 202
        assert client.at(node).ask("POST", {"id": client.next_id(), "method": "none"}).last["error"]["code"] == -32601
    assert len(home.events("notification", "test/notice")) == 3
    assert not any(node.events("notification", "test/notice") for node in nodes.others(home))


@pytest.mark.parametrize("size", [100, 100_000, 3_900_000])
def test_long_messages(nodes, size):
    client = opened(nodes.nodes[0]).at(nodes.nodes[1])
    text = "ä" + "x" * size
    assert value(client.call("echo", text=text)) == text


def test_many_long_messages_at_once(nodes):
    """More than Redis keeps for a connection that does not read."""
    text = "x" * 3_000_000
    wrong = []

    def call():
        client = opened(nodes.nodes[0]).at(nodes.nodes[1])
        if value(client.call("echo", text=text)) != text:
            wrong.append(client)

    threads = [threading.Thread(target=call) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert nodes.redis.is_alive()


def test_what_is_refused_is_refused_everywhere(nodes):
    home, other, _ = nodes.nodes
    client = opened(home)
    message = client.calling("sleep", ms=500)
    with client.send("POST", message) as connection:
        events = connection.stream().begin()
        statuses = [client.at(node).ask("POST", message).status for node in (home, other)]
        assert statuses == [400, 400], "a request with this id is open"
        assert events.message()["result"]
    for node in (home, other):
        one = client.at(node)
        assert one.send("POST", one.calling("echo"), Accept="text/html").response().status == 406
        assert one.send("POST", one.calling("echo"), Content_Type="text/plain").response().status == 415
        assert one.send("GET", Last_Event_ID="none").response().status == 400
        one.headers = {**one.headers, "Mcp-Session-Id": "0" * 32}
        assert one.echo() == 404


def test_batches(nodes):
    """Revision 2025-03-26 has them."""
    home, other, _ = nodes.nodes
    client = Client(home)
    assert client.initialize("2025-03-26").status == 200
    assert client.notify("notifications/initialized") == 202
    batch = [{"jsonrpc": "2.0", **client.calling("echo", text=str(number))} for number in range(5)]
    response = client.at(other).ask("POST", batch)
    assert response.status == 200
    answers = [answer for part in response.messages for answer in (part if isinstance(part, list) else [part])]
    assert {one["id"]: one["result"]["structuredContent"] for one in answers} == {
        one["id"]: {"value": one["params"]["arguments"]["text"], "node": home.pid} for one in batch
    }


# ---- Streams ----------------------------------------------------------------------


def test_the_newest_primary_stream_wins(nodes):
    home, *_ = nodes.nodes
    client = opened(home)
    stream = primary(client)
    for node in (1, 2, 0, 1):
        successor = primary(client.at(nodes.nodes[node]))
        assert not ended(stream), "the older one ends, and has got nothing"
        hears(successor, [broadcast(one) for one in nodes.nodes])
        stream = successor
    stream.close()


@pytest.mark.parametrize("asked, resumed", PAIRS)
def test_a_stream_is_resumed_elsewhere(nodes, asked, resumed):
    """While the request still runs at its own node, and once it has ended."""
    client = opened(nodes.nodes[0])
    message = client.calling("log", count=60, delay_ms=5, key=f"resumed {asked} {resumed}".replace(" ", "-"))
    stream = Stream()
    with client.at(nodes.nodes[asked]).send("POST", message) as connection:
        events = connection.stream()
        while len(stream.messages) < 5:
            event = events.next()
            stream.last_id = event.id or stream.last_id
            if event.data:
                stream.messages.append(event.message)
    cursor = stream.last_id
    there = client.at(nodes.nodes[resumed])
    assert stream.follow(there.resume(cursor)) == 200
    *logs, answer = stream.messages
    assert [one["params"]["data"] for one in logs] == list(range(1, 61))
    assert (answer["id"], answer["result"]["structuredContent"]["node"]) == (message["id"], nodes.nodes[0].pid)
    for node in nodes.nodes:
        again = Stream()
        assert again.follow(client.at(node).resume(cursor)) == 200
        assert again.messages == stream.messages[5:]
        assert again.follow(client.at(node).resume(stream.last_id)) == 204
    assert nodes.done()[message["params"]["arguments"]["key"]] == 1


@pytest.mark.parametrize("asked, resumed", PAIRS)
def test_a_stream_that_is_still_carried_moves(nodes, asked, resumed):
    client = opened(nodes.nodes[0])
    carried = client.at(nodes.nodes[asked]).send("POST", client.calling("log", count=60, delay_ms=5)).stream()
    while carried.message()["params"]["data"] < 5:
        pass
    stream = Stream()
    assert stream.follow(client.at(nodes.nodes[resumed]).resume(carried.last_id)) == 200
    *logs, answer = stream.messages
    assert [one["params"]["data"] for one in logs] == list(range(6, 61)) and "result" in answer
    with contextlib.suppress(Ended):
        assert not any("result" in message for message in ended(carried)), "the answer goes to one of them"


def test_a_stream_of_another_session(nodes):
    client, other = opened(nodes.nodes[0]), opened(nodes.nodes[0])
    cursor = client.call("log", count=3).ids[0]
    for node in nodes.nodes:
        assert other.at(node).ask("GET", Last_Event_ID=cursor).status == 400
        assert client.at(node).ask("GET", Last_Event_ID=cursor).status == 200


def test_a_primary_stream_is_resumed_elsewhere(nodes):
    home, *_ = nodes.nodes
    client = opened(home)
    stream = primary(client.at(nodes.nodes[1]))
    hears(stream, [broadcast(home)])
    cursor = stream.last_id
    stream.close()
    until(lambda: home.events("primary closed", client.headers["Mcp-Session-Id"]), "the end of the stream")
    missed = [broadcast(node) for node in nodes.nodes]
    for node in nodes.nodes[::-1]:
        with client.at(node).resume(cursor) as connection:
            hears(connection.stream(), missed)


# ---- Questions, cancellations, the end -----------------------------------------------


@pytest.mark.parametrize("asked, answered", PAIRS)
def test_a_client_is_asked_at_one_node_and_answers_at_another(nodes, asked, answered):
    client = opened(nodes.nodes[0], sampling={})
    with client.at(nodes.nodes[asked]).send("POST", client.calling("ask", prompt="who?")) as connection:
        stream = connection.stream()
        question = stream.message()
        assert question["method"] == "sampling/createMessage"
        there = client.at(nodes.nodes[answered])
        assert there.ask("POST", {"id": question["id"], "result": SAID}).status == 202
        assert stream.message()["result"]["structuredContent"] == {"value": "hi", "node": nodes.nodes[0].pid}


@pytest.mark.parametrize("asked, cancelled", PAIRS)
def test_a_request_is_cancelled_from_another_node(nodes, asked, cancelled):
    home = nodes.nodes[0]
    client = opened(home)
    message = client.calling("sleep", ms=60_000, key=f"cancelled-{asked}-{cancelled}")
    with client.at(nodes.nodes[asked]).send("POST", message) as connection:
        stream = connection.stream().begin()
        assert client.at(nodes.nodes[cancelled]).notify("notifications/cancelled", requestId=message["id"]) == 202
        assert [one["error"]["code"] for one in ended(stream)] == [CANCELLED]
    assert home.events("cancelled", message["params"]["arguments"]["key"])


def test_a_client_that_goes_does_not_cancel(nodes):
    home, other, _ = nodes.nodes
    client = opened(home)
    message = client.calling("sleep", ms=300, key="gone")
    with client.at(other).send("POST", message) as connection:
        cursor = connection.stream().begin().last_id
    stream = Stream()
    assert stream.follow(client.at(other).resume(cursor)) == 200
    assert stream.messages[-1]["result"] and not home.events("cancelled", "gone")


@pytest.mark.parametrize("deleted", [0, 1])
def test_a_session_ends_everywhere(nodes, deleted):
    home, *_ = nodes.nodes
    client = opened(home)
    call = client.at(nodes.nodes[1]).send("POST", client.calling("sleep", ms=60_000))
    stream, call = primary(client.at(nodes.nodes[2])), call.stream()
    assert client.at(nodes.nodes[deleted]).ask("DELETE").status == 204
    for node in nodes.nodes:
        one = client.at(node)
        assert [one.echo(), one.ask("GET").status, one.ask("DELETE").status] == [404, 404, 404]
    assert not ended(stream)
    assert [one["error"]["code"] for one in ended(call)] == [CANCELLED]
    assert len(home.events("closed", client.headers["Mcp-Session-Id"])) == 1
    assert not any(node.events("opened", client.headers["Mcp-Session-Id"]) for node in nodes.others(home))


# ---- Who may ------------------------------------------------------------------------------


def test_principals(cluster):
    """A session is there for its own principal alone, wherever it asks."""
    three = cluster(bearer_tokens=PRINCIPALS)
    home, *_ = three.nodes
    client = Client(home, "alice").open()
    cursor = client.call("log", count=3).ids[0]
    stranger, nobody = Client(home, "bob").open(), Client(home)
    for one in (stranger, nobody):
        for name in ("Mcp-Session-Id", "MCP-Protocol-Version"):
            one.headers[name] = client.headers[name]
    for node in three.nodes:
        for one, status in ((stranger, 404), (nobody, 401)):
            one = one.at(node)
            assert one.echo() == status
            assert one.notify("notifications/cancelled", requestId=1) == status
            assert [one.ask("GET").status, one.ask("GET", Last_Event_ID=cursor).status] == [status, status]
            assert one.ask("DELETE").status == status
        assert client.at(node).echo() == 200
        assert client.at(node).ask("GET", Last_Event_ID=cursor).status == 200


def test_parked_requests_have_principals(cluster):
    home, other, _ = cluster(bearer_tokens=PRINCIPALS).nodes
    client = ModernClient(home, "alice", elicitation={})
    message = client.calling("question", message="Who?")
    asked = client.ask("POST", message).last["result"]
    for node in (home, other):
        stranger = ModernClient(node, "bob", elicitation={})
        assert stranger.ask("POST", stranger.retrying(message, asked, **ANSWERED)).status == 400
    answer = client.at(other).ask("POST", client.retrying(message, asked, **ANSWERED))
    assert answer.last["result"]["structuredContent"] == {"value": "Ada", "node": home.pid}


# ---- Changes -------------------------------------------------------------------------------


def listening(node, client, **kinds):
    """A stream of subscriptions/listen that has been acknowledged."""
    stream = client.at(node).send("POST", client.listening(**kinds)).stream()
    assert stream.status == 200
    assert stream.message()["method"] == "notifications/subscriptions/acknowledged"
    return stream


def heard_of(stream, count=1):
    """The next changes."""
    return [
        (message["method"].removeprefix("notifications/"), message.get("params", {}).get("uri"))
        for message in (stream.message() for _ in range(count))
    ]


def test_changes_reach_listeners_of_all_nodes(nodes):
    client = ModernClient(nodes.nodes[0])
    streams = [listening(node, client, toolsListChanged=True, resourceSubscriptions=["a:1"]) for node in nodes.nodes]
    others = [listening(node, client, resourceSubscriptions=["a:2"]) for node in nodes.nodes]
    for node in nodes.nodes:
        for change in ({"change": "tools"}, {"change": "resource", "uri": "a:1"}, {"change": "resource", "uri": "a:2"}):
            assert value(client.at(node).call("publish", **change)) == "sent"
        for stream in streams:
            assert heard_of(stream, 2) == [("tools/list_changed", None), ("resources/updated", "a:1")]
        for stream in others:
            assert heard_of(stream) == [("resources/updated", "a:2")]
    for stream in (*streams, *others):
        stream.close()


def test_changes_reach_sessions_of_all_nodes_once(nodes):
    """A session at one node, which has subscribed at another, and whose primary stream a third one carries."""
    home, *_ = nodes.nodes
    client = opened(home)
    subscription = {"method": "resources/subscribe", "params": {"uri": "b:1"}}
    assert client.at(nodes.nodes[1]).ask("POST", {"id": client.next_id(), **subscription}).last["result"] == {}
    stream = primary(client.at(nodes.nodes[2]))
    teller = ModernClient(home)
    for node in nodes.nodes:
        for uri in ("b:1", "b:2"):
            assert value(teller.at(node).call("publish", change="resource", uri=uri)) == "sent"
        assert value(teller.at(node).call("publish", change="tools")) == "sent"
        assert heard_of(stream, 2) == [("resources/updated", "b:1"), ("tools/list_changed", None)]
    subscription["method"] = "resources/unsubscribe"
    assert client.at(nodes.nodes[2]).ask("POST", {"id": client.next_id(), **subscription}).last["result"] == {}
    assert value(teller.at(nodes.nodes[1]).call("publish", change="resource", uri="b:1")) == "sent"
    assert value(teller.at(nodes.nodes[1]).call("publish", change="tools")) == "sent"
    assert heard_of(stream) == [("tools/list_changed", None)]
    stream.close()


# ---- Parked requests of 2026-07-28 -----------------------------------------------------------


@pytest.mark.parametrize("retried", [0, 1])
def test_a_parked_request_goes_on_elsewhere(nodes, retried):
    home, there = nodes.nodes[0], nodes.nodes[retried]
    client = ModernClient(home, elicitation={})
    message = client.calling("question", message="Who?", key=f"parked-{retried}")
    asked = client.ask("POST", message).last["result"]
    assert asked["resultType"] == "input_required"
    retry = client.retrying(message, asked, **ANSWERED)
    answer = client.at(there).ask("POST", retry)
    assert (answer.last["id"], answer.last["result"]["structuredContent"]) == (
        retry["id"],
        {"value": "Ada", "node": home.pid},
    )
    assert client.at(nodes.nodes[2]).ask("POST", {**retry, "id": client.next_id()}).status == 400, "once"
    assert nodes.done()[f"parked-{retried}"] == 1


def test_who_hangs_up_elsewhere_has_cancelled(nodes):
    home, there, _ = nodes.nodes
    client = ModernClient(home, elicitation={})
    message = client.calling("question", message="Who?", then_ms=60_000, key="hung-up")
    asked = client.ask("POST", message).last["result"]
    client.at(there).send("POST", client.retrying(message, asked, **ANSWERED)).close()
    until(lambda: home.events("cancelled", "hung-up"), "the cancellation")


# ---- Nodes that come and go ---------------------------------------------------------------------


def test_a_new_node_serves_at_once(cluster):
    """It listens as soon as it says so, whether it has reached Redis or not."""
    two = cluster(1)
    client = opened(two.nodes[0])
    for _ in range(5):
        with Server("--store", two.redis.url()) as node:
            assert owner(client.at(node).call("echo")) == two.nodes[0].pid


def test_a_killed_node_has_an_heir(cluster):
    """The next request makes another node the owner; what was open ends with an error, once."""
    three = cluster(store_sync=True)
    home, *others = three.nodes
    client = opened(home)
    session = client.headers["Mcp-Session-Id"]
    subscription = {"method": "resources/subscribe", "params": {"uri": "c:1"}}
    assert client.ask("POST", {"id": client.next_id(), **subscription}).last["result"] == {}
    message = client.calling("log", count=10_000, delay_ms=5, key="interrupted")
    call = client.at(others[0]).send("POST", message).stream()
    while call.message()["params"]["data"] < 20:
        pass
    stream = primary(client.at(others[1]))
    hears(stream, [broadcast(others[0])])
    home.kill()
    with contextlib.suppress(Ended):
        while call.message():
            pass
    with contextlib.suppress(Ended):
        assert not ended(stream)

    heir = three.node(owner(client.at(others[1]).call("echo")))
    assert [one.events("opened", session) for one in others].count([["opened", session, True]]) == 1
    assert heir.events("opened", session)
    for node in others:
        assert owner(client.at(node).call("echo")) == heir.pid
    for node in (*others, *others):  # again and again: the same
        rest = Stream()
        assert rest.follow(client.at(node).resume(call.last_id)) == 200
        *logs, answer = rest.messages
        assert answer["id"] == message["id"]
        assert answer["error"]["code"] == -32603 and "ended before" in answer["error"]["message"]
        heard = [one["params"]["data"] for one in logs]
        assert heard == list(range(heard[0], heard[0] + len(heard))) if heard else True
    stream = client.at(others[0]).resume(stream.last_id).stream()
    assert stream.status == 200
    assert value(ModernClient(others[1]).call("publish", change="resource", uri="c:1")) == "sent"
    assert heard_of(stream) == [("resources/updated", "c:1")]
    home.start()
    assert owner(client.at(home).call("echo")) == heir.pid
    assert three.done()["interrupted"] == 1


def test_a_draining_node_gives_its_sessions_away(cluster):
    """At once; the calls that it has are answered."""
    three = cluster(2)
    home, other = three.nodes
    client = opened(home)
    calls = [client.at(node).send("POST", client.calling("sleep", ms=1500)).stream().begin() for node in three.nodes]
    stream = primary(client.at(other))
    home.process.terminate()
    assert not ended(stream)
    assert owner(client.at(other).call("echo")) == other.pid
    assert home.process.poll() is None, "it has calls"
    for call in calls:
        assert call.message()["result"]["structuredContent"]["node"] == home.pid
    assert home.process.wait(10) == 0


def test_what_a_draining_node_still_has_to_hear(cluster):
    """Answers, cancellations and clients that come back get there, though its sessions are another's."""
    home, other = cluster(2).nodes
    client = opened(home, sampling={})
    asking = client.at(other).send("POST", client.calling("ask", prompt="who?")).stream()
    question = asking.message()
    given_up = client.calling("sleep", ms=60_000, key="given-up")
    sleeping = client.send("POST", given_up).stream().begin()
    with client.send("POST", client.calling("sleep", ms=1500)) as connection:
        cursor = connection.stream().begin().last_id
    home.process.terminate()
    there = client.at(other)
    assert owner(there.call("echo")) == other.pid
    assert there.ask("POST", {"id": question["id"], "result": SAID}).status == 202
    assert asking.message()["result"]["structuredContent"] == {"value": "hi", "node": home.pid}
    assert there.notify("notifications/cancelled", requestId=given_up["id"]) == 202
    assert [one["error"]["code"] for one in ended(sleeping)] == [CANCELLED]
    with there.resume(cursor) as connection:
        assert connection.stream().message()["result"]["structuredContent"]["node"] == home.pid
    assert home.process.wait(10) == 0


def test_a_node_that_sleeps_has_lost_its_sessions(cluster):
    """It wakes up when they are another's: two that believe to have one must not be heard."""
    three = cluster()
    home, other, third = three.nodes
    client = opened(home)
    own = primary(client)
    home.pause()
    try:
        until(lambda: is_served(client.at(other)), "an heir")
        heir = owner(client.at(other).call("echo"))
        assert heir != home.pid
        stream = primary(client.at(other))
        missed = broadcast(third)
    finally:
        home.go_on()
    with contextlib.suppress(Ended):
        assert not ended(own), "what it has slept through is not its own any more"
    hears(stream, [missed, *(broadcast(node) for node in three.nodes)])
    until(lambda: home.events("closed", client.headers["Mcp-Session-Id"]), "the end of the session there")
    for node in three.nodes:
        assert owner(client.at(node).call("echo")) == heir


def test_another_database_has_other_sessions(cluster):
    three = cluster(1)
    apart = three.start(store=three.redis.url(1))
    assert opened(three.nodes[0]).at(apart).echo() == 404
