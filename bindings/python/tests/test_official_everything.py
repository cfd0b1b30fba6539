"""The official client against examples/everything_server.py and .c, in every revision and mode."""

import asyncio
import base64
import json

import pytest

pytest.importorskip("mcp", reason="the official client is not installed")

from mcp.shared.exceptions import MCPError

from official import REVISIONS, connected, overheard, text
from wire import Client, on_asyncio

MODES = [[], ["--stateless"], ["--json-response"], ["--stateless", "--json-response"]]


@pytest.fixture(params=REVISIONS)
def revision(request, monkeypatch):
    """The client offers no revision but its latest, unless it takes this one for that."""
    monkeypatch.setattr("mcp.client.session.LATEST_HANDSHAKE_VERSION", request.param)
    return request.param


@on_asyncio
async def test_tools(everything, revision):
    async with connected(everything()) as (client, _):
        assert client.protocol_version == revision
        assert client.server_info.name == "everything"
        tools = (await client.list_tools()).tools
        assert tools[0].name == "test_simple_text"
        assert all(tool.description and tool.input_schema["type"] == "object" for tool in tools)
        simple = await client.call_tool("test_simple_text")
        assert text(simple) == "This is a simple text response for testing."
        mixed = await client.call_tool("test_multiple_content_types")
        assert [item.type for item in mixed.content] == ["text", "image", "resource"]
        sound = (await client.call_tool("test_audio_content")).content[0]
        assert sound.mime_type == "audio/wav" and base64.b64decode(sound.data)[:4] == b"RIFF"
        failure = await client.call_tool("test_error_handling")
        assert failure.is_error and text(failure)
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool("none")


@on_asyncio
async def test_progress_and_logs(everything, revision):
    async with connected(everything()) as (client, seen):
        await client.set_logging_level("debug")
        await client.call_tool("test_tool_with_progress", progress_callback=seen.on_progress)
        assert seen.progress[0] == (0, 100)
        assert await seen.all_progress(3) == [0, 50, 100]
        await client.call_tool("test_tool_with_logging")
        assert [log.data for log in seen.logs] == [
            "Tool execution started",
            "Tool processing data",
            "Tool execution completed",
        ]


@pytest.mark.parametrize("options", MODES, ids=lambda options: " ".join(options) or "sessions")
@on_asyncio
async def test_a_client_that_is_hung_up_on_comes_back(everything, revision, options):
    async with overheard(everything(*options)) as (client, responses):
        answers = await asyncio.gather(
            *(client.call_tool("test_reconnection") for _ in range(3)),
            client.call_tool("test_simple_text"),
        )
        assert [text(answer) for answer in answers[:3]] == ["The client has come back."] * 3
    returns = [
        response.request.headers["last-event-id"]
        for response in responses
        if "last-event-id" in response.request.headers and response.status_code == 200
    ]
    can_hang_up = revision == "2025-11-25" and not options
    assert len(set(returns)) == (3 if can_hang_up else 0)


@pytest.mark.parametrize("options", [[], ["--json-response"]], ids=["stream", "json"])
@on_asyncio
async def test_the_server_asks_the_client(everything, revision, options):
    """On the request's stream or, where its answer is a JSON document, on the primary."""
    async with connected(everything(*options)) as (client, seen):
        sampled = await client.call_tool("test_sampling", {"prompt": "hello"})
        assert text(sampled) == "LLM response: heard hello"
        assert seen.sampled[0].max_tokens == 100
        asked = await client.call_tool("test_elicitation", {"message": "who?"})
        if revision == "2025-03-26":  # has no elicitation yet
            assert asked.is_error and "did not answer" in text(asked)
        else:
            assert "action=accept" in text(asked) and "e@x" in text(asked)
            assert seen.elicited[0].message == "who?"


def test_a_json_server_asks_on_the_primary(everything):
    client = by_hand(everything("--json-response"))
    client.initialize(capabilities={"sampling": {}})
    # The primary may come late.
    exchange = client.call_tool("test_sampling", prompt="hello")
    primary = client.listen()
    question = primary.next()
    assert question["method"] == "sampling/createMessage"
    assert question["params"]["messages"][0]["content"]["text"] == "hello"
    said = {"role": "assistant", "model": "m", "content": {"type": "text", "text": "heard"}}
    assert client.answer(question, said).status == 202
    assert exchange.header.content_type == "application/json"
    result = exchange.next()["result"]
    assert result["content"][0]["text"] == "LLM response: heard"
    assert not result.get("isError")
    primary.close()


def test_a_client_without_a_primary_cannot_be_asked_by_a_json_server(everything):
    client = by_hand(everything("--json-response"))
    client.initialize(capabilities={"sampling": {}})
    result = client.call_tool("test_sampling", prompt="hello").next()["result"]
    assert result["isError"] and "primary stream" in result["content"][0]["text"]


def by_hand(url):
    return Client(int(url.rsplit(":", 1)[1].split("/")[0]))


