"""The record that gateways share, put together: its servers, its own spool on this disk, and what runs beside them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from gateway.breaker import OnChange
from gateway.datadir import DataDir
from gateway.erasures import Erasures
from gateway.journals.configured import IsLeft, Record, opened_journal
from gateway.journals.redis.aof import AppendLog
from gateway.journals.redis.archive import RedisArchive
from gateway.journals.redis.consumer import Consumer
from gateway.journals.redis.dead import RedisDeadLetters
from gateway.journals.redis.history import RedisHistory
from gateway.journals.redis.journal import RedisJournal
from gateway.journals.redis.keys import Partition, owner_of
from gateway.journals.redis.server import Server
from gateway.journals.redis.tenures import Tenures
from gateway.journals.redis.tombstones import Tombstones
from gateway.journals.sqlite import SqliteArchive, SqliteSpool
from gateway.journals.sqlite.records import well_formed
from gateway.journals.sqlite.rows import has_ended
from gateway.ports import Clock
from gateway.sealing import Seal
from gateway.sections import JournalConfig

DAY_S = 86_400.0

Duty = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


async def opened_record(
    settings: JournalConfig,
    data: DataDir,
    seal: Seal,
    erasures: Erasures,
    stack: AsyncExitStack,
    clock: Clock,
    on_breaker: OnChange,
    withdraw: Callable[[], Awaitable[None]],
) -> Record:
    """The record, for as long as the stack; Redis may be away. Raises `DataDirError`."""
    partitions, keep_s = settings.partitions, settings.keep_days * DAY_S
    hot = Server(settings.url, timeout_s=None)
    work = hot.within(settings.timeout_ms / 1000)
    stack.push_async_callback(hot.aclose)
    spool = await asyncio.to_thread(opened_journal, settings, data, seal, erasures, on_breaker, has_ended)
    tenures = Tenures(work, partitions, clock.new_id("gw"))
    dead = RedisDeadLetters(work, tenures)
    consumer = Consumer(work, tenures, dead, seal)
    journal = RedisJournal(
        spool, SqliteSpool(data.journal, spool.writer, seal), hot, work, consumer,
        partitions=partitions, keep_s=keep_s, is_gone=erasures.is_gone, subject=erasures.subject, seal=seal,
        on_breaker=on_breaker,
    )  # fmt: skip
    stack.push_async_callback(journal.aclose)
    local = SqliteArchive(data.journal, spool.writer, spool.forget, seal)
    stack.push_async_callback(local.aclose)
    heard = [withdraw]
    tombstones = Tombstones(work, erasures, local, heard)
    history = RedisHistory(
        work, tenures, journal.read, clock,
        partitions=partitions, keep_s=keep_s, seal=seal, is_first=consumer.is_first,
    )  # fmt: skip
    left: list[Callable[[IsLeft], None]] = []
    leaving = partial(tenures.run, on_left=partial(tell_left, left, partitions))
    await _begin(stack, (journal.run, tombstones.run, AppendLog(work).run, leaving))

    async def waiting() -> int:
        return int(consumer.lag())

    return Record(
        journal=journal,
        waiting=waiting,
        history=history,
        dead=dead,
        archive=RedisArchive(work, tombstones, tenures, local, partitions=partitions, seal=seal),
        watch=consumer.run,
        measures={
            "lag": consumer.lag,
            "partitions": lambda: len(tenures.held()),
            "journal_degraded": lambda: bool(journal.degraded),
        },
        still=lambda scope: tenures.of(well_formed(scope.owner)),
        on_erased=heard.append,
        on_left=left.append,
    )


def tell_left(heard: Iterable[Callable[[IsLeft], None]], partitions: int, partition: Partition) -> None:
    """Tell all who keep something of those who are learnt that others learn a partition from now on."""
    for hear in heard:
        hear(lambda scope: owner_of(scope, partitions).partition == partition)


async def _begin(stack: AsyncExitStack, duties: Iterable[Duty]) -> None:
    """Start what runs beside the gateway; it ends after whoever learns, and before the servers are released."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(duty(stop)) for duty in duties]

    async def end() -> None:
        stop.set()
        await asyncio.gather(*tasks)

    stack.push_async_callback(end)
