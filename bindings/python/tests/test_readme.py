"""The programs that the README prints, run as they are printed."""

import re
import socket
import subprocess
import sys

import pytest

from conftest import BUILD, REPOSITORY
from wire import Client

README = (REPOSITORY / "README.md").read_text()


def block(language):
    return re.search(rf"```{language}\n(.*?)```", README, re.DOTALL).group(1)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def says_hello(programs, port, command):
    """Runs a program that listens on `port`, and calls its tool."""
    process = programs.start(command)
    client = programs.connect(process, int(port))
    client.initialize()
    tools = client.request("tools/list").next()["result"]["tools"]
    assert [tool["name"] for tool in tools] == ["hello"]
    return client.call_tool("hello").next()["result"]["content"][0]["text"]


class Programs:
    def __init__(self):
        self.processes = []

    def start(self, command):
        process = subprocess.Popen(command)
        self.processes.append(process)
        return process

    def connect(self, process, port):
        """A client of the program, once it listens."""
        while process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return Client(port)
        raise AssertionError(f"it ended with {process.returncode}")


@pytest.fixture
def programs():
    started = Programs()
    yield started
    for process in started.processes:
        process.kill()
        process.wait()


def test_c_program(programs, tmp_path):
    source = block("c")
    assert source == (REPOSITORY / "examples" / "minimal_server.c").read_text()
    port = free_port()
    (tmp_path / "server.c").write_text(source.replace("8080", port))
    library = BUILD / "lib"
    subprocess.run(
        [
            "cc", "-Wall", "-Wextra", "-Werror", "server.c", "-o", "server",
            f"-I{REPOSITORY / 'include'}", f"-L{library}", f"-Wl,-rpath,{library}",
            "-lstreamablehttp",
        ],
        cwd=tmp_path, check=True,
    )  # fmt: skip
    assert says_hello(programs, port, [str(tmp_path / "server")]) == "Hello from C"


def test_python_program(programs, tmp_path):
    port = free_port()
    program = tmp_path / "server.py"
    program.write_text(block("python").replace("8080", port))
    command = [sys.executable, str(program)]
    assert says_hello(programs, port, command) == "Hello from Python"
