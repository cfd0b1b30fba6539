#!/usr/bin/env python3
"""A server with one example of every feature, for MCP test clients.

    python examples/everything_server.py [--port N] [--host ADDRESS] [--stateless] [--json-response]

Every tool, resource and prompt is a row of a table. Each request is served in its own asyncio task,
so a slow tool does not delay other requests. If the answer is a JSON document, which can contain
only the result, requests to the client are sent on the session's primary stream. Messages that the
server's mode cannot send at all are omitted, and the tool still answers: with JSON answers there
are no logs, and a stateless server can neither send requests to the client nor hang up.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

try:
    import streamablehttp  # noqa: F401
except ImportError:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bindings" / "python"))

from streamablehttp import (
    Call,
    Cancelled,
    ClientError,
    ClosedError,
    JSONResponseError,
    NotFoundError,
    NotResumableError,
    PrimaryClosed,
    PrimaryOpened,
    Request,
    RequestCancelledError,
    Server,
    Session,
    SessionClosed,
    SessionOpened,
    StatelessError,
    StreamableHTTPError,
)

JSON = dict[str, Any]
Tool = Callable[[Request, JSON], Awaitable[JSON]]

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="

DRAIN_MS = 2000
"""The time for open requests after SIGTERM, in milliseconds."""

METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
RESOURCE_NOT_FOUND = -32002

WATCHED = "test://watched-resource"

STEP_SECONDS = 0.05
AWAY_SECONDS = 0.2
"""The duration of the work during which the client is disconnected."""
RETRY_MS = 500
CLIENT_SECONDS = 60.0
"""The time-out for an answer of the client's user."""
LISTEN_SECONDS = 2.0
"""How long to wait for the primary stream, if requests to the client need it."""

subscriptions: dict[Session, set[str]] = {}


class Refused(Exception):
    """Answered as a JSON-RPC error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


# ---- Content ----------------------------------------------------------------


def text(value: str) -> JSON:
    return {"type": "text", "text": value}


def image() -> JSON:
    return {"type": "image", "data": PNG, "mimeType": "image/png"}


def resource(uri: str, mime_type: str, value: str) -> JSON:
    return {"type": "resource", "resource": {"uri": uri, "mimeType": mime_type, "text": value}}


def content(*items: JSON) -> JSON:
    return {"content": list(items)}


def constant(result: JSON) -> Tool:
    async def tool(request: Request, arguments: JSON) -> JSON:
        return result

    return tool


# ---- Tools that send messages while they work -------------------------------


def if_possible(command: Callable[..., None], *arguments: Any) -> None:
    """Runs a command; omits its message if the server's mode cannot send it."""
    try:
        command(*arguments)
    except (JSONResponseError, NotResumableError, StatelessError):
        pass


async def with_progress(request: Request, arguments: JSON) -> JSON:
    for progress in (0, 50, 100):
        if_possible(request.progress, progress, 100)
        await asyncio.sleep(STEP_SECONDS)
    return content(text("Progress has been reported."))


async def with_logging(request: Request, arguments: JSON) -> JSON:
    for line in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        if_possible(request.log, "info", line)
        await asyncio.sleep(STEP_SECONDS)
    return content(text("Log messages have been sent."))


async def reconnection(request: Request, arguments: JSON) -> JSON:
    """Hangs up, so that the client reconnects. One that cannot resume stays connected."""
    if_possible(request.hang_up, RETRY_MS)
    await asyncio.sleep(AWAY_SECONDS)
    return content(text("The client has come back."))


async def question(request: Request, method: str, params: JSON) -> Call:
    """Calls the client on the request's own stream, or on the primary if there is none."""
    try:
        return request.call(method, params, timeout=CLIENT_SECONDS)
    except JSONResponseError:
        session = request.session
        if session is None:
            raise
    try:
        await asyncio.wait_for(session.data.wait(), LISTEN_SECONDS)
    except asyncio.TimeoutError as error:
        raise ToolFailed("The client cannot be asked: it has no primary stream.") from error
    return session.call(method, params, timeout=CLIENT_SECONDS)


async def ask(request: Request, method: str, params: JSON) -> JSON:
    """The client's answer. A failure is reported in the tool's result."""
    try:
        answer: JSON = await (await question(request, method, params))
        return answer
    except (ClientError, StreamableHTTPError) as error:
        raise ToolFailed(f"The client did not answer: {error}") from error
    except asyncio.TimeoutError as error:
        raise ToolFailed(f"The client took longer than {CLIENT_SECONDS:.0f} s.") from error


