"""What is heard of an answer when its client has left, over an upstream that the test plays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway import pump as pumping
from gateway.accounts import Accounts, Receipt
from gateway.errors import NotNow, RequestError, UpstreamUnreachable
from gateway.ports import Incoming, Opened, Outgoing
from gateway.pump import Abandoned, Pump, Pumps
from gateway.sections import PostDisconnect
from gateway.telemetry import Telemetry
from tests.exchanges import assistant, exchange

REQUEST = Outgoing(method="POST", target="/chat/completions", headers=[], body=b"{}")


class Upstream:
    """Answers with what the test says, when it says it."""

    def __init__(self) -> None:
        self.says: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.has_head = asyncio.Event()
        self.is_asked, self.is_closed = asyncio.Event(), asyncio.Event()

    async def send(self, request: Outgoing) -> Incoming:
        self.is_asked.set()
        await self.has_head.wait()
        return Incoming(status=200, headers=[], chunks=self._chunks())

    async def connect(self, request: Outgoing) -> Opened | Incoming:
        raise UpstreamUnreachable("nobody here")

    async def aclose(self) -> None:
        return

    async def _chunks(self) -> AsyncGenerator[bytes, None]:
        try:
            while (chunk := await self.says.get()) is not None:
                yield chunk
        finally:
            self.is_closed.set()


def receipt(*, is_recording: bool = True) -> Receipt:
    accounts = Accounts(Telemetry())
    received = accounts.received()
    if is_recording:
        accounts.recording(received, exchange(assistant("hello")))
    return received


class Served:
    """A call that is being answered, and how it ended."""

    def __init__(self, limits: PostDisconnect, *, is_recording: bool) -> None:
        self.upstream, self.left, self.is_paused = Upstream(), asyncio.Event(), asyncio.Event()
        self.is_paused.set()
        self.pumps = Pumps(limits)
        self.pump = Pump(self.upstream, limits, receipt(is_recording=is_recording))
        self.heard: list[bytes] = []
        self.has_heard = asyncio.Event()
        self.error: RequestError | None = None
        self.is_over = asyncio.Event()

    async def answer(self) -> None:
        try:
            incoming = await self.pump.send(REQUEST)
            async for chunk in incoming.chunks:
                self.heard.append(chunk)
                self.has_heard.set()
                await self.is_paused.wait()
        except RequestError as error:
            self.error = error
        self.is_over.set()

    async def has_left(self) -> None:
        await self.left.wait()


@asynccontextmanager
async def served(limits: PostDisconnect, *, is_recording: bool = True) -> AsyncIterator[Served]:
    call = Served(limits, is_recording=is_recording)
    async with asyncio.timeout(10):
        run = asyncio.create_task(call.pumps.run(call.pump, call.answer(), call.has_left))
        await call.upstream.is_asked.wait()
        yield call
        await run


LONG = PostDisconnect(seconds=3_600)


async def test_while_the_client_is_there_nothing_changes() -> None:
    async with served(PostDisconnect(seconds=0, bytes=0)) as call:
        call.upstream.has_head.set()
        for chunk in (b"a", b"b", None):
            call.upstream.says.put_nowait(chunk)
    assert (call.heard, call.error) == ([b"a", b"b"], None)


@pytest.mark.promise("P6")
@pytest.mark.parametrize("has_head", [True, False])
async def test_a_recorded_answer_is_heard_to_its_end_after_its_client_has_left(has_head: bool) -> None:
    async with served(LONG) as call:
        if has_head:
            call.upstream.has_head.set()
        call.left.set()
        call.upstream.has_head.set()
        for chunk in (b"a", b"b", None):
            call.upstream.says.put_nowait(chunk)
    assert (call.heard, call.error) == ([b"a", b"b"], None)


@pytest.mark.parametrize("seconds", [0, 0.01])
@pytest.mark.parametrize("has_head", [True, False])
async def test_an_answer_is_not_waited_for_longer_than_is_allowed(seconds: float, has_head: bool) -> None:
    async with served(PostDisconnect(seconds=seconds)) as call:
        if has_head:
            call.upstream.has_head.set()
        call.left.set()
        await call.is_over.wait()
    assert isinstance(call.error, Abandoned)


async def test_no_more_bytes_are_heard_than_are_allowed() -> None:
    async with served(PostDisconnect(bytes=3)) as call:
        call.pump.leave()
        call.upstream.has_head.set()
        for chunk in (b"aa", b"bb", b"cc"):
            call.upstream.says.put_nowait(chunk)
    assert call.heard == [b"aa", b"bb"]
    assert isinstance(call.error, Abandoned)


async def test_what_does_not_go_on_record_is_left_with_its_client() -> None:
    async with served(LONG, is_recording=False) as call:
        call.left.set()
    assert isinstance(call.error, Abandoned)


async def test_a_client_that_leaves_between_two_chunks_is_missed_before_the_next_is_waited_for() -> None:
    async with served(PostDisconnect(seconds=0)) as call:
        call.upstream.has_head.set()
        call.is_paused.clear()
        call.upstream.says.put_nowait(b"a")
        await call.has_heard.wait()
        call.left.set()
        call.pump.leave()
        call.is_paused.set()
    assert call.heard == [b"a"]
    assert isinstance(call.error, Abandoned)


async def test_a_server_that_has_waited_long_enough_cuts_the_call() -> None:
    call = Served(LONG, is_recording=True)
    run = asyncio.create_task(call.pumps.run(call.pump, call.answer(), call.has_left))
    async with asyncio.timeout(10):
        await call.upstream.is_asked.wait()
        run.cancel()
        await run
    assert isinstance(call.error, NotNow)


async def test_what_is_still_under_way_in_the_end_is_cut_as_well() -> None:
    async with served(LONG) as call:
        call.left.set()
        call.upstream.has_head.set()
        await call.pumps.drain()
    assert isinstance(call.error, NotNow)


async def test_a_call_whose_client_takes_nothing_is_ended_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pumping, "END_S", 0.01)
    call = Served(LONG, is_recording=True)
    call.is_paused.clear()
    call.upstream.has_head.set()
    call.upstream.says.put_nowait(b"a")
    run = asyncio.create_task(call.pumps.run(call.pump, call.answer(), call.has_left))
    async with asyncio.timeout(10):
        await call.upstream.is_asked.wait()
        await call.pumps.drain()
        with pytest.raises(asyncio.CancelledError):
            await run
    assert not call.is_over.is_set()


async def test_a_fault_in_a_call_is_the_servers_to_tell() -> None:
    async def fails() -> None:
        raise ZeroDivisionError

    pumps = Pumps(LONG)
    with pytest.raises(ZeroDivisionError):
        await pumps.run(Pump(Upstream(), LONG, receipt()), fails(), never)


async def never() -> None:
    await asyncio.Event().wait()


async def test_a_client_that_leaves_at_once_is_missed_after_a_moment() -> None:
    async with served(PostDisconnect(seconds=0)) as call:
        call.left.set()
        assert call.error is None
    assert isinstance(call.error, Abandoned)


async def test_what_ends_by_itself_is_waited_for_and_then_ended() -> None:
    pumps, is_held = Pumps(LONG), asyncio.Event()

    async def serving() -> None:
        is_held.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(hold(pumps, serving()))
    await is_held.wait()
    task.cancel()
    await pumps.drain()
    assert task.cancelled()


async def hold(pumps: Pumps, serving: Coroutine[Any, Any, None]) -> None:
    await pumps.hold(serving)


async def test_a_body_that_is_left_closes_its_upstream() -> None:
    upstream = Upstream()
    upstream.has_head.set()
    upstream.says.put_nowait(b"a")
    incoming = await Pump(upstream, LONG, receipt()).send(REQUEST)
    assert await anext(incoming.chunks) == b"a"
    await incoming.chunks.aclose()
    assert upstream.is_closed.is_set()


async def test_what_is_thrown_into_a_body_reaches_its_upstream() -> None:
    upstream = Upstream()
    upstream.has_head.set()
    upstream.says.put_nowait(b"a")
    incoming = await Pump(upstream, LONG, receipt()).send(REQUEST)
    assert await incoming.chunks.asend(None) == b"a"
    with pytest.raises(ZeroDivisionError):
        await incoming.chunks.athrow(ZeroDivisionError())
    assert upstream.is_closed.is_set()


async def test_websockets_are_the_upstreams_own() -> None:
    with pytest.raises(UpstreamUnreachable):
        await Pump(Upstream(), LONG, receipt()).connect(REQUEST)
