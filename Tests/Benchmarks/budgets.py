#!/usr/bin/env python3
"""What the library costs, in numbers that repeat: instructions, allocations, system calls and memory.

usage: budgets.py BUILD_DIRECTORY                  compares with budgets.txt; fails if one is exceeded
       budgets.py BUILD_DIRECTORY --update         rewrites budgets.txt: today's figures and a margin
       budgets.py BUILD_DIRECTORY --profile NAME   shows which functions a figure is made of

Each figure is a difference: a server is run twice, with more of the same the second time, so that
starting and ending it do not count. Needs valgrind.
"""

import re
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from harness import HERE, Server, counted, load

LIMITS = HERE / "budgets.txt"
TEXT_BYTES = 1 << 20


@dataclass
class Workload:
    """Two amounts of the same load, and how many operations lie between them."""

    server: list  # its command, in the build directory
    load: list
    less: list
    more: list
    operations: int
    threads: bool = False

    def command(self, build):
        return [build / self.server[0], *self.server[1:]]


def echo(*options):
    return ["examples/echo_server", "--port", "0", "--address-share-percent", "100", *options]


def repeated(server, load, times, each=1, threads=False):
    less, more = (["--operations", str(count)] for count in (times, 2 * times))
    return Workload(server, load, less, more, times * each, threads)


def notifications(route):
    """Calls with 20 notifications and with 40. 100 of them fill what a session keeps for resuming."""
    calls = ["calls", "--tool", "progress", "--route", route, "--operations", "100"]
    less, more = (["--notifications", str(count)] for count in (20, 40))
    return Workload(echo("--progress-route", route), calls, less, more, 100 * 20)


def modern(*load):
    """Calls without a session."""
    return repeated(["benchmarks/host"], ["calls", "--era", "modern", "--answer", "json", *load], 1200)


def modern_notifications():
    calls = ["calls", "--era", "modern", "--tool", "progress", "--route", "request", "--operations", "100"]
    less, more = (["--notifications", str(count)] for count in (20, 40))
    return Workload(["benchmarks/host"], calls, less, more, 100 * 20)


# More calls than events that a session keeps for resuming: dropping the oldest belongs to the cost.
WORKLOADS = {
    "call-json": repeated(echo("--json-response"), ["calls", "--answer", "json"], 1200),
    "call-sse": repeated(echo(), ["calls"], 1200),
    "call-queue": repeated(["benchmarks/host", "--queue"], ["calls"], 1200, threads=True),
    "round": repeated(echo(), ["rounds"], 300),
    "notification-primary": notifications("primary"),
    "notification-request": notifications("request"),
    "modern-call": modern(),
    "modern-param": modern("--tool", "regional"),
    "modern-notification": modern_notifications(),
    "change": repeated(["benchmarks/host"], ["publish", "--streams", "50"], 40, each=50),
    "catalog-call": repeated(["benchmarks/host", "--catalog", "--json-response"], ["calls", "--answer", "json"], 1200),
    "catalog-list": repeated(
        ["benchmarks/host", "--catalog", "--json-response"], ["calls", "--tool", "list", "--answer", "json"], 300
    ),
    "delivery": repeated(echo(), ["fanout", "--streams", "50"], 40, each=50),
}


def callgrind(build, workload, amount, file, library=None):
    command = [
        "valgrind",
        "--tool=callgrind",
        "--quiet",
        "--compress-strings=no",
        "--compress-pos=no",
        f"--callgrind-out-file={file}",
        *workload.command(build),
    ]
    environment = {"LD_LIBRARY_PATH": str(library)} if library else None
    with Server(command, environment, pin=False) as server:
        load(build, server, *workload.load, *amount, pin=False)


def instructions(file):
    """Instructions by the file whose code they are: a line of cost after `calls=` is the callee's."""
    counts = Counter()
    owner, is_callees = "server", False
    for line in file.read_text().splitlines():
        if line.startswith("ob="):
            owner = next((name for name in ("libstreamablehttp", "libjansson") if name in line), "others")
        elif line.startswith("calls="):
            is_callees = True
        elif re.match(r"\d", line):
            if not is_callees:
                counts[owner] += int(line.split()[1])
                counts["server"] += int(line.split()[1])
            is_callees = False
    return counts


def measure(build, name):
    """The figures of one workload, by name."""
    workload = WORKLOADS[name]
    folder = build / "budgets"
    figures, costs, counts = {}, [], []
    for size, amount in (("less", workload.less), ("more", workload.more)):
        file = folder / f"{name}.{size}.callgrind"
        callgrind(build, workload, amount, file)
        costs.append(instructions(file))
        counts.append(
            counted(
                build,
                workload.command(build),
                *workload.load,
                *amount,
                file=folder / f"{name}.{size}.counts",
                pin=False,
            )
        )

    def per_operation(low_and_high, key):
        low, high = low_and_high
        return (high[key] - low[key]) / workload.operations

    owners = [("library", "libstreamablehttp"), ("jansson", "libjansson")]
    # While a thread wakes libuv's loop, the loop spins: as long as valgrind lets the thread wait for its turn.
    if not workload.threads:
        owners.append(("server", "server"))
    for owner, key in owners:
        figures[f"{name} instructions {owner}"] = per_operation(costs, key)
    for owner, key in (
        ("library", "allocations library"),
        ("jansson", "allocations jansson"),
        ("server", "allocations"),
    ):
        figures[f"{name} allocations {owner}"] = per_operation(counts, key)
    figures[f"{name} system-calls server"] = per_operation(counts, "call")
    return figures


