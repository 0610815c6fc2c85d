"""What waits to be learnt: in which order it comes, what hides nothing, and what waits no longer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.chronicle import Became
from gateway.errors import MemoryUnavailable
from gateway.journals.redis.given import PORTION
from gateway.journals.redis.keys import digest, owner_of
from gateway.testing.redis import RedisProcess
from tests.journals.lessons import DAY, NOW, at, feedback
from tests.journals.looking_back import PARTITIONS, RedisRecord, redis_record
from tests.journals.samples import scope

S1 = scope("s1")
ANN = owner_of(S1, PARTITIONS)


@pytest.fixture
async def record(tmp_path: Path, redis: RedisProcess) -> AsyncIterator[RedisRecord]:
    async with redis_record(tmp_path, redis) as made:
        yield made


async def test_much_that_cannot_be_learnt_yet_hides_nothing_that_can(record: RedisRecord) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    await record.learn_all()
    await record.journal.commit(at(NOW, "e2", S1))
    for number in range(PORTION + 1):
        await record.history.give(S1, feedback(f"w{number}", exchange="e2"))
    await record.history.give(S1, feedback("f1", exchange="e1"))
    assert [one.id for one in await record.history.given(9)] == ["f1"]


async def test_what_came_later_is_later_whatever_clocks_say(record: RedisRecord) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    await record.learn_all()
    for name in ("f3", "f1", "f2"):
        await record.history.give(S1, feedback(name, exchange="e1"))
    await record.history.give(scope("s1"), feedback("f0", exchange="e1", at=NOW - 60))
    members = await record.server.ask("ZRANGE", ANN.partition.key("given"), 0, -1)
    names = {f"{ANN.who}:{digest('acme', name)}".encode(): name for name in ("f0", "f1", "f2", "f3")}
    assert [names[member] for member in members] == ["f3", "f1", "f2", "f0"]


async def test_feedback_of_all_partitions_comes_oldest_first(record: RedisRecord) -> None:
    people = [scope("s1", user=f"user {number}") for number in range(8)]
    assert len({owner_of(one, PARTITIONS).partition for one in people}) == PARTITIONS
    for number, one in enumerate(people):
        await record.journal.commit(at(NOW, f"e{number}", one))
        await record.history.give(one, feedback(f"f{number}", exchange=f"e{number}", at=NOW + number))
    await record.learn_all()
    assert [one.id for one in await record.history.given(99)] == [f"f{number}" for number in range(8)]


async def test_an_exchange_that_has_ended_once_more_is_learnt_before_what_was_said_of_it(record: RedisRecord) -> None:
    await record.journal.commit(at(NOW, "e1", S1, state="interrupted"))
    await record.learn_all()
    await record.history.give(S1, feedback("f1", exchange="e1"))
    await record.journal.commit(at(NOW, "e1", S1))
    assert await record.history.given(9) == []
    await record.learn_all()
    assert [one.id for one in await record.history.given(9)] == ["f1"]


async def test_feedback_that_has_expired_leaves_the_list(record: RedisRecord) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    await record.learn_all()
    await record.history.give(S1, feedback("f1", exchange="e1"))
    key = ANN.key("feedback", digest("acme", "f1"))
    await record.server.ask("DEL", key)
    assert await record.history.given(9) == []
    assert await record.server.ask("EXISTS", key, ANN.partition.key("given")) == 0


async def test_who_has_lost_the_partition_gives_nothing_up(record: RedisRecord) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    await record.history.give(S1, feedback("f1", exchange="e1"))
    record.clock.advance(8 * DAY)
    await record.server.ask("INCR", ANN.partition.key("token"))
    with pytest.raises(MemoryUnavailable, match="another gateway learns partition"):
        await record.history.given(9)
    assert await record.history.became("acme", "f1") == Became(id="f1", state="waiting", exchange="e1")
    assert await record.history.given(9) == []
