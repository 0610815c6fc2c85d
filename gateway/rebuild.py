"""Making memories anew from the record: what was derived is forgotten, and learnt again in the order of its learning.

The same record gives the same memories, row by row; what cannot be learnt again (added by a person, or in a model's
words) comes in where it came, and what a person did to memories is done again. The memories in use stay in use until
all is done, and are replaced at once.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Sequence

import msgspec

from gateway.byhand import after
from gateway.chronicle import Step
from gateway.config import Config
from gateway.experience import Change
from gateway.filling import counted
from gateway.learn import Learner
from gateway.memories import Memory
from gateway.offline import Rebuilding, rebuilding
from gateway.study import Study
from gateway.telemetry import Telemetry
from gateway.types import Exchange, Operator, Scope
from gateway.wiring import DETECTORS, KINDS

STEPS_AT_ONCE = 256
"""Read from the record."""

OPERATOR = Operator()

BRINGING = ("ADD", "IMPORT")
"""What brings a memory that nothing else in the record brings."""


class StepClock:
    """Stands where learning stood."""

    def __init__(self) -> None:
        self._now = 0.0

    def turn_to(self, at: float) -> None:
        """Make it a moment, in Unix seconds."""
        self._now = at

    def now(self) -> float:
        """Unix seconds."""
        return self._now

    def new_id(self, prefix: str) -> str:
        """Nothing that is learnt has an id by chance."""
        raise NotImplementedError(prefix)


async def rebuild(config: Config, on_step: Callable[[int], None] = lambda total: None) -> int:
    """Make the memories of a data directory anew; how many steps of learning that took.

    Raises `DataDirError` or `ConfigError` for what must be put right by a person first, and `MemoryUnavailable` when
    the record cannot be read or the new memories not be written; the old ones then stay.

    Args:
        on_step: told after each step how many there are in all.
    """
    clock, taken = StepClock(), 0
    async with rebuilding(config, clock) as parts:
        rebuilder = _Rebuilder(parts, clock, await _brought(parts))
        async for exchange, step in _steps(parts):
            await rebuilder.take(exchange, step)
            taken += 1
            on_step(len(parts.unordered) + parts.steps)
        await rebuilder.bring_back(math.inf)
    return taken


class _Rebuilder:
    """Fills a store."""

    def __init__(self, parts: Rebuilding, clock: StepClock, brought: Collection[tuple[str, str]]) -> None:
        """Begin with nothing.

        Args:
            brought: owners and ids of memories that came in a step of their own.
        """
        self._parts = parts
        self._clock = clock
        self._kept = deque(one for one in parts.kept if (one[0].owner, one[1].id) not in brought)
        telemetry = Telemetry()  # that nobody reads: what is learnt again was counted
        self._study = Study(
            parts.journal, parts.history, parts.store, KINDS, DETECTORS, parts.counter, clock, telemetry
        )
        self._learner = Learner(parts.journal, parts.store, KINDS, parts.counter, self._study)
        self._early = Learner(parts.journal, parts.store, KINDS, parts.counter)

    async def take(self, exchange: Exchange | None, step: Step | None) -> None:
        """Take one step, after what came before it: of learning from an exchange, or done by hand where there is none.

        Args:
            step: None for one whose time is not on record.
        """
        if exchange is None:
            if step is not None:
                await self.bring_back(step.at)
                await self._done(step.scope, step.changes)
            return
        await self.bring_back(exchange.ended if step is None else step.at)
        self._clock.turn_to(exchange.ended)
        if step is None:  # from before anything was looked at
            await self._early.take(exchange)
        elif step.feedback:
            await self._study.hear(exchange, step.feedback)
        elif step.is_over:
            await self._study.end(exchange)
        else:
            await self._learner.take(exchange)

    async def _done(self, scope: Scope, changes: Sequence[Change]) -> None:
        """Do once more what was done by hand."""
        store, came = self._parts.store, [change.memory for change in changes if change.action in BRINGING]
        if came:
            found = await asyncio.to_thread(self._parts.former, scope.owner, came)
            await store.put(scope, [_came(memory, changes[0].at) for memory in found])
        if gone := [change.memory for change in changes if change.action == "FORGET"]:
            await store.forget(scope, gone)
        named = {id for change in changes for id in (change.memory, change.by) if id}
        known = {memory.id: memory for memory in await store.get(scope, sorted(named))}
        changed = [memory for id, memory in after(changes, known).items() if memory != known[id]]
        if changed:
            await store.put(scope, [counted(memory, KINDS, self._parts.counter) for memory in changed])

    async def bring_back(self, until: float) -> None:
        """Put in what cannot be learnt and was there by a time, as it was when it came."""
        while self._kept and self._kept[0][1].recorded_at <= until:
            scope, memory = self._kept.popleft()
            source = await self._parts.journal.read(OPERATOR, memory.exchange) if memory.exchange else None
            came = msgspec.structs.replace(
                memory,
                at=memory.at if source is None else source.at,
                ended_at=None,
                ended_by="",
                count=1,
                last="",
                slot="" if memory.evidence else memory.slot,
                is_pinned=False,
                tokens=0,
            )
            await self._parts.store.put(scope, [counted(came, KINDS, self._parts.counter)])


def _came(memory: Memory, at: float) -> Memory:
    """A memory that came from elsewhere, but for its end if that came later; how often it was said is not counted
    twice, because it knows of what it was counted."""
    if memory.ended_at is None or memory.ended_at <= at:
        return memory
    return msgspec.structs.replace(memory, ended_at=None, ended_by="")


async def _brought(parts: Rebuilding) -> set[tuple[str, str]]:
    """Owners and ids of what came in by hand."""
    return {
        (step.scope.owner, change.memory)
        async for step in _all(parts)
        for change in step.changes
        if change.action in BRINGING
    }


async def _steps(parts: Rebuilding) -> AsyncIterator[tuple[Exchange | None, Step | None]]:
    """What was learnt from and what was done by hand, in their order; what was erased since is left out."""
    for identifier in parts.unordered:
        exchange = await parts.journal.read(OPERATOR, identifier)
        if exchange is not None and exchange.mode in ("on", "write"):
            yield exchange, None
    async for step in _all(parts):
        exchange = await parts.journal.read(OPERATOR, step.exchange) if step.exchange else None
        if exchange is not None or not step.exchange:
            yield exchange, step


async def _all(parts: Rebuilding) -> AsyncIterator[Step]:
    position = 0
    while steps := await parts.chronicle.steps(OPERATOR, position, STEPS_AT_ONCE):
        position = steps[-1].position
        for step in steps:
            yield step
