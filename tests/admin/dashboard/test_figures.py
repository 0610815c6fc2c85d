"""What is counted for the overview, and when it is counted anew."""

from __future__ import annotations

import asyncio
import gc
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from gateway.admin.dashboard import figures as module
from gateway.admin.dashboard.figures import FRESH_S, LENGTHS, REST, Kept, figures
from gateway.config import Config
from gateway.errors import MemoryUnavailable
from gateway.operating import Office
from gateway.period import Facts
from gateway.sections import Auth
from gateway.serve import own_routes
from gateway.testing import ManualClock
from gateway.types import Scope
from gateway.wiring import running
from tests.admin.dashboard.browsing import KEY, ORIGIN, Browser, words
from tests.lessons import lesson
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
        self.asks = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()
        self.takes_s = 0.0
        self.at_once = self.most_at_once = 0
        self._clock = clock

    async def read(self, tenant: str | None, since: float | None) -> Facts:
        until = self._clock.now()
        self.asked.append(since)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.asks.set()
        await self.open.wait()
        self._clock.advance(self.takes_s)
        self.at_once -= 1
        return facts(arm("a", 1, 0), until=until)


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


async def test_a_failure_that_nobody_waited_for_is_no_complaint(monkeypatch: pytest.MonkeyPatch) -> None:
    complaints, may_fail, failed = list[object](), asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))

    async def read(tenant: str | None, since: float | None) -> Facts:
        await may_fail.wait()
        failed.set()
        raise MemoryUnavailable("the disk is full")

    kept = Kept(read, ManualClock(NOW))
    monkeypatch.setattr(module, "WAIT_S", 0.0)
    assert await kept.figures("7d") is None
    may_fail.set()
    async with asyncio.timeout(10):
        await failed.wait()
    monkeypatch.setattr(module, "WAIT_S", 10.0)
    with pytest.raises(MemoryUnavailable):
        await kept.figures("7d")
    gc.collect()
    assert complaints == []


@pytest.mark.promise("P11")
async def test_what_was_counted_is_not_shown_once_somebody_was_erased() -> None:
    clock = ManualClock(NOW)
    record = Record(clock)
    kept = Kept(record.read, clock)
    before = await kept.figures("7d")
    kept.forget(Scope(tenant="acme", user="ann"))
    after = await kept.figures("7d")
    assert after is not before
    kept.forget_all()
    assert await kept.figures("7d") is not after
    assert len(record.asked) == 3


@pytest.mark.promise("P11")
async def test_a_count_that_began_before_somebody_was_erased_is_never_shown() -> None:
    clock = ManualClock(NOW)
    record = Record(clock)
    kept = Kept(record.read, clock)
    record.open.clear()
    looking = asyncio.create_task(kept.figures("7d"))
    async with asyncio.timeout(10):
        await record.asks.wait()
    kept.forget_all()
    clock.advance(1)
    record.open.set()
    assert await looking is None
    found = await kept.figures("7d")
    assert found is not None
    assert found.at == NOW + 1


async def test_lengths_of_time_are_counted_one_after_the_other() -> None:
    clock = ManualClock(NOW)
    record = Record(clock)
    kept = Kept(record.read, clock)
    record.open.clear()
    looking = [asyncio.create_task(kept.figures(length)) for length in LENGTHS]
    async with asyncio.timeout(10):
        await record.asks.wait()
    record.open.set()
    assert None not in await asyncio.gather(*looking)
    assert (len(record.asked), record.most_at_once) == (len(LENGTHS), 1)


async def test_what_takes_long_to_count_is_counted_for_a_twentieth_of_the_time() -> None:
    clock = ManualClock(NOW)
    record = Record(clock)
    record.takes_s = 10.0
    kept = Kept(record.read, clock)
    first = await kept.figures("7d")
    clock.advance(REST * 10.0 - 1)
    assert await kept.figures("7d") is first
    clock.advance(1)
    assert await kept.figures("7d") is not first


@pytest.mark.promise("P11")
async def test_who_was_erased_by_the_api_is_on_no_page_that_is_looked_at_next(tmp_path: Path) -> None:
    config = Config(data_dir=str(tmp_path / "data"), policies=str(tmp_path / "policies"), auth=Auth(admin_key=KEY))
    ann, bob = (Scope(tenant="acme", user=user) for user in ("ann", "bob"))
    async with running(config) as parts, AsyncExitStack() as stack:
        for scope in (ann, bob):
            await parts.store.put(scope, [lesson(f"of {scope.user}", text=f"`pay` failed for {scope.user}.")])
        transport = httpx.ASGITransport(Starlette(routes=own_routes(config, parts, Office(config, parts, stack))))
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            browser, pages = Browser(client), ("/accrue/ui/lessons", "/accrue/")
            await browser.sign_in()
            told = words(await browser.look(pages[0]))
            assert ("`pay` failed for ann." in told, "`pay` failed for bob." in told) == (True, True)
            await browser.look(pages[1])
            whose, key = {"user": "ann", "tenant": "acme"}, {"authorization": f"Bearer {KEY}"}
            assert (await client.post("/accrue/erase", json=whose, headers=key)).status_code == 200
            after = [words(await browser.look(page)) for page in pages]
            assert "`pay` failed for bob." in after[0]
            assert not any("for ann" in page for page in after)
