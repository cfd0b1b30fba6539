#!/usr/bin/env python3
"""A server with one example of every feature, for MCP test clients.

    python examples/everything_server.py [--port N] [--host ADDRESS] [--era both|sessions|modern]
                                         [--stateless] [--json-response]

Every tool, resource and prompt is a row of a table. Each request is served in its own asyncio task,
so a slow tool does not delay other requests. The clients of both eras talk to the one URL, those
with sessions and those of revision 2026-07-28, and the same functions serve both.

If the answer is a JSON document, which can contain only the result, requests to a session's client
are sent on its primary stream. Messages that the server's mode cannot send at all are omitted, and
the tool still answers: with JSON answers there are no logs, and a stateless server can neither send
requests to a session's client nor hang up.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
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
MISSING_CAPABILITY = -32021
RESOURCE_NOT_FOUND = -32002
"""For sessions; 2026-07-28 has INVALID_PARAMS."""

SESSION_REVISIONS = ["2025-03-26", "2025-06-18", "2025-11-25"]
MODERN = "2026-07-28"
ERAS = {"both": None, "sessions": SESSION_REVISIONS, "modern": [MODERN]}

WATCHED = "test://watched-resource"

STEP_SECONDS = 0.05
AWAY_SECONDS = 0.2
"""The duration of the work during which the client is disconnected."""
RETRY_MS = 500
CLIENT_SECONDS = 60.0
"""The time-out for an answer of the client's user."""
LISTEN_SECONDS = 2.0
"""How long to wait for the primary stream, if requests to the client need it."""

STATE_SECONDS = 600.0
"""How long a requestState of ours is good."""
STATE_KEY = secrets.token_bytes(32)
"""Signs it. Several servers behind one address would share it."""

serving: ContextVar[Server] = ContextVar("serving")
"""The server of the running task."""

added: set[str] = set()
"""The lists, tools or prompts, that have one more item since somebody asked for a change."""


class Refused(Exception):
    """Answered as a JSON-RPC error."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


def is_modern(request: Request) -> bool:
    return request.revision == MODERN


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


async def ask(request: Request, question: Callable[[Request | Session], Call]) -> JSON:
    """The client's answer. A failure is reported in the tool's result."""
    try:
        try:
            answer: JSON = await question(request)
        except JSONResponseError:
            if request.session is None:
                raise
            answer = await question(await with_primary(request.session))
        return answer
    except (ClientError, StreamableHTTPError) as error:
        raise ToolFailed(f"The client did not answer: {error}") from error
    except asyncio.TimeoutError as error:
        raise ToolFailed(f"The client took longer than {CLIENT_SECONDS:.0f} s.") from error


async def with_primary(session: Session) -> Session:
    """The session, once it has a primary stream."""
    try:
        await asyncio.wait_for(session.data.wait(), LISTEN_SECONDS)
    except asyncio.TimeoutError as error:
        raise ToolFailed("The client cannot be asked: it has no primary stream.") from error
    return session


class ToolFailed(Exception):
    """Answered as a result with isError."""


async def sampling(request: Request, arguments: JSON) -> JSON:
    message = {"role": "user", "content": text(str(arguments.get("prompt", "")))}
    answer = await ask(request, lambda client: client.sample([message], 100, timeout=CLIENT_SECONDS))
    said = answer.get("content", {})
    return content(text(f"LLM response: {said.get('text', json.dumps(said))}"))


def elicitation(properties: JSON, required: list[str], default_message: str) -> Tool:
    async def tool(request: Request, arguments: JSON) -> JSON:
        schema: JSON = {"type": "object", "properties": properties, "required": required}
        message = str(arguments.get("message", default_message))
        answer = await ask(request, lambda client: client.elicit(message, schema, CLIENT_SECONDS))
        said = json.dumps(answer.get("content", {}))
        return content(text(f"User response: action={answer.get('action')}, content={said}"))

    return tool


async def streaming_elicitation(request: Request, arguments: JSON) -> JSON:
    """Sends notifications, and asks: with the result that ends the stream, not on it."""
    for progress in (0, 50):
        if_possible(request.progress, progress, 100)
        if_possible(request.log, "info", f"{progress} of 100")
    if "elicitation" not in request.client_capabilities:
        return content(text("There is nobody to ask."))
    return await elicitation({"go_on": BOOLEAN}, ["go_on"], "Shall it go on?")(request, arguments)


async def needs_sampling(request: Request, arguments: JSON) -> JSON:
    require(request, "sampling")
    return content(text("The client has a model."))


def require(request: Request, *capabilities: str) -> None:
    """Refuses a request whose client has not declared them."""
    missing: JSON = {name: {} for name in capabilities if name not in request.client_capabilities}
    if missing:
        data = {"requiredCapabilities": missing}
        raise Refused(MISSING_CAPABILITY, f"The client lacks: {', '.join(missing)}", data)


# ---- Tools that change something --------------------------------------------


async def change_resource(request: Request, arguments: JSON) -> JSON:
    serving.get().publish("resource", WATCHED)
    return content(text(f"{WATCHED} has changed."))


async def change_tools(request: Request, arguments: JSON) -> JSON:
    added.symmetric_difference_update({"tools"})
    serving.get().publish("tools")
    return content(text("The list of tools has changed."))


async def change_prompts(request: Request, arguments: JSON) -> JSON:
    added.symmetric_difference_update({"prompts"})
    serving.get().publish("prompts")
    return content(text("The list of prompts has changed."))


async def region(request: Request, arguments: JSON) -> JSON:
    return content(text(f"Region: {arguments.get('region')}"))


# ---- Results that require input, made here: no state is kept ------------------


def form(message: str, **properties: JSON) -> JSON:
    """A question to the client's user."""
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"method": "elicitation/create", "params": {"message": message, "requestedSchema": schema}}


