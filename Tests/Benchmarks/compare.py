#!/usr/bin/env python3
"""Runs every workload against the reference server, this library and the official Python package.

usage: compare.py BUILD_DIRECTORY [--only REGEX] [--repeat N] [--seconds N] [--update]

Called by run.sh. The workloads come round as often as --repeat says. Each time their servers take turns
in slices of what --seconds says, and the figures are medians of all slices; ratios are taken between slices
that follow each other, so that a machine that slows down meanwhile does not matter.
"""

import argparse
import contextlib
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "Support"))

from budgets import result_memory
from harness import HERE, Server, counted, load, processors
from redis_server import RedisServer
from report import ALONE, MEMORY, report

SMALL, PAGE, LARGE, HUGE = 32, 4096, 65536, 1 << 20
NAMES = {SMALL: "32 B", PAGE: "4 KB", LARGE: "64 KB", HUGE: "1 MB"}
FEW = 32
SLICES = 5


@dataclass
class Workload:
    """One load, and the servers that bear it, the reference first."""

    name: str
    load: list
    servers: dict  # name: command
    each: int = 1  # what one operation is counted as: a broadcast is many deliveries
    counted: int = 0  # operations whose system calls are counted; 0: not at all
    slices: int = SLICES
    pin: bool = True  # whether server and load have a processor each; a store needs some of both
    prepare: Callable[[], None] = lambda: None  # called before each turn of a server
    loads: dict = field(default_factory=dict)  # server name: its load, if it is another
    measured: dict = field(default_factory=dict)  # server name: what the load generator said, slice by slice

    def measure(self, build, seconds):
        for _ in range(self.slices):
            for name, command in self.servers.items():
                self.prepare()
                with Server(command, pin=self.pin) as server:
                    figures = self.bear(build, server, self.loads.get(name, self.load), seconds / self.slices)
                if self.counted:
                    figures["system_calls"] = self.count_system_calls(build, command)
                self.measured.setdefault(name, []).append(figures)

    def bear(self, build, server, arguments, seconds):
        figures = load(build, server, *arguments, *timing(arguments, seconds), pin=self.pin)
        if "operations" in figures:
            operations = figures["operations"] * self.each
            figures["cpu_us"] = figures["cpu_ns"] / operations / 1000
            figures["rate"] = operations / figures["seconds"]
        return figures

    def count_system_calls(self, build, command):
        """Those of many operations less those of a few, so that starting and ending do not count."""
        few, many = (
            counted(build, command, *self.load, "--operations", count, file=build / "benchmarks/counts")["call"]
            for count in (FEW, FEW + self.counted)
        )
        return (many - few) / self.counted

    def figure(self, server, key):
        return median(figures[key] for figures in self.measured[server])

    def ratio(self, server, key, reference=None):
        """To the reference, slice by slice."""
        reference = reference or next(iter(self.servers))
        pairs = zip(self.measured[server], self.measured[reference], strict=True)
        return median(figures[key] / others[key] for figures, others in pairs)


class NodesWorkload(Workload):
    """One load on two servers that share a Redis. `loads` say which of them is asked, and with what options."""

    def measure(self, build, seconds):
        for _ in range(self.slices):
            for name, where in self.loads.items():
                self.prepare()
                with contextlib.ExitStack() as nodes:
                    home, other = (nodes.enter_context(Server(self.servers[name], pin=self.pin)) for _ in range(2))
                    server, options = where(home, other)
                    figures = self.bear(build, server, [*self.load, *options], seconds / self.slices)
                self.measured.setdefault(name, []).append(figures)


def timing(load, seconds):
    if load[0] in MEMORY or "--operations" in load:
        return []
    is_large = LARGE in load or HUGE in load
    return ["--seconds", seconds, "--warmup", FEW if is_large else 400]


class Commands:
    """How to start each server."""

    def __init__(self, build, redis):
        self.build = build
        self.redis = redis
        self.python = build / "venv/bin/python"

    def ceiling(self, *options):
        return [self.build / "benchmarks/ceiling", *options]

    def library(self, *options):
        return [self.build / "examples/echo_server", "--port", "0", "--address-share-percent", "100", *options]

    def host(self, *options):
        return [self.build / "benchmarks/host", *options]

    def ours_in_python(self, *options):
        return [self.python, HERE / "python_server.py", *options]

    def official(self, *options):
        return [self.python, HERE / "official_server.py", *options]

    def sdk(self, *options):
        return [self.python, HERE / "sdk_server.py", *options]


