"""Requests of 2026-07-28: each stands for itself, on a connection of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import _kernel
from ._context import SINGLE, Exchange, logger

PAGES_MAX = 100
_PARAM = b"mcp-param-"


class Modern:
    """Serves requests that have no session."""

    def __init__(self, mcp: Any, state: Any) -> None:
        self._mcp = mcp
        self._state = state

    async def serve(self, exchange: Exchange, method: str, params: Any) -> dict[str, Any]:
        """Serves one request. Raises what its handler raises, and MCPError for wrong headers."""
        meta = params["_meta"]
        envelope = (
            meta[_kernel.PROTOCOL_VERSION_META_KEY],
            meta.get(_kernel.CLIENT_INFO_META_KEY),
            meta.get(_kernel.CLIENT_CAPABILITIES_META_KEY),
        )
        if method == "tools/call":
            await self._check_headers(exchange, params, envelope)
        return await self._serve(exchange, method, params, envelope)

    async def _serve(self, exchange: Any, method: str, params: Any, envelope: tuple[Any, Any, Any]) -> dict[str, Any]:
        connection = _kernel.Connection.from_envelope(*envelope)
        try:
            result: dict[str, Any] = await _kernel.ServerRunner(self._mcp, connection, self._state).on_request(
                exchange, method, params
            )
            return result
        finally:
            await _kernel.close(connection)

    # ---- Headers that repeat arguments ---------------------------------------------------

    async def _check_headers(self, exchange: Exchange, params: Any, envelope: tuple[Any, Any, Any]) -> None:
        name, arguments = params.get("name"), params.get("arguments")
        if not isinstance(name, str) or not (arguments is None or isinstance(arguments, dict)):
            return
        pairs = None
        if not arguments:
            pairs = exchange.request.headers.raw
            if not any(key.startswith(_PARAM) for key, _ in pairs):
                return
        schema = await self._schema(exchange, name, params["_meta"], envelope)
        if schema is None or not _may_repeat(schema):
            return
        if pairs is None:
            pairs = exchange.request.headers.raw
        rejection = _kernel.validate_mcp_param_headers(schema, arguments or {}, _Pairs(pairs))
        if rejection is not None:
            raise _kernel.MCPError(code=rejection.code, message=rejection.message, data=rejection.data)

    async def _schema(self, exchange: Exchange, name: str, meta: Any, envelope: tuple[Any, Any, Any]) -> Any:
        """The input schema of a tool as this client sees it; None if it is not known."""
        lookup = getattr(self._mcp, "get_tool_input_schema", None)
        try:
            if lookup is not None:
                return lookup(name)
            if self._mcp.get_request_handler("tools/list") is None:
                return None
            return await self._listed(exchange, name, meta, envelope)
        except Exception:
            logger.exception("Mcp-Param headers are not checked: the tool's schema was not found")
            return None

    async def _listed(self, exchange: Exchange, name: str, meta: Any, envelope: tuple[Any, Any, Any]) -> Any:
        keys = (
            _kernel.PROTOCOL_VERSION_META_KEY,
            _kernel.CLIENT_INFO_META_KEY,
            _kernel.CLIENT_CAPABILITIES_META_KEY,
        )
        params: dict[str, Any] = {"_meta": {key: meta[key] for key in keys if meta.get(key) is not None}}
        quiet = Quiet(exchange)
        for _ in range(PAGES_MAX):
            page = await self._serve(quiet, "tools/list", params, envelope)
            for tool in page.get("tools", []):
                if tool.get("name") == name:
                    return tool.get("inputSchema")
            cursor = page.get("nextCursor")
            if not isinstance(cursor, str) or cursor == params.get("cursor"):
                return None
            params = {"_meta": params["_meta"], "cursor": cursor}
        return None


class _Pairs(dict[str, str]):
    """Header fields whose `items` tells repeated ones."""

    def __init__(self, pairs: list[tuple[bytes, bytes]]) -> None:
        self._pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs]
        super().__init__(self._pairs)

    def items(self) -> Any:
        return self._pairs


def _may_repeat(schema: Any) -> bool:
    """Whether an x-mcp-header can be anywhere in a schema."""
    if isinstance(schema, Mapping):
        return "x-mcp-header" in schema or any(_may_repeat(one) for one in schema.values())
    return isinstance(schema, list) and any(_may_repeat(one) for one in schema)


class Quiet:
    """A dispatch context for a question of ours: the client hears nothing of it."""

    transport = SINGLE
    can_send_request = False

    def __init__(self, exchange: Exchange) -> None:
        self.request_id = exchange.request_id
        self.message_metadata = exchange.message_metadata
        self.cancel_requested = exchange.cancel_requested

    async def notify(self, method: str, params: Any, opts: Any = None) -> None:
        pass

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        pass

    async def send_raw_request(self, method: str, params: Any, opts: Any = None) -> dict[str, Any]:
        raise _kernel.NoBackChannelError(method)
