"""A Redis server of a test's own, on loopback, with its file in a directory of its own, or several that share the keys.

usage: redis_server.py COMMAND...   runs it with a cluster, of which REDIS in its arguments is the address of a server
"""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

SECONDS = 20.0
"""Nothing takes so long; waiting longer is a failure."""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as place:
        return place.getsockname()[1]


class RedisServer:
    """It keeps its port and what was written, however often it is killed."""

    def __init__(self, *options):
        """`options` are those of redis-server, as in "--appendfsync", "always"."""
        self._directory = tempfile.TemporaryDirectory(prefix="redis-")
        self.path = f"{self._directory.name}/redis.sock"
        """Of its Unix socket."""
        self.port = free_port()
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

    def run(self, *words):
        """The answer of redis-cli."""
        done = self._run(*words)
        assert done.returncode == 0 and "ERR" not in done.stdout, (words, done)
        return done.stdout.strip()

    def succeeds(self, *words):
        """Whether redis-cli does."""
        return self._run(*words).returncode == 0

    def _run(self, *words):
        command = ["redis-cli", "-p", str(self.port), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=4 * SECONDS, check=False)

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

    def is_alive(self):
        return self.process.poll() is None

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


class RedisCluster:
    """Primaries that have a third of the slots each, and a replica of the first one."""

    COUNT = 3
    SLOTS = 16_384

    def __init__(self, *options):
        self.servers = []
        with contextlib.ExitStack() as stack:
            for _ in range(self.COUNT + 1):
                places = ["--cluster-enabled", "yes", "--cluster-port", str(free_port())]
                server = RedisServer(*places, "--cluster-node-timeout", "3000", *options)
                self.servers.append(stack.enter_context(server))
            self._join()
            self._open = stack.pop_all()

    def _join(self):
        first, *others = self.servers
        self.ids = [server.run("CLUSTER", "MYID") for server in self.servers]
        for index in range(self.COUNT):
            start, end = (self.SLOTS * bound // self.COUNT for bound in (index, index + 1))
            self.servers[index].run("CLUSTER", "ADDSLOTSRANGE", str(start), str(end - 1))
        bus = first.run("CONFIG", "GET", "cluster-port").split()[-1]
        for other in others:
            other.run("CLUSTER", "MEET", "127.0.0.1", str(first.port), bus)
        self.wait(lambda: all(s.run("CLUSTER", "NODES").count("connected") > self.COUNT for s in self.servers))
        self.servers[-1].run("CLUSTER", "REPLICATE", self.ids[0])
        self.wait(lambda: "master_link_status:up" in self.servers[-1].run("INFO", "replication"))
        self.wait(self.is_whole)

    def is_alive(self):
        return all(server.is_alive() for server in self.servers)

    def is_whole(self):
        return all("cluster_state:ok" in server.run("CLUSTER", "INFO") for server in self.servers)

    def wait(self, holds):
        deadline = time.monotonic() + SECONDS
        while not holds():
            assert time.monotonic() < deadline, [server.log() for server in self.servers]
            time.sleep(0.05)

    def url(self):
        """Of a server that has only a third of the keys."""
        return self.servers[1].url()

    def move_slots(self, start, end, count):
        """From one of the servers to another, with what is in them."""
        place = f"127.0.0.1:{self.servers[end].port}"
        self.wait(lambda: self.servers[0].succeeds("--cluster", "check", place))  # they agree
        words = ["--cluster-from", self.ids[start], "--cluster-to", self.ids[end]]
        reshard = ["--cluster", "reshard", place, *words, "--cluster-slots", str(count), "--cluster-yes"]
        while not self.servers[0].succeeds(*reshard):  # a busy machine takes it for down
            self.wait(lambda: self.servers[0].succeeds("--cluster", "fix", place, "--cluster-yes"))

    def keys(self, pattern):
        """Those of each primary."""
        return [server.run("KEYS", pattern).split() for server in self.servers[: self.COUNT]]

    def move_slot_of(self, key):
        """To the next server, with what is in it."""
        slot = self.servers[0].run("CLUSTER", "KEYSLOT", key)
        start = next(at for at, keys in enumerate(self.keys(key)) if keys)
        end = (start + 1) % self.COUNT
        source, target = self.servers[start], self.servers[end]
        target.run("CLUSTER", "SETSLOT", slot, "IMPORTING", self.ids[start])
        source.run("CLUSTER", "SETSLOT", slot, "MIGRATING", self.ids[end])
        source.run("MIGRATE", "127.0.0.1", str(target.port), key, "0", "5000")
        for server in (target, source):
            server.run("CLUSTER", "SETSLOT", slot, "NODE", self.ids[end])

    def restart(self, index):
        """One of the servers is away for a moment."""
        self.servers[index].kill()
        time.sleep(0.5)
        self.servers[index].start()

    def fail_over(self):
        """The replica takes the place of its primary, or that takes it back."""
        self.wait(self.is_whole)
        replica = next(one for one in (self.servers[0], self.servers[-1]) if "role:slave" in one.run("INFO"))
        replica.run("CLUSTER", "FAILOVER")
        self.wait(lambda: "role:master" in replica.run("INFO"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._open.close()


if __name__ == "__main__":
    with RedisCluster() as cluster:
        address = f"127.0.0.1:{cluster.servers[1].port}"
        sys.exit(subprocess.run([word.replace("REDIS", address) for word in sys.argv[1:]], check=False).returncode)
