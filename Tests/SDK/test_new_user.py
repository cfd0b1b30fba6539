"""As a new user would: a fresh environment, the wheel and the SDK from PyPI, one line changed in a server."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from mcp.client import Client

SERVER = """
from mcp.server.mcpserver import MCPServer

mcp = MCPServer("demo")

@mcp.tool()
def add(a: int, b: int) -> int:
    return a + b

@mcp.resource("greeting://{name}")
def greeting(name: str) -> str:
    return f"Hello, {name}!"

if __name__ == "__main__":
    mcp.run("streamable-http", port=PORT)
"""
LINE = 'mcp.run("streamable-http", port=PORT)'
CHANGED = "import streamablehttp.mcp; streamablehttp.mcp.run(mcp, port=PORT)"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def ask(port, process):
    for _ in range(100):
        assert process.poll() is None
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        await asyncio.sleep(0.1)
    answers = []
    for mode in ("legacy", "auto"):
        async with Client(f"http://127.0.0.1:{port}/mcp", mode=mode, read_timeout_seconds=15) as client:
            answers.append((await client.call_tool("add", {"a": 2, "b": 3})).content[0].text)
            answers.append((await client.read_resource("greeting://Ada")).contents[0].text)
    return answers


def served(python, program, *command):
    port = free_port()
    program.write_text(program.read_text().replace("PORT", str(port)))
    arguments = [part.replace("PORT", str(port)) for part in command] or [program]
    process = subprocess.Popen([python, *arguments], cwd=program.parent)
    try:
        return asyncio.run(ask(port, process))
    finally:
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(15) in (0, -signal.SIGINT)
        finally:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """A fresh environment; run.sh has made the wheel, and the version is the one that the tests have."""
    wheels = list(Path(os.environ["SDK_WHEELS"]).glob("*.whl"))
    assert len(wheels) == 1
    place = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    found = place / "bin" / "python"
    subprocess.run([found, "-m", "pip", "install", "--quiet", wheels[0], "mcp>=2,<3"], check=True, timeout=100)
    return found


@pytest.fixture
def program(tmp_path):
    file = tmp_path / "demo.py"
    file.write_text(SERVER)
    return file


EXPECTED = ["5", "Hello, Ada!"] * 2


def without_variables(monkeypatch):
    monkeypatch.delenv("STREAMABLEHTTP_LIBRARY", raising=False)


def test_one_line_changed(python, program, monkeypatch):
    without_variables(monkeypatch)
    assert SERVER.count(LINE) == 1
    program.write_text(SERVER.replace(LINE, CHANGED))
    assert served(python, program) == EXPECTED


def test_no_line_changed(python, program, monkeypatch):
    """From the command line."""
    without_variables(monkeypatch)
    assert served(python, program, "-m", "streamablehttp.mcp", "demo:mcp", "--port", "PORT") == EXPECTED
