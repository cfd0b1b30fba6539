"""python -m streamablehttp.mcp module:object"""

from __future__ import annotations

import argparse
import importlib
import inspect
import sys
from typing import Any

from streamablehttp import StreamableHTTPError

from . import UnsupportedOption, UnsupportedServer, run

NAMES = ("mcp", "server", "app")


class NotFound(Exception):
    """There is no such module or object."""


def find(name: str) -> Any:
    """The object named by `module:object`; of a module alone, the first that has a usual name.

    Raises NotFound, and what the module raises itself.
    """
    module_name, colon, path = name.partition(":")
    if not module_name or (colon and not path):
        raise NotFound(f"{name!r} is no module:object")
    sys.path.insert(0, "")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as problem:
        if problem.name is None or not f"{module_name}.".startswith(f"{problem.name}."):
            raise  # another one, that it imports
        hint = ": give its name without .py" if module_name.endswith(".py") else ""
        raise NotFound(f"there is no module {module_name!r}{hint}") from None
    if not path:
        for usual in NAMES:
            if hasattr(module, usual):
                return getattr(module, usual)
        raise NotFound(f"{module_name} has no {', '.join(NAMES)}: name the object, as in {module_name}:object")
    found: Any = module
    for part in path.split("."):
        if not hasattr(found, part):
            raise NotFound(f"{module_name} has no {path!r}")
        found = getattr(found, part)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m streamablehttp.mcp", description="Serves an MCP server.")
    parser.add_argument("target", metavar="module:object", help="an MCPServer, a FastMCP, or a Starlette application")
    parser.add_argument("--factory", action="store_true", help="the object is a function that returns it")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--unix-path", help="a Unix socket instead of host and port")
    parser.add_argument("--store", metavar="sqlite:PATH", help="where sessions are kept, so that they outlive it")
    parser.add_argument("--fast", action="store_true", help="a shorter way for plain tools/call")
    parser.add_argument("--drain-seconds", type=float, default=10.0)
    options = vars(parser.parse_args())
    name, is_factory, store = options.pop("target"), options.pop("factory"), options.pop("store")
    ready: list[str] = []

    def on_ready(url: str) -> None:
        ready.append(url)
        print(f"listening on {url}", flush=True)

    try:
        target = find(name)
        if is_factory:
            target = target()
        elif inspect.isfunction(target):
            raise NotFound(f"{name} is a function: with --factory, what it returns is served")
        run(target, on_ready=on_ready, engine={} if store is None else {"store": store}, **options)
    except (NotFound, UnsupportedOption, UnsupportedServer, StreamableHTTPError) as problem:
        if ready:
            raise
        raise SystemExit(f"{parser.prog}: {problem}") from problem


if __name__ == "__main__":
    main()
