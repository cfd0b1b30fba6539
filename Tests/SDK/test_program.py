"""A server as a program of its own: `run`, and `python -m streamablehttp.mcp`, and what they say if they cannot."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap

import pytest

MODULE = """
from mcp.server.mcpserver import MCPServer

mcp = MCPServer("m", log_level="ERROR")

class Place:
    mcp = mcp

def make():
    return MCPServer("made", log_level="ERROR")

def broken():
    return None.attribute
"""

RUN = """
import asyncio, signal, sys, threading
from mcp.server.mcpserver import MCPServer
import streamablehttp.mcp

mcp = MCPServer("m", log_level="ERROR")

def ready(url):
    print("listening on", url, flush=True)
    print(type(asyncio.get_running_loop()).__module__, flush=True)

def run(**options):
    streamablehttp.mcp.run(mcp, port=0, on_ready=ready, **options)

"""


@pytest.fixture
def place(tmp_path):
    (tmp_path / "good.py").write_text(MODULE)
    (tmp_path / "importing.py").write_text("import a_module_that_is_not_there\n")
    (tmp_path / "raising.py").write_text("None.attribute\n")
    (tmp_path / "empty.py").write_text("")
    return tmp_path


def program(place, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "streamablehttp.mcp", *arguments],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process):
    try:
        output, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    return output, errors


WRONG = {
    "no module": (["nowhere:mcp"], "there is no module 'nowhere'"),
    "no package": (["nowhere.inside:mcp"], "there is no module 'nowhere.inside'"),
    "no module in a module": (["good.inside:mcp"], "there is no module 'good.inside'"),
    "a file": (["good.py:mcp"], "give its name without .py"),
    "no name": ([":mcp"], "is no module:object"),
    "half a name": (["good:"], "is no module:object"),
    "no object": (["good:nothing"], "good has no 'nothing'"),
    "no object inside": (["good:Place.nothing"], "good has no 'Place.nothing'"),
    "no usual name": (["empty"], "name the object, as in empty:object"),
    "a function": (["good:make"], "with --factory"),
    "a class": (["good:Place"], "an MCPServer, a Server, a FastMCP or a Starlette application is needed"),
    "a port": (["good:mcp", "--port", "99999"], "port: 99999 is not in"),
    "seconds": (["good:mcp", "--drain-seconds", "nan"], "drain_seconds: not a finite number"),
    "a host": (["good:mcp", "--host", "not a host"], "host"),
    "a store": (["good:mcp", "--store", "redis"], "store: 'redis' is no sqlite:PATH"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_in_a_line(place, case):
    arguments, text = WRONG[case]
    process = program(place, *arguments)
    output, errors = finished(process)
    assert process.returncode == 1 and output == ""
    assert errors.startswith("python -m streamablehttp.mcp: ") and text in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    "arguments, text",
    [
        (["importing:mcp"], "No module named 'a_module_that_is_not_there'"),
        (["raising:mcp"], "'NoneType' object has no attribute"),
        (["good:broken", "--factory"], "'NoneType' object has no attribute"),
    ],
)
def test_what_a_module_raises_has_its_traceback(place, arguments, text):
    output, errors = finished(program(place, *arguments))
    assert output == "" and "Traceback" in errors and text in errors and "line " in errors


def test_a_port_in_use(place):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        process = program(place, "good:mcp", "--port", str(listener.getsockname()[1]))
        _, errors = finished(process)
    assert process.returncode == 1 and errors.count("\n") == 1 and "another program listens there" in errors


def test_the_help(place):
    process = program(place, "--help")
    output, _ = finished(process)
    assert process.returncode == 0
    for word in (
        "module:object",
        "--factory",
        "--host",
        "--port",
        "--unix-path",
        "--store",
        "--fast",
        "--drain-seconds",
    ):
        assert word in output


SERVED = [["good"], ["good:mcp"], ["good:Place.mcp"], ["good:make", "--factory"], ["good", "--store", "sqlite:kept.db"]]


@pytest.mark.parametrize("arguments", SERVED)
def test_what_is_served(place, arguments):
    process = program(place, *arguments, "--port", "0")
    try:
        assert process.stdout.readline().startswith("listening on http://127.0.0.1:")
        process.terminate()
    finally:
        _, errors = finished(process)
    assert process.returncode == 0 and errors == ""


# ---- run ----------------------------------------------------------------------------------------


def ran(place, code, *numbers):
    """What a program prints that gets these signals once it is ready."""
    (place / "program.py").write_text(RUN + textwrap.dedent(code))
    process = subprocess.Popen(
        [sys.executable, "program.py"], cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        lines = [process.stdout.readline(), process.stdout.readline()]
        for number in numbers:
            os.kill(process.pid, number)
    finally:
        output, errors = finished(process)
    assert process.returncode == 0, errors
    return [*(line.strip() for line in lines), *output.splitlines()][1:]


def test_uvloop_if_it_is_installed(place):
    pytest.importorskip("uvloop")
    assert ran(place, "run()", signal.SIGTERM) == ["uvloop"]
    assert ran(place, "sys.modules['uvloop'] = None; run()", signal.SIGTERM) == ["asyncio.unix_events"]


def test_a_policy_of_the_program(place):
    code = """
        class Loop(asyncio.SelectorEventLoop):
            pass

        class Policy(asyncio.DefaultEventLoopPolicy):
            _loop_factory = Loop

        asyncio.set_event_loop_policy(Policy())
        run()
        print(type(asyncio.get_event_loop_policy()).__name__)
    """
    assert ran(place, code, signal.SIGTERM) == ["__main__", "Policy"]


@pytest.mark.parametrize("with_uvloop", [True, False])
def test_what_is_left_is_ended(place, with_uvloop):
    """Tasks that handlers have started are cancelled, and generators closed, before the loop is."""
    code = """
        async def work():
            try:
                await asyncio.sleep(60)
            finally:
                print("cancelled", flush=True)

        def ready(url, ready=ready):
            ready(url)
            global task
            task = asyncio.get_running_loop().create_task(work())

        run()
        print("ended")
    """
    if not with_uvloop:
        code = "\n        sys.modules['uvloop'] = None" + code
    assert ran(place, code, signal.SIGTERM)[1:] == ["cancelled", "ended"]


def test_the_signals_are_given_back(place):
    code = """
        before = [lambda *_: None, signal.SIG_IGN]
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
        run()
        print([signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)] == before)
    """
    assert ran(place, code, signal.SIGTERM)[1:] == ["True"]


def test_on_another_thread(place):
    """Without signals, as on uvicorn: a lifespan, or what has started it, ends it."""
    code = """
        def ready(url, ready=ready):
            ready(url)
            loop = asyncio.get_running_loop()
            loop.call_later(0.1, lambda: [one.cancel() for one in asyncio.all_tasks(loop)])

        def work():
            try:
                run()
            except BaseException as problem:
                print(type(problem).__name__)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    """
    assert ran(place, code)[1:] == ["CancelledError"]


@pytest.mark.parametrize("number", ["float('nan')", "-1", "float('inf')", "None", "'x'"])
def test_seconds_are_checked_at_start(place, number):
    code = f"""
        try:
            run(drain_seconds={number})
        except (TypeError, ValueError) as problem:
            print("listening on")
            print(type(problem).__name__)
    """
    assert ran(place, code)[0] in ("TypeError", "InvalidArgumentError")
