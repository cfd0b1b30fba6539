"""The official client in its modern and its automatic mode, and sessions beside it on the same port."""

import asyncio

import pytest

pytest.importorskip("mcp", reason="the official client is not installed")

import mcp_types as types
from mcp.client import Client
from mcp.client.subscriptions import PromptsListChanged, ResourceUpdated, ToolsListChanged
from mcp.shared.exceptions import MCPError

from official import MODERN, connected, text
from wire import SECONDS, on_asyncio

MODES = ["auto", MODERN]
SERVERS = [[], ["--stateless"], ["--json-response"], ["--era", "modern"]]
WATCHED = "test://watched-resource"


@pytest.fixture(params=MODES)
def mode(request):
    return request.param


@on_asyncio
async def test_discovery(everything):
    async with connected(everything(), "auto") as (client, _):
        assert client.protocol_version == MODERN
        assert client.server_info.name == "everything"
        capabilities = client.server_capabilities
        assert capabilities.tools.list_changed and capabilities.prompts.list_changed
        assert capabilities.resources.subscribe and capabilities.completions is not None
        assert capabilities.logging is None


@on_asyncio
async def test_a_server_of_sessions_only(everything):
    """The automatic mode finds that out."""
    async with connected(everything("--era", "sessions"), "auto") as (client, _):
        assert client.protocol_version == "2025-11-25"
        assert text(await client.call_tool("test_simple_text"))


@on_asyncio
async def test_tools(everything, mode):
    async with connected(everything(), mode) as (client, _):
        tools = (await client.list_tools()).tools
        assert tools[0].name == "test_simple_text"
        mixed = await client.call_tool("test_multiple_content_types")
        assert [item.type for item in mixed.content] == ["text", "image", "resource"]
        assert (await client.call_tool("test_error_handling")).is_error
        for name in ("none", "test_reconnection"):
            with pytest.raises(MCPError, match="Unknown tool"):
                await client.call_tool(name)
        # The client repeats what the tool's schema says, Base64 where it must.
        for region in ("eu", "ünï ✓", " x "):
            assert text(await client.call_tool("test_x_mcp_header", {"region": region})) == f"Region: {region}"


@on_asyncio
async def test_a_tool_that_was_not_listed(everything):
    """Its headers are missing: the client is refused, lists the tools, and calls again."""
    async with connected(everything(), MODERN) as (client, _):
        assert text(await client.call_tool("test_x_mcp_header", {"region": "eu"})) == "Region: eu"


@on_asyncio
async def test_progress(everything, mode):
    async with connected(everything(), mode) as (client, seen):
        answers = await asyncio.gather(
            *(client.call_tool("test_tool_with_progress", progress_callback=seen.on_progress) for _ in range(3))
        )
        assert all(map(text, answers))
        # Progress is on the call's own stream, so none is late.
        assert sorted(seen.progress) == [(0, 100)] * 3 + [(50, 100)] * 3 + [(100, 100)] * 3


@pytest.mark.parametrize(("level", "count"), [(None, 0), ("debug", 3), ("info", 3), ("warning", 0)])
@on_asyncio
async def test_logs_by_the_level_of_the_request(everything, mode, level, count):
    async with connected(everything(), mode, log_level=level) as (client, seen):
        for tool in ("test_logging_tool", "test_tool_with_logging"):
            await client.call_tool(tool)
        assert len(seen.logs) == 2 * count


@pytest.mark.parametrize("options", SERVERS, ids=lambda options: " ".join(options) or "both")
@on_asyncio
async def test_round_trips(everything, mode, options):
    """The functions that ask a session's client on its stream."""
    async with connected(everything(*options), mode) as (client, seen):
        assert text(await client.call_tool("test_sampling", {"prompt": "hello"})) == "LLM response: heard hello"
        asked = await client.call_tool("test_elicitation", {"message": "who?"})
        assert "action=accept" in text(asked) and "e@x" in text(asked)
        assert seen.elicited[0].message == "who?"
        await client.call_tool("test_elicitation_sep1034_defaults")
        assert seen.elicited[1].requested_schema["properties"]["score"]["default"] == 95.5
        answers = await asyncio.gather(
            *(client.call_tool("test_sampling", {"prompt": str(number)}) for number in range(20))
        )
        assert [text(answer) for answer in answers] == [f"LLM response: heard {number}" for number in range(20)]


@on_asyncio
async def test_results_that_require_input(everything, mode):
    async with connected(everything(), mode) as (client, seen):
        prefix = "test_input_required_result_"
        assert "heard What is the capital" in text(await client.call_tool(f"{prefix}sampling"))
        assert "file:///a" in text(await client.call_tool(f"{prefix}list_roots"))
        assert seen.rooted == 1
        # What does not fit is asked for again, until the client gives up.
        with pytest.raises(RuntimeError, match="rounds"):
            await client.call_tool(f"{prefix}elicitation")

    async def fill_in(context, params):
        fields = params.requested_schema["properties"]
        return types.ElicitResult(action="accept", content={name: answers[name] for name in fields})

    answers = {"name": "Ada", "ok": True, "color": "blue", "context": "Rome"}
    async with Client(
        everything(),
        mode=mode,
        read_timeout_seconds=SECONDS,
        elicitation_callback=fill_in,
        sampling_callback=seen.sample,
        list_roots_callback=seen.list_roots,
    ) as client:
        said = {
            "elicitation": "Hello, Ada!",
            "request_state": "state-ok: true",
            "multiple_inputs": "All three from Ada.",
            "multi_round": "Ada likes blue.",
            "tampered_state": "The state has not been altered.",
            "capabilities": "Answered: capital_question, user_name.",
        }
        for tool, expected in said.items():
            assert text(await client.call_tool(f"{prefix}{tool}")) == expected
        prompt = await client.get_prompt("test_input_required_result_prompt")
        assert "Rome" in prompt.messages[0].content.text


