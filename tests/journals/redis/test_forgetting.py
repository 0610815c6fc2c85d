"""gateway/journals/redis/forgetting.py: what is learnt leaves the disk, and nothing before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.journals.redis import forgetting
from gateway.journals.redis.keys import owner_of
from gateway.journals.sqlite import read_endings_beside
from gateway.testing.redis import RedisProcess
from tests.journals.redis.gateways import PARTITIONS, gateway, in_step, until
from tests.journals.samples import exchange, leased, scope

PARTITION = owner_of(scope("s1"), PARTITIONS).partition


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "EVERY_S", 0.01)


def holds(folder: Path, *exchanges: str) -> Callable[[], Awaitable[bool]]:
    """Whether these exchanges are on a gateway's disk, and no others."""

    async def is_so() -> bool:
        return set(read_endings_beside(folder / "journal.db")) == set(exchanges)

    return is_so


@pytest.mark.promise("P6")
async def test_what_is_learnt_leaves_the_disk_and_what_is_only_shipped_stays(
    redis: RedisProcess, tmp_path: Path
) -> None:
    async with gateway(tmp_path, redis.url, learns=True) as journal:
        await in_step(journal)
        for name in ["e1", "e2"]:
            await journal.commit(exchange(name, scope("s1")))
        await journal.commit(exchange("e3", scope("s1"), mode="read"))
        await until(holds(tmp_path, "e1", "e2"))
        assert await leased(journal) == ["e1", "e2"]
        await journal.done(["e1"])
        await until(holds(tmp_path, "e2"))


async def test_what_nobody_learns_for_long_hides_nothing(
    redis: RedisProcess, raw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "PAGE", 1)
    async with gateway(tmp_path, redis.url) as journal:
        await in_step(journal)
        for name in ["e1", "e2", "e3"]:
            await journal.commit(exchange(name, scope("s1")))
        for name in ["e2", "e3"]:
            key = PARTITION.key("exchange", name)
            await raw.hset(key, "learnt", await raw.hget(key, "version"))
        await until(holds(tmp_path, "e1"))


@pytest.mark.promise("P6")
async def test_what_redis_has_lost_by_itself_is_shipped_again(redis: RedisProcess, raw: Any, tmp_path: Path) -> None:
    key = PARTITION.key("exchange", "e1")
    async with gateway(tmp_path, redis.url) as journal:
        await in_step(journal)
        await journal.commit(exchange("e1", scope("s1")))
        await raw.delete(key, PARTITION.key("stream"))

        async def is_back() -> bool:
            return bool(await raw.exists(key))

        await until(is_back)
        assert [fields[b"id"] for _, fields in await raw.xrange(PARTITION.key("stream"))] == [b"e1"]


async def test_while_redis_is_away_nothing_is_forgotten(redis: RedisProcess, tmp_path: Path) -> None:
    async with gateway(tmp_path, redis.url, learns=True) as journal:
        await in_step(journal)
        await journal.commit(exchange("e1", scope("s1")))
        redis.stop()
        await journal.commit(exchange("e2", scope("s1")))
        assert await holds(tmp_path, "e1", "e2")()
        redis.start()
        await in_step(journal)

        async def is_leased() -> bool:
            return await leased(journal) == ["e1", "e2"]

        await until(is_leased)