def prompt(message: str, max_tokens: int) -> JSON:
    """A question to the client's model."""
    messages = [{"role": "user", "content": text(message)}]
    return {"method": "sampling/createMessage", "params": {"messages": messages, "maxTokens": max_tokens}}


ROOTS: JSON = {"method": "roots/list", "params": {}}

CAPABILITIES_ASKED = {
    "elicitation/create": "elicitation",
    "sampling/createMessage": "sampling",
    "roots/list": "roots",
}


def requires(
    *rounds: JSON, then: Callable[[JSON], JSON], has_state: bool = False, asks_what_it_can: bool = False
) -> Tool:
    """Asks the questions of each round, by their keys, and makes the result from all answers.

    With `has_state` the answers count only with the state of the last round, which is signed and
    has the answers of the rounds before. `asks_what_it_can` leaves out what the client cannot
    answer; otherwise such a client is refused.
    """
    questions = {key: question for keys in rounds for key, question in keys.items()}

    async def tool(request: Request, arguments: JSON) -> JSON:
        state = request.params.get("requestState")
        answers = unsealed(request, state) if has_state and state is not None else {}
        if state is not None or not has_state:
            given = request.params.get("inputResponses")
            for key, answer in given.items() if isinstance(given, dict) else ():
                if key in questions and is_answer(questions[key], answer):
                    answers[key] = answer
        for keys in rounds:
            asked = {key: question for key, question in keys.items() if not asks_what_it_can or can(request, question)}
            if asked.keys() <= answers.keys():
                continue
            require(request, *sorted(CAPABILITIES_ASKED[question["method"]] for question in asked.values()))
            more = {"requestState": sealed(request, answers)} if has_state else {}
            return {"resultType": "input_required", "inputRequests": asked, **more}
        return then(answers)

    return tool


def can(request: Request, question: JSON) -> bool:
    return CAPABILITIES_ASKED[question["method"]] in request.client_capabilities


