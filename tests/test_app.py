"""HTTP itself: what the server does with odd requests, and with answers that have no ordinary end."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from gateway.testing import ScriptedUpstream, Step
from tests.conftest import Served

EVENTS = (("content-type", "text/event-stream"),)
CHAT = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"My cellar is full of marmalade."}]}'


def port(served: Served) -> int:
    return int(served.url.split(":")[2].split("/")[0])


async def talk(served: Served, request: bytes) -> bytes:
    """Send bytes, and read until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port(served))
    writer.write(request)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer


def chunk(piece: bytes) -> bytes:
    """A piece as it stands on the wire in a chunked body."""
    return b"%x\r\n%s\r\n" % (len(piece), piece)


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: x", f"content-length: {len(body)}", "connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize("path", ["/", "/livez", "/readyz", "/metrics"])
async def test_our_own_paths_answer_without_a_credential(served: Served, path: str) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port(served)}{path}") as answer:
        assert answer.status == 200


async def test_clients_probe_the_root_with_head(served: Served) -> None:
    answer = await talk(served, b"HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")


async def test_a_base_url_without_v1_works_as_well(served: Served, upstream: ScriptedUpstream) -> None:
    answer = await talk(served, post("/chat/completions", CHAT))
    assert b"marmalade" in answer
    assert upstream.requests()[-1].target == "/v1/chat/completions"


@pytest.mark.promise("P1")
async def test_the_upstreams_headers_come_as_they_are_and_no_other_but_our_own(
    served: Served, upstream: ScriptedUpstream
) -> None:
    sent = [("x-request-id", "r1"), ("date", "then"), ("server", "theirs"), ("keep-alive", "timeout=5")]
    upstream.script([Step(headers=sent, chunks=[b"ok"])])
    answer = await talk(served, b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    names = [line.split(b":")[0].lower() for line in head.split(b"\r\n")[1:]]
    assert body == b"ok"
    assert names == [b"x-request-id", b"date", b"server", b"content-length", b"x-accrue-memory", b"connection"]


@pytest.mark.promise("P1")
async def test_a_redirect_is_the_clients_to_follow(served: Served, upstream: ScriptedUpstream) -> None:
    upstream.script([Step(status=307, headers=[("location", "http://127.0.0.1:9/elsewhere")])])
    answer = await talk(served, post("/v1/files", b"x"))
    assert answer.startswith(b"HTTP/1.1 307")
    assert b"location: http://127.0.0.1:9/elsewhere" in answer


async def test_an_answer_that_was_not_modified_has_no_body_whatever_length_it_names(
    served: Served, upstream: ScriptedUpstream
) -> None:
    upstream.script(
        [Step(status=304, headers=[("etag", "e"), ("content-length", "10")], framing="raw", chunks=[RAW_304])]
    )
    answer = await talk(served, b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 304")
    assert b"content-length" not in answer


RAW_304 = b"HTTP/1.1 304 Not Modified\r\netag: e\r\ncontent-length: 10\r\n\r\n"


@pytest.mark.promise("P3")
async def test_an_upstream_that_dies_in_a_stream_ends_it_with_an_error_and_an_aborted_connection(
    served: Served, upstream: ScriptedUpstream
) -> None:
    event = b'data: {"choices":[{"index":0,"delta":{"content":"half"}}]}\n\n'
    upstream.script(
        [Step(headers=EVENTS, chunks=[event, event], framing="chunked", hold=[1], cut=len(chunk(event)) + 3)]
    )
    request = asyncio.create_task(talk(served, post("/v1/chat/completions", CHAT)))
    upstream.release()
    answer = await request
    assert chunk(event) in answer
    assert b'data: {"error":' in answer
    assert not answer.endswith(b"0\r\n\r\n")


async def test_an_upstream_that_dies_in_a_plain_answer_leaves_it_short(
    served: Served, upstream: ScriptedUpstream
) -> None:
    upstream.script([Step(chunks=[b"0123456789"], cut=5)])
    answer = await talk(served, post("/v1/chat/completions", CHAT))
    assert b"content-length: 10" in answer
    assert answer.endswith(b"\r\n\r\n01234")


@pytest.mark.promise("P6")
async def test_a_client_that_hangs_up_teaches_all_the_same(served: Served, upstream: ScriptedUpstream) -> None:
    event = b'data: {"choices":[{"index":0,"delta":{"content":"Noted, the cellar it is, all of it."}}]}\n\n'
    end = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    upstream.script([Step(headers=EVENTS, chunks=[event, end], framing="chunked", hold=[1])])
    reader, writer = await asyncio.open_connection("127.0.0.1", port(served))
    writer.write(post("/v1/chat/completions", CHAT))
    async with asyncio.timeout(5):
        await reader.readuntil(b"all of it.")
    writer.transport.abort()
    upstream.release()
    async with asyncio.timeout(10):
        while b"all of it." not in await talk(served, post("/v1/chat/completions", QUESTION)):
            await served.parts.settle.wait()


QUESTION = b'{"model":"m","messages":[{"role":"user","content":"Where is the marmalade, in the cellar?"}]}'


async def test_a_client_that_leaves_while_sending_harms_nobody(served: Served, upstream: ScriptedUpstream) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port(served))
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
    await writer.drain()
    writer.transport.abort()
    assert (await talk(served, post("/v1/chat/completions", CHAT))).startswith(b"HTTP/1.1 200")
    assert len(upstream.requests()) == 1


@pytest.mark.promise("P1")
async def test_a_chunked_upload_is_passed_on_whole(served: Served, upstream: ScriptedUpstream) -> None:
    head = b"POST /v1/files HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    pieces = b"".join(chunk(piece) for piece in (b"a" * 300_000, b"b" * 10))
    await talk(served, head + pieces + b"0\r\n\r\n")
    assert upstream.requests()[-1].body == b"a" * 300_000 + b"b" * 10


async def test_a_session_name_may_hold_anything(served: Served) -> None:
    answer = await talk(served, post("/s/a%0d%0ax-evil:%201%E2%82%AC/v1/chat/completions", CHAT))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"\r\nx-evil" not in answer
