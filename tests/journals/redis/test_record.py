"""gateway/journals/redis/record.py: a gateway over Redis, put together, that goes on whatever Redis does."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.journals.redis.keys import Partition, owner_of
from gateway.journals.redis.record import tell_left
from gateway.sections import Auth, JournalConfig
from gateway.testing.redis import RedisProcess
from gateway.types import Operator, Scope
from tests.conftest import Serve, Served

SHARED = Auth(shared_secret="the same on every gateway of a fleet")
RULE = "From now on, always answer in French."


async def say(served: Served, text: str) -> tuple[str, str]:
    """The exchange, and what memory did."""
    body = {"model": "gpt-4o", "user": "ann", "messages": [{"role": "user", "content": text}]}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{served.url}/chat/completions", json=body, headers={"authorization": "Bearer sk-1"}) as answer,
    ):
        assert answer.status == 200, await answer.text()
        return answer.headers["x-accrue-exchange"], answer.headers["x-accrue-memory"]


async def told(served: Served) -> None:
    """Ask until a rule is told."""
    async with asyncio.timeout(30):
        while not (await say(served, "What shall I cook?"))[1].startswith("hit"):
            pass


@pytest.mark.promise("P4")
@pytest.mark.promise("P6")
async def test_redis_that_is_not_there_is_waited_for_and_what_was_said_meanwhile_is_learnt(
    serve: Serve, tmp_path: Path
) -> None:
    redis = RedisProcess(tmp_path / "redis")
    if not redis.is_installed():
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    async with serve(journal=JournalConfig(kind="redis", url=redis.url, partitions=4), auth=SHARED) as served:
        exchange, _ = await say(served, RULE)
        assert "accrue_journal_degraded 1.0" in served.parts.telemetry.render().decode()
        with redis:
            await told(served)
            found = await served.parts.journal.read(Operator(), exchange)
            assert found is not None
            assert [turn.text for turn in found.turns] == [RULE]
            assert "accrue_partitions 4.0" in served.parts.telemetry.render().decode()
            redis.freeze()
            await say(served, "And tomorrow?")
            redis.thaw()


async def test_who_is_learnt_elsewhere_from_now_on_is_told_to_all_who_keep_something() -> None:
    heard = list[Any]()
    scopes = [Scope(tenant="acme", user=f"user {number}") for number in range(20)]
    keepers = [lambda is_left: heard.append([scope for scope in scopes if is_left(scope)])] * 2
    tell_left(keepers, 4, Partition(2))
    assert heard == [[scope for scope in scopes if owner_of(scope, 4).partition == Partition(2)]] * 2
    assert heard[0]
