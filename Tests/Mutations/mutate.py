#!/usr/bin/env python3
"""Tests the tests: breaks the library on purpose, in one small way after the other, and tells
which test notices. It takes half an hour, and is not part of CI: run it after a large change.

    python3 Tests/Mutations/mutate.py                      all mutations
    python3 Tests/Mutations/mutate.py -k fence -k cors     those with a name or a file like that
    python3 Tests/Mutations/mutate.py --folder /tmp/m      keeps the build there, for the next time
    python3 Tests/Mutations/mutate.py --write              notes the results in the lists
    python3 Tests/Mutations/mutate.py --check              only finds the places in the sources

All mutations are built at once, into a copy of the sources. There each stands beside what it
replaces, and an environment variable tells which one is active, if any. The lists are beside this
file, by layers. CABI has none: no Swift test goes through it, but the C tests do. An entry is

    [name] Layer/File.swift
      What it breaks.
    - the original: must stand exactly once in the file; how it is broken into lines is of no account
    + what replaces it, in which MUTANT is true if this mutation is active
    = which tests notice, and the first that fails; or `survives: ` and why no test can notice

with as many pairs of - and + as it takes. After a change of the sources an original may not be
found any more: mend the entry. A mutation that survives needs a test, or a reason.

The tests of a mutation's own layer run first, then those of the layers above, then the simulator.
A run that crashes or hangs has noticed. Exits with 1 if a mutation survives without a reason."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import threading
import zlib
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent
LISTS = ["Wire", "MCP", "Link", "Session", "Replay", "Engine", "Runtime", "Catalog"]
SUITES = [layer + "Tests" for layer in LISTS]
# The tests that find most, in a second.
QUICK = "EngineTests.TranscriptTests/play"
COPIED = ["Package.swift", "Sources", "Tests", "include", "docs"]

ACTIVE = """
/* Whether the environment names this mutation. */
static inline int mutant_is(int number) {
  static int active = -1;
  if (active < 0) {
    const char *text = getenv("MUTANT");
    active = text ? atoi(text) : 0;
  }
  return active == number;
}
"""


@dataclass
class Mutation:
    name: str
    file: str
    source: Path
    breaks: str = ""
    pairs: list = field(default_factory=list)
    result: str = ""

    @property
    def number(self):
        """Stays when others come and go, so that little is built anew."""
        return zlib.crc32(self.name.encode()) >> 1 or 1

    @property
    def layer(self):
        return self.file.split("/")[0]

    @property
    def is_excused(self):
        return self.result.startswith("survives: ")


def fail(text):
    sys.exit(f"mutate.py: {text}")


def read_lists():
    mutations = []
    for path in [path for layer in LISTS for path in sorted(FOLDER.glob(layer + "*.txt"))]:
        for line in path.read_text().splitlines():
            if start := re.fullmatch(r"\[([\w-]+)\] (\S+)", line):
                mutations.append(Mutation(start[1], start[2], path))
            elif line.startswith("  "):
                mutations[-1].breaks = (mutations[-1].breaks + " " + line.strip()).strip()
            elif line.startswith(("- ", "+ ", "= ")):
                note(mutations[-1], line[0], line[2:])
            elif line.strip():
                fail(f"{path.name} has a line of no kind: {line}")
    if len({mutation.number for mutation in mutations}) < len(mutations):
        fail("there are several mutations of one name, or of one number")
    return mutations


def note(mutation, sign, text):
    if sign == "=":
        mutation.result = (mutation.result + " " + text).strip()
    elif sign == "-" and (not mutation.pairs or mutation.pairs[-1][1]):
        mutation.pairs.append(([text], []))
    else:
        mutation.pairs[-1]["-+".index(sign)].append(text)


def places(mutation, text):
    """Where the originals of a mutation stand, each with what replaces it."""
    for original, replacement in mutation.pairs:
        pattern = r"\s+".join(re.escape(word) for word in " ".join(original).split())
        found = list(re.finditer(pattern, text))
        if len(found) != 1:
            fail(f"[{mutation.name}] its original stands {len(found)} times in {mutation.file}: " + " ".join(original))
        active = f"(mutant_is({mutation.number}) != 0)"
        yield found[0].start(), found[0].end(), "\n".join(replacement).replace("MUTANT", active)


def mutated(file, mutations):
    """The text of a source file with all of its mutations."""
    text = (ROOT / "Sources" / file).read_text()
    changes = [(*place, one.name) for one in mutations for place in places(one, text)]
    start = len(text) + 1
    for first, end, replacement, name in sorted(changes, reverse=True):
        if end > start:
            fail(f"[{name}] overlaps another mutation in {file}")
        text = text[:first] + replacement + text[end:]
        start = first
    return text if "import CLibc\n" in text else "import CLibc\n" + text


def copy_sources(folder, mutations):
    """Copies what the tests need. What is there already keeps its time, so that little is built."""
    sources = {mutation.file for mutation in mutations}
    texts = {f"Sources/{file}": mutated(file, [m for m in mutations if m.file == file]).encode() for file in sources}
    shim = ROOT / "Sources/CLibc/shim.h"
    texts["Sources/CLibc/shim.h"] = (shim.read_text() + ACTIVE).encode()
    for name in COPIED:
        for path in [ROOT / name, *(ROOT / name).rglob("*")]:
            if path.is_file() and not any(part.startswith(".build") for part in path.parts):
                place = str(path.relative_to(ROOT))
                texts.setdefault(place, path.read_bytes())
    for place, text in texts.items():
        target = folder / place
        if not target.is_file() or target.read_bytes() != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text)
    for path in [*(folder / "Sources").rglob("*"), *(folder / "Tests").rglob("*")]:
        if path.is_file() and str(path.relative_to(folder)) not in texts:
            path.unlink()


def build(folder):
    """Optimized, for there is much to run."""
    command = ["swift", "build", "-c", "release", "-Xswiftc", "-enable-testing", "--build-tests"]
    print("$", *command, flush=True)
    if subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL).returncode != 0:
        fail("the copy does not build")


class Runner:
    """Runs the tests of the copy, each until the first one fails."""

    def __init__(self, folder, seeds, timeout):
        self.folder = folder
        self.timeout = timeout
        products = folder / ".build/release"
        tests = products / "StreamableHTTPPackageTests.xctest"
        tests = [tests, "--testing-library", "swift-testing"]
        self.commands = {suite: [*tests, "--filter", f"^{suite}\\."] for suite in SUITES}
        self.commands[QUICK] = [*tests, "--filter", QUICK]
        self.commands["simulate"] = [products / "simulate", "--seeds", str(seeds)]

    def runs(self, layer):
        suites = [*SUITES[LISTS.index(layer) :], "simulate"]
        if "EngineTests" in suites:
            suites.insert(min(1, suites.index("EngineTests")), QUICK)
        return suites

    def run(self, name, number):
        """What fails first: a test, `crashes`, `hangs` or nothing."""
        environment = {**os.environ, "MUTANT": str(number), "NO_COLOR": "1"}
        process = subprocess.Popen(
            self.commands[name],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        timer = threading.Timer(self.timeout, process.kill)
        timer.start()
        failure = next(filter(None, map(failure_in, process.stdout or ())), "")
        hangs = not timer.is_alive()
        timer.cancel()
        if failure:
            process.kill()
        status = process.wait()
        return failure or ("hangs" if hangs else "crashes" if status else "")

    def find(self, mutation):
        for name in self.runs(mutation.layer):
            if failure := self.run(name, mutation.number):
                return f"{name.split('.')[0]}: {failure}"
        return "survives"


def failure_in(line):
    """The test, or what a seed shows, if a line of output says that one has failed."""
    line = re.sub(r"\x1b\[[0-9;]*m", "", line)
    if seed := re.match(r"seed \d+ failed: (.*)", line):
        return seed[1][:60].strip()
    if not (test := re.match(r"✘ Test (\"[^\"]*\"|\S+)", line)):
        return None
    transcript = re.search(r"[\w-]+\.md", line)
    return transcript[0] if transcript else test[1].strip('"')


def write_result(mutation):
    lines = mutation.source.read_text().splitlines()
    start = lines.index(f"[{mutation.name}] {mutation.file}")
    end = start
    while end < len(lines) and lines[end].strip():
        end += 1
    kept = [line for line in lines[start:end] if not line.startswith("= ")]
    lines[start:end] = kept + ["= " + line for line in textwrap.wrap(mutation.result, 98)]
    mutation.source.write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "-k",
        metavar="TEXT",
        action="append",
        default=[],
        help="only mutations with this in their name or file; may be repeated",
    )
    parser.add_argument("--new", action="store_true", help="only mutations that have no result yet")
    parser.add_argument("--folder", type=Path, help="where to build, and to leave it")
    parser.add_argument("--write", action="store_true", help="note the results in the lists")
    parser.add_argument("--check", action="store_true", help="only find the originals")
    parser.add_argument("--seeds", type=int, default=500, help="runs of the simulator")
    parser.add_argument("--timeout", type=int, default=300, help="seconds until a run hangs")
    arguments = parser.parse_args()
    mutations = read_lists()
    chosen = [
        m
        for m in mutations
        if not (arguments.new and m.result)
        and (not arguments.k or any(text in m.name or text in m.file for text in arguments.k))
    ]
    for file in {mutation.file for mutation in mutations}:
        mutated(file, [m for m in mutations if m.file == file])
    print(f"{len(mutations)} mutations, {len(chosen)} of them chosen", flush=True)
    if arguments.check:
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.folder or Path(temporary)).resolve()
        copy_sources(folder, mutations)
        build(folder)
        runner = Runner(folder, arguments.seeds, arguments.timeout)
        for name in runner.runs(LISTS[0]):
            if failure := runner.run(name, 0):
                fail(f"{name} fails without any mutation: {failure}")
        sys.exit(1 if report(runner, chosen, arguments.write) else 0)


def report(runner, chosen, writes):
    """Tries the mutations; tells which survive without a reason."""
    left = []
    for mutation in chosen:
        found = runner.find(mutation)
        if found == "survives" and mutation.is_excused:
            found = mutation.result
        elif found == "survives":
            left.append(mutation)
        print(f"{mutation.name:24} {found.upper() if mutation in left else found}", flush=True)
        # Which test fails first may be by chance.
        if writes and found.split(":")[0] != mutation.result.split(":")[0]:
            mutation.result = found
            write_result(mutation)
    print(f"{len(chosen)} mutations tried, {len(left)} survive without a reason")
    for mutation in left:
        print(f"  [{mutation.name}] {mutation.breaks}")
    return left


if __name__ == "__main__":
    main()
