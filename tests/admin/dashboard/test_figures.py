"""What is counted for the overview, and when it is counted anew."""

from __future__ import annotations

import asyncio

import pytest

from gateway.admin.dashboard import figures as module
from gateway.admin.dashboard.figures import FRESH_S, Kept, figures
from gateway.errors import MemoryUnavailable
from gateway.period import Facts
from gateway.testing import ManualClock
from tests.periods import DAY_S, NOW, arm, call, facts, signal


def test_days_without_calls_are_days_too() -> None:
    found = figures(facts([(call("ex_1", at=NOW - 3 * DAY_S), []), (call("ex_2", status="empty", tokens=0), [])]))
    assert [step.begins for step in found.steps] == ["2026-11-19", "2026-11-20", "2026-11-21", "2026-11-22"]
    assert [step.tokens for step in found.steps] == [100, 0, 0, 0]
    assert (found.steps[-1].calls["empty"], found.tokens) == (1, 100)


def test_long_periods_are_counted_by_weeks_that_begin_on_monday() -> None:
    found = figures(facts([(call("ex_1", at=NOW - 40 * DAY_S), []), (call("ex_2"), [])]))
    assert (found.by, found.steps[0].begins, found.steps[-1].begins, len(found.steps)) == (
        "week", "2026-10-12", "2026-11-16", 6,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "sort"),
    [("hit", "hit"), ("unscoped", "empty"), ("timeout", "failed"), ("breaker", "failed"), ("error", "failed"),
     ("off", "aside"), ("holdout", "aside")],
)  # fmt: skip
def test_every_status_is_of_one_sort(status: str, sort: str) -> None:
    found = figures(facts([(call("ex_1", status=status), [])]))
    assert {name for name, count in found.sorts.items() if count} == {sort}
    assert found.asked == (sort != "aside")


def test_failures_are_those_that_went_wrong_and_rare_ones_are_told_together() -> None:
    names = ("a", "b", "c", "d", "e", "f")
    signals = [signal(name, "ex_1") for number, name in enumerate(names) for _ in range(6 - number)]
    other = [signal("a", "ex_1", is_good=True), signal("a", "ex_1", is_good=None), signal("a", "ex_0", at=0.0)]
    found = figures(facts([(call("ex_1"), [*signals, *other])]))
    assert found.failures == {"a": [6], "b": [5], "c": [4], "d": [3], "others": [3]}


def test_nothing_happened_is_a_figure_too() -> None:
    found = figures(facts())
    assert (found.steps, found.asked, found.report.calls) == ((), 0, 0)


class Record:
    """Counts how often it is read, and answers when it is let."""

    def __init__(self, clock: ManualClock) -> None:
        self.asked = list[float | None]()
        self.open = asyncio.Event()
        self.open.set()
        self._clock = clock

    async def read(self, tenant: str | None, since: float | None) -> Facts:
        self.asked.append(since)
        await self.open.wait()
        return facts(arm("a", 1, 0), until=self._clock.now())


async def test_figures_are_counted_once_for_all_who_look_within_some_seconds() -> None:
    clock = ManualClock(NOW)
    record = Record(clock)
    kept = Kept(record.read, clock)
    await asyncio.gather(*(kept.figures("7d") for _ in range(20)))
    await kept.figures("7d")
    assert record.asked == [NOW - 7 * DAY_S]
    await kept.figures("all")
    clock.advance(FRESH_S)
    await kept.figures("7d")
    assert len(record.asked) == 3


async def test_nobody_waits_long_for_what_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_S", 0.01)
    clock = ManualClock(NOW)
    record = Record(clock)
    record.open.clear()
    kept = Kept(record.read, clock)
    assert await kept.figures("7d") is None
    record.open.set()
    monkeypatch.setattr(module, "WAIT_S", 10.0)
    first = await kept.figures("7d")
    assert first is not None
    record.open.clear()
    clock.advance(FRESH_S)
    monkeypatch.setattr(module, "WAIT_S", 0.01)
    assert await kept.figures("7d") is first
    record.open.set()
    monkeypatch.setattr(module, "WAIT_S", 10.0)
    assert await kept.figures("7d") is not first
    assert len(record.asked) == 2


async def test_a_record_that_cannot_be_read_is_read_again_by_the_next_who_looks() -> None:
    is_broken = True

    async def read(tenant: str | None, since: float | None) -> Facts:
        if is_broken:
            raise MemoryUnavailable("the disk is full")
        return facts()

    kept = Kept(read, ManualClock(NOW))
    with pytest.raises(MemoryUnavailable):
        await kept.figures("7d")
    is_broken = False
    assert await kept.figures("7d") is not None
