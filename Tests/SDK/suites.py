"""Runs the SDK's own interaction tests, or FastMCP's own HTTP tests, against the library.

usage: suites.py sdk|fastmcp DIRECTORY    downloads the source package into the directory, and unpacks it there

The tests are those of the installed version. What is expected to fail is in expected-sdk.txt and expected-fastmcp.txt,
one test a line, each with its reason; a line that begins with `?` may also pass. Fails if anything else fails, and if
something passes that was expected to fail.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

HERE = Path(__file__).resolve().parent
USES_HTTP = re.compile("asgi_server|asgi_client|run_server_async|run_asgi_lifespan|run_http_async")

# Not run: they need services, other packages, or say nothing of HTTP.
LEFT_OUT = ("integration_tests", "conformance", "contrib", "tasks", "cli", "docs")


def unpacked(package: str, directory: Path) -> Path:
    """The source package of the installed version."""
    version = importlib.metadata.version(package)
    folder = directory / f"{package}-{version}"
    if not folder.exists():
        directory.mkdir(parents=True, exist_ok=True)
        download = ["download", "--quiet", "--no-deps", "--no-binary", ":all:", "--no-build-isolation"]
        subprocess.run(
            [sys.executable, "-m", "pip", *download, "--dest", directory, f"{package}=={version}"],
            check=True,
            timeout=300,
        )
        # The first Python 3.11 has no filters for this.
        subprocess.run(["tar", "-xzf", f"{folder}.tar.gz", "-C", directory], check=True)
    return folder


def sdk_command(source: Path) -> list[str]:
    return ["-p", "sdk_plugin", "-p", "anyio", "-p", "no:asyncio", "-o", "log_cli=false", "tests/interaction"]


def fastmcp_command(source: Path) -> list[str]:
    files = sorted(
        str(path.relative_to(source))
        for path in (source / "tests").rglob("test_*.py")
        if USES_HTTP.search(path.read_text()) and not set(path.relative_to(source).parts) & set(LEFT_OUT)
    )
    marks = "not client_process and not subprocess_heavy and not integration"
    return ["-p", "fastmcp_plugin", "-o", "timeout=60", "-m", marks, *files]


COMMANDS = {"sdk": ("mcp", sdk_command), "fastmcp": ("fastmcp", fastmcp_command)}


def expected(name: str) -> tuple[dict[str, str], set[str]]:
    """The reasons by the tests, and the tests that may pass, too."""
    reasons, lenient, reason = {}, set(), ""
    for line in (HERE / f"expected-{name}.txt").read_text().splitlines():
        if line.startswith("# "):
            reason = line[2:]
        elif line.strip():
            test = line.removeprefix("?").strip()
            reasons[test] = reason
            if line.startswith("?"):
                lenient.add(test)
    return reasons, lenient


def outcomes(report: Path) -> dict[str, bool]:
    """Whether each test has passed, by its name; skipped ones are left out."""
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        if case.find("skipped") is not None:
            continue
        name = f"{case.get('classname')}::{case.get('name')}".removeprefix("tests.").removeprefix("::")
        found[name] = found.get(name, True) and case.find("failure") is None and case.find("error") is None
    return found


def judge(name: str, found: dict[str, bool]) -> list[str]:
    """What is not as expected."""
    reasons, lenient = expected(name)
    failed = {test for test, has_passed in found.items() if not has_passed}
    wrong = [f"failed: {test}" for test in sorted(failed - reasons.keys())]
    wrong.extend(
        f"{'passed' if test in found else 'does not exist'}: {test} ({reasons[test]})"
        for test in sorted(reasons.keys() - failed - lenient)
    )
    return wrong


def main(name: str, directory: Path) -> int:
    package, command = COMMANDS[name]
    source = unpacked(package, directory)
    report = directory / f"{name}.xml"
    report.unlink(missing_ok=True)
    pytest = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:pretty",
        "--tb=short",
        "-n",
        "2",
    ]
    options = ["-o", "addopts=", "-o", "pythonpath=", f"--junitxml={report}"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(source), str(HERE))), "FASTMCP_TEST_MODE": "1"}
    with open(directory / f"{name}.log", "w") as log:
        subprocess.run(
            [*pytest, *options, *command(source)], cwd=source, env=environment, stdout=log, stderr=log, timeout=900
        )
    found = outcomes(report)
    wrong = judge(name, found)
    print(*wrong, sep="\n")
    passed = sum(found.values())
    print(
        f"{package}'s own tests: {passed} of {len(found)} passed, {len(wrong)} not as expected ({directory / name}.log)"
    )
    return 1 if wrong or passed < 600 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]).resolve()))
