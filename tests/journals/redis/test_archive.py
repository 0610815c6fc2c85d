"""gateway/journals/redis/archive.py: what Redis and a gateway's disk hold of one person, removed and read out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

from gateway.archive import Keeping
from gateway.erasures import Person
from gateway.errors import MemoryUnavailable
from gateway.experience import Change, Feedback, Signal
from gateway.journals.redis.keys import anchored_at, owner_of
from gateway.journals.redis.parcels import anchor_key
from gateway.sealing import Seal
from gateway.testing.redis import RedisProcess
from gateway.types import Exchange, Operator, Scope
from tests.journals.lessons import NOW
from tests.journals.redis.fleet import PARTITIONS, WORDS, Fleet, everything, gateway, said, stone_of
from tests.journals.samples import leased, scope

ANN = Person(tenant="acme", user="ann")
NOBODY = Person(tenant="acme", user=None, session="s1")


@pytest.fixture
async def fleet(redis: RedisProcess, tmp_path: Path) -> AsyncIterator[Fleet]:
    async with gateway(redis.url, tmp_path) as opened:
        yield opened


@pytest.mark.promise("P11")
@pytest.mark.parametrize(
    ("person", "own", "other", "names"),
    [
        (ANN, scope("s-own"), scope("s-other", user="bob"), ("ann", "s-own")),
        (msgspec.structs.replace(NOBODY, session="s-own"), scope("s-own", user=None), scope("s-2", None), ("s-own",)),
    ],
    ids=["a user", "a session of nobody's"],
)
async def test_everything_of_a_person_goes_from_redis_and_from_the_disk_and_nothing_of_others(
    fleet: Fleet, redis: RedisProcess, tmp_path: Path, person: Person, own: Scope, other: Scope, names: tuple[str, ...]
) -> None:
    await fleet.fill(own, "own")
    await fleet.fill(other, "other")
    traces = [f"{WORDS}, own", f"{WORDS} own", "own-1", owner_of(own, PARTITIONS).who, *names]
    before = everything(redis.url)
    assert [trace for trace in traces if trace.encode() not in before] == []
    removed = await fleet.erase(person)
    assert {kind: removed[kind] for kind in ("exchange", "session", "feedback", "step", "talk")} == {
        "exchange": 1, "session": 1, "feedback": 1, "step": 1, "talk": 1,
    }  # fmt: skip
    assert removed["spooled"] > 0
    left = everything(redis.url) + b"".join(file.read_bytes() for file in tmp_path.glob("journal.db*"))
    assert [trace for trace in traces if trace.encode() in left] == []
    assert f"{WORDS}, other".encode() in left
    assert await leased(fleet.journal) == ["other-1"]
    assert await fleet.erase(person) == {}


@pytest.mark.promise("P11")
@pytest.mark.parametrize("person", [ANN, NOBODY], ids=["a user", "a session of nobody's"])
async def test_what_a_gateway_ships_that_was_cut_off_meanwhile_is_refused(
    fleet: Fleet, redis: RedisProcess, person: Person
) -> None:
    where = scope("s1", user=person.user)
    late, later = said("e1", where, WORDS), said("e2", where, "anew", at=NOW + 1)
    await fleet.erase(person)
    assert await fleet.ship(late, later) == [b"GONE", b"NEW"]
    assert WORDS.encode() not in everything(redis.url)
    await fleet.archive.erase(person, stone_of(person.scope, NOW + 2, is_out=True))
    assert await fleet.ship(said("e3", where, WORDS, at=NOW + 9)) == [b"GONE"]
    assert b"anchor" not in everything(redis.url)


@pytest.mark.promise("P11")
async def test_nothing_is_removed_while_redis_cannot_be_reached_and_all_of_it_afterwards(
    fleet: Fleet, redis: RedisProcess
) -> None:
    await fleet.fill(scope("s1"), "own")
    redis.stop()
    with pytest.raises(MemoryUnavailable):
        await fleet.erase(ANN)
    assert await fleet.journal.read(Operator(), "own-1") is not None
    redis.start()
    assert (await fleet.erase(ANN))["exchange"] == 1
    assert WORDS.encode() not in everything(redis.url)


async def test_a_call_that_began_after_the_tombstone_stays(fleet: Fleet) -> None:
    old, new = said("e1", scope("s1")), said("e2", scope("s1"), at=NOW + 1)
    await fleet.ship(old, new)
    assert (await fleet.erase(ANN))["exchange"] == 1
    assert [record async for _, record in fleet.archive.records(ANN)] == [new]
    waiting = await fleet.server.ask("XRANGE", owner_of(scope("s1"), PARTITIONS).partition.key("stream"), "-", "+")
    assert [fields[b"id"] for _, fields in waiting] == [b"e2"]


async def test_what_is_damaged_goes_as_well(fleet: Fleet, redis: RedisProcess) -> None:
    owner = owner_of(scope("s1"), PARTITIONS)
    for key in (owner.key("talk", "x"), owner.key("sessions"), owner.partition.key("erased")):
        await fleet.server.ask("SET", key, WORDS)
    await fleet.server.ask("HSET", owner.partition.key("exchange", "e1"), "who", owner.who, "payload", WORDS, "at", "x")
    assert (await fleet.erase(ANN)).keys() >= {"talk", "sessions", "exchange"}
    assert WORDS.encode() not in everything(redis.url)


async def test_an_anchor_that_others_of_nobodys_have_as_well_still_leads_nowhere(fleet: Fleet) -> None:
    for name in ("s1", "s2"):
        await fleet.ship(said(f"e-{name}", scope(name, user=None), name="same"))
    await fleet.erase(NOBODY)
    anchored = anchored_at(NOBODY.scope, PARTITIONS)
    assert await fleet.server.ask("SMEMBERS", anchor_key(anchored, "w:same")) == {b"s2", b""}
    assert await fleet.server.ask("GET", anchor_key(anchored, "s:same")) == b"e-s2 s2"


async def test_persons_are_found_in_all_tenants_by_user_or_by_session(fleet: Fleet) -> None:
    for tenant in ("acme", "other"):
        await fleet.ship(said(f"{tenant}-1", scope("s1", tenant=tenant)))
    await fleet.ship(said("nobodys", scope("s9", user=None)))
    await fleet.server.ask("HSET", owner_of(scope("s1"), PARTITIONS).partition.key("persons"), "x", b"\xff")
    assert await fleet.archive.tenants("ann", "") == ["acme", "other"]
    assert await fleet.archive.tenants(None, "s9") == ["acme"]
    assert await fleet.archive.tenants(None, "s1") == []
    assert await fleet.archive.tenants("eve", "") == []
    await fleet.journal.commit(said("unshipped", scope("s1", user="eve")))
    assert await fleet.archive.tenants("eve", "") == ["acme"]


@pytest.mark.parametrize("seal", [Seal(None), Seal(b"k" * 32)], ids=["open", "sealed"])
async def test_everything_of_a_person_can_be_read_out_but_what_is_damaged(
    redis: RedisProcess, tmp_path: Path, seal: Seal
) -> None:
    async with gateway(redis.url, tmp_path, seal) as fleet:
        await fleet.fill(scope("s1"), "own")
        await fleet.fill(scope("s1", user="bob"), "other")
        await fleet.ship(said("own-0", scope("s1"), at=NOW - 1))
        await fleet.journal.commit(said("own-2", scope("s1")))
        records = [(what, record) async for what, record in fleet.archive.records(ANN)]
        assert [what for what, _ in records] == ["exchange", "exchange", "feedback", "learnt", "learnt", "exchange"]
        assert [type(record) for _, record in records] == [Exchange, Exchange, Feedback, Signal, Change, Exchange]
        assert ids(records) == ["own-0", "own-1", "own-2"]
        key = owner_of(scope("s1"), PARTITIONS).partition.key("exchange", "own-0")
        await fleet.server.ask("HSET", key, "payload", b"\x00", "at", "never")
        assert ids([each async for each in fleet.archive.records(ANN)]) == ["own-1", "own-2"]


def ids(records: Sequence[tuple[str, object]]) -> list[str]:
    return [record.id for _, record in records if isinstance(record, Exchange)]


async def test_tombstones_stand_in_redis_and_the_later_one_counts(fleet: Fleet) -> None:
    for moment, is_out in ((NOW + 5, True), (NOW, False)):
        await fleet.archive.erase(ANN, stone_of(ANN.scope, moment, is_out=is_out))
    assert await fleet.archive.tombstones() == [stone_of(ANN.scope, NOW + 5, is_out=True)]


async def test_a_session_goes_with_the_last_of_its_exchanges_and_what_hangs_on_them_with_each(
    fleet: Fleet, redis: RedisProcess
) -> None:
    await fleet.fill(scope("s1"), "own")
    later = said("own-2", scope("s1"), at=NOW + 1)
    await fleet.ship(later)
    await fleet.archive.drop(["own-1"])
    left = everything(redis.url)
    assert [trace for trace in (b":exchange:own-1", b":step:", b":feedback:") if trace in left] == []
    assert b":session:" in left
    await fleet.archive.drop(["own-2", "unknown"])
    assert [
        kind for kind in (b":session:", b":talk:", b":persons", b":openings:") if kind in everything(redis.url)
    ] == []


async def test_what_is_outdated_is_found_where_this_gateway_learns(fleet: Fleet) -> None:
    old = said("e1", scope("s1"), at=NOW - 9)
    await fleet.ship(old)
    await fleet.learn(old)
    keeping = Keeping(policy="default", before=NOW)
    assert [one.exchange for one in await fleet.archive.outdated(keeping, 9)] == ["e1"]
    for tenure in fleet.tenures.held():
        fleet.tenures.lost(tenure)
    assert await fleet.archive.outdated(keeping, 9) == []
    await fleet.archive.drop(["e1"])
    assert [record async for _, record in fleet.archive.records(ANN)] == [old]
