"""What a history in Redis does beyond the contract: several gateways, damage, expiry, a server that comes and goes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from gateway.chronicle import Became, Learnt
from gateway.errors import MemoryUnavailable
from gateway.journals.redis.history import PORTION, RedisHistory
from gateway.journals.redis.keys import digest, owner_of
from gateway.sealing import KEY_BYTES, Seal
from gateway.testing.redis import RedisProcess
from gateway.types import Operator
from tests.journals.lessons import NOW, at, change, feedback, signal
from tests.journals.looking_back import KEEP_S, PARTITIONS, RedisRecord, redis_record
from tests.journals.redis.gateways import until
from tests.journals.samples import intent, scope

S1 = scope("s1")
ANN = owner_of(S1, PARTITIONS)
F1 = ANN.key("feedback", digest("acme", "f1"))
TOKEN, GIVEN, LEARNT = (ANN.partition.key(name) for name in ("token", "given", "learnt"))


def record_of(name: str) -> str:
    return ANN.partition.key("exchange", name)


async def hanging(record: RedisRecord, name: str) -> set[str]:
    """What an exchange says is to go with it."""
    fields = await record.server.ask("HKEYS", record_of(name))
    return {field.decode() for field in fields if b":" in field}


@pytest.fixture
async def record(tmp_path: Path, redis: RedisProcess) -> AsyncIterator[RedisRecord]:
    async with redis_record(tmp_path, redis) as made:
        yield made


@pytest.mark.promise("P6")
async def test_feedback_that_one_gateway_takes_is_learnt_by_the_one_that_holds_the_partition(
    tmp_path: Path, redis: RedisProcess, record: RedisRecord
) -> None:
    async with redis_record(tmp_path, redis, gateway="g2") as other:
        await record.tenures.round()  # it leaves some to the other
        await other.tenures.round()
        is_mine = ANN.partition in {tenure.partition for tenure in record.tenures.held()}
        learner, beside = (record, other) if is_mine else (other, record)
        await beside.journal.commit(at(NOW, "e1", S1, told=("m1",)))
        await learner.learn_all()
        assert await beside.history.give(S1, feedback("f1", exchange="e1")) == "new"
        assert await learner.history.give(S1, feedback("f1", exchange="e1")) == "known"
        assert await beside.history.given(9) == []
        assert [one.id for one in await learner.history.given(9)] == ["f1"]
        step = Learnt(exchange="e1", feedback=("f1",), changes=(change("m1", "f1"),))
        with pytest.raises(MemoryUnavailable, match="not held"):
            await beside.history.taught(S1, step)
        await learner.history.taught(S1, step)
        learnt = Became(id="f1", state="learnt", exchange="e1", memories=("m1",), changes=step.changes)
        assert await beside.history.became("acme", "f1") == await learner.history.became("acme", "f1") == learnt
        assert [one.change for one in await beside.chronicle.changes(Operator(), 0, 9)] == list(step.changes)


async def test_an_exchange_under_way_is_known_to_the_gateway_that_forwards_it(
    tmp_path: Path, redis: RedisProcess, record: RedisRecord
) -> None:
    await asyncio.wrap_future(record.journal.intend(msgspec.structs.replace(intent("e1", S1), at=NOW)))
    async with redis_record(tmp_path, redis, gateway="g2") as other:
        assert await other.history.give(S1, feedback("f1", exchange="e1")) == "unknown"
        assert await record.history.give(S1, feedback("f1", exchange="e1")) == "new"
        assert await other.history.became("acme", "f1") == Became(id="f1", state="waiting", exchange="e1")


async def test_who_has_lost_the_partition_writes_nothing_and_gives_it_up(record: RedisRecord) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    await record.learn_all()
    await record.history.give(S1, feedback("f1", exchange="e1"))
    await record.server.ask("INCR", TOKEN)
    with pytest.raises(MemoryUnavailable, match="another gateway learns partition"):
        await record.history.taught(S1, Learnt(exchange="e1", feedback=("f1",), changes=(change("m1", "f1"),)))
    with pytest.raises(MemoryUnavailable, match="not held"):
        record.tenures.of(S1.owner)
    assert await record.history.became("acme", "f1") == Became(id="f1", state="waiting", exchange="e1")
    assert await record.chronicle.steps(Operator(), 0, 9) == []


async def test_what_is_done_by_hand_is_put_down_by_whichever_gateway_did_it(
    tmp_path: Path, redis: RedisProcess, record: RedisRecord
) -> None:
    async with redis_record(tmp_path, redis, gateway="g2") as other:
        by_hand = Learnt(exchange="", changes=(change("m1", ""),))
        for one in (record, other):
            await one.history.taught(S1, by_hand)
        both = await record.chronicle.steps(Operator(), 0, 9)
        assert [step.changes for step in both] == [by_hand.changes, by_hand.changes]
        assert both[0].position < both[1].position
        with pytest.raises(MemoryUnavailable, match="not held"):
            await other.history.taught(S1, Learnt(exchange="e1", changes=by_hand.changes))


async def test_nothing_is_taken_while_redis_is_away_and_all_is_well_when_it_is_back(
    redis: RedisProcess, record: RedisRecord
) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    redis.kill()
    for asked in (
        record.history.give(S1, feedback("f1", session="s1")),
        record.history.given(9),
        record.history.session(S1, "e1", 9),
        record.history.became("acme", "f1"),
    ):
        with pytest.raises(MemoryUnavailable, match="redis"):
            await asked
    redis.start()
    assert await record.history.give(S1, feedback("f1", session="s1")) == "new"


@pytest.mark.promise("P6")
async def test_feedback_that_was_taken_outlives_a_killed_server(redis: RedisProcess, record: RedisRecord) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    await record.learn_all()
    assert await record.history.give(S1, feedback("f1", exchange="e1")) == "new"
    redis.kill()
    redis.start()

    async def is_given() -> bool:
        with suppress(MemoryUnavailable):  # by a connection from before
            return [one.id for one in await record.history.given(9)] == ["f1"]
        return False

    await until(is_given)


@pytest.mark.promise("P11")
async def test_what_was_removed_while_it_was_being_learnt_does_not_come_back(record: RedisRecord) -> None:
    for name in ("e1", "e2"):
        await record.journal.commit(at(NOW, name, S1))
        await record.history.give(S1, feedback(f"f-{name}", exchange=name))
    await record.server.ask("DEL", record_of("e1"), ANN.key("feedback", digest("acme", "f-e2")))
    for name in ("e1", "e2"):
        await record.history.taught(S1, Learnt(exchange=name, feedback=(f"f-{name}",), signals=(signal(name, "x"),)))
    assert [step.exchange for step in await record.chronicle.steps(Operator(), 0, 9)] == ["e2"]
    assert await record.history.became("acme", "f-e2") is None
    assert await record.history.became("acme", "f-e1") == Became(id="f-e1", state="waiting", exchange="e1")


async def test_an_exchange_names_what_hangs_on_it(record: RedisRecord) -> None:
    await asyncio.wrap_future(record.journal.intend(msgspec.structs.replace(intent("e1", S1), at=NOW)))
    await record.history.give(S1, feedback("f1", exchange="e1"))
    await record.journal.commit(at(NOW, "e1", S1))
    await record.history.give(S1, feedback("f2", exchange="e1"))
    f1, f2 = (f"feedback:{ANN.who}:{digest('acme', name)}" for name in ("f1", "f2"))
    step = f"step:{ANN.who}:{digest('e1', 'False', 'f1')}"
    assert await hanging(record, "e1") == {f2}
    await record.history.taught(S1, Learnt(exchange="e1", feedback=("f1",)))
    assert await hanging(record, "e1") == {f1, f2, step}


async def test_before_the_first_exchange_of_a_session_nothing_is_asked_for(
    redis: RedisProcess, record: RedisRecord
) -> None:
    def history(first: str) -> RedisHistory:
        kept = (record.server, record.tenures, record.journal.read, record.clock)
        return RedisHistory(*kept, partitions=PARTITIONS, keep_s=KEEP_S, is_first=lambda exchange: exchange == first)

    for name in ("e1", "e2"):
        await record.journal.commit(at(NOW, name, S1))
    assert [one.id for one in await history("e1").session(S1, "e2", 9)] == ["e1"]
    redis.kill()
    assert await history("e1").session(S1, "e1", 9) == []
    with pytest.raises(MemoryUnavailable):
        await history("e1").session(S1, "e2", 9)


async def test_damage_keeps_no_other_feedback_from_being_learnt(record: RedisRecord) -> None:
    for name in ("e1", "e2"):
        await record.journal.commit(at(NOW, name, S1))
    await record.learn_all()
    for name, judged in (("f1", "e1"), ("f2", "e2"), ("f3", "e2")):
        await record.history.give(S1, feedback(name, exchange=judged))
    await record.server.ask("HSET", record_of("e1"), "payload", b"\x81\xa2id\xa1\xff")
    await record.server.ask("HSET", ANN.key("feedback", digest("acme", "f2")), "payload", b"\x00")
    assert [one.id for one in await record.history.given(1)] == ["f3"]
    assert await record.history.became("acme", "f1") == Became(id="f1", state="unmatched", exchange="e1")
    assert await record.history.became("acme", "f2") == Became(id="f2", state="unmatched", exchange="e2")
    assert await record.history.give(S1, feedback("f2", exchange="e2")) == "other"


async def test_a_key_of_another_type_is_passed_over_until_the_next_write_begins_it_anew(record: RedisRecord) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    await record.learn_all()
    step = ANN.key("step", digest("e1", "False", "f1"))
    for key in (GIVEN, LEARNT, F1, step):
        await record.server.ask("SET", key, "not ours")
    assert await record.history.given(9) == []
    assert await record.history.give(S1, feedback("f1", exchange="e1")) == "new"
    assert [one.id for one in await record.history.given(9)] == ["f1"]
    await record.history.taught(S1, Learnt(exchange="e1", feedback=("f1",)))
    assert [step.exchange for step in await record.chronicle.steps(Operator(), 0, 9)] == ["e1"]


async def test_everything_expires_and_what_has_leaves_the_order_of_learning(record: RedisRecord) -> None:
    for name in ("e1", "e2"):
        await record.journal.commit(at(NOW, name, S1))
    await record.history.give(S1, feedback("f1", exchange="e1"))
    await record.history.taught(S1, Learnt(exchange="e1"))
    keys = set(await record.keys(ANN.partition)) - {TOKEN}
    lives = await record.server.ask_all([("PTTL", key) for key in sorted(keys)])
    assert all(0 < life <= KEEP_S * 1000 for life in lives)
    (expired,) = await record.server.ask("ZRANGE", LEARNT, 0, -1)
    await record.server.ask("DEL", ANN.partition.key("step", expired.decode()))
    await record.history.taught(S1, Learnt(exchange="e2"))
    assert [step.exchange for step in await record.chronicle.steps(Operator(), 0, 9)] == ["e2"]
    assert await record.server.ask("ZCARD", LEARNT) == 1


async def test_nothing_that_somebody_said_is_readable_without_the_key(tmp_path: Path, redis: RedisProcess) -> None:
    async with redis_record(tmp_path, redis, seal=Seal(os.urandom(KEY_BYTES))) as record:
        await record.journal.commit(at(NOW, "e1", S1, told=("m1",)))
        await record.learn_all()
        said = msgspec.structs.replace(feedback("f1", exchange="e1"), comment="the sentinel words")
        await record.history.give(S1, said)
        seen = (signal("e1", "the sentinel words"),)
        await record.history.taught(S1, Learnt(exchange="e1", signals=seen))
        for key in await record.keys(ANN.partition):
            assert b"sentinel" not in await record.server.ask("DUMP", key)
        assert await record.history.given(9) == [said]
        assert [one.signal for one in await record.chronicle.signals(Operator(), 0, 9)] == list(seen)


async def test_where_nobody_is_named_an_id_is_the_sessions(record: RedisRecord) -> None:
    for name in ("s1", "s2"):
        await record.journal.commit(at(NOW, f"e-{name}", scope(name, user=None)))
        assert await record.history.give(scope(name, user=None), feedback("f1", session=name)) == "new"
    assert await record.history.became("acme", "f1") is None  # whose is not said


async def test_the_last_thing_said_in_a_session_is_found_behind_much_that_was_not(record: RedisRecord) -> None:
    await record.journal.commit(at(NOW, "e000", S1))
    for number in range(1, PORTION + 2):
        await record.journal.commit(at(NOW + number, f"e{number:03}", S1, is_aside=True))
    assert await record.history.give(S1, feedback("f1", session="s1")) == "new"
    assert await record.history.became("acme", "f1") == Became(id="f1", state="waiting", exchange="e000")
    assert len(await record.history.session(S1, "e033", 99)) == PORTION + 1
    assert await record.history.session(S1, "unknown", 9) == []
