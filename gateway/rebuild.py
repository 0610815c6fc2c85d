"""Making memories anew from the record: what was derived is forgotten, and learnt again in the order of its learning.

The same record gives the same memories, row by row; what cannot be learnt again (added by a person, or in a model's
words) comes in where it came. The memories in use stay in use until all is done, and are replaced at once.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncIterator, Callable

import msgspec

from gateway.chronicle import Step
from gateway.config import Config
from gateway.filling import counted
from gateway.learn import Learner
from gateway.offline import Rebuilding, rebuilding
from gateway.study import Study
from gateway.telemetry import Telemetry
from gateway.types import Exchange, Operator
from gateway.wiring import DETECTORS, KINDS

STEPS_AT_ONCE = 256
"""Read from the record."""

OPERATOR = Operator()


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
        rebuilder = _Rebuilder(parts, clock)
        async for exchange, step in _steps(parts):
            await rebuilder.take(exchange, step)
            taken += 1
            on_step(len(parts.unordered) + parts.steps)
        await rebuilder.bring_back(math.inf)
    return taken


class _Rebuilder:
    """Fills a store."""

    def __init__(self, parts: Rebuilding, clock: StepClock) -> None:
        self._parts = parts
        self._clock = clock
        self._kept = deque(parts.kept)
        telemetry = Telemetry()  # that nobody reads: what is learnt again was counted
        self._study = Study(
            parts.journal, parts.history, parts.store, KINDS, DETECTORS, parts.counter, clock, telemetry
        )
        self._learner = Learner(parts.journal, parts.store, KINDS, parts.counter, self._study)
        self._early = Learner(parts.journal, parts.store, KINDS, parts.counter)

    async def take(self, exchange: Exchange, step: Step | None) -> None:
        """Take one step of learning, after what came before it; None for one whose time is not on record."""
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
                tokens=0,
            )
            await self._parts.store.put(scope, [counted(came, KINDS, self._parts.counter)])


async def _steps(parts: Rebuilding) -> AsyncIterator[tuple[Exchange, Step | None]]:
    """What was learnt from, in its order; what was erased since is left out."""
    for identifier in parts.unordered:
        exchange = await parts.journal.read(OPERATOR, identifier)
        if exchange is not None and exchange.mode in ("on", "write"):
            yield exchange, None
    position = 0
    while steps := await parts.chronicle.steps(OPERATOR, position, STEPS_AT_ONCE):
        position = steps[-1].position
        for step in steps:
            exchange = await parts.journal.read(OPERATOR, step.exchange)
            if exchange is not None:
                yield exchange, step
