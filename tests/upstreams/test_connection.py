"""Upstreams that would keep aiohttp waiting, or busy, for ever."""

from __future__ import annotations

import asyncio

import pytest

from gateway.errors import UpstreamUnreachable
from gateway.upstreams.http import HttpUpstream
from tests.upstreams.test_http import answering, outgoing, read, serving

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def flooding(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Promise an answer for as long as anybody listens."""
    while not writer.is_closing():
        writer.write(CONTINUE * 100)
        await writer.drain()


async def test_a_flood_of_interim_answers_is_no_answer() -> None:
    async with asyncio.timeout(10), serving(flooding) as url:
        upstream = HttpUpstream(url)
        with pytest.raises(UpstreamUnreachable, match="not HTTP"):
            await upstream.send(outgoing())
        await upstream.aclose()


@pytest.mark.parametrize("before", [b"", CONTINUE, b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 900])
async def test_some_interim_answers_are_none_of_ours(before: bytes) -> None:
    async with asyncio.timeout(10), serving(answering(before + OK, before + OK)) as url:
        upstream = HttpUpstream(url)
        assert [await read(await upstream.send(outgoing())) for _ in range(2)] == [b"ok", b"ok"]
        await upstream.aclose()


async def test_a_body_whose_framing_turns_to_nonsense_ends() -> None:
    begun = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\nnonsense\r\n"
    async with asyncio.timeout(10), serving(answering(begun)) as url:
        upstream = HttpUpstream(url)
        with pytest.raises(UpstreamUnreachable):
            await read(await upstream.send(outgoing()))
        await upstream.aclose()
