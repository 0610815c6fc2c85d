"""What answers cost, read as they pass."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from gateway.errors import UpgradeRequired, UpstreamUnreachable
from gateway.ports import Headers, Incoming, Outgoing
from gateway.usage import TAIL_BYTES, CountedUpstream

STREAM: Headers = [(b"content-type", b"text/event-stream")]


class Scripted:
    """An upstream that answers with these chunks, and knows what it was asked and whether its answer was closed."""

    def __init__(self, *chunks: bytes, status: int = 200, headers: Headers | None = None, dies: bool = False) -> None:
        self.chunks, self.status, self.headers, self.dies = chunks, status, headers or [], dies
        self.asked: list[Outgoing] = []
        self.is_closed = False

    async def send(self, request: Outgoing) -> Incoming:
        self.asked.append(request)
        return Incoming(status=self.status, headers=self.headers, chunks=self._chunks())

    async def connect(self, request: Outgoing) -> Incoming:
        raise AssertionError

    async def aclose(self) -> None:
        self.is_closed = True

    async def _chunks(self) -> AsyncGenerator[bytes, None]:
        try:
            for chunk in self.chunks:
                yield chunk
            if self.dies:
                raise UpstreamUnreachable("gone")
        finally:
            self.is_closed = True


def outgoing(body: bytes | AsyncIterator[bytes] | None = b"x" * 40, method: str = "POST") -> Outgoing:
    headers = [(b"accept-encoding", b"gzip, br"), (b"x-one", b"1")]
    return Outgoing(method=method, target="/chat/completions", headers=headers, body=body)


async def cost(upstream: Scripted, request: Outgoing | None = None) -> int | None:
    """What is told of an answer that is read to its end, which passes as it came."""
    told: list[int] = []
    answer = await CountedUpstream(upstream, told.append).send(request or outgoing())
    assert [chunk async for chunk in answer.chunks] == list(upstream.chunks)
    await answer.chunks.aclose()
    assert len(told) <= 1
    return told[0] if told else None


def said(**usage: object) -> bytes:
    return json.dumps({"id": "x", "choices": [{"message": {"content": "hi"}}], "usage": usage}).encode()


@pytest.mark.parametrize(
    ("chunks", "tokens"),
    [
        ([said(prompt_tokens=10, completion_tokens=5, total_tokens=15)], 15),
        ([said(prompt_tokens=10, completion_tokens=5)[:60], said(prompt_tokens=10, completion_tokens=5)[60:]], 15),
        ([said(prompt_tokens=8, total_tokens=8)], 8),
        ([said(input_tokens=3, cache_read_input_tokens=100, cache_creation_input_tokens=20, output_tokens=7)], 130),
        ([said(input_tokens=30, input_tokens_details={"cached_tokens": 20}, output_tokens=7)], 37),
        ([b'{"usage":null}'], 0),
        ([b'{"usage":{"prompt_tokens":'], 0),
        ([b'{"usage":{"prompt_tokens":"many","completion_tokens":2}}'], 2),
        ([b"[]"], 0),
        ([], 0),
    ],
)
async def test_an_answer_costs_what_the_provider_says(chunks: list[bytes], tokens: int) -> None:
    assert await cost(Scripted(*chunks)) == tokens


async def test_a_stream_costs_what_is_said_in_its_first_and_its_last_event() -> None:
    first = b'data: {"message":{"usage":{"input_tokens":25,"output_tokens":1}}}\n\n'
    last = b'data: {"type":"message_delta","usage":{"output_tokens":400}}\n\n'
    assert await cost(Scripted(first, b"data: {}\n\n" * TAIL_BYTES, last, headers=STREAM)) == 425


async def test_usage_is_found_behind_a_long_answer_that_comes_in_pieces() -> None:
    pieces = [b"x" * 1_000] * 500
    assert await cost(Scripted(*pieces, said(prompt_tokens=1, completion_tokens=2), b" " * 500)) == 3


async def test_a_stream_of_which_nothing_is_said_is_estimated() -> None:
    events = [b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'] * 12
    assert await cost(Scripted(*events, headers=STREAM)) == 40 // 4 + 12


async def test_an_answer_that_is_encoded_all_the_same_is_estimated_by_its_length() -> None:
    assert await cost(Scripted(b"\x1f" * 80, headers=[(b"content-encoding", b"gzip")])) == (40 + 80) // 4


async def test_a_body_that_is_streamed_is_not_estimated() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"x" * 40

    assert await cost(Scripted(b"data: 1\n\n", headers=STREAM), outgoing(body())) == 1


async def test_a_refusal_costs_nothing() -> None:
    assert await cost(Scripted(said(prompt_tokens=10), status=429)) == 0


@pytest.mark.promise("P7")
async def test_what_a_model_says_is_not_taken_for_what_it_costs() -> None:
    quoted = '{"usage":{"completion_tokens":99999}} "usage":{"prompt_tokens":99999}'
    body = json.dumps({"choices": [{"message": {"content": quoted}}], "usage": {"prompt_tokens": 1}}).encode()
    assert await cost(Scripted(body)) == 1


async def test_an_answer_is_asked_for_in_a_form_that_can_be_read() -> None:
    upstream = Scripted(b"{}")
    await cost(upstream)
    assert upstream.asked[0].headers == [(b"x-one", b"1"), (b"accept-encoding", b"identity")]


async def test_what_is_merely_read_costs_nothing_and_goes_as_it_came() -> None:
    upstream, request = Scripted(said(prompt_tokens=10)), outgoing(method="GET")
    assert await cost(upstream, request) is None
    assert upstream.asked == [request]


async def test_an_answer_that_breaks_off_costs_what_came_of_it() -> None:
    told: list[int] = []
    upstream = Scripted(b"data: 1\n\n", headers=STREAM, dies=True)
    answer = await CountedUpstream(upstream, told.append).send(outgoing())
    assert await anext(answer.chunks) == b"data: 1\n\n"
    with pytest.raises(UpstreamUnreachable):
        await anext(answer.chunks)
    await answer.chunks.aclose()
    assert told == [11]


async def test_an_answer_that_nobody_reads_is_closed() -> None:
    told: list[int] = []
    upstream = Scripted(b"data: 1\n\n", headers=STREAM)
    answer = await CountedUpstream(upstream, told.append).send(outgoing())
    assert await answer.chunks.asend(None) == b"data: 1\n\n"
    with pytest.raises(KeyError):
        await answer.chunks.athrow(KeyError())
    assert upstream.is_closed
    assert told == [11]


async def test_nothing_is_asked_over_a_websocket_where_it_could_not_be_counted() -> None:
    upstream, told = Scripted(), list[int]()
    counted = CountedUpstream(upstream, told.append)
    with pytest.raises(UpgradeRequired):
        await counted.connect(outgoing())
    await counted.aclose()
    assert not upstream.is_closed
