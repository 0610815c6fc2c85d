"""Records to look back on, each as one gateway has it: on its own disk, or in a Redis with others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from gateway.chronicle import Chronicle, History
from gateway.journals.redis.chronicle import RedisChronicle
from gateway.journals.redis.consumer import Consumer
from gateway.journals.redis.dead import RedisDeadLetters
from gateway.journals.redis.history import RedisHistory
from gateway.journals.redis.journal import RedisJournal
from gateway.journals.redis.keys import Partition
from gateway.journals.redis.server import Server
from gateway.journals.redis.tenures import Tenures
from gateway.journals.sqlite import SqliteChronicle, SqliteHistory, SqliteJournal, rows
from gateway.journals.sqlite.spool import SqliteSpool
from gateway.sealing import NO_SEAL, Seal
from gateway.testing import ManualClock
from gateway.testing.redis import RedisProcess
from tests.journals.lessons import DAY, NOW
from tests.journals.samples import ClosableJournal, leased

PARTITIONS = 4
KINDS = ("sqlite", "redis")
KEEP_S = 30 * DAY
LEASE_S = 60.0
"""Longer than a test."""


class Record(msgspec.Struct):
    """A journal, and what looks back on it."""

    journal: ClosableJournal
    history: History
    chronicle: Chronicle
    clock: ManualClock

    async def learn_all(self) -> None:
        """Mark every exchange as learnt."""
        await self.journal.done(await leased(self.journal))


class RedisRecord(Record):
    """One that lies in Redis."""

    server: Server
    tenures: Tenures

    async def keys(self, partition: Partition) -> list[str]:
        """Names of all that lies in a partition."""
        found = await self.server.ask("KEYS", f"{partition.key('')}*")
        return [name.decode() for name in found]


@asynccontextmanager
async def sqlite_record(folder: Path) -> AsyncIterator[Record]:
    path, clock = folder / "journal.db", ManualClock(NOW)
    async with AsyncExitStack() as stack:
        journal = SqliteJournal(path)
        stack.push_async_callback(journal.aclose)
        history = SqliteHistory(path, journal.writer, clock)
        stack.push_async_callback(history.aclose)
        chronicle = SqliteChronicle(path)
        stack.push_async_callback(chronicle.aclose)
        yield Record(journal, history, chronicle, clock)


@asynccontextmanager
async def redis_record(
    folder: Path, redis: RedisProcess, *, gateway: str = "g1", seal: Seal = NO_SEAL, keep_s: float = KEEP_S
) -> AsyncIterator[RedisRecord]:
    """That of a gateway, which ships, and holds its share of the partitions."""
    path, clock, stop = folder / f"{gateway}.db", ManualClock(NOW), asyncio.Event()
    async with AsyncExitStack() as stack:
        server = Server(redis.url, timeout_s=5.0)
        stack.push_async_callback(server.aclose)
        spool = SqliteJournal(path, seal, queues=rows.has_ended)
        tenures = Tenures(server, PARTITIONS, gateway, lease_s=LEASE_S)
        await tenures.round()
        journal = RedisJournal(
            spool,
            SqliteSpool(path, spool.writer, seal),
            server,
            server,
            Consumer(server, tenures, RedisDeadLetters(server, tenures), seal),
            partitions=PARTITIONS,
            keep_s=keep_s,
            is_gone=lambda scope, at: False,
            subject=lambda scope: scope.owner.encode(),
            seal=seal,
        )
        stack.push_async_callback(journal.aclose)
        shipping = asyncio.create_task(journal.run(stop))
        stack.push_async_callback(lambda: shipping)
        stack.callback(stop.set)
        async with asyncio.timeout(LEASE_S):
            await journal.shipping.in_step.wait()
        history = RedisHistory(server, tenures, journal.read, clock, partitions=PARTITIONS, keep_s=keep_s, seal=seal)
        chronicle = RedisChronicle(server, partitions=PARTITIONS, seal=seal)
        yield RedisRecord(journal, history, chronicle, clock, server, tenures)


@asynccontextmanager
async def any_record(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Record]:
    """That of the kind which a fixture is parametrised with."""
    is_shared = request.param == "redis"
    opened = redis_record(folder, request.getfixturevalue("redis")) if is_shared else sqlite_record(folder)
    async with opened as record:
        yield record
