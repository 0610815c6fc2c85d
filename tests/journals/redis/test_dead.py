"""gateway/journals/redis/dead.py: letters are kept where their exchanges are, and worked through from anywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from gateway.deadletters import DeadLetter
from gateway.errors import MemoryUnavailable
from gateway.journals.redis.dead import Letters, RedisDeadLetters
from gateway.journals.redis.keys import owner_of
from gateway.testing.redis import RedisProcess
from tests.journals.redis.fleet import PARTITIONS, Fleet, gateway, said
from tests.journals.samples import scope

LETTER = DeadLetter(exchange="e1", stage="unlearnt", reason="KeyError in gateway.derive, line 7", at=1.0)
OTHER = msgspec.structs.replace(LETTER, exchange="e2", at=0.5)
WHERE = {
    exchange: owner_of(scope("s1", user=user), PARTITIONS).partition
    for exchange, user in (("e1", "ann"), ("e2", "bob"))
}


@pytest.fixture
async def fleet(redis: RedisProcess, tmp_path: Path) -> AsyncIterator[Fleet]:
    async with gateway(redis.url, tmp_path) as opened:
        shipped = said("e1", scope("s1")), said("e2", scope("s1", user="bob"))
        await opened.ship(*shipped)
        await opened.learn(*shipped)
        yield opened


@pytest.fixture
def letters(fleet: Fleet) -> Letters:
    return Letters(fleet.server, PARTITIONS)


async def queued(fleet: Fleet, exchange: str) -> int:
    """How often it stands in the queue, if it is to be learnt."""
    where = WHERE[exchange]
    if await fleet.server.ask("HGET", where.key("exchange", exchange), "learnt") is not None:
        return 0
    entries = await fleet.server.ask("XRANGE", where.key("stream"), "-", "+")
    return [fields[b"id"].decode() for _, fields in entries].count(exchange)


async def test_letters_are_kept_one_for_each_exchange_on_record(fleet: Fleet, letters: Letters) -> None:
    unstudied = msgspec.structs.replace(LETTER, stage="unstudied")
    for letter in (LETTER, OTHER, unstudied, msgspec.structs.replace(LETTER, exchange="unknown")):
        await RedisDeadLetters(fleet.server, fleet.tenures).bury(letter)
    assert await letters.all() == [OTHER, unstudied]


async def test_who_does_not_learn_a_partition_any_more_buries_nothing(fleet: Fleet, letters: Letters) -> None:
    await fleet.server.ask("INCR", WHERE["e1"].key("token"))
    with pytest.raises(MemoryUnavailable, match="another gateway learns partition"):
        await RedisDeadLetters(fleet.server, fleet.tenures).bury(LETTER)
    assert await letters.all() == []


async def test_what_is_replayed_is_queued_once_more_and_no_letter_any_more(fleet: Fleet, letters: Letters) -> None:
    await RedisDeadLetters(fleet.server, fleet.tenures).bury(LETTER)
    assert await queued(fleet, "e1") == 0
    await letters.replay(["e1", "e2"])
    assert (await queued(fleet, "e1"), await queued(fleet, "e2")) == (2, 0)
    assert await letters.all() == []


async def test_what_is_not_on_record_any_more_is_not_queued(fleet: Fleet, letters: Letters) -> None:
    await RedisDeadLetters(fleet.server, fleet.tenures).bury(LETTER)
    await fleet.server.ask("DEL", WHERE["e1"].key("exchange", "e1"))
    await letters.replay(["e1"])
    assert (await queued(fleet, "e1"), await letters.all()) == (1, [])


async def test_what_is_dropped_is_not_learnt_and_stays_on_record(fleet: Fleet, letters: Letters) -> None:
    await RedisDeadLetters(fleet.server, fleet.tenures).bury(LETTER)
    await letters.drop([])
    await letters.drop(["e1", "unknown"])
    assert (await queued(fleet, "e1"), await letters.all()) == (0, [])
    assert await fleet.server.ask("EXISTS", WHERE["e1"].key("exchange", "e1")) == 1


async def test_letters_that_cannot_be_read_are_passed_over_and_another_type_makes_way(
    fleet: Fleet, letters: Letters
) -> None:
    await fleet.server.ask("SET", WHERE["e1"].key("dead"), "damage")
    with pytest.raises(MemoryUnavailable):
        await letters.all()
    with pytest.raises(MemoryUnavailable):
        await letters.replay(["e1"])
    await RedisDeadLetters(fleet.server, fleet.tenures).bury(LETTER)
    await fleet.server.ask("HSET", WHERE["e1"].key("dead"), "e9", b"\xff")
    assert await letters.all() == [LETTER]
