"""What every upstream must do alike; a new adapter joins by adding its name and how it is made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from gateway.errors import UpstreamUnreachable
from gateway.ports import Outgoing, Upstream
from gateway.testing import ScriptedUpstream, Step
from gateway.upstreams.http import HttpUpstream

ADAPTERS: dict[str, Callable[[str], Upstream]] = {"http": HttpUpstream}
CALL = Outgoing(
    method="POST",
    target="/chat/completions",
    headers=[(b"content-type", b"application/json")],
    body=b'{"model":"m","messages":[{"role":"user","content":"hello"}]}',
)
SSE = [("content-type", "text/event-stream")]


@pytest.fixture(params=ADAPTERS)
async def upstream(request: pytest.FixtureRequest, scripted: ScriptedUpstream) -> AsyncIterator[Upstream]:
    upstream = ADAPTERS[request.param](scripted.url)
    yield upstream
    await upstream.aclose()


async def test_an_answer_is_its_status_its_headers_and_its_body(upstream: Upstream) -> None:
    answer = await upstream.send(CALL)
    body = b"".join([chunk async for chunk in answer.chunks])
    assert answer.status == 200
    assert (b"content-type", b"application/json") in answer.headers
    assert b"You said: hello" in body


@pytest.mark.promise("P1")
async def test_an_error_of_the_upstream_is_an_answer(upstream: Upstream, scripted: ScriptedUpstream) -> None:
    scripted.script([Step(status=429, headers=[("retry-after", "3")], chunks=[b'{"error":{}}'])])
    answer = await upstream.send(CALL)
    assert answer.status == 429
    assert (b"retry-after", b"3") in answer.headers
    assert [chunk async for chunk in answer.chunks] == [b'{"error":{}}']


@pytest.mark.promise("P3")
async def test_a_piece_arrives_before_the_next_is_sent(upstream: Upstream, scripted: ScriptedUpstream) -> None:
    scripted.script([Step(headers=SSE, chunks=[b"data: 1\n\n", b"data: 2\n\n"], framing="chunked", hold=[0, 1, 2])])
    async with asyncio.timeout(5):
        answer = await upstream.send(CALL)
        for piece in (b"data: 1\n\n", b"data: 2\n\n"):
            scripted.release()
            assert await anext(answer.chunks) == piece
        scripted.release()
        with pytest.raises(StopAsyncIteration):
            await anext(answer.chunks)


@pytest.mark.promise("P3")
async def test_a_death_in_the_middle_is_told_after_what_came_before_it(
    upstream: Upstream, scripted: ScriptedUpstream
) -> None:
    scripted.script([Step(chunks=[b"0123456789"], cut=4)])
    answer = await upstream.send(CALL)
    assert await anext(answer.chunks) == b"0123"
    with pytest.raises(UpstreamUnreachable, match="broke off its answer"):
        await anext(answer.chunks)


async def test_an_upstream_that_is_not_there_is_unreachable(upstream: Upstream, scripted: ScriptedUpstream) -> None:
    absent = HttpUpstream("http://127.0.0.1:1/v1")
    with pytest.raises(UpstreamUnreachable, match=r"127\.0\.0\.1:1 cannot be reached: connection refused"):
        await absent.send(CALL)
    await absent.aclose()


async def test_an_answer_can_be_left_unread(upstream: Upstream, scripted: ScriptedUpstream) -> None:
    scripted.script([Step(chunks=[b"never sent"], hold=[0])])
    async with asyncio.timeout(5):
        answer = await upstream.send(CALL)
        await answer.chunks.aclose()
        assert [chunk async for chunk in answer.chunks] == []
        assert (await upstream.send(CALL)).status == 200


async def test_closing_twice_or_unused_does_no_harm(upstream: Upstream) -> None:
    await upstream.aclose()
    await upstream.aclose()
