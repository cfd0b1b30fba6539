"""What several test files use: a bound on time, hosts, and servers in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("SHTTP_BUILD_DIR", REPOSITORY / ".build-cmake"))

try:
    import streamablehttp  # noqa: F401
except ImportError:
    sys.path.insert(0, str(REPOSITORY / "bindings" / "python"))

sys.path.insert(0, str(REPOSITORY / "Tests" / "Support"))

from bounded import bound  # noqa: E402

from wire import SECONDS, Host  # noqa: E402

bounded = bound(60)


@pytest.fixture
def host():
    """Makes hosts, each with a server and a thread that takes its events."""
    hosts = []

    def make(**options):
        hosts.append(Host(**options))
        return hosts[-1]

    yield make
    for one in hosts:
        one.hang_up()
        one.close()


@pytest.fixture
def serve():
    """Starts programs that print `listening on URL`; gives the URL and the process."""
    processes = []

    def start(*command):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        line = process.stdout.readline().strip()
        assert line.startswith("listening on "), line
        return line[len("listening on ") :], process

    yield start
    for process in processes:
        process.terminate()
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def built(name):
    """One of the programs of examples/ in C or C++."""
    program = BUILD / "examples" / name
    if not program.exists():
        pytest.skip(f"{program} is not built")
    return str(program)


@pytest.fixture(scope="session", params=["py", "c"])
def everything_server(request):
    """The command for examples/everything_server.py, and for everything_server.c: they are alike."""
    if request.param == "c":
        return [built("everything_server")]
    return [sys.executable, str(REPOSITORY / "examples" / "everything_server.py")]


@pytest.fixture
def everything(serve, everything_server):
    """Starts one of them; gives its URL."""
    return lambda *options: serve(*everything_server, *options)[0]


@pytest.fixture
def echo_server(serve):
    """Starts the C program examples/echo_server; gives its URL."""
    program = built("echo_server")
    return lambda *options: serve(program, "--port", "0", *options)[0]
