"""Hosts in processes of their own, and what they say."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from http_reader import SECONDS, Connection

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = Path(os.environ.get("STRANGERS_BUILD", ROOT / ".build-cmake")).resolve()
LIBRARY = BUILD / "lib" / "libstreamablehttp.so"

LOOPS = ("own", "thread", "uv")
"""Who runs a C host's loop."""


def program(name):
    """The command of a host."""
    match name:
        case "echo_server":
            return [BUILD / "examples" / name, "--port", "0"]
        case "python_host" | "python_fork_host":
            return [sys.executable, "-B", HERE / f"{name}.py"]
        case "everything_server":
            return [sys.executable, "-B", ROOT / "examples" / f"{name}.py"]
    return [BUILD / "strangers" / name]


class Host:
    """A host that says `listening on URL`, and then a line for each thing that happens to it."""

    def __init__(self, name, *options, wait=True):
        environment = {
            **os.environ,
            "LD_LIBRARY_PATH": str(BUILD / "lib"),
            "PYTHONPATH": str(ROOT / "bindings" / "python"),
            "STREAMABLEHTTP_LIBRARY": str(LIBRARY),
        }
        self.process = subprocess.Popen(
            [str(part) for part in (*program(name), *options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        self.lines = []
        self.errors = []
        self._changed = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read, args=one, daemon=True)
            for one in ((self.process.stdout, self.lines), (self.process.stderr, self.errors))
        ]
        for reader in self._readers:
            reader.start()
        self.address = self.url = None
        if wait:
            self.await_address()

    def await_address(self):
        try:
            self.url = self.heard(r"listening on (\S+)")[1]
        except BaseException:
            self.end()
            raise
        self.address = self.address_of(self.url)

    @staticmethod
    def address_of(url):
        if url.startswith("unix:"):
            return url.removeprefix("unix:")
        found = urlsplit(url)
        return found.hostname, found.port

    def _read(self, pipe, lines):
        for line in pipe:
            with self._changed:
                lines.append(line.decode(errors="replace").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def heard(self, pattern, count=1, seconds=SECONDS):
        """Waits until so many lines match; gives the match of the last of them."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                found = [match for line in self.lines if (match := re.match(pattern, line))]
                if len(found) >= count:
                    return found[count - 1]
                left = deadline - time.monotonic()
                if left <= 0 or not self._readers[0].is_alive():
                    break
                self._changed.wait(left)
        self._readers[1].join(0.1)  # What it said on standard error may still be on its way.
        raise AssertionError(
            f"the host said {pattern!r} {len(found)} times of {count}; {death(self.process.poll())},"
            f" last lines {self.lines[-5:]}, {self.errors[-5:]}"
        )

    def count(self, pattern):
        """How many lines match so far."""
        with self._changed:
            return sum(1 for line in self.lines if re.match(pattern, line))

    def connect(self, **options):
        return Connection(self.address, **options)

    def tell(self, line):
        """A line for the host's standard input."""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    # ---- The process ----

    def must_live(self):
        """The process is there, and goes on serving."""
        status = self.process.poll()
        assert status is None, f"the host has ended with {death(status)}: {self.errors[-3:]}"

    def wait(self, seconds=SECONDS):
        """Waits for the process's own end; gives its status."""
        status = self.process.wait(seconds)
        for reader in self._readers:
            reader.join(SECONDS)
        return status

    def terminate(self):
        """Ends it in good order; gives its status."""
        self.process.terminate()
        return self.wait()

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(2)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for reader in self._readers:
            reader.join(SECONDS)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                pipe.close()
            except BrokenPipeError:
                pass

    @property
    def resident_bytes(self):
        return self._status("VmRSS")

    @property
    def peak_bytes(self):
        return self._status("VmHWM")

    def _status(self, name):
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(rf"{name}:\s+(\d+)", text)[0]) << 10

    @property
    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def death(status):
    """An exit status in words."""
    if status is None:
        return "alive"
    return signal.Signals(-status).name if status < 0 else f"status {status}"