def result_memory(build, answer, *mode):
    """The most bytes that were allocated at one time for a long result, for each of its bytes.

    The host's own copy is not counted.
    """
    command = [build / "benchmarks/host", *mode, *(["--json-response"] if answer == "json" else [])]
    small, large = (
        counted(
            build,
            command,
            "calls",
            "--tool",
            "text",
            "--answer",
            answer,
            "--bytes",
            size,
            "--operations",
            3,
            file=build / f"budgets/result-{answer}.counts",
            pin=False,
        )["bytes most"]
        for size in (32, TEXT_BYTES)
    )
    return (large - small - TEXT_BYTES) / TEXT_BYTES


def all_figures(build):
    shutil.rmtree(build / "budgets", ignore_errors=True)
    (build / "budgets").mkdir()
    figures = {}
    with ThreadPoolExecutor(2) as pool:
        for part in pool.map(lambda name: measure(build, name), WORKLOADS):
            figures |= part
    for answer in ("json", "sse"):
        figures[f"result-{answer} bytes-per-byte server"] = result_memory(build, answer)
        figures[f"result-{answer}-queue bytes-per-byte server"] = result_memory(build, answer, "--queue")
    return figures


def limit(name, figure):
    """A few percent: no two runs are quite the same, for memory lies elsewhere and timers may fire."""
    if "instructions" in name:
        return 1.03 * max(figure, 0) + 5
    # Threads that meet otherwise need another spare part now and then.
    threads = any(workload.threads for start, workload in WORKLOADS.items() if name.startswith(start))
    return 1.03 * max(figure, 0) + (0.1 if threads else 0.01)


def write_limits(figures):
    lines = [
        "# Limits for budgets.py, which writes this file with --update. Each operation may cost so much:",
        "# operation, what is counted, whose, limit",
    ]
    lines += [f"{name} {limit(name, figure):.2f}" for name, figure in figures.items()]
    LIMITS.write_text("\n".join(lines) + "\n")


def read_limits():
    lines = (line.rsplit(" ", 1) for line in LIMITS.read_text().splitlines() if not line.startswith("#"))
    return {name: float(limit) for name, limit in lines}


def compare(build, figures):
    limits = read_limits()
    if limits.keys() != figures.keys():
        sys.exit(f"budgets.txt lists other figures than these: {sorted(limits.keys() ^ figures.keys())}")
    exceeded = [name for name, figure in figures.items() if figure > limits[name]]
    for name, figure in figures.items():
        print(f"{name:50}{figure:14.2f} of {limits[name]:12.2f}{'   EXCEEDED' if name in exceeded else ''}")
    if exceeded:
        name = exceeded[0].split()[0]
        print(f"\n{len(exceeded)} budgets exceeded. What costs so much:")
        print(f"  python3 {Path(__file__)} {build} --profile {name}")
        print(f"  callgrind_annotate --inclusive=yes {build}/budgets/{name}.more.callgrind    (as it ships, stripped)")
        sys.exit(1)
    print(f"{len(figures)} budgets kept")


def profile(build, name):
    """The same run with the library's symbols, which cost nothing at run time."""
    folder = build / "budgets/symbols"
    folder.mkdir(parents=True, exist_ok=True)
    # valgrind does not understand all of Swift's debug information; the symbol table is enough.
    subprocess.run(
        ["strip", "-g", "-o", folder / "libstreamablehttp.so.0", build / "swift/release/libstreamablehttp.so"],
        check=True,
    )
    file = build / f"budgets/{name}.profile.callgrind"
    callgrind(build, WORKLOADS[name], WORKLOADS[name].more, file, library=folder)
    for order in ("no", "yes"):
        print(f"\nBy {'own cost' if order == 'no' else 'cost with callees'}:")
        listing = subprocess.run(
            ["callgrind_annotate", f"--inclusive={order}", "--auto=no", file],
            text=True,
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        functions = [line for line in listing.splitlines() if re.match(r"\s*[\d,]+ \(", line)]
        readable = subprocess.run(
            ["swift", "demangle", "--simplified"],
            input="\n".join(functions[:40]),
            text=True,
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        print(re.sub(r"\S*/(?=\S+\])|\?\?\?:", "", readable))


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build = Path(sys.argv[1]).resolve()
    if sys.argv[2:3] == ["--profile"]:
        profile(build, sys.argv[3])
    elif sys.argv[2:] == ["--update"]:
        write_limits(all_figures(build))
    else:
        compare(build, all_figures(build))


if __name__ == "__main__":
    main()
