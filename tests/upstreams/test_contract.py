"""What every upstream must do alike; a new adapter joins by adding its name and how it is made.

Bytes are not among it: an adapter that translates makes its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from gateway.errors import UpstreamTimeout, UpstreamUnreachable
from gateway.ports import Incoming, Outgoing, Upstream
from gateway.sse import events
from gateway.testing import ScriptedUpstream, Step
from gateway.upstreams.http import HttpUpstream
from gateway.upstreams.litellm import LiteLlmUpstream

# Of pydantic, over litellm's own types when they are built at the first call.
pytestmark = pytest.mark.filterwarnings("ignore:Item '.*' on TypedDict class .* using the `ReadOnly`:UserWarning")

Make = Callable[..., Upstream]


def translated(url: str, **settings: Any) -> Upstream:
    """litellm asking the scripted upstream: the wire is OpenAI's on both sides, and all of litellm lies between."""
    return LiteLlmUpstream("hosted_vllm", url=url, api_key="key", **settings)


ADAPTERS: dict[str, Make] = {"http": HttpUpstream, "litellm": translated}
SSE = [("content-type", "text/event-stream")]
MESSAGES = b'"model":"m","messages":[{"role":"user","content":"hello"}]'
CALL = Outgoing(
    method="POST",
    target="/chat/completions",
    headers=[(b"content-type", b"application/json")],
    body=b"{" + MESSAGES + b"}",
)
STREAM = msgspec.structs.replace(CALL, body=b"{" + MESSAGES + b',"stream":true}')
WORDS = ("one", "two", "three")
PIECES = [
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":'
    b'{"role":"assistant","content":"%b"},"finish_reason":null}]}\n\n' % word.encode()
    for word in WORDS
]
END = [
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},'
    b'"finish_reason":"stop"}]}\n\n',
    b"data: [DONE]\n\n",
]


@pytest.fixture(params=ADAPTERS)
def make(request: pytest.FixtureRequest) -> Make:
    return ADAPTERS[request.param]


@pytest.fixture
async def upstream(make: Make, scripted: ScriptedUpstream) -> AsyncIterator[Upstream]:
    upstream = make(scripted.url)
    yield upstream
    await upstream.aclose()


async def next_word(answer: Incoming) -> str:
    """What the next piece says."""
    (event,) = events(await anext(answer.chunks))
    return str(msgspec.json.decode(event)["choices"][0]["delta"]["content"])


async def test_an_answer_is_its_status_its_headers_and_its_body(upstream: Upstream) -> None:
    answer = await upstream.send(CALL)
    body = b"".join([chunk async for chunk in answer.chunks])
    assert answer.status == 200
    assert (b"content-type", b"application/json") in answer.headers
    assert b"You said: hello" in body


@pytest.mark.promise("P1")
@pytest.mark.parametrize("call", [CALL, STREAM])
async def test_an_error_of_the_upstream_is_an_answer(
    upstream: Upstream, scripted: ScriptedUpstream, call: Outgoing
) -> None:
    error = b'{"error":{"message":"slow down"}}'
    headers = [("retry-after", "3"), ("content-type", "application/json")]
    scripted.script([Step(status=429, headers=headers, chunks=[error])])
    answer = await upstream.send(call)
    assert answer.status == 429
    assert (b"retry-after", b"3") in answer.headers
    body = msgspec.json.decode(b"".join([chunk async for chunk in answer.chunks]))
    assert "slow down" in body["error"]["message"]
    assert len(scripted.requests()) == 1


@pytest.mark.promise("P3")
async def test_a_piece_arrives_before_the_next_is_sent(upstream: Upstream, scripted: ScriptedUpstream) -> None:
    scripted.script([Step(headers=SSE, chunks=[*PIECES, *END], framing="chunked", hold=[1, 2, 3])])
    async with asyncio.timeout(5):
        answer = await upstream.send(STREAM)
        assert (answer.status, answer.headers[0][1][:17]) == (200, b"text/event-stream")
        for word in WORDS:
            assert await next_word(answer) == word
            scripted.release()
        rest = b"".join([chunk async for chunk in answer.chunks])
    assert list(events(rest))[-1] == b"[DONE]"


@pytest.mark.promise("P3")
async def test_a_death_in_the_middle_is_told_after_what_came_before_it(
    upstream: Upstream, scripted: ScriptedUpstream
) -> None:
    into_second = len(PIECES[0]) + 20
    scripted.script([Step(headers=SSE, chunks=PIECES, framing="chunked", hold=[1], cut=into_second)])
    answer = await upstream.send(STREAM)
    assert await next_word(answer) == "one"
    scripted.release()
    with pytest.raises(UpstreamUnreachable, match="broke off its answer"):
        [chunk async for chunk in answer.chunks]


async def test_an_upstream_that_is_not_there_is_unreachable(make: Make) -> None:
    absent = make("http://127.0.0.1:1/v1")
    with pytest.raises(UpstreamUnreachable, match="cannot be reached"):
        await absent.send(CALL)
    await absent.aclose()


async def test_an_answer_that_does_not_begin_in_time_is_a_timeout(make: Make, scripted: ScriptedUpstream) -> None:
    scripted.script([Step(chunks=[b"{}"], framing="raw", hold=[0])])
    slow = make(scripted.url, read_timeout_s=0.05)
    with pytest.raises(UpstreamTimeout):
        await slow.send(CALL)
    await slow.aclose()


async def test_a_pause_too_long_in_the_middle_is_a_timeout(make: Make, scripted: ScriptedUpstream) -> None:
    scripted.script([Step(headers=SSE, chunks=PIECES, framing="chunked", hold=[1])])
    slow = make(scripted.url, read_timeout_s=0.5)
    answer = await slow.send(STREAM)
    assert await next_word(answer) == "one"
    with pytest.raises(UpstreamTimeout):
        await anext(answer.chunks)
    await slow.aclose()


async def test_an_answer_can_be_left_unread(upstream: Upstream, scripted: ScriptedUpstream) -> None:
    scripted.script([Step(headers=SSE, chunks=PIECES, framing="chunked", hold=[1])])
    async with asyncio.timeout(5):
        answer = await upstream.send(STREAM)
        await answer.chunks.aclose()
        assert [chunk async for chunk in answer.chunks] == []
        assert (await upstream.send(CALL)).status == 200


@pytest.mark.parametrize("is_begun", [True, False])
async def test_closing_early_ends_the_call(make: Make, is_begun: bool) -> None:
    is_ended = asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        writer.write(b"%x\r\n%b\r\n" % (len(PIECES[0]), PIECES[0]))
        await reader.read()
        is_ended.set()
        writer.close()

    server = await asyncio.start_server(endless, "127.0.0.1", 0)
    async with asyncio.timeout(5), server:
        upstream = make(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
        answer = await upstream.send(STREAM)
        if is_begun:
            assert await next_word(answer) == "one"
        await answer.chunks.aclose()
        await is_ended.wait()
        await upstream.aclose()


async def test_closing_twice_or_unused_does_no_harm(upstream: Upstream) -> None:
    await upstream.aclose()
    await upstream.aclose()