class ToolFailed(Exception):
    """Answered as a result with isError."""


async def sampling(request: Request, arguments: JSON) -> JSON:
    message = {"role": "user", "content": text(str(arguments.get("prompt", "")))}
    answer = await ask(request, "sampling/createMessage", {"messages": [message], "maxTokens": 100})
    said = answer.get("content", {})
    return content(text(f"LLM response: {said.get('text', json.dumps(said))}"))


def elicitation(properties: JSON, required: list[str], default_message: str) -> Tool:
    async def tool(request: Request, arguments: JSON) -> JSON:
        schema: JSON = {"type": "object", "properties": properties, "required": required}
        message = str(arguments.get("message", default_message))
        params = {"message": message, "requestedSchema": schema}
        answer = await ask(request, "elicitation/create", params)
        said = json.dumps(answer.get("content", {}))
        return content(text(f"User response: action={answer.get('action')}, content={said}"))

    return tool


async def change_resource(request: Request, arguments: JSON) -> JSON:
    for session, uris in subscriptions.items():
        if WATCHED in uris and not session.closed:
            session.notify("notifications/resources/updated", {"uri": WATCHED})
    return content(text(f"{WATCHED} has changed."))


# ---- The table of tools -----------------------------------------------------


def text_arguments(*names: str) -> JSON:
    return {
        "type": "object",
        "properties": {name: {"type": "string"} for name in names},
        "required": list(names),
    }


def choices(*values: str) -> list[JSON]:
    return [{"const": value, "title": value.capitalize()} for value in values]


NO_ARGUMENTS: JSON = {"type": "object", "properties": {}}

SCHEMA_2020_12: JSON = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}

PERSON = {"username": {"type": "string"}, "email": {"type": "string"}}

DEFAULTS: JSON = {
    "name": {"type": "string", "default": "John Doe"},
    "age": {"type": "integer", "default": 30},
    "score": {"type": "number", "default": 95.5},
    "status": {
        "type": "string",
        "enum": ["active", "inactive", "pending"],
        "default": "active",
    },
    "verified": {"type": "boolean", "default": True},
}

ENUMS: JSON = {
    "untitledSingle": {"type": "string", "enum": ["red", "green", "blue"]},
    "titledSingle": {"type": "string", "oneOf": choices("red", "green", "blue")},
    "legacyEnum": {
        "type": "string",
        "enum": ["red", "green", "blue"],
        "enumNames": ["Red", "Green", "Blue"],
    },
    "untitledMulti": {
        "type": "array",
        "items": {"type": "string", "enum": ["red", "green", "blue"]},
    },
    "titledMulti": {"type": "array", "items": {"anyOf": choices("red", "green", "blue")}},
}

EMBEDDED = resource("test://embedded-resource", "text/plain", "This is an embedded resource content.")
MIXED = resource("test://mixed-content-resource", "application/json", '{"test":"data","value":123}')
FAILURE = {
    **content(text("This tool intentionally returns an error for testing")),
    "isError": True,
}

