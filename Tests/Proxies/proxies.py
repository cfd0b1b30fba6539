"""Runs the configurations of docs/OPERATING.md behind which it says a server can be put, and those of docs/STORES.md
for several servers that share a Redis, and a client through each of them. Ends with a summary line.
usage: proxies.py BUILD_DIRECTORY [NAME...]

One second here is fifteen in the blocks: every time-out in them, and the server's keep-alive, is that much
shorter, so that a stream is held for longer than the time-outs.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from checks import Client

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PAGE = ROOT / "docs" / "OPERATING.md"
PAGE_OF_NODES = ROOT / "docs" / "STORES.md"
SCALE = 15
KEEPALIVE_MS = 15_000 // SCALE
SECONDS_MAX = 90
"""For everything; it takes a fifth of that."""
ATTEMPTS = 3
"""How often a proxy is tried that fails by a flaw of its own."""
NAME = "mcp.example.com"
"""The host name in the blocks."""
UNIT = "/etc/systemd/system/mcp.service"
SOCKET = "/run/mcp/mcp.sock"
"""The upstream in the blocks."""
EXPOSURE_MAX = 15
"""What `systemd-analyze security` may say of the unit, in tenths: it goes from 0 to 100."""


def block(marker: str, page: Path = PAGE) -> str:
    """The fenced block of the page whose first line is a comment with the path of the file."""
    blocks = re.findall(r"^```\w*\n# (\S+)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    found = [text for path, text in blocks if path == marker]
    assert len(found) == 1, f"{page.name} has {len(found)} blocks of {marker}"
    return found[0]


def adapted(text: str, changes: dict[str, str]) -> str:
    """A block for this machine. What is to be changed must be there."""
    for old, new in changes.items():
        assert old in text, f"the block has no {old!r}: {text}"
        text = text.replace(old, new)
    return re.sub(r"\b(\d+)s\b", lambda found: f"{int(found[1]) * 1000 // SCALE}ms", text)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Process:
    """A process group that ends with the `with` block, and what it says."""

    started: ClassVar[list[Process]] = []

    def __init__(self, place: Path, name: str, command: list[object], **environment: str) -> None:
        self.log = place / f"{name}.log"
        self.log_start = len(self.log.read_text()) if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                cwd=place,
                start_new_session=True,
            )
        Process.started.append(self)

    def said(self, text: str) -> bool:
        return text in self.log.read_text(errors="replace")[self.log_start :]

    def terminate(self, seconds: float = 10) -> int:
        self.process.terminate()
        return self.process.wait(seconds)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.terminate(5)
        self.kill()

    def kill(self) -> None:
        """Ends what is left of the group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Proxy:
    """A proxy from its block, with a server of its own behind it, in a directory of their own."""

    marker: str
    unix_prefix: str
    """What stands before the path of a Unix socket."""
    flaw: str | None = None
    """What its log says when it has failed for a reason of its own, with any server behind it."""

    @classmethod
    def rounds(cls) -> Sequence[tuple[bool, Sequence[Callable[[Client], None]]]]:
        """Whether the server is reached over TCP, and what is checked then."""
        from checks import ALL, OVER_TCP

        return ((False, ALL), (True, OVER_TCP))

    def __init__(self, place: Path, build: Path, over_tcp: bool) -> None:
        self.place = place
        self.build = build
        self.name = type(self).__name__.lower()
        self.port = free_port()
        self.server_port = free_port() if over_tcp else None
        self.socket = place / "mcp.sock"
        self.authority = place / "cert.pem"
        """The certificate that clients trust."""
        self.make_certificate()
        self._processes = contextlib.ExitStack()
        self.host: Process
        self.proxy: Process

    def make_certificate(self) -> None:
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
                *("-days", "1", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"),
                *("-keyout", "key.pem", "-out", "cert.pem"),
            ],
            cwd=self.place,
            check=True,
            capture_output=True,
        )

    def __enter__(self) -> Proxy:
        try:
            self.start_servers()
            self.proxy = self._processes.enter_context(self.start())
            self.await_listener()
        except BaseException:
            self._processes.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._processes.close()

    def start_servers(self) -> None:
        self.start_host()

    def start_host(self) -> None:
        """Starts the server, or one after it."""
        self.host = self.run_host("host", self.server_port or self.socket, KEEPALIVE_MS)

    def run_host(self, name: str, *arguments: object) -> Process:
        host = self._processes.enter_context(
            Process(
                self.place,
                name,
                [sys.executable, "-B", HERE / "host.py", *arguments],
                STREAMABLEHTTP_LIBRARY=str(self.build / "lib" / "libstreamablehttp.so"),
                PYTHONPATH=str(ROOT / "bindings" / "python"),
            )
        )
        self.await_that(lambda: host.said("listening"), host)
        return host

    def block(self) -> str:
        """What the page says."""
        return block(self.marker)

    @property
    def upstream(self) -> dict[str, str]:
        """The change of a block to the server of this test."""
        if self.server_port:
            return {f"{self.unix_prefix}{SOCKET}": f"127.0.0.1:{self.server_port}"}
        return {SOCKET: str(self.socket)}

    def start(self) -> Process:
        raise NotImplementedError

    def run(self, *command: object, **environment: str) -> Process:
        return Process(self.place, self.name, list(command), **environment)

    def write(self, name: str, text: str) -> Path:
        path = self.place / name
        path.write_text(text)
        return path

    def await_listener(self) -> None:
        """Waits until it has its certificate, too."""
        context = ssl._create_unverified_context()

        def listens() -> bool:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), 5) as plain,
                context.wrap_socket(plain, server_hostname=NAME),
            ):
                return True
            return False

        self.await_that(listens)

    def await_that(self, condition, process: Process | None = None, seconds: float = 10) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert process is None or process.process.poll() is None, f"{process.log.read_text()}"
            assert time.monotonic() < deadline, f"nothing in {seconds} s"
            time.sleep(0.02)