def is_answer(question: JSON, answer: Any) -> bool:
    """Whether it is of the question's type. One may decline a form."""
    if not isinstance(answer, dict):
        return False
    if question["method"] == "roots/list":
        return isinstance(answer.get("roots"), list)
    if question["method"] == "sampling/createMessage":
        return isinstance(answer.get("role"), str) and isinstance(answer.get("content"), (dict, list))
    if answer.get("action") != "accept":
        return answer.get("action") in ("decline", "cancel")
    filled = answer.get("content")
    types = {"string": str, "boolean": bool}
    return isinstance(filled, dict) and all(
        isinstance(filled.get(name), types[kind["type"]])
        for name, kind in question["params"]["requestedSchema"]["properties"].items()
    )


def field_of(answers: JSON, key: str, field: str, otherwise: str = "nobody") -> Any:
    """What the user has filled in; `otherwise` if nothing."""
    return answers.get(key, {}).get("content", {}).get(field, otherwise)


def sealed(request: Request, answers: JSON) -> str:
    """A state that only this server can have made, for this request of this principal."""
    good_until = time.time() + STATE_SECONDS
    body = json.dumps([request.method, request.params.get("name"), request.principal, good_until, answers])
    encoded = base64.urlsafe_b64encode(body.encode()).decode()
    return f"{encoded}.{signature(encoded)}"


def unsealed(request: Request, state: Any) -> JSON:
    """The answers in a state. One that was altered, is old or belongs to another is refused."""
    encoded, _, signed = str(state).partition(".")
    if hmac.compare_digest(signature(encoded).encode(), signed.encode("utf-8", "replace")):
        method, name, principal, good_until, answers = json.loads(base64.urlsafe_b64decode(encoded))
        is_ours = (method, name, principal) == (request.method, request.params.get("name"), request.principal)
        if is_ours and time.time() < good_until:
            return dict(answers)
    raise Refused(INVALID_PARAMS, "The requestState is not one of this request's")


def signature(encoded: str) -> str:
    return hmac.new(STATE_KEY, encoded.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


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

STRING: JSON = {"type": "string"}
BOOLEAN: JSON = {"type": "boolean"}

REGION: JSON = {"type": "object", "properties": {"region": {**STRING, "x-mcp-header": "Region"}}}

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
        "Tells everybody who has subscribed to the watched resource.",
        NO_ARGUMENTS,
        change_resource,
    ),
}

SESSION_TOOLS: dict[str, tuple[str, JSON, Tool]] = {
    "test_reconnection": (
        "Hangs up, and answers when the client comes back.",
        NO_ARGUMENTS,
        reconnection,
    ),
}

