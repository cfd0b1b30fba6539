"""python -m streamablehttp.mcp module:object"""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import Any

from . import UnsupportedOption, UnsupportedServer, run

NAMES = ("mcp", "server", "app")


def find(name: str) -> Any:
    """The object named by `module:object`; of a module alone, the first that has a usual name."""
    module_name, _, path = name.partition(":")
    sys.path.insert(0, "")
    module = importlib.import_module(module_name)
    if not path:
        for usual in NAMES:
            if hasattr(module, usual):
                return getattr(module, usual)
        raise SystemExit(f"{module_name} has no {', '.join(NAMES)}: name the object, as in {module_name}:object")
    found: Any = module
    for part in path.split("."):
        found = getattr(found, part)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m streamablehttp.mcp", description="Serves an MCP server.")
    parser.add_argument("target", metavar="module:object", help="an MCPServer, a FastMCP, or a Starlette application")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--unix-path", help="a Unix socket instead of host and port")
    parser.add_argument("--fast", action="store_true", help="a shorter way for plain tools/call")
    parser.add_argument("--drain-seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    options = vars(arguments)
    try:
        target = find(options.pop("target"))
        run(target, on_ready=lambda url: print(f"listening on {url}", flush=True), **options)
    except (UnsupportedOption, UnsupportedServer, ImportError, AttributeError, OSError) as problem:
        raise SystemExit(f"{parser.prog}: {problem}") from problem


if __name__ == "__main__":
    main()
