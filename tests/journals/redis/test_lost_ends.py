"""A later end of an exchange that Redis lost with its last moments is still on the disk of who forwarded it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.journals.redis import forgetting
from gateway.journals.redis.forgetting import Forgetting
from gateway.journals.redis.keys import owner_of
from gateway.journals.redis.parcels import version_of
from gateway.journals.sqlite import read_endings_beside
from gateway.journals.sqlite.records import pack
from gateway.testing.redis import RedisProcess
from tests.journals.redis.gateways import PARTITIONS, gateway, in_step, shipped, until
from tests.journals.samples import exchange, scope

WHERE = scope("s1")
KEY = owner_of(WHERE, PARTITIONS).partition.key("exchange", "e1")


@pytest.mark.promise("P6")
async def test_a_newer_end_that_redis_lost_after_the_older_was_learnt_is_shipped_again(
    redis: RedisProcess, raw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "EVERY_S", 3_600.0)  # a look is taken when the test says so
    whole = exchange("e1", WHERE, text="the whole answer")
    async with gateway(tmp_path, redis.url) as journal:
        look: Forgetting = journal._forgetting
        await in_step(journal)
        await journal.commit(exchange("e1", WHERE, state="interrupted"))
        await raw.hset(KEY, "learnt", await raw.hget(KEY, "version"))
        before = await raw.dump(KEY)
        await look.step()
        assert read_endings_beside(tmp_path / "journal.db") == {}
        await journal.commit(whole)
        await raw.restore(KEY, 0, before, replace=True)  # what it had a moment ago
        await look.step()
        assert set(read_endings_beside(tmp_path / "journal.db")) == {"e1"}

        async def is_back() -> bool:
            return bool(await raw.hget(KEY, "version") == version_of(*pack(whole)).encode())

        await until(is_back)
        assert await raw.hget(KEY, "learnt") is None


async def test_a_lesser_end_than_the_one_that_was_learnt_leaves_the_disk(
    redis: RedisProcess, raw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "EVERY_S", 3_600.0)
    async with gateway(tmp_path / "a", redis.url) as one, gateway(tmp_path / "b", redis.url) as other:
        for journal, end in ((one, exchange("e1", WHERE)), (other, exchange("e1", WHERE, state="interrupted"))):
            await in_step(journal)
            await journal.commit(end)
            await shipped(journal)
        await raw.hset(KEY, "learnt", await raw.hget(KEY, "version"))
        await other._forgetting.step()
        assert read_endings_beside(tmp_path / "b" / "journal.db") == {}
