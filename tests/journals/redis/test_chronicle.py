"""What a chronicle in Redis does beyond the contract: in portions, beside damage, by either protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.chronicle import Learnt
from gateway.errors import MemoryUnavailable
from gateway.experience import Earned
from gateway.journals.redis import chronicle as reading
from gateway.journals.redis.chronicle import RedisChronicle
from gateway.journals.redis.keys import digest, owner_of
from gateway.journals.redis.server import Server
from gateway.testing.redis import RedisProcess
from gateway.types import Operator
from tests.journals.lessons import DAY, NOW, at, change, feedback, signal
from tests.journals.looking_back import PARTITIONS, RedisRecord, redis_record
from tests.journals.samples import scope

S1 = scope("s1")
ANN = owner_of(S1, PARTITIONS)
NEIGHBOUR = next(
    one
    for one in (scope("s1", user=f"user {number}") for number in range(99))
    if owner_of(one, PARTITIONS).partition == ANN.partition
)
ALL = Operator()


@pytest.fixture
async def record(tmp_path: Path, redis: RedisProcess) -> AsyncIterator[RedisRecord]:
    async with redis_record(tmp_path, redis) as made:
        yield made


def earned(memory: str, where: str, *, moment: float = NOW) -> Earned:
    return Earned(
        memory=memory,
        is_told=True,
        propensity=0.5,
        event="passed",
        weight=1.0,
        exchange=where,
        session="digest",
        at=moment,
        setup="",
    )


async def test_portions_join_without_a_gap(record: RedisRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PORTION", 2)
    people = [scope(f"s{number}", user=f"user {number % 3}") for number in range(7)]
    for number, one in enumerate(people):
        name, moment = f"e{number}", NOW + number
        await record.journal.commit(at(moment, name, one))
        learnt = Learnt(
            exchange=name, signals=(signal(name, name, at=moment),), earned=(earned(name, name, moment=moment),)
        )
        await record.history.taught(one, learnt)
    everything = [f"e{number}" for number in range(7)]
    assert [one.id for one in await record.chronicle.exchanges(ALL, 0, 99)] == everything
    assert [one.signal.evidence for one in await record.chronicle.signals(ALL, 0, 99)] == everything
    assert [one.earned.memory for one in await record.chronicle.earned(ALL, 0, 99)] == everything
    assert [one.earned.memory for one in await record.chronicle.earned(ALL, NOW + 3, 2)] == everything[5:]
    assert [one.exchange for one in await record.chronicle.steps(ALL, 0, 99)] == everything
    assert [one.signal.evidence for one in await record.chronicle.signals(people[1], 0, 99)] == ["e1", "e4"]


async def test_what_is_older_than_asked_for_is_read_no_further_than_it_must(
    record: RedisRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PORTION", 1)
    for name, moment in (("e1", NOW), ("e2", NOW + DAY), ("e3", NOW + 2 * DAY)):
        await record.journal.commit(at(moment, name, S1))
        await record.history.taught(S1, Learnt(exchange=name, signals=(signal(name, name, at=moment),)))
        record.clock.advance(DAY)
    (oldest,) = await record.server.ask("ZRANGE", ANN.partition.key("learnt"), 0, 0)
    await record.server.ask("HSET", ANN.partition.key("step", oldest.decode()), "payload", b"\xc1")
    with capture_logs() as complaints:
        assert [one.signal.evidence for one in await record.chronicle.signals(ALL, NOW + 2 * DAY, 9)] == ["e3"]
        assert complaints == []
        assert await record.chronicle.signals(S1, NOW - DAY, 9) != []
        assert [one["event"] for one in complaints] == ["journal_record_unreadable"]


async def test_who_shares_a_partition_hides_nothing(record: RedisRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PORTION", 1)
    for name, one in (("e1", S1), ("e2", NEIGHBOUR)):
        await record.journal.commit(at(NOW, name, one))
        await record.history.taught(one, Learnt(exchange=name, signals=(signal(name, name),)))
    assert [one.signal.evidence for one in await record.chronicle.signals(S1, 0, 9)] == ["e1"]


async def test_damage_hides_nothing_else(record: RedisRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PORTION", 1)
    for name in ("e1", "e2", "e3"):
        await record.journal.commit(at(NOW, name, S1))
        await record.history.taught(S1, Learnt(exchange=name, changes=(change(name, name),)))
    members = await record.server.ask("ZRANGE", ANN.partition.key("learnt"), 0, -1)
    await record.server.ask("HSET", ANN.partition.key("step", members[1].decode()), "payload", b"\xc1")
    await record.server.ask("DEL", ANN.partition.key("step", members[0].decode()))
    await record.server.ask("HSET", ANN.partition.key("exchange", "e2"), "payload", b"\x81\xa2id\xa1\xff")
    assert [one.change.memory for one in await record.chronicle.changes(ALL, 0, 9)] == ["e3"]
    assert [one.exchange for one in await record.chronicle.steps(ALL, 0, 1)] == ["e3"]
    assert await record.chronicle.steps(ALL, 3, 1) == []
    assert [one.id for one in await record.chronicle.exchanges(ALL, 0, 9)] == ["e1", "e3"]


async def test_feedback_that_was_erased_is_missing_from_its_step(record: RedisRecord) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    await record.history.give(S1, feedback("f1", exchange="e1"))
    await record.history.taught(S1, Learnt(exchange="e1", feedback=("f1",)))
    await record.server.ask("DEL", ANN.key("feedback", digest("acme", "f1")))
    assert [step.feedback for step in await record.chronicle.steps(ALL, 0, 9)] == [()]


async def test_a_person_who_is_come_across_twice_is_counted_once() -> None:
    newest = reading.Newest[str](2)
    for order, one in ((1.0, "a"), (3.0, "c"), (2.0, "b"), (3.0, "c"), (2.0, "b")):
        newest.add((order,), one)
    assert newest.in_order() == ["b", "c"]


async def test_a_url_may_ask_for_the_older_protocol(redis: RedisProcess, record: RedisRecord) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    await record.history.taught(S1, Learnt(exchange="e1", signals=(signal("e1", "x"),)))
    async with aclosing(Server(f"{redis.url}?protocol=2", timeout_s=5.0)) as server:
        chronicle = RedisChronicle(server, partitions=PARTITIONS)
        assert [one.signal.evidence for one in await chronicle.signals(ALL, 0, 9)] == ["x"]
        assert [one.position for one in await chronicle.steps(ALL, 0, 9)] == [1]
        assert [one.id for one in await chronicle.exchanges(ALL, 0, 9)] == ["e1"]


async def test_a_server_that_is_away_is_said_to_be(redis: RedisProcess, record: RedisRecord) -> None:
    redis.stop()
    with pytest.raises(MemoryUnavailable, match="redis"):
        await record.chronicle.exchanges(ALL, 0, 9)
