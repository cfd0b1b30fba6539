"""Section 1: a child of fork() lets go of its copies, and the parent does not notice."""

from __future__ import annotations

import pytest
from exact import Session
from hosts import LOOPS, Host
from http_reader import Connection

CHILDREN = ["destroy", "loop", "commands", "nothing"]
PYTHON_CHILDREN = ["del", "close", "with", "exit", "nothing"]
PLACES = ["tcp", "unix"]


@pytest.fixture(params=PLACES)
def place(request, tmp_path):
    return [] if request.param == "tcp" else ["--listen", f"unix:{tmp_path}/socket"]


class Family:
    """A host, and what it had when it forked: a session with a primary stream, and the stream itself."""

    def __init__(self, host):
        self.host = host
        self.session = Session(host)
        self.primary = self.session.listen().begin()

    def must_have_lost_a_child(self, kind):
        """The child has ended by itself, and the parent has all it had: its streams, and its address."""
        assert self.host.heard(f"child {kind} (.*)")[1] == "status 0"
        assert self.session.value("notify") == "parent"
        assert self.primary.message()["method"] == "notifications/parent"
        self.session.must_serve()
        self.primary.close()


@pytest.mark.parametrize("kind", CHILDREN)
def test_a_child_of_a_host_whose_loop_the_librarys_thread_runs(start, kind, place):
    host = start("fork_host", "--loop", "thread", *place)
    family = Family(host)
    host.tell(kind)
    family.must_have_lost_a_child(kind)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("kind", CHILDREN)
def test_a_child_born_in_a_callback(start, kind, loop, place):
    family = Family(start("fork_host", "--loop", loop, *place))
    assert family.session.value("fork", kind=kind) == "parent"
    family.must_have_lost_a_child(kind)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("kind", CHILDREN)
def test_a_child_born_before_the_loop_runs(start, kind, loop, place):
    host = start("fork_host", "--first", kind, "--loop", loop, *place)
    assert host.heard(f"child {kind} (.*)")[1] == "status 0"
    Session(host).must_serve()


@pytest.mark.parametrize("kind", PYTHON_CHILDREN)
def test_a_child_of_a_python_host(start, kind, place):
    family = Family(start("python_fork_host", *place))
    assert family.session.value("fork", kind=kind) == "parent"
    family.must_have_lost_a_child(kind)


HOSTS = {"python": ["python_fork_host"], **{loop: ["fork_host", "--loop", loop] for loop in LOOPS}}


@pytest.mark.parametrize("parent", HOSTS)
def test_a_child_has_a_server_of_its_own(start, parent):
    host = start(*HOSTS[parent])
    family = Family(host)
    assert family.session.value("fork", kind="serve") == "parent"
    child = Listening(host.heard(r"listening on (\S+)", count=2)[1])
    assert child.address != host.address
    assert Session(child).value("hello") == "child"
    assert family.session.value("hello") == "parent"
    assert Session(child).value("bye") == "child"
    family.must_have_lost_a_child("serve")


class Listening:
    """What listens at a URL."""

    def __init__(self, url):
        self.address = Host.address_of(url)

    def connect(self, **options):
        return Connection(self.address, **options)
