"""The record in Redis as an operator sees it from any machine, with what a gateway has on this machine's disk.

What waits on other gateways' disks to be shipped is not seen; they ship at once while Redis answers.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.datadir import DataDir
from gateway.deadletters import DeadLetter
from gateway.journals.redis.chronicle import RedisChronicle
from gateway.journals.redis.dead import Letters
from gateway.journals.redis.exchanges import read_exchange
from gateway.journals.redis.server import Server
from gateway.journals.redis.visited import RedisSessions
from gateway.journals.sqlite import SqliteLetters, read_endings_beside, read_exchange_beside
from gateway.sealing import NO_SEAL, Seal
from gateway.sections import JournalConfig
from gateway.types import Exchange, Operator


class RedisBeside:
    """All of the shared record that an operator asks for. Usable from one event loop."""

    def __init__(self, settings: JournalConfig, data: DataDir, seal: Seal = NO_SEAL) -> None:
        """Connect to nothing yet.

        Args:
            data: the directory of a gateway; it need not be there.
        """
        self.place = f"Redis or {data.path}"
        self._server = Server(settings.url, timeout_s=settings.timeout_ms / 1000)
        self.chronicle = RedisChronicle(self._server, partitions=settings.partitions, seal=seal)
        self.sessions = RedisSessions(self._server, partitions=settings.partitions, seal=seal)
        self.letters = FleetLetters(Letters(self._server, settings.partitions), data.journal)
        self._spool = data.journal
        self._partitions = settings.partitions
        self._seal = seal

    async def read(self, exchange: str) -> Exchange | None:
        """One exchange by id; what is on this disk is newer. Raises `DataDirError` or `MemoryUnavailable`."""
        if self._spool.exists():
            found = await asyncio.to_thread(read_exchange_beside, self._spool, exchange, self._seal)
            if found is not None:
                return found
        return await read_exchange(self._server, exchange, partitions=self._partitions, seal=self._seal)

    async def endings(self) -> Mapping[str, bool]:
        """Every exchange by id, and whether an answer to it is on record. Raises as `read`."""
        # The disk first: what leaves it in between is in Redis by then.
        own = await asyncio.to_thread(read_endings_beside, self._spool) if self._spool.exists() else {}
        shared = await self.chronicle.exchanges(Operator(), 0.0, sys.maxsize)
        return own | {one.id: one.status is not None for one in shared}

    async def aclose(self) -> None:
        """Release."""
        await self._server.aclose()


class FleetLetters:
    """Dead letters in Redis, and those of records on this disk that could not even be shipped."""

    def __init__(self, shared: Letters, spool: Path) -> None:
        self._shared = shared
        self._spool = spool

    async def all(self) -> list[DeadLetter]:
        """By the time of their calls. Raises `DataDirError` or `MemoryUnavailable`."""
        found = [letter for own in self._own() for letter in await own.all()]
        by_exchange = {letter.exchange: letter for letter in (*found, *await self._shared.all())}
        return sorted(by_exchange.values(), key=lambda letter: (letter.at, letter.exchange))

    async def count(self) -> int:
        """How many there are in either place: in Redis there are none of what could not be shipped. Raises as `all`."""
        return await self._shared.count() + sum([await own.count() for own in self._own()])

    async def replay(self, exchanges: Sequence[str]) -> None:
        """Let the learner have them once more. Raises as `all`."""
        await self._shared.replay(exchanges)
        for own in self._own():
            await own.replay(exchanges)

    async def drop(self, exchanges: Sequence[str]) -> None:
        """Forget that they were passed over. Raises as `all`."""
        await self._shared.drop(exchanges)
        for own in self._own():
            await own.drop(exchanges)

    def _own(self) -> list[SqliteLetters]:
        """Those on this disk, where there is a spool on it."""
        return [SqliteLetters(self._spool)] if self._spool.exists() else []
