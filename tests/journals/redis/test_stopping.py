"""A gateway that is told to stop while much waits for Redis does not wait for all of it: the next start ships it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import SystemClock
from gateway.journals.redis import shipping
from gateway.journals.redis.keys import owner_of
from gateway.journals.redis.parcels import Parcels
from gateway.journals.redis.server import Server
from gateway.journals.redis.shipping import Shipping
from gateway.journals.sqlite import SqliteJournal, rows
from gateway.journals.sqlite.spool import SqliteSpool, Waiting
from gateway.testing.redis import RedisProcess
from tests.journals.redis.gateways import KEEP_S, PARTITIONS, PATIENCE_S, gateway, in_step, subject
from tests.journals.samples import exchange, scope

STREAM = owner_of(scope("s1"), PARTITIONS).partition.key("stream")
PAGE, PAGES = 8, 5


class Interrupted(SqliteSpool):
    """A spool of which the first page is being read when the gateway is told to stop."""

    def stopping(self, stop: asyncio.Event) -> Interrupted:
        self._stop = stop
        self.pages = 0
        return self

    async def after(self, position: int, limit: int) -> list[Waiting]:
        self.pages += 1
        self._stop.set()
        return await super().after(position, limit)


async def test_who_is_told_to_stop_ships_a_page_more_and_the_next_start_the_rest(
    redis: RedisProcess, raw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "PAGE", PAGE)
    path, stop = tmp_path / "journal.db", asyncio.Event()
    parcels = Parcels(partitions=PARTITIONS, keep_s=KEEP_S, subject=subject)
    async with (
        aclosing(SqliteJournal(path, queues=rows.has_ended)) as journal,
        aclosing(Interrupted(path, journal.writer).stopping(stop)) as spool,
        aclosing(Server(redis.url, timeout_s=PATIENCE_S)) as server,
    ):
        for number in range(PAGES * PAGE):
            await journal.commit(exchange(f"e{number:03}", scope("s1")))
        one = Shipping(spool, server, parcels, SystemClock(), partitions=PARTITIONS, is_gone=lambda where, at: False)
        await one.run(stop)
        assert (spool.pages, await raw.xlen(STREAM)) == (1, PAGE)
    async with gateway(tmp_path, redis.url) as again:
        await in_step(again)
        queued = [fields[b"id"].decode() for _, fields in await raw.xrange(STREAM)]
        assert queued == [f"e{number:03}" for number in range(PAGES * PAGE)]
