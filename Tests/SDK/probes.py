"""Asks a server everything that a client can ask, and writes down what it answers."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import mcp_types as types
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

warnings.filterwarnings("ignore", message=".* as of 2026-07-28")

SECONDS = 15


class Heard:
    """What the server says besides its answers."""

    def __init__(self) -> None:
        self.said: list[Any] = []

    async def log(self, params: Any) -> None:
        self.said.append(("log", params.level, params.logger, params.data))

    async def progress(self, progress: float, total: float | None, message: str | None) -> None:
        self.said.append(("progress", progress, total, message))

    async def message(self, message: Any) -> None:
        method = getattr(message, "method", "")
        if method.startswith("notifications/") and method not in ("notifications/progress", "notifications/message"):
            params = message.params
            self.said.append((method, params.model_dump(mode="json", exclude_none=True) if params else None))

    def take(self) -> list[Any]:
        """What was said since the last time; the order between streams is nobody's promise."""
        said, self.said = self.said, []
        return sorted(said, key=lambda one: (one[0].startswith("notifications/"), one[0]))


async def sample(context: Any, params: Any) -> Any:
    text = types.TextContent(type="text", text=f"heard {params.messages[0].content.text}")
    return types.CreateMessageResult(role="assistant", content=text, model="m")


async def elicit(context: Any, params: Any) -> Any:
    return types.ElicitResult(action="accept", content={"name": "Ada", "age": 36})


async def list_roots(context: Any) -> Any:
    return types.ListRootsResult(roots=[types.Root.model_validate({"uri": "file:///a", "name": "a"})])


CALLS: list[tuple[str, dict[str, Any]]] = [
    ("add", {"a": 1}),
    ("add", {"a": "x"}),
    ("add", {}),
    ("echo", {"text": '\u20ac\U0001f600\u2028\x7f"\\'}),
    ("echo", {"text": "x" * 100_000}),
    ("move", {"point": {"x": 1}, "by": 3}),
    ("move", {"point": {"x": 1, "label": "p"}, "by": 11}),
    ("choose", {"color": "red", "many": [1, 2]}),
    ("choose", {"color": "blue", "many": []}),
    ("image", {}),
    ("mixed", {}),
    ("nothing", {}),
    ("infinite", {}),
    ("raises", {"text": "luck"}),
    ("own_result", {}),
    ("talk", {"times": 3}),
    ("elicit", {}),
    ("sample", {"prompt": "hello"}),
    ("roots", {}),
    ("context", {}),
    ("state", {"value": "kept"}),
    ("state", {}),
    ("child_inner", {}),
    ("user", {}),
    ("unknown", {}),
    ("changes", {}),
]


async def ask(url: str, mode: str, token: str | None = None, in_json: bool = False) -> dict[str, Any]:
    """All answers by the names of the probes."""
    heard, answers = Heard(), {}
    headers = {"authorization": f"Bearer {token}"} if token else {}

    async def note(name: str, work: Awaitable[Any]) -> None:
        try:
            result = await asyncio.wait_for(work, SECONDS)
            answer = result.model_dump(mode="json", by_alias=True) if hasattr(result, "model_dump") else result
        except TimeoutError:
            answer = "timed out"
        except Exception as problem:
            error = getattr(problem, "error", None)
            answer = ("error", error.model_dump() if error is not None else repr(problem))
        answers[name] = (answer, heard.take())

    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(
            streamable_http_client(url + "?q=1&r=%20", http_client=http),
            mode=mode,
            read_timeout_seconds=SECONDS,
            sampling_callback=sample,
            elicitation_callback=elicit,
            list_roots_callback=list_roots,
            logging_callback=heard.log,
            log_level="info" if mode != "legacy" else None,
            message_handler=heard.message,
        ) as client,
    ):
        answers["revision"] = (client.protocol_version, [])
        if client.server_info is not None:  # in the modern mode only if it has asked for it
            answers["server"] = (client.server_info.model_dump(), [])
            answers["capabilities"] = (client.server_capabilities.model_dump(), [])
        answers["instructions"] = (client.instructions, [])
        await note("tools", client.list_tools())
        await note("resources", client.list_resources())
        await note("templates", client.list_resource_templates())
        await note("prompts", client.list_prompts())
        for number, (name, arguments) in enumerate(CALLS):
            if in_json and name in ("elicit", "sample", "roots") and mode == "legacy":
                continue
            await note(f"{number} {name}", client.call_tool(name, arguments, progress_callback=heard.progress))
        for uri in ("data://one", "data://bytes", "data://item/7", "data://item/x", "data://broken", "data://no"):
            await note(uri, client.read_resource(uri))
        await note("greet", client.get_prompt("greet", {"name": "Ada"}))
        await note("greet without", client.get_prompt("greet", {}))
        await note("dialogue", client.get_prompt("dialogue"))
        await note("no prompt", client.get_prompt("no"))
        await note(
            "complete",
            client.complete(types.PromptReference(type="ref/prompt", name="greet"), {"name": "name", "value": "A"}),
        )
        if mode == "legacy":
            await note("level", client.set_logging_level("debug"))
            await note("ping", client.send_ping())
        await note("add_tool", client.call_tool("add_tool", {"name": f"new-{mode}"}))
        await note("hide", client.call_tool("hide", {}))
        await note("tools again", client.list_tools())
        await asyncio.sleep(0.1)
        answers["late"] = (None, heard.take())
        await note("methods", client.call_tool("methods", {}))
    return answers


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What two servers answer differently, by the names of the probes."""
    names = list(theirs) + [name for name in ours if name not in theirs]
    return {name: (ours.get(name), theirs.get(name)) for name in names if ours.get(name) != theirs.get(name)}


Ask = Callable[..., Awaitable[dict[str, Any]]]
