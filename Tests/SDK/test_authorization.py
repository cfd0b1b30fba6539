"""Authorization by the SDK's own settings, and FastMCP's: the statuses, whose session it is, and revoked tokens."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
INITIALIZE: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}
LIST = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
SERVERS = ["sdk-auth", "fastmcp-auth"]


class Peer:
    """Sends what it is told, and reads whole answers."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx2.Client(timeout=10)

    def post(self, message, token=None, session=None, scheme="Bearer"):
        headers = dict(HEADERS)
        if token is not None:
            headers["authorization"] = f"{scheme} {token}"
        if session is not None:
            headers["mcp-session-id"] = session
        return self.http.post(self.url, json=message, headers=headers)

    def open(self, token):
        response = self.post(INITIALIZE, token)
        assert response.status_code == 200, response.text
        return response.headers["mcp-session-id"]


@pytest.fixture(scope="module", params=SERVERS)
def both(request, start_once):
    """The same server, on the library and on uvicorn."""
    return [Peer(start_once(request.param, way).url) for way in ("library", "uvicorn")]


CASES = {
    "no token": (None, "Bearer"),
    "an unknown token": ("eve", "Bearer"),
    "another scheme": ("alice", "Basic"),
    "small letters": ("alice", "bearer"),
    "too few scopes": ("other", "Bearer"),
    "enough scopes": ("reader", "Bearer"),
}


@pytest.mark.parametrize("case", CASES)
def test_statuses(both, case):
    token, scheme = CASES[case]
    answers = []
    for peer in both:
        response = peer.post(INITIALIZE, token, scheme=scheme)
        challenge = response.headers.get("www-authenticate")
        body = response.text if response.status_code >= 400 else ""
        answers.append((response.status_code, challenge, body, response.headers.get("content-type")))
    if answers[0][0] == 200:
        assert answers[1][0] == 200
    else:
        assert answers[0] == answers[1]
    # FastMCP's verifier of fixed tokens knows none with too few scopes.
    assert answers[0][0] in {"enough scopes": [200], "small letters": [200], "too few scopes": [403, 401]}.get(
        case, [401]
    )


def test_a_session_is_its_owners(both):
    for peer in both:
        session = peer.open("alice")
        statuses = {
            token: peer.post(LIST, token, session).status_code for token in ("alice", "alice-2", "bob", "reader", None)
        }
        assert statuses == {"alice": 200, "alice-2": 200, "bob": 404, "reader": 404, None: 401}


def test_metadata(both):
    for path in ("/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource", "/nowhere"):
        answers = []
        for peer in both:
            response = peer.http.get(peer.url.removesuffix("/mcp") + path)
            answers.append((response.status_code, response.text, response.headers.get("cache-control")))
        assert answers[0] == answers[1]


def test_a_revoked_token(start):
    peer = Peer(start("sdk-auth", "library").url)
    session = peer.open("alice")
    assert peer.post(LIST, "alice", session).status_code == 200
    assert peer.http.post(peer.url.removesuffix("/mcp") + "/revoke", content="alice").status_code == 204
    refused = peer.post(LIST, "alice", session)
    assert refused.status_code == 401 and 'error="invalid_token"' in refused.headers["www-authenticate"]
    assert peer.post(LIST, "alice-2", session).status_code == 200  # the same user


def test_the_handler_knows_who_asks(both):
    """Each request is its own sender's, also in one session."""
    peer = both[0]
    session = peer.open("alice")
    call = {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "user", "arguments": {}}}
    for token in ("alice", "alice-2"):
        assert f'"token":"{token}"' in peer.post(call, token, session).text.replace('\\"', '"').replace(": ", ":")
