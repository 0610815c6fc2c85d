"""Where a call goes is decided by the configuration, and a configured key goes nowhere else.

Every request here tries to be sent to a server of the attacker's: it must never be called, by nothing the request holds
and by nothing the upstream answers.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
import pytest

from gateway.routes import Route, RouteMatch, UpstreamConfig
from gateway.testing import ScriptedUpstream, Step
from tests.conftest import Serve, Served

KEY = "configured-key-of-the-operator"


class Elsewhere:
    """A server that nobody should call."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard.append(await reader.read(65_536))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        writer.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
async def elsewhere() -> AsyncIterator[Elsewhere]:
    attacker = Elsewhere()
    async with await asyncio.start_server(attacker.serve, "127.0.0.1", 0) as server:
        attacker.port = server.sockets[0].getsockname()[1]
        yield attacker


@asynccontextmanager
async def keyed(serve: Serve, upstream: ScriptedUpstream) -> AsyncIterator[Served]:
    """A gateway with a key of its own."""
    async with serve(upstreams={"default": UpstreamConfig(url=upstream.url, api_key=KEY)}) as served:
        yield served


async def talk(served: Served, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(served.url.split(":")[2].split("/")[0]))
    writer.write(request)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer


def post(target: str, *lines: str, host: str = "localhost", **members: object) -> bytes:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}], **members}).encode()
    head = [f"POST {target} HTTP/1.1", f"host: {host}", f"content-length: {len(body)}", "connection: close", *lines]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


HEADERS = [
    "x-forwarded-host: {authority}",
    "forwarded: host={authority}",
    "x-original-url: {url}/v1",
    "x-portkey-custom-host: {url}/v1",
    "x-portkey-provider: {url}",
    'x-portkey-config: {{"custom_host":"{url}/v1"}}',
    "x-litellm-api-base: {url}/v1",
    "x-base-url: {url}/v1",
    "openai-base-url: {url}/v1",
    "helicone-target-url: {url}",
    "x-accrue-upstream: {url}/v1",
    "proxy-connection: keep-alive",
    "referer: {url}",
]
TARGETS = [
    "{url}/v1/chat/completions",
    "//{authority}/v1/chat/completions",
    "/v1//{authority}/chat/completions",
    "/v1/@{authority}/chat/completions",
    "/@{authority}/chat/completions",
    "/v1/chat/completions?base_url={url}/v1&api_base={url}",
    "/v1/..//{authority}/",
    "/%2F%2F{authority}/v1/chat/completions",
    "/v1\\@{authority}/chat/completions",
]
MEMBERS = ["base_url", "api_base", "custom_host", "url", "endpoint", "host", "upstream", "litellm_params"]


def attempts(elsewhere: Elsewhere) -> list[bytes]:
    """Every request that tries to go elsewhere."""
    named = {"url": elsewhere.url, "authority": f"127.0.0.1:{elsewhere.port}"}
    target = "/v1/chat/completions"
    return [
        post(target, host=named["authority"]),
        *(post(target, line.format(**named)) for line in HEADERS),
        *(post(way.format(**named)) for way in TARGETS),
        *(post(target, **{member: f"{elsewhere.url}/v1"}) for member in MEMBERS),
    ]


async def strays(served: Served, elsewhere: Elsewhere, requests: Sequence[bytes]) -> list[bytes]:
    """What the attacker hears when all of them have been answered."""
    for request in requests:
        assert await talk(served, request)
    return elsewhere.heard


async def test_nothing_in_a_request_changes_where_it_goes(
    serve: Serve, upstream: ScriptedUpstream, elsewhere: Elsewhere
) -> None:
    async with keyed(serve, upstream) as served:
        assert await strays(served, elsewhere, attempts(elsewhere)) == []
    headers = [{name.lower(): value for name, value in each.headers} for each in upstream.requests()]
    assert len(headers) > len(HEADERS) + len(MEMBERS)
    assert {header[b"host"] for header in headers} == {f"127.0.0.1:{upstream.port}".encode()}
    assert {header[b"authorization"] for header in headers} == {f"Bearer {KEY}".encode()}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_passed_back_and_not_followed(
    serve: Serve, upstream: ScriptedUpstream, elsewhere: Elsewhere, status: int
) -> None:
    upstream.script([Step(status=status, headers=[("location", f"{elsewhere.url}/v1/chat/completions")])])
    async with keyed(serve, upstream) as served:
        answer = await talk(served, post("/v1/chat/completions"))
    assert answer.startswith(b"HTTP/1.1 %d" % status)
    assert f"location: {elsewhere.url}".encode() in answer
    assert elsewhere.heard == []


async def test_a_handshake_is_not_redirected_either(
    serve: Serve, upstream: ScriptedUpstream, elsewhere: Elsewhere
) -> None:
    upstream.script([Step(status=302, headers=[("location", f"{elsewhere.url}/v1/responses")])])
    async with keyed(serve, upstream) as served, aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(f"{served.url}/responses")
    assert elsewhere.heard == []


async def test_each_upstream_gets_its_own_key_and_nobody_elses_when_one_stands_in_for_another(
    serve: Serve, upstream: ScriptedUpstream
) -> None:
    with ScriptedUpstream() as spare:
        upstream.script([Step(status=503, chunks=[b"{}"])])
        configured = {
            "default": UpstreamConfig(url=upstream.url, api_key=KEY),
            "spare": UpstreamConfig(url=spare.url, api_key="key-of-the-spare"),
        }
        routes = (Route(match=RouteMatch(), upstreams=("default", "spare")),)
        async with serve(upstreams=configured, routes=routes) as served:
            answer = await talk(served, post("/v1/chat/completions", "authorization: Bearer clients-own"))
        assert answer.startswith(b"HTTP/1.1 200")
        (first,), (second,) = upstream.requests(), spare.requests()
    assert (b"authorization", f"Bearer {KEY}".encode()) in first.headers
    assert (b"authorization", b"Bearer key-of-the-spare") in second.headers


async def test_a_gateway_that_follows_redirects_would_be_found_out(
    upstream: ScriptedUpstream, elsewhere: Elsewhere
) -> None:
    upstream.script([Step(status=307, headers=[("location", f"{elsewhere.url}/v1/chat/completions")])])
    headers = {"authorization": f"Bearer {KEY}"}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{upstream.url}/chat/completions", headers=headers) as answer,
    ):
        assert answer.status == 200
    assert len(elsewhere.heard) == 1
