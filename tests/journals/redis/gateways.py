"""Gateways as their journals see them: each with a disk of its own, before one Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from gateway.deadletters import DeadLetter
from gateway.journals.redis.consumer import Consumer
from gateway.journals.redis.journal import RedisJournal
from gateway.journals.redis.server import Server
from gateway.journals.redis.tenures import Tenures
from gateway.journals.sqlite import SqliteJournal, rows
from gateway.journals.sqlite.spool import SqliteSpool
from gateway.sealing import NO_SEAL, Seal
from gateway.types import Scope
from tests.journals.samples import exchange, scope

PARTITIONS = 4
KEEP_S = 3600.0
PATIENCE_S = 5.0
"""Nothing here takes as long; a machine under load must not fail a test."""


class NoDeadLetters:
    """Where nothing is to be passed over."""

    async def bury(self, letter: DeadLetter) -> None:
        raise AssertionError(letter)


def subject(scope: Scope) -> bytes:
    """By which a test's tombstones know a person."""
    return scope.owner.encode("utf-8", "surrogatepass")


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Look again and again, for as long as nothing takes here."""
    async with asyncio.timeout(PATIENCE_S):
        while not await is_so():
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.01)


async def in_step(journal: RedisJournal) -> None:
    """Wait until Redis has all that the gateway has."""
    async with asyncio.timeout(PATIENCE_S):
        await journal.shipping.in_step.wait()


async def shipped(journal: RedisJournal) -> None:
    """Wait until all that the gateway has by now is in Redis."""
    await journal.shipping.ended(exchange("last", scope("last")), PATIENCE_S)


@asynccontextmanager
async def gateway(
    folder: Path,
    url: str,
    *,
    seal: Seal = NO_SEAL,
    learns: bool = False,
    is_gone: Callable[[Scope, float], bool] = lambda scope, at: False,
    lookup_s: float = PATIENCE_S,
    shipped_s: float = PATIENCE_S,
) -> AsyncIterator[RedisJournal]:
    """The journal of a gateway that runs; one that learns has all partitions."""
    folder.mkdir(parents=True, exist_ok=True)
    spool = SqliteJournal(folder / "journal.db", seal, queues=rows.has_ended)
    hot, work = Server(url, timeout_s=None), Server(url, timeout_s=PATIENCE_S)
    tenures = Tenures(work, PARTITIONS, str(folder))
    journal = RedisJournal(
        spool,
        SqliteSpool(folder / "journal.db", spool.writer, seal),
        hot,
        work,
        Consumer(work, tenures, NoDeadLetters(), seal),
        partitions=PARTITIONS,
        keep_s=KEEP_S,
        is_gone=is_gone,
        subject=subject,
        seal=seal,
        lookup_s=lookup_s,
        shipped_s=shipped_s,
    )
    stop = asyncio.Event()
    if learns:
        await tenures.round()
    duties = [journal.run(stop), *([tenures.run(stop)] if learns else [])]
    running = asyncio.gather(*duties)
    try:
        yield journal
    finally:
        tenures.occupy(())  # what was leased and is not done is somebody else's from now on
        stop.set()
        await running
        await journal.aclose()
        await hot.aclose()
        await work.aclose()