TOOLS: dict[str, tuple[str, JSON, Tool]] = {
    "test_simple_text": (
        "Answers a fixed text.",
        NO_ARGUMENTS,
        constant(content(text("This is a simple text response for testing."))),
    ),
    "test_image_content": ("Answers an image.", NO_ARGUMENTS, constant(content(image()))),
    "test_audio_content": (
        "Answers a sound.",
        NO_ARGUMENTS,
        constant(content({"type": "audio", "data": WAV, "mimeType": "audio/wav"})),
    ),
    "test_embedded_resource": (
        "Answers a resource.",
        NO_ARGUMENTS,
        constant(content(EMBEDDED)),
    ),
    "test_multiple_content_types": (
        "Answers a text, an image and a resource.",
        NO_ARGUMENTS,
        constant(content(text("Multiple content types test:"), image(), MIXED)),
    ),
    "test_error_handling": ("Fails, as a result.", NO_ARGUMENTS, constant(FAILURE)),
    "test_tool_with_progress": ("Reports progress.", NO_ARGUMENTS, with_progress),
    "json_schema_2020_12_tool": (
        "Has a schema with many keywords.",
        SCHEMA_2020_12,
        constant(content(text("The arguments have been taken."))),
    ),
    "test_tool_with_logging": ("Sends log messages.", NO_ARGUMENTS, with_logging),
    "test_reconnection": (
        "Hangs up, and answers when the client comes back.",
        NO_ARGUMENTS,
        reconnection,
    ),
    "test_sampling": ("Has the client's model answer.", text_arguments("prompt"), sampling),
    "test_elicitation": (
        "Asks the person at the client.",
        text_arguments("message"),
        elicitation(PERSON, ["username", "email"], "Who are you?"),
    ),
    "test_elicitation_sep1034_defaults": (
        "Asks, with a default for every field.",
        NO_ARGUMENTS,
        elicitation(DEFAULTS, [], "Please check these values."),
    ),
    "test_elicitation_sep1330_enums": (
        "Asks for choices of every kind.",
        NO_ARGUMENTS,
        elicitation(ENUMS, [], "Please choose."),
    ),
    "test_trigger_resource_change": (
        "Tells every session that subscribed to the watched resource.",
        NO_ARGUMENTS,
        change_resource,
    ),
}


async def call_tool(request: Request) -> JSON:
    name = request.params.get("name")
    if name not in TOOLS:
        raise Refused(INVALID_PARAMS, f"Unknown tool: {name}")
    try:
        return await TOOLS[name][2](request, request.params.get("arguments") or {})
    except ToolFailed as failure:
        return {**content(text(str(failure))), "isError": True}


async def list_tools(request: Request) -> JSON:
    return {
        "tools": [
            {"name": name, "description": description, "inputSchema": schema}
            for name, (description, schema, _) in TOOLS.items()
        ]
    }


# ---- Resources --------------------------------------------------------------

TEMPLATE = "test://template/{id}/data"

RESOURCES: dict[str, tuple[str, str, JSON]] = {
    "test://static-text": (
        "Static text",
        "text/plain",
        {"text": "This is the content of the static text resource."},
    ),
    "test://static-binary": ("Static binary", "image/png", {"blob": PNG}),
    WATCHED: ("Watched resource", "text/plain", {"text": "This resource can be watched."}),
}


async def list_resources(request: Request) -> JSON:
    return {
        "resources": [
            {"uri": uri, "name": name, "mimeType": mime_type} for uri, (name, mime_type, _) in RESOURCES.items()
        ]
    }


async def list_templates(request: Request) -> JSON:
    template = {"uriTemplate": TEMPLATE, "name": "Data", "mimeType": "application/json"}
    return {"resourceTemplates": [template]}


async def read_resource(request: Request) -> JSON:
    uri = str(request.params.get("uri"))
    if uri in RESOURCES:
        _, mime_type, body = RESOURCES[uri]
        return {"contents": [{"uri": uri, "mimeType": mime_type, **body}]}
    before, after = TEMPLATE.split("{id}")
    id = uri[len(before) : -len(after)]
    if uri != f"{before}{id}{after}" or not id or "/" in id:
        raise Refused(RESOURCE_NOT_FOUND, f"Resource not found: {uri}")
    data = {"id": id, "templateTest": True, "data": f"Data for ID: {id}"}
    body = {"text": json.dumps(data, separators=(",", ":"))}
    return {"contents": [{"uri": uri, "mimeType": "application/json", **body}]}


async def subscribe(request: Request) -> JSON:
    subscriptions.setdefault(subscriber(request), set()).add(str(request.params.get("uri")))
    return {}


async def unsubscribe(request: Request) -> JSON:
    subscriptions.get(subscriber(request), set()).discard(str(request.params.get("uri")))
    return {}


def subscriber(request: Request) -> Session:
    if request.session is None:
        raise Refused(INVALID_PARAMS, "A stateless server keeps no subscriptions")
    return request.session


# ---- Prompts ----------------------------------------------------------------


def user(*items: JSON) -> JSON:
    return {"messages": [{"role": "user", "content": item} for item in items]}


def embedding_prompt(arguments: JSON) -> JSON:
    embedded = resource(arguments["resourceUri"], "text/plain", "Embedded resource content for testing.")
    return user(embedded, text("Please process the embedded resource above."))


