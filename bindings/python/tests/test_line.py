"""The modules of the package form a line: each imports only what is before it."""

import ast
from pathlib import Path

import pytest

import streamablehttp

PACKAGE = Path(streamablehttp.__file__).parent

LINE = [
    *("_abi", "_bases", "_statuses", "errors", "_reports", "_library", "_values", "_handles"),
    *("_table", "_options", "_start", "_store", "_store_calls", "_recorder"),
    *("calls", "session", "message", "request", "http_request", "authorization", "events"),
    *("_pump", "_consumers", "client", "server", "__init__"),
]


def imported(source):
    """The modules of the package that a module imports anywhere, also for type checkers only."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            path = ("." * node.level + (node.module or "")).replace("streamablehttp.", ".", 1)
            if path in (".", "streamablehttp"):
                yield from (name.name for name in node.names)
            elif path.startswith("."):
                yield path[1:].partition(".")[0]
        elif isinstance(node, ast.Import):
            for name in node.names:
                package, _, module = name.name.partition(".")
                if package == "streamablehttp":
                    yield module.partition(".")[0] or "__init__"


def mistakes(sources, line):
    """What is wrong with a package: sources by the names of modules."""
    found = [f"{name} has no place in the line" for name in sources if name not in line]
    found += [f"{name} does not exist" for name in line if name not in sources]
    for name in sources.keys() & set(line):
        for other in imported(sources[name]):
            if line.index(name) <= (line.index(other) if other in line else len(line)):
                found.append(f"{name} imports {other}")
    return sorted(found)


def test_the_line():
    sources = {path.stem: path.read_text() for path in PACKAGE.glob("*.py")}
    assert mistakes(sources, LINE) == []


@pytest.mark.parametrize(
    ("sources", "wrong"),
    [
        ({"a": "import os", "b": "from .a import x", "c": "from . import a, b"}, []),
        ({"a": "from .b import x", "b": "", "c": ""}, ["a imports b"]),
        ({"a": "from . import c", "b": "", "c": "from . import a"}, ["a imports c"]),
        ({"a": "", "b": "import streamablehttp.c", "c": ""}, ["b imports c"]),
        ({"a": "", "b": "from streamablehttp.c import x", "c": ""}, ["b imports c"]),
        ({"a": "import streamablehttp", "b": "", "c": ""}, ["a imports __init__"]),
        ({"a": "from streamablehttp import b", "b": "", "c": ""}, ["a imports b"]),
        ({"a": "", "b": "from .b import x", "c": ""}, ["b imports b"]),
        ({"a": "", "b": "if TYPE_CHECKING:\n    from .c import x", "c": ""}, ["b imports c"]),
        ({"a": "def f():\n    from .c import x", "b": "", "c": ""}, ["a imports c"]),
        ({"a": "", "b": "", "c": "", "d": ""}, ["d has no place in the line"]),
        ({"a": "", "b": "from . import d"}, ["b imports d", "c does not exist"]),
    ],
)
def test_a_package_that_is_no_line(sources, wrong):
    assert mistakes(sources, ["a", "b", "c"]) == wrong
