"""What cannot be served, said at start with the line that works."""

from __future__ import annotations

from typing import Any


class UnsupportedOption(ValueError):
    """An option that only an ASGI server can keep; the message has the uvicorn line that does."""


class UnsupportedServer(TypeError):
    """An object, or a version of the SDK, that this package cannot serve; the message says what works."""


def uvicorn_line(target: Any, host: str = "127.0.0.1", port: int = 8000, **options: Any) -> str:
    """The line that serves the target as it is."""
    if hasattr(target, "http_app"):
        app = "mcp.http_app()"
    elif hasattr(target, "streamable_http_app"):
        app = "mcp.streamable_http_app()"
    else:
        app = "app"
    more = "".join(f", {name}={value!r}" for name, value in options.items())
    return f"uvicorn.run({app}, host={host!r}, port={port}{more})"


def unsupported(what: str, why: str, line: str) -> UnsupportedOption:
    return UnsupportedOption(f"{what}: {why}. This line serves it: {line}")