class Nginx(Proxy):
    marker = "/etc/nginx/conf.d/mcp.conf"
    unix_prefix = "unix:"

    def start(self) -> Process:
        text = adapted(
            self.block(),
            {
                **self.upstream,
                "listen 443 ": f"listen 127.0.0.1:{self.port} ",
                "/etc/ssl/mcp/fullchain.pem": str(self.place / "cert.pem"),
                "/etc/ssl/mcp/key.pem": str(self.place / "key.pem"),
            },
        )
        # What Debian's nginx.conf has around it, and places that need no root.
        places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        here = "".join(f"{kind}_temp_path {self.place}/{kind};\n" for kind in places)
        user = "user root;\n" if os.getuid() == 0 else ""
        path = self.write(
            "nginx.conf",
            f"daemon off;\n{user}pid {self.place}/nginx.pid;\nerror_log stderr;\nevents {{}}\n"
            f"http {{\naccess_log {self.place}/access.log;\n{here}{text}}}\n",
        )
        return self.run("nginx", "-p", self.place, "-e", "stderr", "-c", path)


class HAProxy(Proxy):
    marker = "/etc/haproxy/haproxy.cfg"
    unix_prefix = "unix@"

    def start(self) -> Process:
        both = (self.place / "cert.pem").read_text() + (self.place / "key.pem").read_text()
        text = adapted(
            self.block(),
            {
                **self.upstream,
                "bind :443 ": f"bind 127.0.0.1:{self.port} ",
                "/etc/haproxy/mcp.pem": str(self.write("both.pem", both)),
                "    user haproxy\n    group haproxy\n": "",
                "log /dev/log local0": "log stdout format raw local0",
                "maxconn 20000": "maxconn 400",
            },
        )
        return self.run("haproxy", "-db", "-f", self.write("haproxy.cfg", text))


