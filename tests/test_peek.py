"""gateway/peek.py: what is read of an answer, and that it passes on as it came."""

from __future__ import annotations

import gzip
from collections.abc import AsyncGenerator, Sequence

import pytest

from gateway.errors import UpstreamUnreachable
from gateway.peek import peeked
from gateway.ports import Headers, Incoming


class Source:
    """Chunks of an answer, and whether they were closed."""

    def __init__(self, chunks: Sequence[bytes | Exception]) -> None:
        self._chunks = chunks
        self.is_closed = False

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        try:
            for chunk in self._chunks:
                if isinstance(chunk, Exception):
                    raise chunk
                yield chunk
        finally:
            self.is_closed = True

    def answer(self, headers: Headers | None = None) -> Incoming:
        return Incoming(status=200, headers=headers or [], chunks=self.chunks())


async def passed(answer: Incoming) -> list[bytes]:
    return [chunk async for chunk in answer.chunks]


@pytest.mark.promise("P3")
async def test_an_answer_is_read_whole_and_passes_in_its_own_chunks() -> None:
    source = Source([b"{", b"", b"}"])
    read = await peeked(source.answer(), 10)
    assert read.body == b"{}"
    assert await passed(read.incoming) == [b"{", b"", b"}"]
    assert source.is_closed


async def test_a_content_encoding_is_undone_for_the_reading_only() -> None:
    packed = gzip.compress(b"words")
    read = await peeked(Source([packed]).answer([(b"content-encoding", b"gzip")]), 1_000)
    assert read.body == b"words"
    assert await passed(read.incoming) == [packed]


async def test_what_cannot_be_decoded_has_no_body() -> None:
    read = await peeked(Source([b"?"]).answer([(b"content-encoding", b"unheard-of")]), 1_000)
    assert read.body is None
    assert await passed(read.incoming) == [b"?"]


async def test_an_answer_that_is_too_long_passes_unread() -> None:
    source = Source([b"ab", b"cd", b"ef"])
    read = await peeked(source.answer(), 3)
    assert read.body is None
    assert await passed(read.incoming) == [b"ab", b"cd", b"ef"]


async def test_an_answer_that_breaks_off_does_so_at_the_same_place() -> None:
    read = await peeked(Source([b"ab", UpstreamUnreachable("gone")]).answer(), 10)
    assert read.body is None
    assert await anext(read.incoming.chunks) == b"ab"
    with pytest.raises(UpstreamUnreachable):
        await anext(read.incoming.chunks)


async def test_who_stops_reading_closes_the_answer() -> None:
    source = Source([b"ab", b"cd", b"ef"])
    read = await peeked(source.answer(), 1)
    assert await anext(read.incoming.chunks) == b"ab"
    await read.incoming.chunks.aclose()
    assert source.is_closed