MODERN_TOOLS: dict[str, tuple[str, JSON, Tool]] = {
    "test_missing_capability": ("Needs a client with a model.", NO_ARGUMENTS, needs_sampling),
    "test_streaming_elicitation": (
        "Sends notifications, then asks.",
        NO_ARGUMENTS,
        streaming_elicitation,
    ),
    "test_logging_tool": ("Logs, if the client wants it.", NO_ARGUMENTS, with_logging),
    "test_trigger_tool_change": ("Changes the list of tools.", NO_ARGUMENTS, change_tools),
    "test_trigger_prompt_change": ("Changes the list of prompts.", NO_ARGUMENTS, change_prompts),
    "test_x_mcp_header": ("Has a parameter that a header repeats.", REGION, region),
    "test_input_required_result_elicitation": (
        "Requires a name.",
        NO_ARGUMENTS,
        requires(
            {"user_name": form("What is your name?", name=STRING)},
            then=lambda answers: content(text(f"Hello, {field_of(answers, 'user_name', 'name')}!")),
        ),
    ),
    "test_input_required_result_sampling": (
        "Requires what a model says.",
        NO_ARGUMENTS,
        requires(
            {"capital_question": prompt("What is the capital of France?", 100)},
            then=lambda answers: content(text(f"The model: {json.dumps(answers['capital_question']['content'])}")),
        ),
    ),
    "test_input_required_result_list_roots": (
        "Requires the client's roots.",
        NO_ARGUMENTS,
        requires(
            {"client_roots": ROOTS},
            then=lambda answers: content(text(f"Roots: {json.dumps(answers['client_roots']['roots'])}")),
        ),
    ),
    "test_input_required_result_request_state": (
        "Requires a confirmation, with a state.",
        NO_ARGUMENTS,
        requires(
            {"confirm": form("Please confirm.", ok=BOOLEAN)},
            then=lambda answers: content(text(f"state-ok: {json.dumps(field_of(answers, 'confirm', 'ok'))}")),
            has_state=True,
        ),
    ),
    "test_input_required_result_multiple_inputs": (
        "Requires three things at once.",
        NO_ARGUMENTS,
        requires(
            {
                "user_name": form("What is your name?", name=STRING),
                "greeting": prompt("Say a greeting.", 50),
                "client_roots": ROOTS,
            },
            then=lambda answers: content(text(f"All three from {field_of(answers, 'user_name', 'name')}.")),
            has_state=True,
        ),
    ),
    "test_input_required_result_multi_round": (
        "Requires one thing after the other.",
        NO_ARGUMENTS,
        requires(
            {"step1": form("Step 1: what is your name?", name=STRING)},
            {"step2": form("Step 2: what is your favourite colour?", color=STRING)},
            then=lambda answers: content(
                text(f"{field_of(answers, 'step1', 'name')} likes {field_of(answers, 'step2', 'color', 'nothing')}.")
            ),
            has_state=True,
        ),
    ),
    "test_input_required_result_tampered_state": (
        "Has a state that nobody can alter.",
        NO_ARGUMENTS,
        requires(
            {"confirm": form("Please confirm.", ok=BOOLEAN)},
            then=lambda answers: content(text("The state has not been altered.")),
            has_state=True,
        ),
    ),
    "test_input_required_result_capabilities": (
        "Requires what the client can give.",
        NO_ARGUMENTS,
        requires(
            {
                "user_name": form("What is your name?", name=STRING),
                "capital_question": prompt("What is the capital of France?", 100),
            },
            then=lambda answers: content(text(f"Answered: {', '.join(sorted(answers)) or 'nothing'}.")),
            asks_what_it_can=True,
        ),
    ),
}

ADDED_TOOL: dict[str, tuple[str, JSON, Tool]] = {
    "test_added_tool": ("Comes and goes.", NO_ARGUMENTS, constant(content(text("It is there.")))),
}


def tools(request: Request) -> dict[str, tuple[str, JSON, Tool]]:
    own = MODERN_TOOLS if is_modern(request) else SESSION_TOOLS
    return {**TOOLS, **own, **(ADDED_TOOL if "tools" in added else {})}


def described(table: dict[str, tuple[str, JSON, Tool]]) -> list[JSON]:
    return [
        {"name": name, "description": description, "inputSchema": schema}
        for name, (description, schema, _) in table.items()
    ]


async def call_tool(request: Request) -> JSON:
    name = request.params.get("name")
    table = tools(request)
    if name not in table:
        raise Refused(INVALID_PARAMS, f"Unknown tool: {name}")
    try:
        return await table[name][2](request, request.params.get("arguments") or {})
    except ToolFailed as failure:
        return {**content(text(str(failure))), "isError": True}


async def list_tools(request: Request) -> JSON:
    return {"tools": described(tools(request))}


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
        raise Refused(INVALID_PARAMS if is_modern(request) else RESOURCE_NOT_FOUND, f"Resource not found: {uri}")
    data = {"id": id, "templateTest": True, "data": f"Data for ID: {id}"}
    body = {"text": json.dumps(data, separators=(",", ":"))}
    return {"contents": [{"uri": uri, "mimeType": "application/json", **body}]}


# ---- Prompts ----------------------------------------------------------------


def user(*items: JSON) -> JSON:
    return {"messages": [{"role": "user", "content": item} for item in items]}


async def embedding_prompt(request: Request, arguments: JSON) -> JSON:
    embedded = resource(arguments["resourceUri"], "text/plain", "Embedded resource content for testing.")
    return user(embedded, text("Please process the embedded resource above."))


