"""Runs a server and the load generator, each on a processor of its own. Standard library only."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
SILENCE_SECONDS = 300

# So that being told to end unwinds the `with` blocks, and ends the server too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))


def processors():
    """One for the server and one for the load; the same if there is only one."""
    available = sorted(os.sched_getaffinity(0))
    return available[0], available[-1]


def pinned(processor):
    return lambda: os.sched_setaffinity(0, {processor})


class Server:
    """A server's process for a `with` block. It must print where it listens, and end with SIGTERM."""

    def __init__(self, command, environment=None, pin=True):
        self.command = [str(part) for part in command]
        self.process = subprocess.Popen(
            self.command,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | (environment or {}),
            preexec_fn=pinned(processors()[0]) if pin else None,
        )
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            sys.exit(f"{' '.join(self.command)}: does not listen")
        self.port = int(line.rsplit(":", 1)[1].split("/")[0])

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.terminate()
        try:
            status = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = None
        if status != 0 and error[0] is None:
            sys.exit(f"{' '.join(self.command)}: ended with {'a time-out' if status is None else status}")


def load(build, server, *arguments, pin=True):
    """What the load generator reports, after it has checked every answer."""
    where = ["--port", server.port, "--pid", server.process.pid]
    command = [build / "benchmarks/load", arguments[0], *where, *arguments[1:]]
    result = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        text=True,
        timeout=SILENCE_SECONDS,
        preexec_fn=pinned(processors()[1]) if pin else None,
    )
    if result.returncode != 0:
        sys.exit(f"{' '.join(server.command)}: failed under load {' '.join(map(str, arguments))}")
    return json.loads(result.stdout)


def counted(build, command, *arguments, file, pin=True):
    """The server's system calls and allocations from its start to its end: see counters.c."""
    preload = {"LD_PRELOAD": str(build / "benchmarks/counters.so"), "SHTTP_COUNTERS": str(file)}
    file.unlink(missing_ok=True)
    with Server(command, preload, pin) as server:
        load(build, server, *arguments, pin=pin)
    counts = Counter()
    for line in file.read_text().splitlines():
        kind, name, count = line.split()
        counts[f"{kind} {name}"] = int(count)
        counts[kind] += int(count)
    return counts
