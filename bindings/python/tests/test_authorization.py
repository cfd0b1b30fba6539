"""Who may use the server: a list of tokens, or the host's word on each request."""

import asyncio
import json
import socket
import threading

import httpx2
import pytest
from mcp.client import Client as OfficialClient
from mcp.client.auth.utils import (
    build_protected_resource_metadata_discovery_urls,
    create_oauth_metadata_request,
    extract_resource_metadata_from_www_auth,
    extract_scope_from_www_auth,
    handle_protected_resource_response,
)
from mcp.client.streamable_http import streamable_http_client

from streamablehttp import (
    Authorization,
    InvalidArgumentError,
    NotFoundError,
    Notification,
    PrimaryOpened,
    SessionOpened,
)
from wire import SECONDS, on_asyncio

RESOURCE = "https://api.example/mcp"
METADATA = {
    "resource": RESOURCE,
    "authorization_servers": ["https://id.example"],
    "scopes_supported": ["tides:read"],
}
PLACE = "/.well-known/oauth-protected-resource"


def bearer(client, token):
    client.headers["Authorization"] = f"Bearer {token}"
    return client


def test_tokens(host):
    one = host(bearer_tokens={"s3cret": "alice", "s3cret2": "alice", "t0ken": "bob"})
    alice = bearer(one.client(), "s3cret")
    alice.initialize()
    assert one.next(SessionOpened).session.principal == "alice"
    assert one.next(Notification).principal == "alice"
    bearer(alice, "s3cret2")  # the next token of the same principal
    call = alice.call_tool()
    request = one.next()
    assert request.principal == "alice"
    assert "authorization" not in request.headers
    request.respond({})
    assert call.next()["result"] == {}

    stranger = one.client()
    stranger.headers.update(alice.headers)
    for token, status in (("t0ken", 404), ("s3cret3", 401), ("", 401)):
        bearer(stranger, token)
        answers = [stranger.send("GET"), stranger.delete(), stranger.notify("x")]
        assert [answer.status for answer in answers] == [status] * 3
    del stranger.headers["Authorization"]
    refused = stranger.send("GET")
    assert refused.status == 401
    assert refused.header["WWW-Authenticate"] == 'Bearer realm="mcp"'
    assert refused.header["Cache-Control"] == "no-store"
    while one.server.stats()["credential_refusals"] != 7:  # as of the loop's last turn
        pass


