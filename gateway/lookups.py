"""What /metrics shows that is not counted as it happens: looked up in the background now and then, never by a scrape.

Queues are looked at often. What memory is worth takes reading the record of a month, which is done so seldom that it
never takes more than a hundredth of the time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from gateway.console import Health
from gateway.errors import DataDirError, MemoryUnavailable
from gateway.pause import pause
from gateway.period import Facts
from gateway.ports import Clock
from gateway.rates import ENOUGH
from gateway.report import DAY_S, Report, report

LOOK_S = 15.0
"""Between two looks at queues: about as often as anybody asks for them."""

REPORT_S = 900.0
"""Between two reports, at least, and before the first."""

REST = 99
"""Times as long as a report took, nothing is done about the next."""

DAYS = 30
"""That it is about."""

QUEUES = ("waiting", "distilling", "dead_letters", "index_share")
WORTH = ("adherence", "lift", "lift_low", "lift_high")

log = structlog.get_logger()

Values = Sequence[float | None]
"""None: not known, or too little is."""


class Lookups:
    """Looks them up."""

    def __init__(
        self,
        health: Callable[[], Awaitable[Health]],
        facts: Callable[[str | None, float | None], Awaitable[Facts]],
        show: Callable[[Mapping[str, float | None]], None],
        clock: Clock,
    ) -> None:
        """Look where an operator would (`Console`).

        Args:
            show: takes figures by the names of `telemetry.LOOKED_UP`.
        """
        self._health = health
        self._facts = facts
        self._show = show
        self._clock = clock
        self._due = clock.now() + REPORT_S

    async def run(self, stop: asyncio.Event) -> None:
        """Look until told to stop."""
        while not stop.is_set():
            await self.look()
            await pause(stop, LOOK_S)

    async def look(self) -> None:
        """Look at queues, and at what memory is worth when that is due. What cannot be read now is not shown."""
        await self._look_up(QUEUES, self._queues)
        if self._clock.now() >= self._due:
            began = self._clock.now()
            await self._look_up(WORTH, self._worth)
            ended = self._clock.now()
            self._due = ended + max(REPORT_S, REST * (ended - began))

    async def _look_up(self, names: Sequence[str], figures: Callable[[], Awaitable[Values]]) -> None:
        try:
            values = await figures()
        except Exception as error:
            if not isinstance(error, (MemoryUnavailable, DataDirError)):
                log.error("figures_failed", exc_info=error)
            values = (None,) * len(names)
        self._show(dict(zip(names, values, strict=True)))

    async def _queues(self) -> Values:
        health = await self._health()
        return health.waiting, health.distilling, health.dead, health.indexed

    async def _worth(self) -> Values:
        facts = await self._facts(None, self._clock.now() - DAYS * DAY_S)
        return worth(await asyncio.to_thread(report, facts))


def worth(found: Report) -> Values:
    """What a report says memory is worth; nothing where there is not enough to say it."""
    kept, checked = sum(row.kept for row in found.adherence), sum(row.checked for row in found.adherence)
    adherence = kept / checked if checked >= ENOUGH else None
    lift = found.arms.lift
    if lift is None:
        return adherence, None, None, None
    return adherence, lift.difference.mean, lift.difference.low, lift.difference.high
