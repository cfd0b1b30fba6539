"""Runs the examples of other languages as servers, and compares what cffi reads with the table. See run.sh."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pathlib
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import cffi

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARY = os.environ["STREAMABLEHTTP_LIBRARY"]
EXAMPLES = {
    "ruby": ("Ruby", ["ruby", str(ROOT / "examples/ruby_server.rb")]),
    "luajit": ("LuaJIT", ["luajit", str(ROOT / "examples/luajit_server.lua")]),
}
PATIENCE = 20.0


@contextlib.contextmanager
def running(command: list[str], port: int) -> Iterator[subprocess.Popen[str]]:
    # Another directory: the examples find their files by themselves.
    process = subprocess.Popen(
        [*command, str(port)], cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    said = ""
    try:
        yield process
    except BaseException:
        said = " ".join(command)
        raise
    finally:
        process.terminate()
        try:
            _, errors = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            _, errors = process.communicate()
        if said and errors:
            print(f"{said}: {errors}", file=sys.stderr)


def port_of(process: subprocess.Popen[str]) -> int:
    assert process.stdout and process.stderr
    ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
    line = process.stdout.readline() if ready else ""
    assert line.startswith("http://127.0.0.1:"), f"{line!r} {process.stderr.read()}"
    return int(line.split(":")[2].split("/")[0])


class Client:
    def __init__(self, port: int) -> None:
        self.port, self.session = port, ""

    def post(self, message: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The HTTP status, and the JSON-RPC message that answers a request."""
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2025-11-25",
        }
        if self.session:
            headers["Mcp-Session-Id"] = self.session
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("POST", "/mcp", json.dumps({"jsonrpc": "2.0", **message}), headers)
            response = connection.getresponse()
            self.session = response.headers.get("Mcp-Session-Id", self.session)
            lines = response.read().decode().splitlines()
        messages = [json.loads(line[5:]) for line in lines if line.startswith("data:") and line[5:].strip()]
        return response.status, messages[-1] if messages else {}

    def ask(self, method: str, params: object = None) -> dict[str, Any]:
        status, answer = self.post({"id": 1, "method": method, "params": {} if params is None else params})
        assert status == 200 and answer.get("id") == 1, (status, answer)
        return answer


def tool(port: int, language: str) -> None:
    client = Client(port)
    info = {"name": "test", "version": "1"}
    opened = client.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info})
    assert "result" in opened and client.session, opened
    status, _ = client.post({"method": "notifications/initialized"})
    assert status == 202, status

    [hello] = client.ask("tools/list")["result"]["tools"]
    assert hello["name"] == "hello" and hello["inputSchema"]["type"] == "object", hello
    called = client.ask("tools/call", {"name": "hello"})
    [content] = called["result"]["content"]
    assert content["type"] == "text" and content["text"] == f"Hello from {language}", called
    unknown = client.ask("tools/none")
    assert unknown["error"]["code"] == -32601, unknown
    # What a client sends can be anything: each gets an answer, and the server goes on.
    odd: list[Any] = [[], {"arguments": 7}, {"arguments": {"name": {"a": 1}}}, {"arguments": {"name": 'a"\\%s'}}]
    for params in odd:
        answer = client.ask("tools/call", params)
        assert "result" in answer or "error" in answer, answer


def example(language: str, command: list[str]) -> None:
    with running(command, 0) as process:
        port = port_of(process)
        for _ in range(2):
            tool(port, language)
        assert process.poll() is None
        # A second server cannot have the port, and says so.
        with running(command, port) as second:
            _, error = second.communicate(timeout=PATIENCE)
            assert second.returncode == 1 and "another program listens there" in error, (second.returncode, error)


def declarations() -> None:
    """cffi reads the declarations as they are, computes the table's numbers, and calls the library."""
    api = json.loads((ROOT / "include/streamablehttp.json").read_text())
    ffi = cffi.FFI()
    ffi.cdef((ROOT / "include/streamablehttp.cdef").read_text())
    library = ffi.dlopen(LIBRARY)
    for struct in api["structs"]:
        assert ffi.sizeof(struct["name"]) == struct["size"], struct["name"]
        for field in struct["fields"]:
            assert ffi.offsetof(struct["name"], field["name"]) == field["offset"], field["name"]
    for enum in api["enums"]:
        for case in enum["cases"]:
            assert getattr(library, case["name"]) == case["value"], case["name"]
    for constant in api["constants"]:
        assert getattr(library, constant["name"]) == constant["value"], constant["name"]
    for function in api["functions"] + api["twins"]:
        assert ffi.typeof(getattr(library, function["name"])).kind == "function", function["name"]
    assert library.shttp_version() == library.SHTTP_VERSION_NUMBER
    found = ffi.new("shttp_bytes *")
    assert library.shttp_ffi_json_find(b'{"a":[1,2]}', 11, b"/a/1", found) == library.SHTTP_OK
    assert ffi.buffer(found.data, found.len)[:] == b"2"


def main() -> int:
    checks = {name: partial(example, *one) for name, one in EXAMPLES.items()}
    checks["cffi"] = partial(declarations)
    start = time.monotonic()
    failed = 0
    for name, check in checks.items():
        try:
            check()
            print(f"{name}: ok")
        except Exception as error:
            failed += 1
            print(f"{name}: FAILED: {type(error).__name__}: {error}")
    failures = f", {failed} failed" if failed else ""
    print(f"ffi: {len(checks) - failed} passed{failures} in {time.monotonic() - start:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
