"""Two connections in memory, carried into one another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.errors import ClientGone, RequestError, Unauthorized, UpstreamUnreachable
from gateway.ports import Closing
from gateway.sections import PostDisconnect
from gateway.tunnel import Nobody, Unasked, Watched, carry

BYE = Closing(code=4000, reason="bye")
LIMITS = PostDisconnect()
Message = str | bytes | Closing | RequestError | ClientGone


class Side:
    """A `Connection` whose other end is the test."""

    def __init__(self) -> None:
        self.says: asyncio.Queue[Message] = asyncio.Queue()
        self.told: asyncio.Queue[str | bytes | Closing] = asyncio.Queue()
        self.reads = asyncio.Event()
        self.reads.set()
        self.is_gone: RequestError | ClientGone | None = None

    async def send(self, message: str | bytes) -> None:
        await self.reads.wait()
        if self.is_gone:
            raise self.is_gone
        self.told.put_nowait(message)

    async def receive(self) -> str | bytes | Closing:
        message = await self.says.get()
        if isinstance(message, Exception):
            raise message
        return message

    async def close(self, closing: Closing) -> None:
        self.told.put_nowait(closing)


class Waiting(Nobody):
    """A listener that waits for one answer, and has something to say when it does not come."""

    def __init__(self) -> None:
        self.expects = False
        self.is_asked = asyncio.Event()
        self.heard: list[str | bytes] = []
        self.ended: list[RequestError | None] = []

    @property
    def is_waiting(self) -> bool:  # type: ignore[override] # a constant of the listener that never waits
        self.is_asked.set()
        return self.expects

    async def ask(self, message: str | bytes) -> str | bytes:
        if message == "fail":
            raise ZeroDivisionError
        self.expects = True
        return message

    async def hear(self, message: str | bytes) -> str | bytes:
        self.heard.append(message)
        self.expects = message != "last"
        return message

    async def end(self, error: RequestError | None) -> list[str]:
        self.ended.append(error)
        return [] if error is None else [str(error)]


class Carried:
    def __init__(self) -> None:
        self.client, self.upstream, self.listener = Side(), Side(), Waiting()


@asynccontextmanager
async def carried(limits: PostDisconnect = LIMITS) -> AsyncIterator[Carried]:
    parts = Carried()
    async with asyncio.timeout(5):
        task = asyncio.create_task(carry(parts.client, parts.upstream, parts.listener, limits))
        yield parts
        await task


async def test_messages_go_both_ways_until_the_client_closes() -> None:
    async with carried() as parts:
        parts.upstream.says.put_nowait(b"hello")
        assert await parts.client.told.get() == b"hello"
        parts.listener.expects = False
        parts.client.says.put_nowait("one")
        assert await parts.upstream.told.get() == "one"
        parts.upstream.says.put_nowait("last")
        assert await parts.client.told.get() == "last"
        parts.client.says.put_nowait(BYE)
        assert await parts.upstream.told.get() == BYE
    assert parts.listener.ended == [None]


async def test_the_upstreams_close_reaches_the_client_with_its_code() -> None:
    async with carried() as parts:
        parts.upstream.says.put_nowait(BYE)
        assert await parts.client.told.get() == BYE
        assert await parts.upstream.told.get() == BYE


@pytest.mark.promise("P6")
async def test_an_answer_is_heard_to_its_end_after_the_client_has_closed() -> None:
    async with carried() as parts:
        parts.client.says.put_nowait("question")
        assert await parts.upstream.told.get() == "question"
        parts.client.says.put_nowait(BYE)
        await parts.listener.is_asked.wait()
        for word in ("answer", "last"):
            parts.upstream.says.put_nowait(word)
        assert await parts.upstream.told.get() == BYE
    assert parts.listener.heard == ["answer", "last"]


@pytest.mark.promise("P6")
async def test_an_answer_is_heard_to_its_end_when_the_client_has_vanished() -> None:
    async with carried() as parts:
        parts.client.says.put_nowait("question")
        assert await parts.upstream.told.get() == "question"
        parts.client.is_gone = ClientGone("left")
        for word in ("answer", "more", "last"):
            parts.upstream.says.put_nowait(word)
        assert (await parts.upstream.told.get()) == Closing(code=1000)
    assert parts.listener.heard == ["answer", "more", "last"]


@pytest.mark.parametrize("seconds", [0, 0.01])
async def test_an_answer_that_never_ends_is_not_awaited_for_ever(seconds: float) -> None:
    async with carried(PostDisconnect(seconds=seconds)) as parts:
        parts.client.says.put_nowait("question")
        assert await parts.upstream.told.get() == "question"
        parts.client.says.put_nowait(BYE)
        assert await parts.upstream.told.get() == BYE
    assert parts.listener.ended == [None]


async def test_no_more_than_is_allowed_is_heard_of_an_answer_whose_client_has_closed() -> None:
    async with carried(PostDisconnect(bytes=7)) as parts:
        parts.client.says.put_nowait("question")
        assert await parts.upstream.told.get() == "question"
        parts.client.says.put_nowait(BYE)
        await parts.listener.is_asked.wait()
        for word in ("answer", "more", "last"):
            parts.upstream.says.put_nowait(word)
        assert await parts.upstream.told.get() == BYE
    assert parts.listener.heard == ["answer", "more"]


async def test_a_dead_upstream_is_told_and_closed_with_an_error() -> None:
    died = UpstreamUnreachable("broke off")
    async with carried() as parts:
        parts.upstream.says.put_nowait(died)
        assert await parts.client.told.get() == "broke off"
        assert await parts.client.told.get() == Closing(code=1011)
    assert parts.listener.ended == [died]


async def test_what_came_down_before_the_death_tells_why_nothing_goes_up() -> None:
    async with carried() as parts:
        parts.upstream.is_gone = UpstreamUnreachable("broke off")
        parts.client.says.put_nowait("too late")
        parts.upstream.says.put_nowait("reason")
        parts.upstream.says.put_nowait(BYE)
        assert await parts.client.told.get() == "reason"
        assert await parts.client.told.get() == BYE


async def test_a_client_that_reads_slowly_slows_the_upstream_down() -> None:
    async with carried() as parts:
        parts.client.reads.clear()
        for word in "abc":
            parts.upstream.says.put_nowait(word)
        parts.client.says.put_nowait("question")
        assert await parts.upstream.told.get() == "question"
        assert parts.upstream.says.qsize() == 2
        parts.client.reads.set()
        assert [await parts.client.told.get() for _ in range(3)] == list("abc")
        parts.listener.expects = False
        parts.client.says.put_nowait(BYE)


async def test_a_fault_of_ours_closes_both_sides() -> None:
    client, upstream = Side(), Side()
    client.says.put_nowait("fail")
    with pytest.raises(ZeroDivisionError):
        await carry(client, upstream, Waiting(), LIMITS)
    assert client.told.get_nowait() == upstream.told.get_nowait() == Closing(code=1011)


async def test_nobody_changes_nothing() -> None:
    client, upstream = Side(), Side()
    for message in ("up", b"up", BYE):
        client.says.put_nowait(message)
    upstream.says.put_nowait("down")
    async with asyncio.timeout(5):
        await carry(client, upstream, Nobody(), LIMITS)
    assert [upstream.told.get_nowait() for _ in range(3)] == ["up", b"up", BYE]
    assert client.told.get_nowait() == "down"


async def test_who_has_lost_the_leave_to_ask_is_told_so_and_asks_nothing_more() -> None:
    errors: list[RequestError] = []

    def leave() -> None:
        for error in errors:
            raise error

    watched = Watched(Nobody(), leave, str)
    assert await watched.ask("one") == "one"
    errors.append(Unauthorized("revoked"))
    with pytest.raises(Unasked, match="revoked"):
        await watched.ask("two")
    assert (watched.is_waiting, await watched.hear("three"), await watched.end(None)) == (False, "three", [])
