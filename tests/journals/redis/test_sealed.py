"""What is sealed in Redis opens at its own place alone: who can write there makes nobody's words another's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest

from gateway.chronicle import Learnt
from gateway.errors import MemoryUnavailable
from gateway.journals.redis.exchanges import read_exchange
from gateway.journals.redis.keys import digest, owner_of
from gateway.journals.redis.parcels import Parcels
from gateway.journals.redis.server import Server
from gateway.journals.redis.sessions import Sessions
from gateway.journals.sqlite.records import pack
from gateway.ports import Echoes
from gateway.sealing import KEY_BYTES, Seal
from gateway.testing.redis import RedisProcess
from gateway.types import Exchange, Scope
from tests.journals.lessons import NOW, at, feedback, signal
from tests.journals.looking_back import RedisRecord, redis_record
from tests.journals.redis.gateways import KEEP_S, PARTITIONS, PATIENCE_S, subject
from tests.journals.samples import exchange, leased, scope

SEAL = Seal(bytes(KEY_BYTES))
ANN, EVE = scope("s1"), scope("s1", tenant="evil")
OPENED = ("the train leaves at noon",)


@pytest.fixture
async def server(redis: RedisProcess) -> AsyncIterator[Server]:
    async with aclosing(Server(redis.url, timeout_s=PATIENCE_S)) as opened:
        yield opened


async def put(server: Server, *exchanges: Exchange) -> None:
    parcels = Parcels(partitions=PARTITIONS, keep_s=KEEP_S, subject=subject, seal=SEAL)
    for one in exchanges:
        await server.run_all(parcels.ended(*pack(one)))


def ledger_of(where: Scope) -> str:
    return owner_of(where, PARTITIONS).key("session", digest(where.session))


@pytest.mark.promise("P7")
@pytest.mark.parametrize(
    ("whose", "place"),
    [(ANN, "head"), (scope("s2", tenant="evil"), "head"), (EVE, "m2")],
    ids=["of another tenant", "of another session", "of another place"],
)
async def test_a_note_opens_in_its_own_session_and_at_its_own_place_alone(
    server: Server, whose: Scope, place: str
) -> None:
    sessions = Sessions(server, partitions=PARTITIONS, seal=SEAL)
    for number, one in enumerate((EVE, whose)):
        await put(server, exchange(f"e{number}", one, notes={"head": "a secret", "m2": "another"}))
    found = await sessions.find(EVE, Echoes())
    assert found is not None
    assert [note.text for note in found.ledger.values()] == ["a secret", "another"]
    moved = await server.ask("HGET", ledger_of(whose), place)
    await server.ask("HSET", ledger_of(EVE), "head", moved)
    with pytest.raises(MemoryUnavailable):
        await sessions.find(EVE, Echoes())


@pytest.mark.promise("P7")
async def test_an_opening_opens_among_those_of_its_own_person_alone(server: Server) -> None:
    sessions = Sessions(server, partitions=PARTITIONS, seal=SEAL)
    await put(server, msgspec.structs.replace(exchange("e1", ANN), openings=OPENED))
    assert await sessions.find(scope(), Echoes(texts=OPENED)) is not None
    openings = [owner_of(one, PARTITIONS).key("openings") for one in (ANN, EVE)]
    await server.ask("LPUSH", openings[1], *await server.ask("LRANGE", openings[0], 0, -1))
    with pytest.raises(MemoryUnavailable):
        await sessions.find(scope(tenant="evil"), Echoes(texts=OPENED))


async def move(record: RedisRecord, *names: str) -> None:
    """Put what lies sealed at Ann's in the place of what lies there at Eve's: under keys of which each has one."""
    ann, eve = owner_of(ANN, PARTITIONS), owner_of(EVE, PARTITIONS)
    for kind, of_ann, of_eve in (names[start : start + 3] for start in range(0, len(names), 3)):
        payload = await record.server.ask("HGET", ann.partition.key(kind, of_ann), "payload")
        await record.server.ask("HSET", eve.partition.key(kind, of_eve), "payload", payload)


@pytest.mark.promise("P7")
async def test_an_exchange_is_nobodys_where_it_was_not_put(redis: RedisProcess, tmp_path: Path) -> None:
    async with redis_record(tmp_path, redis, seal=SEAL) as record:
        for name, whose in (("e1", ANN), ("e2", EVE), ("e3", EVE)):
            await record.journal.commit(at(NOW, name, whose))
        await move(record, "exchange", "e1", "e2")
        assert [one.id for one in await record.chronicle.exchanges(EVE, 0, 9)] == ["e3"]
        assert await record.history.session(EVE, "e3", 9) == []
        assert sorted(await leased(record.journal)) == ["e1", "e3"]
        with pytest.raises(MemoryUnavailable):
            await read_exchange(record.server, "e2", partitions=PARTITIONS, seal=SEAL)


@pytest.mark.promise("P7")
async def test_an_exchange_is_not_that_of_whom_it_is_said_to_be_of(redis: RedisProcess, tmp_path: Path) -> None:
    async with redis_record(tmp_path, redis, seal=SEAL) as record:
        await record.journal.commit(at(NOW, "e1", ANN))
        await record.journal.commit(at(NOW, "e2", EVE))
        ann, eve = owner_of(ANN, PARTITIONS), owner_of(EVE, PARTITIONS)
        fields = await record.server.ask("HGETALL", ann.partition.key("exchange", "e1"))
        flat = [value for pair in fields.items() for value in pair]
        await record.server.ask("HSET", eve.partition.key("exchange", "e1"), *flat)
        await record.server.ask("ZADD", eve.key("talk", digest("s1")), NOW, "e1")
        assert [one.id for one in await record.chronicle.exchanges(EVE, 0, 9)] == ["e2"]


@pytest.mark.promise("P7")
async def test_feedback_and_what_was_learnt_are_nobodys_where_they_were_not_put(
    redis: RedisProcess, tmp_path: Path
) -> None:
    async with redis_record(tmp_path, redis, seal=SEAL) as record:
        steps = []
        for name, whose in (("e1", ANN), ("e2", EVE)):
            await record.journal.commit(at(NOW, name, whose))
            given = msgspec.structs.replace(feedback(f"f-{name}", exchange=name), tenant=whose.tenant)
            assert await record.history.give(whose, given) == "new"
            await record.history.taught(whose, Learnt(exchange=name, signals=(signal(name, "her words"),)))
            keys = await record.keys(owner_of(whose, PARTITIONS).partition)
            steps += [key.partition(":step:")[2] for key in keys if ":step:" in key and key not in steps]
        ann, eve = owner_of(ANN, PARTITIONS), owner_of(EVE, PARTITIONS)
        names = [f"{one.who}:{digest(of.tenant, given)}" for one, of, given in ((ann, ANN, "f-e1"), (eve, EVE, "f-e2"))]
        await record.learn_all()
        await move(record, "feedback", *names, "step", *sorted(set(steps), key=lambda step: step.startswith(eve.who)))
        assert await record.chronicle.signals(EVE, 0, 9) == []
        assert [one.id for one in await record.history.given(9)] == ["f-e1"]
