"""What was learnt leaves the spool: Redis has it, and the memories of it are kept elsewhere.

Only what Redis says is learnt goes, so that a Redis which lost its last moments or all it had loses nobody a turn. It
does not know who learns, nor how what is left gets to Redis.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import structlog

from gateway.errors import MemoryUnavailable
from gateway.journals.redis.keys import owner_of
from gateway.journals.redis.parcels import version_of
from gateway.journals.redis.server import Server
from gateway.journals.redis.shipping import Shipping
from gateway.journals.sqlite.spool import Place, SqliteSpool
from gateway.pause import pause

EVERY_S = 1.0
"""Between two looks: so long after it was learnt an exchange is still on this disk."""

PAGE = 256
"""Exchanges looked at together."""

_log = structlog.get_logger()


class Forgetting:
    """Empties one spool. Usable from one event loop."""

    def __init__(self, spool: SqliteSpool, server: Server, shipping: Shipping, *, partitions: int) -> None:
        self._spool = spool
        self._server = server
        self._shipping = shipping
        self._partitions = partitions
        self._looked = 0
        """The last position that was looked at: what is not learnt for long must not hide what came after it."""

    async def run(self, stop: asyncio.Event) -> None:
        """Forget until told to stop; trouble is told by the shipping."""
        while not stop.is_set():
            await pause(stop, EVERY_S)
            with suppress(MemoryUnavailable):
                while await self.step():
                    pass

    async def step(self) -> int:
        """Look at some of what was shipped; how many were learnt, 0 as well where all was looked at.

        Raises `MemoryUnavailable`.
        """
        page = await self._spool.places(self._looked, self._shipping.reached, PAGE)
        if not page:
            self._looked = 0
            return 0
        answers = await self._server.ask_all([("HMGET", self._key(place), "version", "learnt") for place in page])
        if any(version is None for version, _ in answers):  # expired, or lost with a server whose place another has
            self._again(sum(version is None for version, _ in answers))
        learnt = {
            place.position: version
            for place, (version, learnt) in zip(page, answers, strict=True)
            if version is not None and version == learnt
        }
        lost = await self._lost(learnt) if learnt else set()
        if lost:
            self._again(len(lost))
        gone = [place for place in page if place.position in learnt and place.position not in lost]
        if gone:
            await self._spool.forget(gone)
        self._looked = page[-1].position if len(page) == PAGE else 0
        return len(gone) if self._looked else 0

    def _again(self, count: int) -> None:
        """Have everything shipped again, as so many of it are not in Redis."""
        _log.warning("shipping_lost", count=count)
        self._shipping.forgotten()

    async def _lost(self, learnt: Mapping[int, bytes]) -> set[int]:
        """Positions of which Redis has an earlier end: the one that waits here was lost there."""
        lost = set()
        for each in await self._spool.after(self._looked, PAGE):
            there, here = learnt.get(each.place.position), version_of(each.exchange, each.payload).encode()
            if there not in (None, here) and there.rpartition(b":")[0] <= here.rpartition(b":")[0]:
                lost.add(each.place.position)
        return lost

    def _key(self, place: Place) -> str:
        return owner_of(place.scope, self._partitions).partition.key("exchange", place.exchange)