@pytest.mark.parametrize("options", [[], ["--json-response"]], ids=["stream", "json"])
@on_asyncio
async def test_elicitation_schemas(everything, options):
    async with connected(everything(*options)) as (client, seen):
        await client.call_tool("test_elicitation_sep1034_defaults")
        properties = seen.elicited[0].requested_schema["properties"]
        assert {name: schema["default"] for name, schema in properties.items()} == {
            "name": "John Doe",
            "age": 30,
            "score": 95.5,
            "status": "active",
            "verified": True,
        }
        await client.call_tool("test_elicitation_sep1330_enums")
        properties = seen.elicited[1].requested_schema["properties"]
        assert set(properties) == {
            "untitledSingle",
            "titledSingle",
            "legacyEnum",
            "untitledMulti",
            "titledMulti",
        }
        assert properties["titledMulti"]["items"]["anyOf"][0] == {"const": "red", "title": "Red"}


@on_asyncio
async def test_resources_prompts_and_completion(everything):
    async with connected(everything()) as (client, _):
        resources = (await client.list_resources()).resources
        for resource in resources:
            assert (await client.read_resource(resource.uri)).contents[0].uri == resource.uri
        assert len((await client.list_resource_templates()).resource_templates) == 1
        data = (await client.read_resource("test://template/123/data")).contents[0].text
        assert json.loads(data) == {
            "id": "123",
            "templateTest": True,
            "data": "Data for ID: 123",
        }
        with pytest.raises(MCPError, match="not found"):
            await client.read_resource("test://nothing")
        assert len((await client.list_prompts()).prompts) == 4
        arguments = {"arg1": "a", "arg2": "b"}
        prompt = await client.get_prompt("test_prompt_with_arguments", arguments)
        assert prompt.messages[0].content.text == "Prompt with arguments: arg1='a', arg2='b'"
        with pytest.raises(MCPError, match="arg2"):
            await client.get_prompt("test_prompt_with_arguments", {"arg1": "a"})
        uri = {"resourceUri": "test://x"}
        prompt = await client.get_prompt("test_prompt_with_embedded_resource", uri)
        assert prompt.messages[0].content.resource.uri == "test://x"


@on_asyncio
async def test_a_watched_resource(everything):
    url = everything()
    async with connected(url) as (watching, seen), connected(url) as (other, seen_by_other):
        watched = "notifications/resources/updated"
        await watching.subscribe_resource("test://watched-resource")
        await other.call_tool("test_trigger_resource_change")
        await seen.until(lambda: seen.of_method(watched))
        assert seen.of_method(watched)[0].params.uri == "test://watched-resource"
        await watching.unsubscribe_resource("test://watched-resource")
        await other.subscribe_resource("test://watched-resource")
        await other.call_tool("test_trigger_resource_change")
        await seen_by_other.until(lambda: seen_by_other.of_method(watched))
        assert len(seen.of_method(watched)) == 1


@on_asyncio
async def test_several_sessions_at_once(everything):
    url = everything()

    async def converse(number):
        async with connected(url) as (client, seen):
            answers = await asyncio.gather(
                client.call_tool("test_sampling", {"prompt": str(number)}),
                client.call_tool("test_tool_with_progress", progress_callback=seen.on_progress),
                client.call_tool("test_tool_with_logging"),
            )
            assert text(answers[0]) == f"LLM response: heard {number}"
            assert await seen.all_progress(3) == [0, 50, 100]
            assert len(seen.logs) == 3

    await asyncio.gather(*(converse(number) for number in range(8)))


@pytest.mark.parametrize("options", MODES, ids=lambda options: " ".join(options) or "sessions")
@on_asyncio
async def test_every_tool_answers_in_every_mode(everything, options):
    async with connected(everything(*options)) as (client, seen):
        arguments = {
            "test_sampling": {"prompt": "x"},
            "test_elicitation": {"message": "x"},
            "json_schema_2020_12_tool": {"phone": "1"},
        }
        tools = (await client.list_tools()).tools
        results = {
            tool.name: await client.call_tool(tool.name, arguments.get(tool.name), progress_callback=seen.on_progress)
            for tool in tools
        }
        assert all(result.content for result in results.values())
        failed = {name for name, result in results.items() if result.is_error}
        asking = {name for name in results if "sampling" in name or "elicitation" in name}
        assert failed == {"test_error_handling"} | (asking if "--stateless" in options else set())
        assert len(seen.logs) == (0 if "--json-response" in options else 3)
        if len(options) < 2:
            await seen.all_progress(3)
        else:
            assert not seen.of_method("notifications/progress")


@on_asyncio
async def test_a_client_that_tries_the_newer_protocol_first(everything):
    async with connected(everything(), mode="auto") as (client, _):
        assert text(await client.call_tool("test_simple_text"))


@on_asyncio
async def test_leaving_deletes_the_session(everything):
    url = everything()
    async with overheard(url) as (client, responses):
        await client.call_tool("test_simple_text")
    ids = [response.headers.get("mcp-session-id") for response in responses]
    hand = by_hand(url)
    hand.headers["Mcp-Session-Id"] = next(id for id in ids if id)
    assert hand.request("ping").status == 404
