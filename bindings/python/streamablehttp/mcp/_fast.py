"""A shorter way for plain tools/call: params validated once, the handler, and its result as JSON.

Only for sessions of the newest revision that has them, whose results need no sieve, and only while
the server has no middleware but the SDK's own, and nobody collects spans. The handler is the one
that the server has registered, so overrides work. Everything else goes the usual way.
"""

from __future__ import annotations

from typing import Any

from . import _kernel
from ._context import Exchange

REVISION = "2025-11-25"

_PARAMS = {"name", "arguments"}
_NO_RESULT_TYPE = {"result_type"}


class FastCalls:
    """The shorter way to the tools of a server."""

    def __init__(self, mcp: Any, state: Any) -> None:
        self._mcp = mcp
        self._state = state
        self._middleware: list[Any] | None = None
        """Those that `_is_plain` is about."""
        self._is_plain = False

    def way(self, entry: Any, params: Any) -> Any:
        """How a call can be served; None if it needs the usual way."""
        if params is None or params.keys() - _PARAMS or not self._applies(entry.connection):
            return None
        return _Way(self, entry).serve

    def _applies(self, connection: Any) -> bool:
        if self._mcp.middleware != self._middleware:
            self._middleware = list(self._mcp.middleware)
            self._is_plain = _kernel.is_plain(self._mcp)
        return (
            self._is_plain
            and connection.protocol_version == REVISION
            and connection.initialize_accepted
            and not self._mcp.cache_hints
            and not _kernel.is_traced()
        )

    async def call(self, entry: Any, exchange: Exchange, method: str, params: Any) -> Any:
        handler = self._mcp.get_request_handler(method)
        if handler is None or handler.params_type is not _kernel.CallToolRequestParams:
            return await entry.run(exchange, method, params)
        typed = handler.params_type.model_validate(params, by_name=False)
        metadata = exchange.message_metadata
        context = _kernel.ServerRequestContext(
            session=_kernel.ServerSession(exchange, entry.connection),
            lifespan_context=self._state,
            method=method,
            params=params,
            request_id=exchange.request_id,
            meta=None,
            protocol_version=REVISION,
            request=metadata.request_context,
            close_sse_stream=metadata.close_sse_stream,
            close_standalone_sse_stream=metadata.close_standalone_sse_stream,
        )
        result = await handler.handler(context, typed)
        if type(result) is _kernel.CallToolResult and result.result_type == "complete" and is_known(result):
            try:
                return result.model_dump_json(by_alias=True, exclude_none=True, exclude=_NO_RESULT_TYPE).encode()
            except ValueError:
                pass  # a surrogate, or what JSON does not have
        if isinstance(result, _kernel.ErrorData):
            raise _kernel.MCPError(code=result.code, message=result.message, data=result.data)
        return _kernel.serialize(entry.runner, method, REVISION, result)


class _Way:
    __slots__ = ("_calls", "_entry")

    def __init__(self, calls: FastCalls, entry: Any) -> None:
        self._calls = calls
        self._entry = entry

    async def serve(self, exchange: Exchange, method: str, params: Any) -> Any:
        return await self._calls.call(self._entry, exchange, method, params)


def is_known(result: Any) -> bool:
    """Whether a result has only what the sieve of the revision leaves as it is."""
    structured = result.structured_content
    if not (structured is None or isinstance(structured, dict)) or result.model_extra:
        return False
    return all(type(one) is _kernel.TextContent and not one.model_extra for one in result.content)
