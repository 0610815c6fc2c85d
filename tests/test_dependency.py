"""gateway/dependency.py over a part that hangs, fails and answers when told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.breaker import FAILURES, Breaker, KeptAway
from gateway.dependency import Dependency
from gateway.errors import Damaged, MemoryUnavailable
from gateway.testing import ManualClock

WAIT_S = 10.0


class Part:
    """Hangs while it is held, raises while it has something to raise, and counts."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.free.set()
        self.error: Exception | None = None
        self.asked = 0
        self.probed = asyncio.Semaphore(0)

    async def answer(self) -> str:
        self.asked += 1
        await self.free.wait()
        if self.error is not None:
            raise self.error
        return "answer"

    async def probe(self) -> None:
        self.probed.release()
        await self.free.wait()
        if self.error is not None:
            raise self.error


class Bench:
    def __init__(self, limit: int = 100) -> None:
        self.part = Part()
        self.closed = asyncio.Event()
        self.breaker = Breaker("part", ManualClock(), on_change=self.changed)
        self.dependency = Dependency(self.breaker, self.part.probe, limit=limit)

    def changed(self, name: str, is_open: bool) -> None:
        if not is_open:
            self.closed.set()

    async def ask(self, within_s: float = WAIT_S) -> str:
        async with asyncio.timeout(within_s):
            return await self.dependency.ask(self.part.answer)

    async def give_up(self) -> None:
        with pytest.raises(TimeoutError):
            await self.ask(0.001)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    bench.part.free.set()
    await bench.dependency.aclose()


async def test_what_answers_is_asked(bench: Bench) -> None:
    for _ in range(3 * FAILURES):
        assert await bench.ask() == "answer"


@pytest.mark.promise("P4")
async def test_what_hangs_is_asked_by_a_few_and_by_nobody_more_until_it_has_answered_a_probe(bench: Bench) -> None:
    bench.part.free.clear()
    for _ in range(FAILURES):
        await bench.give_up()
    for _ in range(100):
        with pytest.raises(KeptAway, match="part: breaker"):
            await bench.ask()
    assert bench.part.asked == FAILURES
    async with asyncio.timeout(WAIT_S):
        for _ in range(3):  # one that hangs is followed by the next
            await bench.part.probed.acquire()
        assert bench.breaker.is_open
        bench.part.free.set()
        await bench.closed.wait()
    assert await bench.ask() == "answer"


@pytest.mark.parametrize("error", [MemoryUnavailable("disk"), ZeroDivisionError("a fault of ours")])
async def test_what_cannot_be_had_is_left_alone_and_a_fault_of_ours_is_no_reason_to(
    bench: Bench, error: Exception
) -> None:
    bench.part.error = error
    for _ in range(FAILURES):
        with pytest.raises(type(error)):
            await bench.ask()
    assert bench.breaker.is_open == isinstance(error, MemoryUnavailable)
    bench.part.error = None
    if bench.breaker.is_open:
        async with asyncio.timeout(WAIT_S):
            await bench.closed.wait()
    assert await bench.ask() == "answer"


async def test_what_answers_that_something_cannot_be_read_is_well(bench: Bench) -> None:
    bench.part.error = Damaged("a session that cannot be read")
    for _ in range(2 * FAILURES):
        with pytest.raises(Damaged):
            await bench.dependency.ask(bench.part.answer)
    assert not bench.breaker.is_open


async def test_a_probe_that_runs_into_a_fault_of_ours_is_not_the_last(bench: Bench) -> None:
    bench.part.free.clear()
    for _ in range(FAILURES):
        await bench.give_up()
    bench.part.error = ZeroDivisionError("a fault of ours")
    bench.part.free.set()
    async with asyncio.timeout(WAIT_S):
        await bench.part.probed.acquire()
        await bench.part.probed.acquire()
        bench.part.error = None
        await bench.closed.wait()


async def test_one_more_than_may_wait_is_turned_away_at_once_and_is_no_failure() -> None:
    bench = Bench(limit=2)
    bench.part.free.clear()
    waiting = [asyncio.create_task(bench.ask()) for _ in range(2)]
    while bench.part.asked < 2:
        await asyncio.wait(waiting, timeout=0.001)
    for _ in range(10 * FAILURES):
        with pytest.raises(KeptAway, match="part: overload"):
            await bench.ask()
    bench.part.free.set()
    assert await asyncio.gather(*waiting) == ["answer"] * 2
    assert await bench.ask() == "answer"
    assert not bench.breaker.is_open


async def test_closing_ends_the_search_for_what_is_away() -> None:
    bench = Bench()
    bench.part.error = MemoryUnavailable("disk")
    for _ in range(FAILURES):
        with pytest.raises(MemoryUnavailable):
            await bench.ask()
    async with asyncio.timeout(WAIT_S):
        await bench.dependency.aclose()
    assert bench.breaker.is_open
    bench.breaker.close()
    for _ in range(FAILURES):
        with pytest.raises(MemoryUnavailable):
            await bench.ask()
    await bench.dependency.aclose()
