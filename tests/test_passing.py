"""Endpoints in which memory has no part, over real sockets: byte for byte, streamed both ways, never held whole."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal
from urllib.parse import urlsplit

import aiohttp
import pytest

from gateway.pipeline import PASSED_WHOLE_BYTES
from gateway.routes import UpstreamConfig
from gateway.testing import ScriptedUpstream, Step
from tests.captures import Answered, Sent, bearer, posted, send
from tests.conftest import Serve, Served

BINARY = bytes(range(256)) * 16 * 1024
"""4 MB."""

JSON = "application/json"
FORM = "multipart/form-data; boundary=xYzZY"

ENDPOINTS = [
    ("GET", "/v1/models", "", b""),
    ("GET", "/v1/models/gpt-4o", "", b""),
    ("POST", "/v1/embeddings", JSON, b'{"input" :["a"],"model":"m","encoding_format":"base64", "x":1.0}'),
    ("POST", "/v1/moderations", JSON, b'{"input":"\\ud800"}'),
    ("POST", "/v1/images/generations", JSON, b'{"prompt":"a cat","n":12345678901234567890}'),
    ("POST", "/v1/images/edits", FORM, BINARY),
    ("POST", "/v1/audio/speech", JSON, b'{"input":"hi","voice":"x"}'),
    ("POST", "/v1/audio/transcriptions", FORM, BINARY),
    ("POST", "/v1/files", FORM, BINARY),
    ("GET", "/v1/files?purpose=batch&limit=2", "", b""),
    ("GET", "/v1/files/file-1/content", "", b""),
    ("DELETE", "/v1/files/file-1", "", b""),
    ("POST", "/v1/uploads", JSON, b'{"bytes":4194304}'),
    ("POST", "/v1/uploads/upload_1/parts", FORM, BINARY),
    ("POST", "/v1/batches", JSON, b'{"input_file_id":"file-1","endpoint":"/v1/chat/completions"}'),
    ("POST", "/v1/batches/batch_1/cancel", "", b""),
    ("GET", "/v1/responses/resp_1", "", b""),
    ("GET", "/v1/responses/resp_1?stream=true&starting_after=4", "", b""),
    ("DELETE", "/v1/responses/resp_1", "", b""),
    ("POST", "/v1/responses/resp_1/cancel", "", b""),
    ("GET", "/v1/responses/resp_1/input_items?order=asc", "", b""),
    (
        "POST",
        "/v1/responses/compact",
        JSON,
        b'{"model":"m","input":[{"role":"user","content":"Always answer in French."}]}',
    ),
    ("POST", "/v1/responses/input_tokens", JSON, b'{"model":"m","input":"Always answer in French."}'),
    ("POST", "/v1/messages/count_tokens", JSON, b'{"model":"m","messages":[{"role":"user","content":"Be brief."}]}'),
    ("POST", "/v1/messages/batches", JSON, b'{"requests":[]}'),
    ("GET", "/v1/chat/completions/chatcmpl-1/messages", "", b""),
    ("POST", "/v1/conversations/conv_1/items", JSON, b'{"items":[]}'),
    ("GET", "/v1/vector_stores/vs_1", "", b""),
    ("POST", "/v1/an/endpoint/of/tomorrow", "application/x-odd", b"\x00\xff"),
]
"""Method, target, type and body."""


def request(method: str, target: str, kind: str, body: bytes) -> Sent:
    kinds = [("content-type", kind)] if kind else []
    return Sent(method=method, target=target, headers=[bearer("k"), *kinds, ("anthropic-beta", "x,y")], body=body)


async def know_something(served: Served) -> None:
    """A standing instruction, which every call that memory takes part in would be given."""
    said = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Always answer in French."}]}
    await send(served.url, posted("/v1/chat/completions", said, bearer("k")))
    await served.learnt()


@pytest.mark.promise("P1")
async def test_every_other_endpoint_passes_byte_for_byte_both_ways(served: Served, upstream: ScriptedUpstream) -> None:
    await know_something(served)
    upstream.clear()
    sent = [request(*endpoint) for endpoint in ENDPOINTS]
    for each in sent:
        answer = Step(status=207, headers=[("content-type", "audio/x"), ("x-request-id", each.target)], chunks=[BINARY])
        upstream.script([answer])
        told = await send(served.url, each)
        assert (told.status, told.body, told.memory) == (207, BINARY, "off"), each.target
        assert (told.headers["content-type"], told.headers["x-request-id"]) == ("audio/x", each.target)
        assert "x-accrue-exchange" not in told.headers
    arrived = upstream.requests()
    assert [(got.method, got.target, got.body) for got in arrived] == [(a.method, a.target, a.body) for a in sent]
    for got, each in zip(arrived, sent, strict=True):
        assert {(name.decode().lower(), value.decode()) for name, value in got.headers} >= set(each.headers)


async def test_a_response_is_fetched_listed_cancelled_and_deleted_through_the_gateway(
    served: Served, upstream: ScriptedUpstream
) -> None:
    await know_something(served)
    asked = await send(served.url, posted("/v1/responses", {"model": "gpt-5", "input": "hi"}, bearer("k")))
    created = json.loads(asked.body)["id"]

    async def same(method: str, below: str) -> Answered:
        through = await send(served.url, request(method, f"/v1/responses/{created}{below}", "", b""))
        direct = await send(upstream.url, request(method, f"/v1/responses/{created}{below}", "", b""))
        assert (through.status, through.body) == (direct.status, direct.body)
        return through

    assert (await same("GET", "")).body == asked.body
    assert (await same("GET", "/input_items")).status == 200
    assert json.loads((await same("POST", "/cancel")).body)["status"] == "cancelled"
    deleted = await send(served.url, request("DELETE", f"/v1/responses/{created}", "", b""))
    assert json.loads(deleted.body)["deleted"] is True
    assert (await same("GET", "")).status == 404


# Streamed, and no more held than fits a few buffers

PIECE = b"\xab" * (PASSED_WHOLE_BYTES + 1)
"""The least that is passed on before the rest has come."""

LARGE = [bytes([number]) * 64 * 1024 for number in range(256)] * 4
"""64 MB."""

BUFFERS_BYTES = 24 * 1024 * 1024
"""May be on the way: the socket buffers of two connections, which Linux lets grow by some megabytes each, and ours.
8.8 MB were measured."""

STALL_S = 2.0
"""A piece that waits for so long waits for somebody to read."""

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def between(serve: Serve, upstream: Handler) -> AsyncIterator[Connection]:
    """A client's connection to a gateway before an upstream that does as it is told."""
    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with server, serve(upstreams={"default": UpstreamConfig(url=url)}) as served, asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(served.url).port)
        yield reader, writer
        writer.close()