async def prompt_with_arguments(request: Request, arguments: JSON) -> JSON:
    return user(text(f"Prompt with arguments: arg1='{arguments['arg1']}', arg2='{arguments['arg2']}'"))


PROMPTS: dict[str, tuple[str, list[str], Tool]] = {
    "test_simple_prompt": (
        "A fixed prompt.",
        [],
        constant(user(text("This is a simple prompt for testing."))),
    ),
    "test_prompt_with_arguments": (
        "A prompt with two arguments.",
        ["arg1", "arg2"],
        prompt_with_arguments,
    ),
    "test_prompt_with_embedded_resource": (
        "A prompt around a resource.",
        ["resourceUri"],
        embedding_prompt,
    ),
    "test_prompt_with_image": (
        "A prompt around an image.",
        [],
        constant(user(image(), text("Please analyze the image above."))),
    ),
}

MODERN_PROMPTS: dict[str, tuple[str, list[str], Tool]] = {
    "test_input_required_result_prompt": (
        "A prompt that requires a context.",
        [],
        requires(
            {"user_context": form("What context should the prompt use?", context=STRING)},
            then=lambda answers: user(text(f"The context is: {field_of(answers, 'user_context', 'context', 'none')}")),
        ),
    ),
}

ADDED_PROMPT: dict[str, tuple[str, list[str], Tool]] = {
    "test_added_prompt": ("Comes and goes.", [], constant(user(text("It is there.")))),
}


def prompts(request: Request) -> dict[str, tuple[str, list[str], Tool]]:
    own = MODERN_PROMPTS if is_modern(request) else {}
    return {**PROMPTS, **own, **(ADDED_PROMPT if "prompts" in added else {})}


async def list_prompts(request: Request) -> JSON:
    return {
        "prompts": [
            {
                "name": name,
                "description": description,
                "arguments": [{"name": argument, "required": True} for argument in arguments],
            }
            for name, (description, arguments, _) in prompts(request).items()
        ]
    }


async def get_prompt(request: Request) -> JSON:
    name = request.params.get("name")
    table = prompts(request)
    if name not in table:
        raise Refused(INVALID_PARAMS, f"Unknown prompt: {name}")
    _, names, make = table[name]
    arguments = request.params.get("arguments") or {}
    missing = [needed for needed in names if needed not in arguments]
    if missing:
        raise Refused(INVALID_PARAMS, f"Missing arguments: {', '.join(missing)}")
    return await make(request, arguments)


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
    "prompts/list": list_prompts,
    "prompts/get": get_prompt,
    "completion/complete": complete,
    "logging/setLevel": nothing,
}

MODERN_CAPABILITIES: JSON = {
    "tools": {"listChanged": True},
    "resources": {"subscribe": True},
    "prompts": {"listChanged": True},
    "completions": {},
}

CAPABILITIES: JSON = {**MODERN_CAPABILITIES, "logging": {}}


async def answer(request: Request) -> None:
    """Serves one request. It is not an error if the client disconnects meanwhile."""
    try:
        method = METHODS.get(request.method)
        if method is None:
            request.fail(METHOD_NOT_FOUND, f"Method not found: {request.method}")
        else:
            request.respond(await method(request))
    except Refused as refused:
        request.fail(refused.code, str(refused), refused.data)
    except (NotFoundError, RequestCancelledError, ClosedError):
        pass
    except Exception as error:
        request.fail(INTERNAL_ERROR, f"{type(error).__name__}: {error}")
        raise


async def serve(server: Server) -> None:
    serving.set(server)
    server.set_tools(described(MODERN_TOOLS))
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


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: the system chooses one")
    parser.add_argument("--era", choices=ERAS, default="both", help="the revisions to serve")
    parser.add_argument("--stateless", action="store_true", help="no sessions")
    parser.add_argument("--json-response", action="store_true", help="no streams")
    options = parser.parse_args()
    async with Server(
        name="everything",
        version="1.0.0",
        capabilities=CAPABILITIES,
        discover_capabilities=MODERN_CAPABILITIES,
        revisions=ERAS[options.era],
        keep_subscriptions=True,
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
