"""What is looked up for /metrics: how often, and what is shown of what is not known."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from gateway.console import Health
from gateway.errors import DataDirError, MemoryUnavailable
from gateway.lookups import DAYS, QUEUES, REPORT_S, WORTH, Lookups, worth
from gateway.period import Facts
from gateway.rates import ENOUGH
from gateway.report import DAY_S, VIOLATIONS, report
from gateway.telemetry import LOOKED_UP
from gateway.testing import ManualClock
from tests.periods import NOW, call, facts, signal

WELL = Health(
    version="1",
    started=NOW,
    memory="on",
    journal="ok",
    stores={},
    breakers=(),
    waiting=4,
    distilling=3,
    dead=2,
    indexed=0.5,
)


class Bench:
    """Lookups over what a test says, and what was shown of them."""

    def __init__(self, found: Facts) -> None:
        self.clock, self.found, self.takes_s = ManualClock(NOW), found, 0.0
        self.trouble: Exception | None = None
        self.shown: dict[str, float | None] = {}
        self.reported: list[float] = []
        self.lookups = Lookups(self.health, self.facts, self.shown.update, self.clock)
        self.looked = asyncio.Event()

    async def health(self) -> Health:
        self.looked.set()
        if self.trouble is not None:
            raise self.trouble
        return WELL

    async def facts(self, tenant: str | None, since: float | None) -> Facts:
        assert tenant is None
        assert since == self.clock.now() - DAYS * DAY_S
        self.reported.append(self.clock.now() - NOW)
        self.clock.advance(self.takes_s)
        if self.trouble is not None:
            raise self.trouble
        return self.found


def kept(right: int, wrong: int) -> Facts:
    verdicts = [signal(VIOLATIONS, f"ex_{number}", is_good=number < right, key="m") for number in range(right + wrong)]
    return facts(signals=verdicts)


def two_arms(sessions: int) -> Facts:
    """Sessions with memory, all of them right, and as many without, all of them wrong."""
    calls, signals = [], []
    for number in range(sessions):
        calls.append(call(f"with_{number}", session=f"with_{number}"))
        calls.append(call(f"without_{number}", session=f"without_{number}", owner="bob", status="holdout"))
        signals.append(signal("feedback", f"without_{number}", is_good=False, grade="S"))
    return facts(calls=sorted(calls, key=lambda one: one.status != "holdout"), signals=signals)


def test_everything_that_is_looked_up_has_a_meaning() -> None:
    assert {*QUEUES, *WORTH} == LOOKED_UP.keys()


def test_adherence_is_of_all_constraints_together_and_said_when_enough_was_checked() -> None:
    assert worth(report(kept(ENOUGH - 5, 5)))[0] == (ENOUGH - 5) / ENOUGH
    assert worth(report(kept(ENOUGH - 6, 5))) == (None, None, None, None)


def test_lift_is_said_with_its_interval_when_both_arms_are_large_enough() -> None:
    assert worth(report(two_arms(ENOUGH - 1)))[1:] == (None, None, None)
    _, lift, low, high = worth(report(two_arms(ENOUGH)))
    assert lift is not None
    assert low is not None
    assert high is not None
    assert 0.5 < low < lift < high <= 1


async def test_queues_are_shown_at_once_and_worth_when_it_is_due() -> None:
    bench = Bench(kept(ENOUGH, 0))
    await bench.lookups.look()
    assert bench.shown == {"waiting": 4, "distilling": 3, "dead_letters": 2, "index_share": 0.5}
    bench.clock.advance(REPORT_S)
    await bench.lookups.look()
    assert (bench.shown["adherence"], bench.shown["lift"]) == (1.0, None)


async def test_a_report_takes_no_more_than_a_hundredth_of_the_time_however_long_it_is() -> None:
    bench = Bench(kept(0, 0))
    bench.takes_s = 60.0
    for _ in range(200):
        bench.clock.advance(REPORT_S / 10)
        await bench.lookups.look()
    assert bench.reported[0] == REPORT_S
    assert len(bench.reported) > 2
    assert all(later - sooner >= 100 * 60.0 for sooner, later in pairwise(bench.reported))


async def test_what_cannot_be_read_is_not_shown_and_is_looked_for_again_when_due() -> None:
    bench = Bench(kept(ENOUGH, 0))
    bench.clock.advance(REPORT_S)
    await bench.lookups.look()
    for trouble in (MemoryUnavailable("away"), DataDirError("gone")):
        bench.trouble = trouble
        bench.clock.advance(REPORT_S)
        await bench.lookups.look()
        assert bench.shown == dict.fromkeys((*QUEUES, *WORTH))
    bench.trouble = None
    await bench.lookups.look()
    assert bench.shown["waiting"] == 4
    assert bench.shown["adherence"] is None


async def test_it_looks_until_it_is_told_to_stop() -> None:
    bench, stop = Bench(kept(0, 0)), asyncio.Event()
    task = asyncio.create_task(bench.lookups.run(stop))
    async with asyncio.timeout(10):
        await bench.looked.wait()
        stop.set()
        await task


async def test_a_fault_in_what_is_counted_does_not_end_the_looking() -> None:
    bench = Bench(kept(0, 0))
    bench.trouble = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
    await bench.lookups.look()
    assert bench.shown == dict.fromkeys(QUEUES)
    bench.trouble = None
    await bench.lookups.look()
    assert bench.shown["waiting"] == 4
