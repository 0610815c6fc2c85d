"""gateway/journals/redis/beside.py: what many gateways recorded, and what one of them still has on this disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest

from gateway.datadir import DataDir
from gateway.deadletters import DeadLetter
from gateway.errors import MemoryUnavailable
from gateway.journals.redis.beside import RedisBeside
from gateway.journals.redis.dead import RedisDeadLetters
from gateway.journals.sqlite import SqliteDeadLetters
from gateway.sections import JournalConfig
from gateway.testing.redis import RedisProcess
from tests.journals.redis.fleet import PARTITIONS, Fleet, gateway, said
from tests.journals.samples import scope

SHIPPED, SPOOLED = (
    msgspec.structs.replace(said(name, scope("s1", user=user)), status=200)
    for name, user in (("e1", "ann"), ("e2", "bob"))
)
LETTER = DeadLetter(exchange="e1", stage="unlearnt", reason="KeyError in gateway.derive, line 7", at=1.0)
UNREADABLE = DeadLetter(exchange="e2", stage="unreadable", reason="the record is damaged", at=0.5)


@pytest.fixture
async def fleet(redis: RedisProcess, tmp_path: Path) -> AsyncIterator[Fleet]:
    """A gateway whose one exchange is in Redis, and whose other one is on its disk."""
    async with gateway(redis.url, tmp_path) as opened:
        await opened.ship(SHIPPED)
        await opened.journal.commit(SPOOLED)
        yield opened


def beside(redis: RedisProcess, folder: Path) -> RedisBeside:
    settings = JournalConfig(kind="redis", url=redis.url, partitions=PARTITIONS, timeout_ms=1_000)
    return RedisBeside(settings, DataDir(folder))


async def test_an_exchange_is_read_from_any_machine_and_one_that_is_not_shipped_where_it_is(
    redis: RedisProcess, fleet: Fleet, tmp_path: Path
) -> None:
    async with aclosing(beside(redis, tmp_path)) as here, aclosing(beside(redis, tmp_path / "none")) as elsewhere:
        assert [await here.read(name) for name in ("e1", "e2", "e3")] == [SHIPPED, SPOOLED, None]
        assert [await elsewhere.read(name) for name in ("e1", "e2")] == [SHIPPED, None]
        assert await here.endings() == {"e1": True, "e2": True}
        assert await elsewhere.endings() == {"e1": True}
    assert not (tmp_path / "none").exists()


async def test_letters_of_the_fleet_and_of_this_disk_are_one_list(
    redis: RedisProcess, fleet: Fleet, tmp_path: Path
) -> None:
    await RedisDeadLetters(fleet.server, fleet.tenures).bury(LETTER)
    await SqliteDeadLetters(fleet.journal.writer).bury(UNREADABLE)
    async with aclosing(beside(redis, tmp_path)) as here, aclosing(beside(redis, tmp_path / "none")) as elsewhere:
        assert await here.letters.all() == [UNREADABLE, LETTER]
        assert await elsewhere.letters.all() == [LETTER]
        assert [await one.letters.count() for one in (here, elsewhere)] == [2, 1]
        await here.letters.replay(["e1"])
        assert await here.letters.all() == [UNREADABLE]
        await here.letters.drop(["e2"])
        assert await here.letters.all() == []


async def test_a_redis_that_does_not_answer_is_said_in_time(redis: RedisProcess, fleet: Fleet, tmp_path: Path) -> None:
    redis.freeze()
    settings = msgspec.structs.replace(JournalConfig(kind="redis", url=redis.url, partitions=PARTITIONS), timeout_ms=50)
    async with aclosing(RedisBeside(settings, DataDir(tmp_path))) as record:
        assert await record.read("e2") == SPOOLED
        with pytest.raises(MemoryUnavailable, match="redis: "):
            await record.read("e1")
    redis.thaw()
