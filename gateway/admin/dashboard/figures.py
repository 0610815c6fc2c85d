"""What the overview shows, counted from what happened, and kept for a while: counting goes through the whole record.

How it is drawn is not known here.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Literal, get_args

import msgspec

from gateway.period import Called, Facts, Held, seconds
from gateway.ports import Clock
from gateway.report import DAY_S, MAX_DAYS, Report, begins, report
from gateway.types import Scope

FRESH_S = 5.0
"""For so long nothing is counted anew, at least."""

REST = 20
"""Times as long as it took to count, nothing is counted anew: a large record is read for a twentieth of the time."""

WAIT_S = 0.4
"""So long a page waits for what is being counted; then it shows what was counted before, or says that it is."""

Length = Literal["1d", "7d", "30d", "12w", "all"]
LENGTHS: tuple[Length, ...] = get_args(Length)

Sort = Literal["hit", "empty", "failed", "aside"]
SORTS: tuple[Sort, ...] = get_args(Sort)
SORT_OF: Mapping[str, Sort] = {
    "hit": "hit",
    "empty": "empty",
    "unscoped": "empty",
    "timeout": "failed",
    "breaker": "failed",
    "error": "failed",
    "off": "aside",
    "holdout": "aside",
}
"""What became of a call, by `Outcome.status`: something was added, there was nothing to add, memory could not say, or
it had no part in it."""

MOST_NAMES = 4
"""Signals that are drawn by themselves; the others are drawn together."""

OTHERS = "others"

Read = Callable[[str | None, float | None], Awaitable[Facts]]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in a day or a week."""

    begins: str
    """Its first day, UTC: `2026-11-22`; weeks begin on Monday."""
    calls: Mapping[Sort, int]
    tokens: int
    """That memory added."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """See the module."""

    at: float
    """Unix seconds at which they were counted."""
    report: Report
    by: Literal["day", "week"]
    steps: tuple[Step, ...]
    """Oldest first, and none left out between the first and the last; empty where there were no calls."""
    sorts: Mapping[Sort, int]
    tokens: int
    failures: Mapping[str, Sequence[int]]
    """How often each signal said in each step that something went wrong; the most frequent first."""
    lessons: Sequence[Held]
    """Of which the report says what they are worth."""

    @property
    def asked(self) -> int:
        """Calls for which memory was asked."""
        return self.sorts["hit"] + self.sorts["empty"] + self.sorts["failed"]


def figures(facts: Facts) -> Figures:
    """Count."""
    span_s = facts.until - (facts.calls[0].at if facts.calls else facts.until)
    by: Literal["day", "week"] = "day" if span_s <= MAX_DAYS * DAY_S else "week"
    steps = tuple(_steps(facts, by))
    places = {step.begins: place for place, step in enumerate(steps)}
    failures: dict[str, list[int]] = {}
    for signal in facts.signals:
        place = places.get(begins(signal.at, by).isoformat())
        if signal.is_good is False and place is not None:
            failures.setdefault(signal.name, [0] * len(steps))[place] += 1
    return Figures(
        at=facts.until,
        report=report(facts),
        by=by,
        steps=steps,
        sorts=_sorts(facts.calls),
        tokens=sum(call.tokens for call in facts.calls),
        failures=_fewer(failures, len(steps)),
        lessons=facts.lessons,
    )


def _steps(facts: Facts, by: Literal["day", "week"]) -> Iterable[Step]:
    if not facts.calls:
        return
    found: dict[date, list[Called]] = {}
    for call in facts.calls:
        found.setdefault(begins(call.at, by), []).append(call)
    day, last = min(found), max(begins(facts.until, by), max(found))
    while day <= last:
        calls = found.get(day, [])
        yield Step(begins=day.isoformat(), calls=_sorts(calls), tokens=sum(call.tokens for call in calls))
        day += timedelta(days=1 if by == "day" else 7)


def _sorts(calls: Iterable[Called]) -> dict[Sort, int]:
    counts = Counter(SORT_OF[call.status] for call in calls)
    return {sort: counts[sort] for sort in SORTS}


def _fewer(failures: Mapping[str, Sequence[int]], steps: int) -> dict[str, Sequence[int]]:
    names = sorted(failures, key=lambda name: (-sum(failures[name]), name))
    kept = {name: failures[name] for name in names[:MOST_NAMES]}
    if rest := names[MOST_NAMES:]:
        kept[OTHERS] = [sum(failures[name][place] for name in rest) for place in range(steps)]
    return kept


class _Counted(msgspec.Struct, frozen=True, kw_only=True):
    """Figures, and how long they are good enough."""

    figures: Figures
    until: float
    """Unix seconds."""


class Kept:
    """The figures of each length of time, counted in the background: one after the other, however many pages ask.

    What is told of one person is in the figures of all, so that to forget anybody is to forget everything.
    """

    def __init__(self, read: Read, clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._counted: dict[Length, _Counted] = {}
        self._counting: dict[Length, asyncio.Task[None]] = {}
        self._turn = asyncio.Lock()
        self._forgotten = 0

    async def figures(self, length: Length) -> Figures | None:
        """The newest there are within `WAIT_S`; None where there are none yet.

        Raises `MemoryUnavailable` or `DataDirError`.
        """
        if self._is_due(length):
            self._counting[length] = asyncio.create_task(self._count(length))
        task = self._counting[length]
        await asyncio.wait({task}, timeout=WAIT_S)
        if task.done():
            task.result()  # raises what kept it from counting
        counted = self._counted.get(length)
        return None if counted is None else counted.figures

    def forget(self, scope: Scope) -> None:
        """Count anew: something is not known any more, or is not what it was."""
        self.forget_all()

    def forget_all(self) -> None:
        """Count anew, and show nothing until that is done."""
        self._forgotten += 1
        self._counted.clear()

    def _is_due(self, length: Length) -> bool:
        task = self._counting.get(length)
        if task is not None:
            if not task.done():
                return False
            task.exception()  # asked for, because nobody may have waited for it
        counted = self._counted.get(length)
        return counted is None or counted.until <= self._clock.now()

    async def _count(self, length: Length) -> None:
        async with self._turn:
            forgotten, began = self._forgotten, self._clock.now()
            since = None if length == "all" else began - seconds(length)
            counted = await asyncio.to_thread(figures, await self._read(None, since))
            ended = self._clock.now()
            if forgotten == self._forgotten:  # else it may tell of who was erased meanwhile
                self._counted[length] = _Counted(figures=counted, until=ended + max(FRESH_S, REST * (ended - began)))
