"""One face for the foreign clients: connect, call, and hear what comes besides.

Each adapter is made in the client's own environment, where only one of these packages can be imported.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import timedelta

SECONDS = 30
SESSIONS = "legacy"
NAME = "Ada"
ROOT = "file:///a"
HEARD = "heard: "


class Adapter:
    """A client of the server at `url`, within an `async with`.

    `on_method` is called with the method of each notification, `on_token` with each id of an event of a call's
    stream, by clients that say it. What a client is asked to sample is answered with what it was asked; a form of
    its user's gets `NAME` in each text. `mode` is one of the modes of its version, and `log_level` what it wants of
    logs, in those.
    """

    def __init__(self, url, on_method=lambda method: None, on_token=lambda token: None, mode=SESSIONS, log_level=None):
        self.url = url
        self.on_method = on_method
        self.on_token = on_token
        self.mode = mode
        self.log_level = log_level
        self._stack = AsyncExitStack()

    async def __aenter__(self):
        await self._stack.__aenter__()
        try:
            await self._connect()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *error):
        return await self._stack.__aexit__(*error)

    async def _connect(self):
        raise NotImplementedError

    async def call(self, tool, on_progress=None, **arguments):
        """Calls a tool. A result that is an error is raised."""
        raise NotImplementedError

    async def resume(self, tool, token, **arguments):
        """Comes back for the answer of a call, by the id of an event."""
        raise NotImplementedError

    def revision(self):
        raise NotImplementedError

    async def tools(self):
        """The names of the tools."""
        raise NotImplementedError

    def listen(self, **kinds):
        """A stream of changes, as the official client has it: an `async with` of an iterator."""
        raise NotImplementedError

    def _heard(self, message):
        self.on_method(getattr(message, "method", None))


def filled(params):
    """What the user puts into a form."""
    fields = params.requested_schema["properties"]
    return {name: field["type"] == "boolean" or NAME for name, field in fields.items()}


def good(result):
    failed = result.is_error if hasattr(result, "is_error") else result.isError
    assert not failed, result
    return result


class OfficialClient(Adapter):
    """mcp 2."""

    async def _connect(self):
        from mcp.client import Client

        self._client = await self._stack.enter_async_context(
            Client(
                self.url,
                mode=self.mode,
                log_level=self.log_level,
                read_timeout_seconds=SECONDS,
                sampling_callback=self._sample,
                elicitation_callback=self._elicit,
                list_roots_callback=self._list_roots,
                message_handler=self._on_message,
            )
        )

    async def _on_message(self, message):
        self._heard(message)

    async def _sample(self, context, params):
        import mcp_types as types

        text = types.TextContent(type="text", text=HEARD + params.messages[0].content.text)
        return types.CreateMessageResult(role="assistant", content=text, model="m")

    async def _elicit(self, context, params):
        import mcp_types as types

        return types.ElicitResult(action="accept", content=filled(params))

    async def _list_roots(self, context):
        import mcp_types as types

        return types.ListRootsResult(roots=[types.Root(uri=ROOT, name="a")])

    def revision(self):
        return self._client.protocol_version

    async def tools(self):
        return [tool.name for tool in (await self._client.list_tools()).tools]

    def listen(self, **kinds):
        return self._client.listen(**kinds)

    async def call(self, tool, on_progress=None, **arguments):
        return good(await self._client.call_tool(tool, arguments, progress_callback=told(on_progress)))


def told(on_progress):
    if on_progress is None:
        return None

    async def tell(progress, total, message):
        on_progress(progress)

    return tell


class OfficialSession(Adapter):
    """mcp 1: a transport, and a session over it."""

    async def _connect(self):
        from mcp import ClientSession
        from mcp.client.streamable_http import streamablehttp_client

        read, write, _ = await self._stack.enter_async_context(streamablehttp_client(self.url))
        self._session = await self._stack.enter_async_context(
            ClientSession(
                read,
                write,
                read_timeout_seconds=timedelta(seconds=SECONDS),
                sampling_callback=self._sample,
                message_handler=self._on_message,
            )
        )
        await self._session.initialize()

    async def _on_message(self, message):
        self._heard(getattr(message, "root", message))

    async def _sample(self, context, params):
        from mcp import types

        text = types.TextContent(type="text", text=HEARD + params.messages[0].content.text)
        return types.CreateMessageResult(role="assistant", content=text, model="m")

    async def call(self, tool, on_progress=None, **arguments):
        return good(await self._session.call_tool(tool, arguments, progress_callback=told(on_progress)))

    def _request(self, tool, arguments, **meta):
        from mcp import types

        params = {"name": tool, "arguments": arguments, **({"_meta": meta} if meta else {})}
        request = types.CallToolRequest.model_validate({"method": "tools/call", "params": params})
        return types.ClientRequest(request), types.CallToolResult

    async def begin(self, tool, **arguments):
        """A call whose events' ids are told."""
        return await self._send(None, *self._request(tool, arguments))

    async def resume(self, tool, token, **arguments):
        return await self._send(token, *self._request(tool, arguments))

    async def _send(self, token, request, result_type):
        from mcp.shared.message import ClientMessageMetadata

        async def tell(token):
            self.on_token(token)

        metadata = ClientMessageMetadata(resumption_token=token, on_resumption_token_update=tell)
        return good(await self._session.send_request(request, result_type, metadata=metadata))


class OfficialSessionWithoutProgress(OfficialSession):
    """mcp before 1.9: progress is a notification among others, and the token is the caller's."""

    _on_progress = None
    _token = 0

    async def _on_message(self, message):
        message = getattr(message, "root", message)
        is_progress = getattr(message, "method", None) == "notifications/progress"
        if is_progress and self._on_progress and message.params.progressToken == self._token:
            self._on_progress(message.params.progress)
        self._heard(message)

    async def call(self, tool, on_progress=None, **arguments):
        self._on_progress = on_progress
        self._token += 1
        meta = {} if on_progress is None else {"progressToken": self._token}
        return good(await self._session.send_request(*self._request(tool, arguments, **meta)))


class FastMCPClient(Adapter):
    """fastmcp 4."""

    async def _connect(self):
        from fastmcp import Client

        client = Client(
            self.url,
            mode=self.mode,
            timeout=SECONDS,
            sampling_handler=self._sample,
            elicitation_handler=self._elicit,
            roots=[ROOT],
            message_handler=self._on_message,
        )
        # It asks for all logs, and has no argument to change that (fastmcp 4.2.3).
        client._session_kwargs["log_level"] = self.log_level
        self._client = await self._stack.enter_async_context(client)

    async def _on_message(self, message):
        self._heard(getattr(message, "root", message))

    async def _sample(self, messages, params, context):
        return HEARD + messages[0].content.text

    async def _elicit(self, message, response_type, params, context):
        return filled(params)

    def revision(self):
        return self._client.session.protocol_version

    async def tools(self):
        return [tool.name for tool in await self._client.list_tools()]

    def listen(self, **kinds):
        """It has none of its own (fastmcp 4.2.3), but that of the session below."""
        from mcp.client.subscriptions import listen

        return listen(self._client.session, **kinds)

    async def call(self, tool, on_progress=None, **arguments):
        return good(await self._client.call_tool_mcp(tool, arguments, progress_handler=told(on_progress)))
