"""Servers in processes of their own, and a bound on time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "Support"))

from bounded import bound  # noqa: E402

bounded = bound(120)


class Started:
    """A server in a process."""

    def __init__(self, *command: str, pass_fds: tuple[int, ...] = (), **environment: str) -> None:
        # A pipe that nobody reads would block it.
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, *command],
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            cwd=HERE,
            env=os.environ | environment,
            pass_fds=pass_fds,
        )
        try:
            line = self.process.stdout.readline().strip()
        except BaseException:
            self.kill()
            raise
        if not line.startswith("listening on "):
            self.kill()
            self.errors.seek(0)
            raise RuntimeError(f"{command}: {line} {self.errors.read()[-2000:]}")
        self.url = line[len("listening on ") :]

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1].split("/")[0])

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def end(self) -> None:
        """It ends as it should: uvicorn by the signal, once it has handled it."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.communicate(timeout=15)
        finally:
            self.kill()
        assert self.process.returncode in (0, -signal.SIGTERM), self.process.returncode


@pytest.fixture(scope="module")
def start_once():
    """The same, of servers that all tests of a file share."""
    yield from starter()


@pytest.fixture
def start():
    """Starts servers of servers.py: start(name, "library" | "uvicorn", *options)."""
    yield from starter()


def starter():
    with contextlib.ExitStack() as stack:

        def begin(*arguments: str, pass_fds: tuple[int, ...] = (), **environment: str) -> Started:
            server = Started(str(HERE / "servers.py"), *arguments, pass_fds=pass_fds, **environment)
            stack.callback(server.end)
            return server

        yield begin
