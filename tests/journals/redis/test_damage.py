"""What stands under a key of ours and is not ours: it is damage to one thing, and all others are shipped and learnt."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.chronicle import Learnt
from gateway.errors import MemoryUnavailable
from gateway.journals.redis import keys
from gateway.journals.redis.keys import digest, owner_of
from gateway.journals.redis.parcels import anchor_key
from gateway.ports import Echoes
from gateway.testing.redis import RedisProcess
from gateway.types import Exchange, Operator
from tests.journals.lessons import NOW, at, feedback
from tests.journals.looking_back import PARTITIONS, RedisRecord, redis_record
from tests.journals.redis.gateways import gateway, in_step, shipped, until
from tests.journals.samples import exchange, scope

ANN, BOB = scope("s1"), scope("s1", user="user 3")
HERS, HIS = owner_of(ANN, PARTITIONS), owner_of(BOB, PARTITIONS)


@pytest.fixture
async def record(redis: RedisProcess, tmp_path: Path) -> AsyncIterator[RedisRecord]:
    async with redis_record(tmp_path, redis) as record:
        yield record


@pytest.mark.parametrize(
    "key",
    [
        HERS.partition.key("given"),
        HERS.key("feedback", digest("acme", "f1")),
        HERS.partition.key("exchange", "e1"),
    ],
    ids=["the list of what waits", "feedback", "the exchange that it is about"],
)
async def test_a_key_of_another_type_keeps_nobody_elses_feedback_from_being_learnt(
    record: RedisRecord, key: str
) -> None:
    assert HERS.partition != HIS.partition
    for name, whose in (("1", ANN), ("2", BOB)):
        await record.journal.commit(at(NOW, f"e{name}", whose))
        await record.learn_all()
        await record.history.give(whose, feedback(f"f{name}", exchange=f"e{name}"))
    assert [one.id for one in await record.history.given(9)] == ["f1", "f2"]
    await record.server.ask_all([("DEL", key), ("LPUSH", key, "damage")])
    assert [one.id for one in await record.history.given(9)] == ["f2"]


async def test_letters_of_another_type_keep_nothing_from_being_shipped(
    redis: RedisProcess, raw: Any, tmp_path: Path
) -> None:
    await raw.lpush(HERS.partition.key("dead"), "damage")
    async with gateway(tmp_path, redis.url) as journal:
        await in_step(journal)
        for name, whose in (("e1", ANN), ("e2", BOB)):
            await journal.commit(exchange(name, whose))
        assert journal.degraded == ""
        assert await raw.exists(HERS.partition.key("exchange", "e1"), HIS.partition.key("exchange", "e2")) == 2


TABLE = re.findall(r"^\| `(accrue:\S+)` \| (\w+)", str(keys.__doc__), re.MULTILINE)
ANCHOR, WEAK = "s:a", "w:a"
STEPS_OF_A_LIFE = 9
IDS = {
    "exchange": "e1",
    "feedback": digest("acme", "f1"),
    "whose": digest("acme", "f1"),
    "step": digest("e1", "False"),
}


def key_of(row: str) -> str:
    """The key of a row of the table as Ann's first exchange has it."""
    kind = row.removeprefix("accrue:{P}:").partition(":")[0]
    names = {"P": str(HERS.partition.number), "WHO": HERS.who, "SESSION": digest("s1"), "DIGEST": digest(ANCHOR)}
    return re.sub(r"\b[A-Z]+\b", lambda found: (names | {"ID": IDS.get(kind, "")})[found[0]], row)


def left(number: int) -> Exchange:
    """An exchange of Ann's that leaves all that one can leave."""
    one = at(NOW + number, f"e{number}", ANN)
    return msgspec.structs.replace(one, anchors=(ANCHOR, WEAK), openings=("It is there",))


async def live(record: RedisRecord, number: int) -> list[str]:
    """All that becomes of an exchange; what of it could not be had."""
    one = left(number)
    said, learnt = feedback(f"f{number}", exchange=one.id), Learnt(exchange=one.id)
    await record.journal.commit(one)
    steps: Mapping[str, Callable[[], Awaitable[object]]] = {
        "partitions": record.tenures.round,
        "what waits": record.learn_all,
        "what came before": lambda: record.history.session(ANN, one.id, 9),
        "its step": lambda: record.history.taught(ANN, learnt),
        "feedback": lambda: record.history.give(ANN, said),
        "feedback that waits": lambda: record.history.given(9),
        "what became of it": lambda: record.history.became("acme", said.id, "ann"),
        "the report": lambda: record.chronicle.exchanges(Operator(), 0.0, 9),
        "the steps": lambda: record.chronicle.steps(Operator(), 0, 9),
    }
    failed = list[str]()
    for what, step in steps.items():
        try:
            await step()
        except MemoryUnavailable:
            failed.append(what)
    return failed


@pytest.mark.parametrize(("row", "kind"), TABLE, ids=[row.removeprefix("accrue:") for row, _ in TABLE])
async def test_whatever_stands_under_a_key_of_ours_calls_go_on_record_and_all_is_well_when_it_is_gone(
    record: RedisRecord, raw: Any, row: str, kind: str
) -> None:
    key, life = key_of(row), count(1)

    async def is_well() -> bool:
        return await live(record, next(life)) == []

    await until(is_well)
    await raw.delete(key)
    await (raw.set(key, "damage") if kind in ("list", "stream") else raw.rpush(key, "damage"))
    assert len(await live(record, next(life))) < STEPS_OF_A_LIFE
    await raw.delete(key, HERS.partition.key("lease"))  # which would expire, if a newer token were not there
    await until(is_well)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (keys.EPOCH, "string"),
        (HERS.key("session", digest("s1")), "hash"),
        (anchor_key(HERS, ANCHOR), "string"),
        (anchor_key(HERS, WEAK), "set"),
        (HERS.key("openings"), "list"),
    ],
    ids=["epoch", "session", "strong anchor", "weak anchor", "openings"],
)
@pytest.mark.promise("P4")
async def test_a_session_that_cannot_be_looked_up_is_unavailable_until_its_next_call_has_put_it_right(
    redis: RedisProcess, raw: Any, tmp_path: Path, key: str, kind: str
) -> None:
    echoes = Echoes(anchors=(ANCHOR, WEAK), texts=("It is there.",))
    async with gateway(tmp_path, redis.url) as journal:
        await in_step(journal)
        await journal.commit(left(1))
        await shipped(journal)
        await raw.delete(key)
        await (raw.set(key, "damage") if kind == "list" else raw.rpush(key, "damage"))
        with suppress(MemoryUnavailable):
            found = await journal.find_session(scope(), echoes)
            assert found is not None
            assert found.scope == ANN
        await journal.commit(left(2))

        async def is_well() -> bool:
            with suppress(MemoryUnavailable):
                found = await journal.find_session(scope(), echoes)
                return found is not None and found.scope == ANN and journal.degraded == ""
            return False

        await until(is_well)
        assert (await raw.type(key)).decode() == kind


def test_the_table_of_keys_is_read() -> None:
    assert len(TABLE) > 20
    assert all("{P}" not in key_of(row) for row, _ in TABLE)
