"""A body is read whole or passed on as it comes, and in neither case is a byte lost."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.body import Body


class Source:
    """Chunks as a client sends them, and how many have been taken."""

    def __init__(self, *chunks: bytes) -> None:
        self.taken = 0
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            self.taken += 1
            yield chunk


def body(source: Source, length: int | None = None) -> Body:
    return Body(aiter(source), length=length)


async def rest(body: Body) -> bytes:
    return b"".join([chunk async for chunk in body.rest()])


async def test_a_body_is_read_whole_and_then_as_often_as_one_likes() -> None:
    whole = body(Source(b"ab", b"", b"cd"))
    assert await whole.read(4) == b"abcd"
    assert await whole.read(4) == b"abcd"
    assert await rest(whole) == b"abcd"


async def test_a_body_that_announces_too_much_is_not_even_begun() -> None:
    source = Source(b"ab", b"cd")
    large = body(source, length=4)
    assert await large.read(3) is None
    assert source.taken == 0
    assert await rest(large) == b"abcd"


async def test_a_body_that_turns_out_too_large_is_read_no_further_and_passed_on_whole() -> None:
    source = Source(b"ab", b"cd", b"ef")
    large = body(source)
    assert await large.read(3) is None
    assert source.taken == 2
    assert await rest(large) == b"abcdef"


async def test_a_body_too_large_for_one_reader_may_fit_another() -> None:
    twice = body(Source(b"ab", b"cd", b"ef"))
    assert await twice.read(3) is None
    assert await twice.read(6) == b"abcdef"
    assert await twice.read(5) is None


@pytest.mark.parametrize("length", [0, None])
async def test_no_body_is_an_empty_one(length: int | None) -> None:
    source = Source()
    assert await body(source, length).read(0) == b""
    assert await rest(body(source, length)) == b""


async def test_where_none_is_announced_none_is_waited_for() -> None:
    source = Source(b"the next request on this connection")
    assert await body(source, length=0).read(100) == b""
    assert await rest(body(source, length=0)) == b""
    assert source.taken == 0


@settings(deadline=None, max_examples=100)
@given(st.lists(st.binary(max_size=5), max_size=6), st.lists(st.integers(0, 30), max_size=3))
async def test_whatever_was_read_before_all_of_it_is_passed_on(chunks: list[bytes], limits: list[int]) -> None:
    whole = b"".join(chunks)
    passing = body(Source(*chunks))
    for limit in limits:
        assert await passing.read(limit) == (whole if len(whole) <= limit else None)
    assert await rest(passing) == whole
