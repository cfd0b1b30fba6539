"""The programs that the README prints, run as they are printed."""

import re
import socket
import subprocess
import sys

import pytest

from conftest import BUILD, REPOSITORY
from wire import Client, ModernClient

README = (REPOSITORY / "README.md").read_text()


def block(language, number=0):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)[number]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def says_hello(programs, port, command, token=None):
    """Runs a program that listens on `port`, and calls its tool: by a session, and with 2026-07-28."""
    process = programs.start(command)
    client = programs.connect(process, int(port))
    if token is not None:
        refused = client.send("GET")
        place = f"http://127.0.0.1:{port}/.well-known/oauth-protected-resource/mcp"
        assert refused.status == 401
        assert f'resource_metadata="{place}"' in refused.header["WWW-Authenticate"]
        client.headers["Authorization"] = f"Bearer {token}"
    client.initialize()
    modern = ModernClient(int(port))
    modern.headers.update({name: value for name, value in client.headers.items() if name == "Authorization"})
    assert modern.request("server/discover").status == 200
    assert modern.request("nothing").status == 404
    answers = []
    for one in (client, modern):
        tools = one.request("tools/list").next()["result"]["tools"]
        assert [tool["name"] for tool in tools] == ["hello"]
        answers.append(one.call_tool("hello").next()["result"]["content"][0]["text"])
    assert answers[0] == answers[1]
    return answers[0]


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
    assert run_c(programs, tmp_path, source) == "Hello from C"


def test_cpp_program(programs, tmp_path):
    compiler = ("c++", "-std=c++17")
    assert run_c(programs, tmp_path, block("cpp"), compiler=compiler, name="server.cc") == "Hello from C++"


def test_c_program_with_authorization(programs, tmp_path):
    """The pieces of C that the section on authorization prints, in the program from above."""
    start = "  options.on_event = shttp_on_event_decline;\n"
    metadata = (
        "options.resource_metadata = shttp_text("
        r'"{\"resource\":\"http://127.0.0.1:8080/mcp\",'
        r'\"authorization_servers\":[\"https://id.example\"]}");'
    )
    program = block("c").replace(start, start + metadata)
    listed = program.replace(start, start + block("c", 1))
    assert run_c(programs, tmp_path, listed, "t0ken") == "Hello from C"

    asking = (
        "static void on_event(shttp_server *server, const shttp_event *event, void *user_data) {\n"
        "  shttp_on_event_decline(server, event, user_data);\n"
        "  if (event->kind == SHTTP_EVENT_AUTHORIZE && on_authorize(server, event)) abort();\n"
        "}\n"
    )
    asked = program.replace(start, "options.on_event = on_event; options.authorize = 1;\n")
    asked = asked.replace("int main", block("c", 2) + asking + "int main")
    assert run_c(programs, tmp_path, asked, "s3cret") == "Hello from C"


def run_c(programs, tmp_path, source, token=None, compiler=("cc",), name="server.c"):
    port = free_port()
    (tmp_path / name).write_text(source.replace("8080", port))
    library = BUILD / "lib"
    subprocess.run(
        [
            *compiler, "-Wall", "-Wextra", "-Werror", name, "-o", "server",
            f"-I{REPOSITORY / 'include'}", f"-L{library}", f"-Wl,-rpath,{library}",
            "-lstreamablehttp",
        ],
        cwd=tmp_path, check=True,
    )  # fmt: skip
    return says_hello(programs, port, [str(tmp_path / "server")], token)


@pytest.mark.parametrize(
    ("number", "token", "answer"),
    [(0, None, "Hello from Python"), (1, "s3cret", "Hello, alice")],
)
def test_python_program(programs, tmp_path, number, token, answer):
    port = free_port()
    program = tmp_path / "server.py"
    program.write_text(block("python", number).replace("8080", port))
    assert says_hello(programs, port, [sys.executable, str(program)], token) == answer
