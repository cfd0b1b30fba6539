"""Section 4: whose a Unix socket is when its server ends, and who may use it."""

from __future__ import annotations

import os
import socket
import stat

import pytest
from exact import Session
from hosts import LOOPS

KINDS = {"python": ["python_host", "--unix_path"], **{loop: ["host", "--loop", loop, "--listen"] for loop in LOOPS}}


@pytest.fixture(params=KINDS)
def serve(request, start, tmp_path):
    """Starts a host on the path, with more options."""
    path = tmp_path / "socket"
    name, *options = KINDS[request.param]
    where = str(path) if request.param == "python" else f"unix:{path}"
    return path, lambda *more: start(name, *options, where, *more)


def test_a_server_that_ends_removes_its_socket(serve):
    path, start = serve
    host = start()
    Session(host).must_serve()
    assert host.terminate() == 0
    assert not path.exists()


def test_a_server_that_ends_leaves_its_successors_socket(serve):
    path, start = serve
    first = start()
    path.unlink()
    second = start()
    assert first.terminate() == 0
    Session(second).must_serve()


def test_a_server_that_ends_leaves_a_socket_that_was_moved_over_its_own(serve, tmp_path):
    path, start = serve
    first = start()
    path.rename(tmp_path / "old")
    second = start()
    path.rename(tmp_path / "new")
    (tmp_path / "new").rename(path)
    assert first.terminate() == 0
    Session(second).must_serve()


def test_a_server_that_ends_leaves_a_file_in_its_place(serve):
    path, start = serve
    host = start()
    path.unlink()
    path.write_text("somebody else's")
    assert host.terminate() == 0
    assert path.read_text() == "somebody else's"


def test_a_socket_that_nobody_serves_any_more_is_replaced(serve):
    path, start = serve
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    Session(start()).must_serve()


def test_a_file_that_is_no_socket_is_not_replaced(start, tmp_path):
    path = tmp_path / "file"
    path.write_text("somebody's")
    host = start("host", "--listen", f"unix:{path}", wait=False)
    assert host.wait() == 1
    assert path.read_text() == "somebody's"


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("mode", ["0600", "0660", "0666", "0777"])
def test_the_mode_is_the_option(start, tmp_path, mode, loop):
    host = start("host", "--loop", loop, "--listen", f"unix:{tmp_path}/socket", "--unix_mode", mode)
    assert stat.S_IMODE(os.stat(host.address).st_mode) == int(mode, 8)
    Session(host).must_serve()


def test_without_the_option_the_mode_is_the_processs(start, tmp_path):
    before = os.umask(0o027)
    try:
        host = start("host", "--listen", f"unix:{tmp_path}/socket")
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(host.address).st_mode) == 0o777 & ~0o027
