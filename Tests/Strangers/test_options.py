"""Section 1: no number of a host's stops the process either. Each option at its extremes, and all of them."""

from __future__ import annotations

import re

import pytest
from exact import Session, call, message
from hosts import LOOPS, ROOT, death

EXTREMES = [1, 2, 2**31 - 1, 2**31, 2**32 - 1]
HEADER = (ROOT / "include" / "streamablehttp.h").read_text()
FIELDS = HEADER.partition("typedef struct shttp_server_options {")[2].partition("} shttp_server_options;")[0]
NAMES = re.findall(r"^ +uint32_t (\w+);", FIELDS, re.MULTILINE)


def must_be_well(host):
    """It refuses the options, or else it serves as much as they allow, and ends in good order."""
    if host.process.poll() is None and host.address:
        with host.connect(seconds=2) as connection:
            try:
                use(Session(host, connection=connection), connection)
            except (AssertionError, ConnectionError):
                pass  # With such options nobody need be served.
        status = host.terminate()
    else:
        status = host.wait()
    assert status in (0, 1), f"{death(status)}: {host.errors[-3:]}"


def use(session, connection):
    for body in (call("logs"), call("progress", token=1), call("notify"), message("ping", id=1)):
        connection.send(session.post(body))
        connection.response()
    connection.send(session.get(Last_Event_ID=f"{'0' * 32}.1"))
    connection.response("GET")


def started(start, *options):
    """The host, if it does not refuse these options."""
    host = start("host", *options, wait=False)
    try:
        host.await_address()
    except AssertionError:
        assert "no such option" not in str(host.errors), "runner.c does not know an option of the header"
    return host


@pytest.mark.parametrize("number", EXTREMES)
@pytest.mark.parametrize("name", NAMES)
def test_an_option_at_an_extreme(start, name, number):
    must_be_well(started(start, f"--{name}", number))


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("number", EXTREMES)
def test_all_options_at_an_extreme(start, loop, number):
    skipped = {"stateless", "authorize"}
    options = [part for name in NAMES if name not in skipped for part in (f"--{name}", number)]
    must_be_well(started(start, "--loop", loop, *options))
