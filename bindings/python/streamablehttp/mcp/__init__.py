"""The official MCP SDK, and FastMCP, on libstreamablehttp: the same server, one line changed.

::

    streamablehttp.mcp.run(mcp, port=8000)   # for mcp.run("streamable-http", port=8000) of the SDK,
                                             # and mcp.run(transport="http", port=8000) of FastMCP
    streamablehttp.mcp.run(app, port=8000)   # for uvicorn.run(app, port=8000)

    async with streamablehttp.mcp.serve(mcp, port=0) as server:
        print(server.url)

What cannot be served raises UnsupportedServer or UnsupportedOption at start, with the line that
serves it. Importing this module imports neither the SDK nor FastMCP.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Literal

from ._errors import UnsupportedOption, UnsupportedServer

if TYPE_CHECKING:
    from streamablehttp._start import Listening

    from ._serve import Serving

__all__ = ["UnsupportedOption", "UnsupportedServer", "run", "serve"]


def serve(
    target: Any,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    unix_path: str | os.PathLike[str] | None = None,
    listen_fd: Listening | Iterable[Listening] | None = None,
    fast: bool = False,
    response_mode: Literal["stream", "json", "auto"] | None = None,
    requests_max: int = 0,
    engine: Mapping[str, Any] | None = None,
    **options: Any,
) -> AbstractAsyncContextManager[Serving]:
    """Serves an MCPServer, a low-level Server, a FastMCP, or the Starlette application of one.

    The object has `url`, `port`, `stats()`, `drain()`, `close()` and `ended`. `host`, `port`,
    `unix_path` and `listen_fd` are those of `streamablehttp.Server`; with port 0 the system chooses one.
    An application may have several endpoints; its other routes are served, too. `options`
    are those of the framework's own application, such as json_response, stateless_http and
    streamable_http_path; `engine` has options of `streamablehttp.Server`, which win.

    With `fast` a plain tools/call takes a shorter way. `requests_max` is how many requests are
    served at a time (default 1024); further ones wait, but not answers and cancellations.

    Raises UnsupportedServer, UnsupportedOption, and what `streamablehttp.Server` raises.
    """
    from ._serve import Plan
    from ._serve import serve as start

    plan = Plan(host, port, unix_path, listen_fd, fast, response_mode, requests_max, dict(engine or {}))
    return start(target, options, plan)


def run(
    target: Any,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    unix_path: str | os.PathLike[str] | None = None,
    listen_fd: Listening | Iterable[Listening] | None = None,
    fast: bool = False,
    response_mode: Literal["stream", "json", "auto"] | None = None,
    requests_max: int = 0,
    engine: Mapping[str, Any] | None = None,
    drain_seconds: float = 10.0,
    on_ready: Callable[[str], object] = lambda url: None,
    **options: Any,
) -> None:
    """Serves until SIGTERM or SIGINT, like `serve`; on uvloop if it is installed, and no
    event loop policy has been set.

    At the first signal new requests get 503, and open ones may be answered for `drain_seconds`; at
    the second one the server closes. `on_ready` is called with the URL when clients can connect.
    """
    from ._serve import Plan
    from ._serve import run as start

    plan = Plan(host, port, unix_path, listen_fd, fast, response_mode, requests_max, dict(engine or {}))
    start(target, options, plan, drain_seconds, on_ready)