@on_asyncio
async def test_a_client_that_cannot_be_asked(everything, mode):
    async with Client(everything(), mode=mode, read_timeout_seconds=SECONDS) as client:
        asked = await client.call_tool("test_elicitation", {"message": "who?"})
        assert asked.is_error and "declared" in text(asked)
        with pytest.raises(MCPError) as refused:
            await client.call_tool("test_missing_capability")
        assert refused.value.error.code == -32021
        assert refused.value.error.data == {"requiredCapabilities": {"sampling": {}}}


@on_asyncio
async def test_listening(everything, mode):
    url = everything()
    async with (
        connected(url, mode) as (client, _),
        client.listen(tools_list_changed=True, prompts_list_changed=True) as lists,
        client.listen(resource_subscriptions=[WATCHED, "test://other"]) as resources,
    ):
        before = {tool.name for tool in (await client.list_tools()).tools}
        await client.call_tool("test_trigger_tool_change")
        assert await lists.__anext__() == ToolsListChanged()
        after = {tool.name for tool in (await client.list_tools()).tools}
        assert after - before == {"test_added_tool"}
        await client.call_tool("test_trigger_prompt_change")
        assert await lists.__anext__() == PromptsListChanged()
        await client.call_tool("test_trigger_resource_change")
        assert await resources.__anext__() == ResourceUpdated(uri=WATCHED)


@on_asyncio
async def test_a_stream_of_changes_ends_with_the_server(serve, everything_server):
    url, process = serve(*everything_server)
    async with connected(url, MODERN) as (client, _), client.listen(tools_list_changed=True) as lists:
        process.terminate()
        assert [event async for event in lists] == []


@on_asyncio
async def test_changes_reach_both_eras(everything):
    url = everything()
    changed, updated = "notifications/tools/list_changed", "notifications/resources/updated"
    async with (
        connected(url) as (old, seen),
        connected(url, "auto") as (new, _),
        new.listen(tools_list_changed=True, resource_subscriptions=[WATCHED]) as changes,
    ):
        await old.subscribe_resource(WATCHED)
        await new.call_tool("test_trigger_tool_change")
        await seen.until(lambda: seen.of_method(changed))
        assert await changes.__anext__() == ToolsListChanged()
        await old.call_tool("test_trigger_resource_change")
        await seen.until(lambda: seen.of_method(updated))
        assert await changes.__anext__() == ResourceUpdated(uri=WATCHED)


@on_asyncio
async def test_both_eras_at_once(everything):
    url = everything()

    async def converse(number):
        mode = ["legacy", *MODES][number % 3]
        async with connected(url, mode, log_level="debug") as (client, seen):
            assert client.protocol_version == ("2025-11-25" if mode == "legacy" else MODERN)
            answers = await asyncio.gather(
                client.call_tool("test_sampling", {"prompt": str(number)}),
                client.call_tool("test_elicitation", {"message": str(number)}),
                client.call_tool("test_tool_with_progress", progress_callback=seen.on_progress),
                client.call_tool("test_tool_with_logging"),
            )
            assert text(answers[0]) == f"LLM response: heard {number}"
            assert seen.elicited[0].message == str(number)
            assert await seen.all_progress(3) == [0, 50, 100]
            assert len(seen.logs) == 3

    await asyncio.gather(*(converse(number) for number in range(12)))


@pytest.mark.parametrize("options", SERVERS, ids=lambda options: " ".join(options) or "both")
@on_asyncio
async def test_every_tool_answers_in_every_mode(everything, mode, options):
    async with connected(everything(*options), mode) as (client, _):
        arguments = {
            "test_sampling": {"prompt": "x"},
            "test_elicitation": {"message": "x"},
            "json_schema_2020_12_tool": {"phone": "1"},
            "test_x_mcp_header": {"region": "x"},
        }
        unfit = {"elicitation", "request_state", "multiple_inputs", "multi_round", "tampered_state", "capabilities"}
        names = {tool.name for tool in (await client.list_tools()).tools}
        names -= {f"test_input_required_result_{tool}" for tool in unfit}  # their forms are tried above
        results = {name: await client.call_tool(name, arguments.get(name)) for name in sorted(names)}
        assert {name for name, result in results.items() if result.is_error} == {"test_error_handling"}
        assert all(result.content for result in results.values())


@on_asyncio
async def test_the_c_program(echo_server, mode):
    """examples/echo_server.c serves both, and knows of no eras."""
    async with connected(echo_server(), mode, log_level="debug") as (client, seen):
        for said in ("hello", "ünï ✓", "x" * 100_000):
            assert text(await client.call_tool("echo", {"text": said})) == said
        arguments = {"count": 50, "delay_ms": 0}
        await client.call_tool("progress", arguments, progress_callback=seen.on_progress)
        assert [progress for progress, _ in seen.progress] == list(range(1, 51))
        await client.call_tool("log", arguments)
        assert [log.data for log in seen.logs] == list(range(1, 51))
        answers = await asyncio.gather(*(client.call_tool("ask", {"prompt": f"p{number}"}) for number in range(10)))
        assert all(f"heard p{number}" in text(answer) for number, answer in enumerate(answers))