class Caddy(Proxy):
    marker = "/etc/caddy/Caddyfile"
    unix_prefix = "unix/"
    flaw = "aborting with incomplete response"

    def start(self) -> Process:
        text = adapted(self.block(), self.upstream)
        # Certificates of its own instead of ones from the internet, on another port.
        own = "admin off\nlocal_certs\nskip_install_trust\nauto_https disable_redirects\ndefault_bind 127.0.0.1\n"
        path = self.write(
            "Caddyfile", f"{{\n{own}https_port {self.port}\nstorage file_system {self.place}/caddy\n}}\n{text}"
        )
        self.authority = self.place / "caddy/pki/authorities/local/root.crt"
        return self.run("caddy", "run", "--config", path, "--adapter", "caddyfile", HOME=str(self.place))


class Nodes(Proxy):
    """Three servers that share a Redis. Their block takes the place of a part of the one server's."""

    marker_of_nodes: str
    part: str
    """What the block of the one server has in its place."""
    is_sticky = False
    keeps_clients = True
    """Whether connections of clients stay open while nodes are replaced."""

    def __init__(self, place: Path, build: Path, over_tcp: bool) -> None:
        super().__init__(place, build, over_tcp)
        self.ports = [free_port() for _ in range(3)]
        self.hosts: list[Process] = []

    @classmethod
    def rounds(cls) -> Sequence[tuple[bool, Sequence[Callable[[Client], None]]]]:
        from checks import NODES, STICKY

        return ((True, STICKY if cls.is_sticky else NODES),)

    def start_servers(self) -> None:
        place = ("--port", "0", "--unixsocket", self.place / "redis.sock", "--dir", self.place)
        redis = Process(self.place, "redis", ["redis-server", *place, "--save", ""])
        self._processes.enter_context(redis)
        self.await_that(lambda: redis.said("ready to accept connections"), redis)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            self.hosts = list(pool.map(self.run_node, range(3)))

    def run_node(self, number: int) -> Process:
        store = f"unix:{self.place / 'redis.sock'}"
        return self.run_host(f"host-{number + 1}", self.ports[number], KEEPALIVE_MS, store, f"node-{number + 1}-")

    def block(self) -> str:
        nodes = block(self.marker_of_nodes, PAGE_OF_NODES)
        text, count = re.subn(self.part, lambda _: nodes, super().block(), flags=re.MULTILINE | re.DOTALL)
        assert count == 1, f"the block of {self.marker} has {count} times {self.part}"
        return text

    @property
    def upstream(self) -> dict[str, str]:
        return {f"10.0.0.{number}:8080": f"127.0.0.1:{port}" for number, port in enumerate(self.ports, 1)}

    @contextlib.contextmanager
    def without(self, number: int) -> Iterator[None]:
        """While a node is replaced, as the page says."""
        raise NotImplementedError


class NginxNodes(Nodes, Nginx):
    marker_of_nodes = "/etc/nginx/conf.d/mcp-nodes.conf"
    part = r"^upstream mcp \{.*?^\}\n"
    keeps_clients = False

    @contextlib.contextmanager
    def without(self, number: int) -> Iterator[None]:
        path = self.place / "nginx.conf"
        text = path.read_text()
        server = f"server 127.0.0.1:{self.ports[number]}"
        path.write_text(text.replace(f"{server};", f"{server} down;"))
        self.reload()
        yield
        path.write_text(text)
        self.reload()

    def reload(self) -> None:
        """Waits until new connections come to the new workers."""
        children = Path(f"/proc/{self.proxy.process.pid}/task/{self.proxy.process.pid}/children")
        before = set(children.read_text().split())
        self.proxy.process.send_signal(signal.SIGHUP)
        self.await_that(lambda: set(children.read_text().split()) - before)
        time.sleep(0.2)


class HAProxyNodes(Nodes, HAProxy):
    marker_of_nodes = "/etc/haproxy/nodes.cfg"
    part = r"^backend mcp\n.*"

    @property
    def upstream(self) -> dict[str, str]:
        return {**super().upstream, "/run/haproxy/admin.sock": str(self.place / "admin.sock")}

    @contextlib.contextmanager
    def without(self, number: int) -> Iterator[None]:
        self.set_state(number, "maint")
        time.sleep(0.2)
        yield
        self.set_state(number, "ready")

    def set_state(self, number: int, state: str) -> None:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self.place / "admin.sock"))
            admin.sendall(f"set server mcp/node-{number + 1} state {state}\n".encode())
            assert admin.recv(1000) == b"\n"


