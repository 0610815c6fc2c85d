"""The bytes the server puts on the wire."""

from __future__ import annotations

import asyncio

import pytest

from gateway.testing import ScriptedUpstream, Step

GET = b"GET /v1/x HTTP/1.1\r\nhost: a\r\n\r\n"


async def talk(upstream: ScriptedUpstream, *requests: bytes, until: bytes = b"") -> bytes:
    """Everything received after sending the requests at once, up to the end or to the bytes given."""
    async with asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
        writer.write(b"".join(requests))
        try:
            return await (reader.readuntil(until) if until else reader.read())
        finally:
            writer.close()
            await writer.wait_closed()


@pytest.mark.parametrize(
    ("step", "wire"),
    [
        (Step(headers=[("a", "é")], chunks=[b"x", b"y"]), b"HTTP/1.1 200 OK\r\na: \xe9\r\ncontent-length: 2\r\n\r\nxy"),
        (
            Step(status=429, headers=[], chunks=[b"x" * 16, b"y"], framing="chunked"),
            b"HTTP/1.1 429 Too Many Requests\r\ntransfer-encoding: chunked\r\n\r\n"
            b"10\r\nxxxxxxxxxxxxxxxx\r\n1\r\ny\r\n0\r\n\r\n",
        ),
        (Step(status=529, headers=[], framing="close"), b"HTTP/1.1 529 \r\nconnection: close\r\n\r\n"),
        (Step(chunks=[b"no", b" http"], framing="raw"), b"no http"),
        (Step(headers=[], chunks=[b"abc", b"def"], cut=4), b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabcd"),
        (Step(headers=[], chunks=[b"abc"], cut=0), b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n"),
        (Step(chunks=[], framing="raw", cut=0), b""),
    ],
)
async def test_an_answer_is_written_as_scripted(scripted: ScriptedUpstream, step: Step, wire: bytes) -> None:
    scripted.script([step])
    assert await talk(scripted, GET.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")) == wire


async def test_a_held_answer_waits_for_each_release(scripted: ScriptedUpstream) -> None:
    scripted.script([Step(chunks=[b"one", b"two"], framing="chunked", hold=[1, 2])])
    async with asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", scripted.port)
        writer.write(GET)
        assert (await reader.readuntil(b"one\r\n")).endswith(b"3\r\none\r\n")
        scripted.release()
        assert await reader.readuntil(b"two\r\n") == b"3\r\ntwo\r\n"
        scripted.release()
        assert await reader.readexactly(5) == b"0\r\n\r\n"
        writer.close()


async def test_a_hold_ends_with_its_client(scripted: ScriptedUpstream) -> None:
    scripted.script([Step(chunks=[b"one"], hold=[0]), Step(chunks=[b"two"], hold=[0])])
    assert await talk(scripted, GET, until=b"\r\n\r\n")
    scripted.release()
    assert await talk(scripted, GET, until=b"two")


async def test_a_large_piece_is_written_before_the_death_that_follows_it(scripted: ScriptedUpstream) -> None:
    size = 16_000_000  # more than the sockets hold
    scripted.script([Step(chunks=[b"x" * size, b"y"], framing="raw", cut=size)])
    assert len(await talk(scripted, GET)) == size


async def test_head_gets_the_head_alone(scripted: ScriptedUpstream) -> None:
    scripted.script([Step(chunks=[b"body"], framing="chunked")])
    answer = await talk(scripted, b"HEAD /v1/x HTTP/1.1\r\nconnection: close\r\n\r\n")
    assert answer.endswith(b"\r\n\r\n")
    assert b"body" not in answer


async def test_a_request_in_pieces_is_one_request(scripted: ScriptedUpstream) -> None:
    async with asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", scripted.port)
        for piece in (b"POST /v1/a", b"bc HTTP/1.1\r\nhost: a\r\ncontent-", b"length: 4\r\n\r\nxx", b"yy"):
            writer.write(piece)
            await writer.drain()
            scripted.requests()  # goes to and fro, so that the piece arrives on its own
        await reader.readuntil(b"xxyy")
        writer.close()
    assert [(request.target, request.body) for request in scripted.requests()] == [("/v1/abc", b"xxyy")]


async def test_a_wish_to_upgrade_is_answered_in_http(scripted: ScriptedUpstream) -> None:
    upgrade = GET.replace(b"\r\n\r\n", b"\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n")
    assert (await talk(scripted, upgrade, until=b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")


async def test_what_is_not_http_ends_the_connection(scripted: ScriptedUpstream) -> None:
    assert await talk(scripted, b"\x16\x03\x01 nonsense\r\n\r\n") == b""


async def test_a_body_that_the_api_would_refuse_gets_its_error(scripted: ScriptedUpstream) -> None:
    request = b"POST /v1/chat/completions HTTP/1.1\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}"
    answer = await talk(scripted, request)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request")
    assert b'"invalid_request_error"' in answer
