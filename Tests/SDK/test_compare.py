"""The same server under uvicorn and under the library: every answer is compared."""

from __future__ import annotations

import asyncio
import logging

import httpx2
import pytest
from probes import ask, differences
from servers import SERVERS

LISTED = "what has changed is told to the streams that listen, not on the stream of the request (2026-07-28)"
# What differs, by the probe, and why.
EXPECTED = {
    "sdk legacy 25 changes": "a published change reaches sessions, too: the bus of the SDK is for 2026-07-28 alone",
    "fastmcp auto hide": LISTED,
    "fastmcp 2026-07-28 hide": LISTED,
}

MODES = ["legacy", "auto", "2026-07-28"]


@pytest.fixture(autouse=True)
def quiet():
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def compared(start, name, mode, *options):
    token = "alice" if "auth" in name else None
    answers = []
    for way, more in (("library", options), ("uvicorn", ())):
        server = start(name, way, *more)
        answers.append(asyncio.run(ask(server.url, mode, token, "json" in name)))
        server.end()
    assert len(answers[1]) > 40
    return differences(*answers)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", SERVERS)
def test_a_server(start, name, mode):
    found = compared(start, name, mode)
    wrong = {probe: both for probe, both in found.items() if not expected(name, mode, probe, both)}
    assert wrong == {}


def test_the_shorter_way(start):
    found = compared(start, "sdk", "legacy", "--fast")
    assert {probe for probe, both in found.items() if not expected("sdk", "legacy", probe, both)} == set()


def expected(name, mode, probe, both):
    """Whether only what was said differs, and is listed: answers never do."""
    if None in both or both[0][0] != both[1][0]:
        return False
    kind = name.split("-")[0]
    # The order of two streams is nobody's promise: what is said late may be heard with the next probe.
    return f"{kind} {mode} {probe}" in EXPECTED or (f"{kind} {mode} 25 changes" in EXPECTED and probe == "data://one")


def test_the_comparison_finds_a_difference():
    assert differences({"a": 1, "b": 2}, {"a": 1, "b": 3}) == {"b": (2, 3)}
    assert differences({"a": 1}, {"a": 1, "b": 3}) == {"b": (None, 3)}
    assert differences({"a": 1, "b": 2}, {"a": 1}) == {"b": (2, None)}


@pytest.fixture(scope="module", params=["sdk", "fastmcp"])
def both(request, start_once):
    """A server under the library, and the same under uvicorn."""
    return [start_once(request.param, way).url for way in ("library", "uvicorn")]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/health?a=%20b"),
        ("POST", "/health"),
        ("PUT", "/health"),
        ("GET", "/stream"),
        ("GET", "/no"),
        ("GET", "/"),
    ],
)
def test_other_paths(both, method, path):
    answers = []
    for url in both:
        response = httpx2.request(
            method, url.removesuffix("/mcp") + path, content=b"body" if method == "POST" else None
        )
        kept: dict = {key: response.headers.get(key) for key in ("content-type", "x-a", "content-length")}
        kept["allow"] = sorted(response.headers.get("allow", "").split(", "))
        answers.append((response.status_code, response.text, kept))
    assert answers[0] == answers[1]
