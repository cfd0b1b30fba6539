"""A Redis server of a test's own, on loopback, with its file in a directory of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time

SECONDS = 20.0
"""Nothing takes so long; waiting longer is a failure."""


class RedisServer:
    """It keeps its port and what was written, however often it is killed."""

    def __init__(self, *options):
        """`options` are those of redis-server, as in "--appendfsync", "always"."""
        self._directory = tempfile.TemporaryDirectory(prefix="redis-")
        self.path = f"{self._directory.name}/redis.sock"
        """Of its Unix socket."""
        with socket.create_server(("127.0.0.1", 0)) as place:
            self.port = place.getsockname()[1]
        self._command = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port)]
        self._command += ["--dir", self._directory.name, "--unixsocket", self.path]
        self._command += ["--appendonly", "yes", "--save", "", "--daemonize", "no", *options]
        self.process = None
        self.start()

    def url(self, database=0):
        return f"redis://127.0.0.1:{self.port}/{database}"

    def start(self):
        with open(f"{self._directory.name}/log", "ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + SECONDS
        while not self._answers():
            assert self.process.poll() is None and time.monotonic() < deadline, self.log()
            time.sleep(0.01)

    def _answers(self):
        """Whether it is there, and has loaded its file."""
        with contextlib.suppress(OSError):
            return self.ask("PING") == "+PONG"
        return False

    def ask(self, *words):
        """The first line of the answer to a command."""
        with socket.create_connection(("127.0.0.1", self.port), SECONDS) as connection:
            connection.sendall((" ".join(words) + "\r\n").encode())
            with connection.makefile("rb") as lines:
                return lines.readline().decode().strip()

    def kill(self):
        """As if its machine had: it finishes nothing."""
        self.process.kill()
        self.process.wait()

    def pause(self):
        """It keeps its connections, and answers nobody."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def log(self):
        with open(f"{self._directory.name}/log", errors="replace") as log:
            return log.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self._directory.cleanup()


if __name__ == "__main__":  # what the fixture promises of itself
    with RedisServer("--appendfsync", "always") as redis:
        assert redis.ask("SET", "a", "1") == "+OK"
        redis.kill()
        redis.start()
        assert (redis.ask("GET", "a"), os.path.exists(redis.path)) == ("$1", True)