def test_the_host_decides(host):
    one = host(authorize=True, resource_metadata=METADATA)
    client = one.client()
    call = client.request("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}})
    asked = one.next(Authorization)
    assert (asked.method, asked.target, asked.scheme, asked.credentials) == ("POST", "/mcp", "", "")
    assert asked.token is None
    assert asked.headers["host"].startswith("127.0.0.1")
    asked.refuse(scope="tides:read")
    assert call.status == 401
    assert call.header["WWW-Authenticate"] == (
        f'Bearer scope="tides:read", resource_metadata="https://api.example{PLACE}/mcp"'
    )

    bearer(client, "expired")
    call = client.request("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}})
    asked = one.next(Authorization)
    assert asked.token == "expired"
    assert "expired" not in repr(asked)
    for unusable in ({"scope": 'a"b'}, {"description": "a\r\nX: y"}, {"description": "é"}):
        with pytest.raises(InvalidArgumentError):
            asked.refuse(**unusable)
    with pytest.raises(InvalidArgumentError):
        asked.allow("p" * 257)
    asked.refuse(description='it has "expired"')
    assert call.status == 401
    assert r'error_description="it has \"expired\""' in call.header["WWW-Authenticate"]
    with pytest.raises(NotFoundError):
        asked.allow("alice")

    bearer(client, "good")
    call = client.request("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}})
    asked = one.next(Authorization)
    threading.Thread(target=asked.allow, args=["alice"]).start()
    assert call.next()["result"]["protocolVersion"] == "2025-11-25"
    assert one.next(SessionOpened).session.principal == "alice"

    call = client.call_tool()
    asked = one.next(Authorization)
    asked.refuse("insufficient_scope", "tides:read berths:write")
    assert call.status == 403
    assert 'error="insufficient_scope", scope="tides:read berths:write"' in (call.header["WWW-Authenticate"])


def test_a_stream_ends_with_its_authorization(host):
    one = host(authorize=True)
    client = bearer(one.client(), "token")

    def allowed(exchange, **how):
        one.next(Authorization).allow("alice", **how)
        return exchange

    client.headers["MCP-Protocol-Version"] = "2025-11-25"
    params = {"protocolVersion": "2025-11-25", "capabilities": {}}
    opened = allowed(client.request("initialize", params))
    client.headers["Mcp-Session-Id"] = opened.header["Mcp-Session-Id"]
    assert opened.next()
    primary = allowed(client.send("GET"), expires_in_ms=1)
    assert primary.until_primed()
    assert primary.next() is None
    one.next(PrimaryOpened).session.notify("test/kept")
    back = client.resume(primary)
    one.next(Authorization).refuse()
    assert back.status == 401
    again = allowed(client.resume(primary))
    assert again.next()["method"] == "test/kept"


def test_a_host_that_does_not_answer(host):
    one = host(authorize=True, authorize_ms=50)
    late = one.client().send("GET")
    assert late.status == 503
    one.next(Authorization).allow("alice")  # too late, and no mistake
    call = one.client().send("GET")
    one.next(Authorization).refuse()
    assert call.status == 401


def test_metadata_are_public(host):
    one = host(bearer_tokens=["s3cret"], resource_metadata=METADATA)
    for place in (PLACE, PLACE + "/mcp"):
        client = one.client()
        client._path = place
        answer = client.send("GET", Origin="https://any.example")
        assert answer.status == 200
        assert answer.header["Content-Type"] == "application/json"
        assert answer.header["Access-Control-Allow-Origin"] == "*"
        assert json.loads(answer.body) == METADATA
        head = client.send("HEAD")
        assert head.status == 200
        assert int(head.header["Content-Length"]) == len(answer.body)
        assert head.body == b""
    client._path = PLACE + "/other"
    assert client.send("GET").status == 404


@on_asyncio
async def test_the_official_client_with_a_token(host):
    one = host(bearer_tokens={"s3cret": "alice"})

    def serve():
        request = one.next()
        assert request.principal == "alice"
        request.respond({"tools": []})

    server = threading.Thread(target=serve)
    server.start()
    async with httpx2.AsyncClient(headers={"Authorization": "Bearer s3cret"}) as http:
        transport = streamable_http_client(one.server.url, http_client=http)
        async with OfficialClient(transport, mode="legacy", read_timeout_seconds=SECONDS) as client:
            assert (await client.list_tools()).tools == []
    await asyncio.to_thread(server.join)


@on_asyncio
async def test_the_official_client_finds_the_metadata(host):
    """What its OAuth flow does first, after a 401: with its own functions, over a real connection."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    resource = f"http://127.0.0.1:{port}/mcp"
    one = host(authorize=True, port=port, resource_metadata={**METADATA, "resource": resource})

    def serve():
        one.next(Authorization).refuse(scope="tides:read")

    server = threading.Thread(target=serve)
    server.start()
    async with httpx2.AsyncClient() as http:
        refused = await http.post(resource, json={})
        await asyncio.to_thread(server.join)
        assert refused.status_code == 401
        assert extract_scope_from_www_auth(refused) == "tides:read"
        place = extract_resource_metadata_from_www_auth(refused)
        assert place == f"http://127.0.0.1:{port}{PLACE}/mcp"
        # The place that the header names, and those that it guesses without one.
        urls = build_protected_resource_metadata_discovery_urls(place, resource)
        urls += build_protected_resource_metadata_discovery_urls(None, resource)
        for url in urls:
            answer = await http.send(create_oauth_metadata_request(url))
            found = await handle_protected_resource_response(answer)
            assert str(found.resource) == resource
            assert [str(issuer).rstrip("/") for issuer in found.authorization_servers] == (
                METADATA["authorization_servers"]
            )