def workloads(commands):
    """All of them, in the order of the table."""

    def pair(*options):
        return {"ceiling": commands.ceiling(*options), "library": commands.library(*options)}

    for mode, options in (("json", ["--json-response"]), ("sse", [])):
        answer = ["--answer", mode]
        shown = mode.upper()
        for size in NAMES:
            yield Workload(
                f"call {shown} {NAMES[size]}",
                ["calls", "--connections", 16, "--bytes", size, *answer],
                pair(*options),
                counted=4000 if size == SMALL else 0,
            )
        for connections in (1, 256):
            yield Workload(
                f"call {shown} 32 B, {connections} connection{'s' * (connections > 1)}",
                ["calls", "--connections", connections, *answer],
                pair(*options),
            )
        yield Workload(
            f"call {shown} 32 B beside 10,000 streams",
            ["calls", "--connections", 16, "--streams", 10000, *answer],
            {**pair(*options), ALONE: commands.library(*options)},
            loads={ALONE: ["calls", "--connections", 16, *answer]},
        )
        yield Workload(
            f"call {shown} 32 B, another thread",
            ["calls", "--connections", 16, *answer],
            {
                "ceiling": commands.ceiling("--batches", *options),
                "library": commands.host("--thread", *options),
                "library, queue": commands.host("--queue", *options),
            },
            counted=4000,
        )
        yield Workload(
            f"call {shown} 32 B, Python",
            ["calls", "--connections", 16, *answer],
            {"official": commands.official(*options), "library": commands.ours_in_python(*options)},
            counted=400,
            slices=1,
        )
        yield Workload(f"session round {shown}", ["rounds", "--connections", 16, *answer], pair(*options), counted=800)
    for route in ("primary", "request"):
        for count in (20, 100):
            yield Workload(
                f"call with {count} notifications, {route}",
                ["calls", "--connections", 16, "--tool", "progress", "--notifications", count, "--route", route],
                pair("--progress-route", route),
                counted=400,
            )
    on_request = ["--progress-route", "request"]
    yield Workload(
        "call with 20 notifications, request, callback",
        ["calls", "--connections", 16, "--tool", "progress", "--notifications", 20, "--route", "request"],
        {"ceiling": commands.ceiling(*on_request), "library": commands.host(*on_request)},
        counted=400,
    )
    yield from catalog_workloads(commands)
    yield from modern_workloads(commands)
    for streams in (1000, 10000):
        yield Workload(
            f"delivery to {streams:,} streams",
            ["fanout", "--streams", streams, "--operations", 100000 // streams, "--warmup", 2],
            pair(),
            each=streams,
        )
    yield Workload("idle sessions", ["idle", "--streams", 10000], pair(), slices=1)
    yield from store_workloads(commands)
    yield from sdk_workloads(commands)


def store_workloads(commands):
    """Sessions and events in SQLite and in Redis, against those in memory."""
    file = commands.build / "benchmarks/store.db"
    store = ["--store", f"sqlite:{file}"]
    redis = ["--store", commands.redis.url()]
    servers = {
        "memory": commands.library(),
        "sqlite": commands.library(*store),
        "sqlite, sync": commands.library(*store, "--store-sync", "true"),
        "redis": commands.library(*redis),
        "redis, sync": commands.library(*redis, "--store-sync", "true"),
    }

    def empty():
        for path in file.parent.glob(f"{file.name}*"):
            path.unlink()
        commands.redis.ask("FLUSHALL")

    calls = ["calls", "--connections", 16, "--answer", "sse"]
    yield Workload("call SSE 32 B, stored", calls, servers, pin=False, prepare=empty)
    progress = ["--tool", "progress", "--notifications", 20, "--route", "request"]
    request = {name: [*command, "--progress-route", "request"] for name, command in servers.items()}
    yield Workload("call with 20 notifications, stored", [*calls[:3], *progress], request, pin=False, prepare=empty)
    yield from node_workloads(commands.library(*redis), empty)


def node_workloads(command, empty):
    """Calls to a session of the node that is asked, and of another one; and from one node to a primary stream."""
    relayed = {
        "own node": lambda home, other: (home, []),
        "another node": lambda home, other: (other, ["--open-port", home.port]),
        "for another node": lambda home, other: (other, ["--open-port", home.port, "--pid", home.process.pid]),
    }
    for connections in (16, 1):
        yield NodesWorkload(
            f"call SSE 32 B of a node, {connections} connection{'s' * (connections > 1)}",
            ["calls", "--connections", connections, "--answer", "sse"],
            dict.fromkeys(relayed, command),
            pin=False,
            prepare=empty,
            loads=relayed,
        )
    streams = {
        "own node": lambda home, other: (home, []),
        "another node": lambda home, other: (home, ["--stream-port", other.port]),
    }
    yield NodesWorkload(
        "message to a primary stream",
        ["fanout", "--streams", 1],
        dict.fromkeys(streams, command),
        pin=False,
        prepare=empty,
        loads=streams,
    )


def catalog_workloads(commands):
    """The catalog against a host that does the same by hand."""
    servers = {"by hand": commands.host("--json-response"), "catalog": commands.host("--catalog", "--json-response")}
    calls = ["calls", "--connections", 16, "--answer", "json"]
    for size in (SMALL, PAGE):
        yield Workload(f"catalog call {NAMES[size]}", [*calls, "--bytes", size], servers)
    yield Workload("catalog list of 100 tools", [*calls, "--tool", "list"], servers)


def modern_workloads(commands):
    """Revision 2026-07-28, without sessions."""
    servers = {"ceiling": commands.ceiling("--modern"), "library": commands.host()}
    calls = ["calls", "--era", "modern", "--connections", 16]
    yield Workload("modern call 32 B", [*calls, "--answer", "json"], servers, counted=4000)
    yield Workload("modern call 32 B, Mcp-Param", [*calls, "--answer", "json", "--tool", "regional"], servers)
    yield Workload(
        "modern call with 20 notifications",
        [*calls, "--tool", "progress", "--notifications", 20, "--route", "request"],
        servers,
        counted=400,
    )
    yield Workload("modern elicitation by round trip", ["trips", "--connections", 16], servers, counted=400)
    for streams in (1000, 10000):
        yield Workload(
            f"change to {streams:,} listen streams",
            ["publish", "--streams", streams, "--operations", 100000 // streams, "--warmup", 2],
            servers,
            each=streams,
        )
    yield Workload("idle listen streams", ["listeners", "--streams", 10000], servers, slices=1)
    yield Workload("parked requests", ["parked", "--streams", 10000, "--connections", 16], servers, slices=1)


def sdk_workloads(commands):
    """Unchanged servers of the official package and of FastMCP, on uvicorn and on this library."""
    for kind, ways in (("mcpserver", ["uvicorn", "library", "fast"]), ("fastmcp", ["uvicorn", "library"])):
        for mode, options in (("json", ["--json-response"]), ("sse", [])):
            yield Workload(
                f"{kind} {mode.upper()} 32 B",
                ["calls", "--connections", 16, "--answer", mode],
                {way: commands.sdk(kind, way, *options) for way in ways},
            )
    yield Workload(
        "mcpserver modern 32 B",
        ["calls", "--era", "modern", "--connections", 16, "--answer", "json"],
        {way: commands.sdk("mcpserver", way) for way in ("uvicorn", "library")},
    )


def memory_of_results(build):
    """Bytes allocated at most for each byte of a 1 MB result, the host's own copy not counted."""
    (build / "budgets").mkdir(exist_ok=True)
    return {
        f"{answer.upper()}{', queue' * bool(mode)}": result_memory(build, answer, *mode)
        for answer in ("json", "sse")
        for mode in ([], ["--queue"])
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=Path)
    parser.add_argument("--only", default="", metavar="REGEX", help="workloads whose name it matches")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1, help="how long each is measured, each time")
    parser.add_argument("--update", action="store_true", help="replace the last run in README.md by this one")
    options = parser.parse_args()
    build = options.build.resolve()
    with RedisServer("--auto-aof-rewrite-percentage", "0") as redis:
        measure(build, options, Commands(build, redis))


def measure(build, options, commands):
    chosen = [workload for workload in workloads(commands) if re.search(options.only, workload.name)]
    if processors()[0] == processors()[1]:
        print("There is one processor only: the server and its load share it.", file=sys.stderr)

    for time in range(options.repeat):
        for workload in chosen:
            print(f"{time + 1} of {options.repeat}: {workload.name}", file=sys.stderr)
            workload.measure(build, options.seconds)
    memory = memory_of_results(build) if re.search(options.only, "memory of results") else {}
    tables = report({workload.name: workload for workload in chosen}, memory)
    print(tables)
    if options.update:
        readme = HERE / "README.md"
        kept, heading, _ = readme.read_text().partition("## The last run\n")
        readme.write_text(f"{kept}{heading}\n{tables}\n")


if __name__ == "__main__":
    main()
