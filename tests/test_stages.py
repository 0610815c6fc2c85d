"""How long stages take: over a clock that moves when told, and over real threads and tasks."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from gateway.stages import BUCKETS_S, STAGES, Stages, marked, untimed
from gateway.testing import ManualClock


class Bench:
    def __init__(self) -> None:
        self.clock, self.registry = ManualClock(1_000.0), CollectorRegistry()
        self.stages = Stages(self.registry, self.clock.now)

    def shown(self, line: str) -> bool:
        return f"accrue_stage_seconds_{line}\n" in generate_latest(self.registry).decode()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_stage_is_observed_under_its_name_for_as_long_as_it_took(bench: Bench) -> None:
    with bench.stages.time("recall"):
        bench.clock.advance(0.03)
    assert bench.shown('bucket{le="0.025",stage="recall"} 0.0')
    assert bench.shown('bucket{le="0.05",stage="recall"} 1.0')
    assert bench.shown('count{stage="compose"} 0.0')


def test_every_stage_is_there_from_the_start_and_the_buckets_reach_from_placing_to_thinking(bench: Bench) -> None:
    assert all(bench.shown(f'count{{stage="{stage}"}} 0.0') for stage in STAGES)
    assert (BUCKETS_S[0], BUCKETS_S[-1]) == (0.0001, 10.0)


def test_a_stage_that_is_broken_off_is_observed_as_well(bench: Bench) -> None:
    with pytest.raises(TimeoutError), bench.stages.time("identify"):
        raise TimeoutError
    assert bench.shown('count{stage="identify"} 1.0')


def test_a_clock_that_is_set_back_makes_no_time_negative(bench: Bench) -> None:
    with bench.stages.time("read"):
        bench.clock.advance(-3600)
    assert bench.shown('sum{stage="read"} 0.0')


async def test_the_stages_of_a_call_are_marked_for_it_alone_in_whichever_task_or_thread_they_end(bench: Bench) -> None:
    def off_the_loop() -> None:
        with bench.stages.time("read"):
            pass

    async def call(seconds: float) -> list[str]:
        marks = marked()
        await asyncio.to_thread(off_the_loop)
        with bench.stages.time("recall"):
            bench.clock.advance(seconds)
        await asyncio.create_task(forwarded())
        return [stage for stage, _, _ in marks]

    async def forwarded() -> None:
        with bench.stages.time("forward"):
            pass

    marks = await asyncio.gather(*(asyncio.create_task(call(number)) for number in range(20)))
    assert marks == [["read", "recall", "forward"]] * 20


def test_a_mark_says_when_the_stage_began_and_ended(bench: Bench) -> None:
    marks = marked()
    with bench.stages.time("place"):
        bench.clock.advance(0.5)
    assert marks == [("place", 1_000.0, 1_000.5)]


def test_untimed_stages_leave_nothing() -> None:
    with untimed("compose"):
        pass