class HAProxySticky(HAProxyNodes):
    marker_of_nodes = "/etc/haproxy/nodes-sticky.cfg"
    is_sticky = True


PROXIES = (Nginx, HAProxy, Caddy, NginxNodes, HAProxyNodes, HAProxySticky)


def check(kind: type[Proxy], build: Path) -> str | None:
    """Gives what is wrong, or None."""
    for over_tcp, checks in kind.rounds():
        for left in reversed(range(ATTEMPTS)):
            fault, log = check_all(kind, build, over_tcp, checks)
            if fault is None:
                break
            if not left or kind.flaw is None or kind.flaw not in log:
                return f"over {'TCP' if over_tcp else 'a Unix socket'}: {fault}\n{log}"
            print(f"{kind.__name__.lower()}: once more, for its log says: {kind.flaw}", flush=True)
    return None


def check_all(
    kind: type[Proxy], build: Path, over_tcp: bool, checks: Sequence[Callable[[Client], None]]
) -> tuple[str | None, str]:
    """Gives what is wrong, or None, and the logs."""
    from checks import Client

    with tempfile.TemporaryDirectory(prefix="proxy-") as directory:
        proxy = kind(Path(directory), build, over_tcp)
        fault = None
        try:
            with proxy:
                for one in checks:
                    one(Client(proxy))
        except Exception:
            fault = traceback.format_exc()
        logs = "".join(
            f"---- {log.name}\n{log.read_text(errors='replace')[-3000:]}\n" for log in sorted(proxy.place.glob("*.log"))
        )
        return fault, logs


def check_unit(build: Path) -> str | None:
    """The systemd unit, as far as it can be checked without starting it. Gives what is wrong, or None."""
    with tempfile.TemporaryDirectory(prefix="unit-") as directory:
        unit = Path(directory) / Path(UNIT).name
        program = str(build / "examples" / "echo_server")
        unit.write_text(block(UNIT).replace("/usr/local/bin/mcp-server", program))
        for command in (
            ["systemd-analyze", "verify", "--man=no", str(unit)],
            ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE_MAX}", str(unit)],
        ):
            run = subprocess.run(command, capture_output=True, text=True, timeout=20)
            if run.returncode or run.stderr:
                return f"{run.stderr}{run.stdout}"
    return None


def main() -> None:
    build = Path(sys.argv[1]).resolve()
    chosen = [kind for kind in PROXIES if not sys.argv[2:] or kind.__name__.lower() in sys.argv[2:]]
    assert chosen, f"none of them is called {sys.argv[2:]}"
    started = time.monotonic()
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(len(chosen) + 1) as pool:
        unit = pool.submit(check_unit, build)
        for kind, fault in zip(chosen, pool.map(lambda kind: check(kind, build), chosen), strict=True):
            print(f"{kind.__name__.lower()}: {fault or 'ok'}", flush=True)
            failed += fault is not None
        print(f"unit: {unit.result() or 'ok'}", flush=True)
        failed += unit.result() is not None
    result = f"{failed} failed" if failed else f"{len(chosen)} passed"
    print(f"proxies: {result} in {time.monotonic() - started:.0f} s")
    sys.exit(1 if failed else 0)


def give_up(number: int, frame: object) -> None:
    """Leaves nothing behind, whatever the threads wait for."""
    print(f"proxies: given up, by {signal.Signals(number).name}", flush=True)
    for process in list(Process.started):
        process.kill()
    shutil.rmtree(tempfile.gettempdir(), ignore_errors=True)
    os._exit(1)


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, give_up)
    signal.alarm(SECONDS_MAX)
    with tempfile.TemporaryDirectory(prefix="proxies-") as tempfile.tempdir:
        main()