PROMPTS: dict[str, tuple[str, list[str], Callable[[JSON], JSON]]] = {
    "test_simple_prompt": (
        "A fixed prompt.",
        [],
        lambda arguments: user(text("This is a simple prompt for testing.")),
    ),
    "test_prompt_with_arguments": (
        "A prompt with two arguments.",
        ["arg1", "arg2"],
        lambda arguments: user(text(f"Prompt with arguments: arg1='{arguments['arg1']}', arg2='{arguments['arg2']}'")),
    ),
    "test_prompt_with_embedded_resource": (
        "A prompt around a resource.",
        ["resourceUri"],
        embedding_prompt,
    ),
    "test_prompt_with_image": (
        "A prompt around an image.",
        [],
        lambda arguments: user(image(), text("Please analyze the image above.")),
    ),
}


async def list_prompts(request: Request) -> JSON:
    return {
        "prompts": [
            {
                "name": name,
                "description": description,
                "arguments": [{"name": argument, "required": True} for argument in arguments],
            }
            for name, (description, arguments, _) in PROMPTS.items()
        ]
    }


async def get_prompt(request: Request) -> JSON:
    name = request.params.get("name")
    if name not in PROMPTS:
        raise Refused(INVALID_PARAMS, f"Unknown prompt: {name}")
    _, names, prompt = PROMPTS[name]
    arguments = request.params.get("arguments") or {}
    missing = [needed for needed in names if needed not in arguments]
    if missing:
        raise Refused(INVALID_PARAMS, f"Missing arguments: {', '.join(missing)}")
    return prompt(arguments)


async def complete(request: Request) -> JSON:
    return {"completion": {"values": [], "total": 0, "hasMore": False}}


async def nothing(request: Request) -> JSON:
    return {}


# ---- Serving ----------------------------------------------------------------

METHODS: dict[str, Callable[[Request], Awaitable[JSON]]] = {
    "tools/list": list_tools,
    "tools/call": call_tool,
    "resources/list": list_resources,
    "resources/templates/list": list_templates,
    "resources/read": read_resource,
    "resources/subscribe": subscribe,
    "resources/unsubscribe": unsubscribe,
    "prompts/list": list_prompts,
    "prompts/get": get_prompt,
    "completion/complete": complete,
    "logging/setLevel": nothing,
}

CAPABILITIES: JSON = {
    "tools": {},
    "resources": {"subscribe": True},
    "prompts": {},
    "logging": {},
    "completions": {},
}


async def answer(request: Request) -> None:
    """Serves one request. It is not an error if the client disconnects meanwhile."""
    try:
        method = METHODS.get(request.method)
        if method is None:
            request.fail(METHOD_NOT_FOUND, f"Method not found: {request.method}")
        else:
            request.respond(await method(request))
    except Refused as refused:
        request.fail(refused.code, str(refused))
    except (NotFoundError, RequestCancelledError, ClosedError):
        pass
    except Exception as error:
        request.fail(INTERNAL_ERROR, f"{type(error).__name__}: {error}")
        raise


async def serve(server: Server) -> None:
    running: dict[Request, asyncio.Task[None]] = {}

    def start(request: Request) -> None:
        task = running[request] = asyncio.create_task(answer(request))
        task.add_done_callback(lambda _: running.pop(request))

    async for event in server.events():
        if isinstance(event, Request):
            start(event)
        elif isinstance(event, Cancelled) and event.request in running:
            running[event.request].cancel()
        elif isinstance(event, SessionOpened):
            event.session.data = asyncio.Event()  # set while the session has a primary stream
        elif isinstance(event, PrimaryOpened):
            event.session.data.set()
        elif isinstance(event, PrimaryClosed):
            event.session.data.clear()
        elif isinstance(event, SessionClosed):
            subscriptions.pop(event.session, None)


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: the system chooses one")
    parser.add_argument("--stateless", action="store_true", help="no sessions")
    parser.add_argument("--json-response", action="store_true", help="no streams")
    options = parser.parse_args()
    async with Server(
        name="everything",
        version="1.0.0",
        capabilities=CAPABILITIES,
        host=options.host,
        port=options.port,
        stateless=options.stateless,
        json_response=options.json_response,
    ) as server:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, server.drain, DRAIN_MS)
        print(f"listening on {server.url}", flush=True)
        await serve(server)


if __name__ == "__main__":
    asyncio.run(main())
