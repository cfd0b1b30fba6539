"""Ownership: a closed object is a dead object."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from ctypes import byref

import pytest

from streamablehttp import ClosedError, InvalidArgumentError, Server
from streamablehttp._abi import shttp_loop_p
from streamablehttp._handles import Handle
from streamablehttp._library import library


def test_close_destroys_once():
    destroyed = []
    handle = Handle("pointer", destroyed.append)
    assert handle.invoke(lambda pointer, more: (pointer, more), 1) == ("pointer", 1)
    handle.close()
    handle.close()
    assert destroyed == ["pointer"]
    assert handle.closed
    assert not hasattr(handle, "_as_parameter_")
    with pytest.raises(ClosedError):
        handle.invoke(lambda pointer: pointer)


def test_context_manager_and_garbage():
    destroyed = []
    with Handle(1, destroyed.append):
        pass
    handle = Handle(2, destroyed.append)
    del handle
    gc.collect()
    assert destroyed == [1, 2]


def test_nobody_destroys_what_another_thread_is_using():
    inside, leave = threading.Event(), threading.Event()
    order = []
    handle = Handle(1, lambda pointer: order.append("destroyed"))

    def use(pointer):
        inside.set()
        leave.wait(10)
        order.append("used")

    user = threading.Thread(target=handle.invoke, args=(use,))
    user.start()
    assert inside.wait(10)
    closer = threading.Thread(target=handle.close)
    closer.start()
    leave.set()
    user.join(10)
    closer.join(10)
    assert order == ["used", "destroyed"]


def test_ctypes_takes_a_handle_and_refuses_a_dead_one():
    pointer = shttp_loop_p()
    library.shttp_loop_create(None, byref(pointer))
    handle = Handle(pointer, library.shttp_loop_destroy)
    assert library.shttp_loop_descriptor(handle) >= 0
    handle.close()
    with pytest.raises(Exception, match="argument 1"):
        library.shttp_loop_descriptor(handle)


def test_a_handle_of_another_type_is_refused():
    with Server(name="x") as server, pytest.raises(Exception, match="argument 1"):
        library.shttp_loop_stop(server._handle)


def test_null_is_an_error_not_a_crash():
    with pytest.raises(InvalidArgumentError):
        library.shttp_server_close(None)


def test_servers_leave_no_descriptor_and_no_thread():
    def resources():
        # A thread that has been joined may be listed for another moment.
        while len(os.listdir("/proc/self/task")) > threads:
            time.sleep(0.001)
        return len(os.listdir("/proc/self/fd"))

    threads = len(os.listdir("/proc/self/task"))
    with Server(name="x"):
        pass
    before = resources()
    for _ in range(20):
        with Server(name="x"):
            pass
        Server(name="dropped")
    gc.collect()
    assert resources() == before


@pytest.mark.parametrize("how", ["keep = server", "keep = iter(server); server.close()", "pass"])
def test_the_interpreter_exits_with_a_server_alive(how):
    program = f"from streamablehttp import Server\nserver = Server(name='x')\n{how}\n"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=30, env=environment())
    assert (run.returncode, run.stderr) == (0, b"")


def test_an_iteration_is_interrupted_by_a_signal():
    # Whoever runs the tests in the background may have had the signal ignored.
    program = (
        "import signal\n"
        "from streamablehttp import Server\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "with Server(name='x') as server:\n"
        "    print('listening', flush=True)\n"
        "    for event in server: pass\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), text=True
    ) as process:
        assert process.stdout.readline() == "listening\n"
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    assert stderr.strip().endswith("KeyboardInterrupt")


def environment():
    """For a Python that finds the package where this one has found it."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