def head(size: int, *, is_chunked: bool) -> bytes:
    framing = b"transfer-encoding: chunked" if is_chunked else b"content-length: %d" % size
    return b"POST /v1/files HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n%b\r\n\r\n" % framing


def framed(pieces: Sequence[bytes], *, is_chunked: bool) -> list[bytes]:
    return [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces] + [b"0\r\n\r\n"] if is_chunked else [*pieces]


async def body_of(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The body of a request, in the pieces in which it comes."""
    lines = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"transfer-encoding: chunked" in lines:
        while size := int(await reader.readline(), 16):
            yield await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
        return
    left = int(lines.partition(b"content-length: ")[2].split()[0])
    while left:
        piece = await reader.read(left)
        left -= len(piece)
        yield piece


async def pour(writer: asyncio.StreamWriter, pieces: Iterator[bytes]) -> int:
    """Write until the end, or until somebody has to read first; how many bytes."""
    poured = 0
    for piece in pieces:
        writer.write(piece)
        poured += len(piece)
        try:
            await asyncio.wait_for(writer.drain(), STALL_S)
        except TimeoutError:
            break
    return poured


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"

each_framing = pytest.mark.parametrize("is_chunked", [True, False], ids=["chunked", "of known length"])


@each_framing
async def test_an_upload_is_with_the_upstream_before_its_end_has_been_sent(serve: Serve, is_chunked: bool) -> None:
    arrived, has_begun = bytearray(), asyncio.Event()

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for piece in body_of(reader):
            arrived.extend(piece)
            if len(arrived) >= len(PIECE):
                has_begun.set()
        writer.write(OK)
        writer.close()

    async with between(serve, upstream) as (reader, writer):
        first, *rest = framed([PIECE, b"the end"], is_chunked=is_chunked)
        writer.write(head(len(PIECE) + 7, is_chunked=is_chunked) + first)
        await has_begun.wait()
        writer.writelines(rest)
        assert (await reader.read()).endswith(b"\r\n\r\nok")
    assert arrived == PIECE + b"the end"


@each_framing
async def test_an_upload_cannot_run_ahead_of_an_upstream_that_does_not_read(serve: Serve, is_chunked: bool) -> None:
    may_read, arrived = asyncio.Event(), hashlib.sha256()

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await may_read.wait()
        async for piece in body_of(reader):
            arrived.update(piece)
        writer.write(OK)
        writer.close()

    async with between(serve, upstream) as (reader, writer):
        pieces = iter(framed(LARGE, is_chunked=is_chunked))
        writer.write(head(sum(map(len, LARGE)), is_chunked=is_chunked))
        assert len(PIECE) < await pour(writer, pieces) < BUFFERS_BYTES
        may_read.set()
        await pour(writer, pieces)
        assert (await reader.read()).endswith(b"\r\n\r\nok")
    assert arrived.digest() == hashlib.sha256(b"".join(LARGE)).digest()


@each_framing
async def test_a_download_is_with_the_client_before_its_end_has_been_sent(
    served: Served, upstream: ScriptedUpstream, is_chunked: bool
) -> None:
    speech = [b"\xff\xfb" * 100, b"\x00" * 100]
    framing: Literal["chunked", "length"] = "chunked" if is_chunked else "length"
    upstream.script([Step(headers=[("content-type", "audio/mpeg")], chunks=speech, framing=framing, hold=[1])])
    url = f"{served.url}/audio/speech"
    async with asyncio.timeout(10), aiohttp.ClientSession() as http, http.post(url, json={"input": "hi"}) as answer:
        assert await answer.content.readany() == speech[0]
        upstream.release()
        assert await answer.content.read() == speech[1]


async def test_a_download_cannot_run_ahead_of_a_client_that_does_not_read(serve: Serve) -> None:
    poured: asyncio.Queue[int] = asyncio.Queue()

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % sum(map(len, LARGE)))
        pieces = iter(LARGE)
        poured.put_nowait(await pour(writer, pieces))
        await pour(writer, pieces)
        writer.close()

    async with between(serve, upstream) as (reader, writer):
        writer.write(b"GET /v1/files/file-1/content HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        assert len(PIECE) < await poured.get() < BUFFERS_BYTES
        answer = await reader.read()
    assert hashlib.sha256(answer.partition(b"\r\n\r\n")[2]).digest() == hashlib.sha256(b"".join(LARGE)).digest()
