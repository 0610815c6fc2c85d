"""What sessions in Redis do beyond what every record must: in portions, beside damage, by either protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from gateway.chronicle import Learnt
from gateway.errors import MemoryUnavailable
from gateway.journals.redis import visited as reading
from gateway.journals.redis.keys import Owner, digest, owner_of
from gateway.journals.redis.server import Server
from gateway.journals.redis.visited import RedisSessions
from gateway.sealing import Seal
from gateway.sessions import Heard, Visited
from gateway.testing.redis import RedisProcess
from gateway.types import Scope
from tests.journals.lessons import NOW, at, feedback, signal
from tests.journals.looking_back import PARTITIONS, RedisRecord, redis_record
from tests.journals.samples import intent, scope

ANN, BOB = scope("s1"), scope("s2", user="bob")
SEAL = Seal(b"k" * 32)


@pytest.fixture
async def record(tmp_path: Path, redis: RedisProcess) -> AsyncIterator[RedisRecord]:
    async with redis_record(tmp_path, redis) as made:
        yield made


def sessions(record: RedisRecord) -> RedisSessions:
    return RedisSessions(record.server, partitions=PARTITIONS)


def owner(where: Scope) -> Owner:
    return owner_of(where, PARTITIONS)


async def test_portions_join_without_a_gap(record: RedisRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PORTION", 2)
    people = [scope(f"s{number}", user=f"user {number % 9}") for number in range(20)]
    for number, where in enumerate(people):
        await record.journal.commit(at(NOW + number, f"e{number}", where))
    found, place = await sessions(record).newest("", None, "", 50)
    assert ([one.scope.session for one in found], place) == ([f"s{number}" for number in reversed(range(20))], "")
    assert len((await sessions(record).people("", "", "", 50))[0]) == 9
    assert await sessions(record).called("s3") == [people[3]]


async def test_of_many_sessions_no_more_are_put_in_order_than_are_shown(record: RedisRecord) -> None:
    for number in range(12):
        await record.journal.commit(at(NOW + number, f"e{number}", scope(f"s{number}", user=f"user {number % 5}")))
    found, place = await sessions(record).newest("", None, "", 1)
    more, _ = await sessions(record).newest("", None, place, 1)
    assert [one.scope.session for one in (*found, *more)] == ["s11", "s10"]


async def test_a_session_whose_first_call_is_under_way_is_known(record: RedisRecord) -> None:
    record.journal.intend(intent("e1", ANN)).result(10)
    await record.journal.commit(at(NOW, "e2", BOB))  # shipped after it
    assert await sessions(record).visited(ANN) == Visited(scope=ANN, began=1.0, last=1.0, calls=0)
    assert (await sessions(record).calls(ANN, "", 9))[0] == []


async def test_damage_hides_nothing_else(record: RedisRecord) -> None:
    for number, (name, where) in enumerate((("e1", ANN), ("e2", ANN), ("e3", BOB))):
        await record.journal.commit(at(NOW + number, name, where))
        await record.history.give(where, feedback(f"f{name}", exchange=name))
        await record.history.taught(where, Learnt(exchange=name, signals=(signal(name, name),)))
    ask = record.server.ask
    await ask("SET", owner(BOB).partition.key("exchange", "e3"), "damage")
    await ask("SET", owner(BOB).key("talk", digest("s2")), "damage")
    found, _ = await sessions(record).newest("", None, "", 9)
    assert [(one.scope, one.calls) for one in found] == [(BOB, 0), (ANN, 2)]
    await ask("SET", owner(BOB).key("session", digest("s2")), "damage")
    assert await sessions(record).visited(BOB) is None
    await ask("SET", owner(BOB).key("sessions"), "damage")
    found, _ = await sessions(record).newest("", None, "", 9)
    assert [one.scope for one in found] == [ANN]
    assert await sessions(record).heard(BOB) is None
    await ask("HSET", owner(ANN).partition.key("exchange", "e1"), "payload", b"\xc1")
    for key in await record.keys(owner(ANN).partition):
        if ":step:" in key:
            await ask("SET", key, "damage")
        elif ":feedback:" in key:
            await ask("HSET", key, "payload", b"\xc1")
    (left,) = (await sessions(record).calls(ANN, "", 9))[0]
    assert (left.exchange.id, left.signals, left.feedback) == ("e2", (), ())


async def test_who_has_expired_is_passed_over(record: RedisRecord) -> None:
    await record.journal.commit(at(NOW, "e1", ANN))
    await record.journal.commit(at(NOW, "e2", BOB))
    for key in (("sessions",), ("session", digest("s1"))):
        await record.server.ask("DEL", owner(ANN).key(*key))
    assert [one.scope for one in (await sessions(record).newest("", None, "", 9))[0]] == [BOB]
    assert await sessions(record).called("s1") == []
    assert await sessions(record).heard(ANN) is None


async def test_records_are_read_by_either_protocol_and_under_a_seal(tmp_path: Path, redis: RedisProcess) -> None:
    async with redis_record(tmp_path, redis, seal=SEAL) as record:
        await record.journal.commit(at(NOW, "e1", ANN))
        await record.history.give(ANN, feedback("f1", exchange="e1"))
        await record.history.taught(ANN, Learnt(exchange="e1", signals=(signal("e1", "seen"),)))
        for protocol in (2, 3):
            async with aclosing(Server(f"{redis.url}?protocol={protocol}", timeout_s=5.0)) as server:
                read = RedisSessions(server, partitions=PARTITIONS, seal=SEAL)
                (one,) = (await read.calls(ANN, "", 9))[0]
                assert ([seen.evidence for seen in one.signals], [said.id for said in one.feedback]) == (
                    ["seen"],
                    ["f1"],
                )
                assert [each.scope for each in (await read.newest("", None, "", 9))[0]] == [ANN]
                assert await read.called("s1") == [ANN]
                assert await read.heard(ANN) == Heard(began=NOW, last=NOW, sessions=1)
                assert (await read.people("", "", "", 9))[0] == [Scope(tenant="acme", user="ann")]


async def test_a_redis_that_is_away_is_said(record: RedisRecord, redis: RedisProcess) -> None:
    redis.freeze()
    try:
        async with aclosing(Server(redis.url, timeout_s=0.05)) as server:
            read = RedisSessions(server, partitions=PARTITIONS)
            for asked in (read.newest("", None, "", 9), read.visited(ANN), read.calls(ANN, "", 9)):
                with pytest.raises(MemoryUnavailable, match="redis: "):
                    await asked
    finally:
        redis.thaw()
