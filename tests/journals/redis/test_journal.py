"""What the contract (tests/journals/test_contract.py) leaves to many gateways before one Redis, and to its faults."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.errors import MemoryUnavailable
from gateway.journals.redis.journal import RedisJournal
from gateway.journals.redis.keys import EPOCH, digest, owner_of
from gateway.journals.sqlite import SqliteJournal, rows
from gateway.ports import Echoes
from gateway.sealing import KEY_BYTES, Seal
from gateway.testing.redis import RedisProcess
from gateway.types import Exchange, Operator, Scope
from tests.journals.redis.gateways import PARTITIONS, gateway, in_step, shipped, subject, until
from tests.journals.samples import exchange, intent, leased, ledger_found, scope, session_found

ROOT = Path(__file__).parents[3]

ANN = owner_of(scope("s1"), PARTITIONS)
STREAM = ANN.partition.key("stream")
SESSION = ANN.key("session", digest("s1"))


async def queued(raw: Any) -> list[str]:
    """Ids in the stream of those who say things here."""
    return [fields[b"id"].decode() for _, fields in await raw.xrange(STREAM)]


async def degraded(journal: RedisJournal) -> str:
    """Wait until the gateway has noticed that Redis does not take what it ships; what it says of that."""

    async def has_noticed() -> bool:
        return bool(journal.degraded)

    await until(has_noticed)
    return journal.degraded


async def knows(journal: RedisJournal, where: Scope) -> bool:
    """Whether it can be said if there is such a session."""
    try:
        await journal.find_session(where, Echoes())
    except MemoryUnavailable:
        return False
    return True


# Sessions, whichever gateway a call comes to (promise P5)


@pytest.mark.promise("P5")
async def test_a_session_begun_at_one_gateway_goes_on_at_another_with_the_same_notes(
    redis: RedisProcess, tmp_path: Path
) -> None:
    notes = {f"place{number}": f"note {number}" for number in range(200)} | {"head": "likes tea", "a": ""}
    async with gateway(tmp_path / "a", redis.url) as one, gateway(tmp_path / "b", redis.url) as other:
        await in_step(one)
        said = msgspec.structs.replace(
            exchange("e1", scope("s1"), notes=notes, anchors=("s:call_1", "w:text")), openings=("the train leaves",)
        )
        await one.commit(said)
        for echoes in [Echoes(anchors=["s:call_1"]), Echoes(anchors=["w:text"]), Echoes(texts=["> the train leaves"])]:
            found = await other.find_session(scope(), echoes)
            assert found is not None
            assert found.scope == scope("s1")
            assert tuple(found.ledger.values()) == said.notes
        assert await ledger_found(other, scope("s1")) == notes
        await other.commit(exchange("e2", scope("s1"), notes={"z": "added"}, anchors=("s:call_2",)))
        assert await session_found(one, scope(), "s:call_2") == "s1"
        assert list(await ledger_found(one, scope("s1")) or ()) == [*notes, "z"]


@pytest.mark.promise("P5")
async def test_a_call_that_is_still_under_way_is_known_to_another_gateway(redis: RedisProcess, tmp_path: Path) -> None:
    async with gateway(tmp_path / "a", redis.url) as one, gateway(tmp_path / "b", redis.url) as other:
        await in_step(one)
        one.intend(intent("e1", scope("s1"), notes={"head": "likes tea"}))
        await shipped(one)
        assert await ledger_found(other, scope("s1")) == {"head": "likes tea"}
        assert await other.read(Operator(), "e1") is None


@pytest.mark.promise("P5")
async def test_of_two_notes_at_one_place_the_first_that_reached_redis_stays_for_both(
    redis: RedisProcess, tmp_path: Path
) -> None:
    async with gateway(tmp_path / "a", redis.url) as one, gateway(tmp_path / "b", redis.url) as other:
        await in_step(one)
        await in_step(other)
        await one.commit(exchange("e1", scope("s1"), notes={"head": "first"}))
        await other.commit(exchange("e2", scope("s1"), notes={"head": "second", "x": "only here"}))
        for journal in (one, other):
            assert await ledger_found(journal, scope("s1")) == {"head": "first", "x": "only here"}


async def test_a_session_in_which_nobody_is_named_is_found_by_its_anchors_and_nobody_elses(
    redis: RedisProcess, tmp_path: Path
) -> None:
    async with gateway(tmp_path / "a", redis.url) as one, gateway(tmp_path / "b", redis.url) as other:
        await in_step(one)
        for number in range(6):
            where = scope(f"s{number}", user=None)
            await one.commit(exchange(f"e{number}", where, anchors=(f"s:call_{number}", "w:hello")))
        for number in range(6):
            assert await session_found(other, scope(user=None), f"s:call_{number}") == f"s{number}"
        assert await session_found(other, scope(user=None), "w:hello") is None
        assert await session_found(other, scope(user=None, tenant="evil"), "s:call_1") is None
        assert await session_found(other, scope(user="ann"), "s:call_1") is None


async def test_what_is_known_here_does_not_outlive_what_redis_knows_while_redis_answers(
    redis: RedisProcess, raw: Any, tmp_path: Path
) -> None:
    async with gateway(tmp_path, redis.url) as journal:
        await in_step(journal)
        await journal.commit(exchange("e1", scope("s1"), notes={"head": "old"}))
        await shipped(journal)
        await raw.delete(SESSION)
        assert await ledger_found(journal, scope("s1")) is None


async def test_of_two_sessions_the_one_is_meant_that_redis_names(redis: RedisProcess, tmp_path: Path) -> None:
    async with gateway(tmp_path / "a", redis.url) as one, gateway(tmp_path / "b", redis.url) as other:
        await in_step(one)
        await in_step(other)
        await one.commit(exchange("e1", scope("s1"), notes={"head": "of s1"}, anchors=("s:call_1",)))
        await other.commit(exchange("e2", scope("s2"), anchors=("s:call_1",)))
        one.intend(intent("e3", scope("s1")))
        found = await one.find_session(scope(), Echoes(anchors=["s:call_1"]))
        assert found is not None
        assert (found.scope.session, found.ledger) == ("s2", {})
        assert await session_found(one, scope(), "s:unknown") is None


# The record (promise P6)


async def test_any_gateway_reads_what_another_recorded_and_none_what_is_anothers(
    redis: RedisProcess, raw: Any, tmp_path: Path
) -> None:
    said = exchange("e1", scope("s1"), text="hello")
    async with gateway(tmp_path / "a", redis.url) as one, gateway(tmp_path / "b", redis.url) as other:
        await in_step(one)
        await one.commit(said)
        assert await other.read(Operator(), "e1") == await other.read(scope("s2"), "e1") == said
        assert await other.read(scope("s1", user="bob"), "e1") is None
        await raw.hset(ANN.partition.key("exchange", "e1"), "payload", b"\xc1")
        with pytest.raises(MemoryUnavailable):
            await other.read(Operator(), "e1")
        await raw.set(ANN.partition.key("exchange", "e2"), "no hash")
        with pytest.raises(MemoryUnavailable):
            await other.read(Operator(), "e2")


async def test_with_a_key_nothing_that_was_said_is_readable_in_redis(
    redis: RedisProcess, raw: Any, tmp_path: Path
) -> None:
    seal = Seal(bytes(KEY_BYTES))
    said = msgspec.structs.replace(
        exchange("e1", scope("s1"), text="likes tea", notes={"head": "tea it is"}), openings=("tea at noon",)
    )
    async with (
        gateway(tmp_path / "a", redis.url, seal=seal) as one,
        gateway(tmp_path / "b", redis.url, seal=seal) as other,
        gateway(tmp_path / "c", redis.url) as stranger,
    ):
        await in_step(one)
        await one.commit(said)
        for key in await raw.keys("*"):
            assert b"tea" not in await raw.dump(key)
        assert await other.read(Operator(), "e1") == said
        assert await ledger_found(other, scope("s1")) == {"head": "tea it is"}
        assert (await session_found(other, scope())) is None
        with pytest.raises(MemoryUnavailable):
            await stranger.find_session(scope("s1"), Echoes())


async def test_everything_expires(redis: RedisProcess, raw: Any, tmp_path: Path) -> None:
    async with gateway(tmp_path, redis.url) as journal:
        await in_step(journal)
        said = exchange("e1", scope("s1"), notes={"head": "note"}, anchors=("s:call_1", "w:text"))
        await journal.commit(msgspec.structs.replace(said, openings=("tea at noon",)))
        kept = {key.decode(): await raw.ttl(key) for key in await raw.keys("*")}
    assert len(kept) == 10
    assert [key for key, seconds in kept.items() if seconds < 0] == [EPOCH]


@pytest.mark.promise("P6")
async def test_what_an_earlier_process_had_only_on_its_disk_is_shipped_in_its_order_and_once(
    redis: RedisProcess, raw: Any, tmp_path: Path
) -> None:
    spool = SqliteJournal(tmp_path / "journal.db", queues=rows.has_ended)
    spool.intend(intent("e0", scope("s1"), notes={"head": "left open"}))
    for name in ["e2", "e1"]:
        await spool.commit(exchange(name, scope("s1")))
    await spool.aclose()
    for _ in range(2):
        async with gateway(tmp_path, redis.url) as journal:
            await in_step(journal)
            assert await queued(raw) == ["e2", "e1", "e0"]
            assert await ledger_found(journal, scope("s1")) == {"head": "left open"}


DYING = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.journals.redis.gateways import gateway, in_step
from tests.journals.samples import exchange, scope

async def main(folder, url):
    async with gateway(Path(folder), url, shipped_s=0.02) as journal:
        await in_step(journal)
        await journal.commit(exchange("e1", scope("s1")))
        print("e1 is in Redis", flush=True)
        sys.stdin.readline()
        await journal.commit(exchange("e2", scope("s1"), notes={"head": "note"}))
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.promise("P6")
async def test_a_gateway_that_is_killed_between_its_disk_and_redis_loses_nothing_and_doubles_nothing(
    redis: RedisProcess, raw: Any, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", DYING, str(tmp_path), redis.url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as dying:
        assert dying.stdout is not None
        await asyncio.to_thread(dying.stdout.readline)
        redis.freeze()
        await asyncio.to_thread(dying.communicate, b"\n")
    assert dying.returncode == -signal.SIGKILL
    redis.thaw()
    async with gateway(tmp_path, redis.url) as journal:
        await in_step(journal)
        assert await queued(raw) == ["e1", "e2"]
        assert await ledger_found(journal, scope("s1")) == {"head": "note"}


@pytest.mark.promise("P6")
async def test_while_redis_is_down_calls_are_on_record_here_and_reach_it_later_once(
    redis: RedisProcess, tmp_path: Path
) -> None:
    redis.stop()
    async with gateway(tmp_path, redis.url, learns=False) as journal:
        await journal.commit(exchange("e1", scope("s1"), notes={"head": "note"}, anchors=("s:call_1",)))
        assert "redis" in await degraded(journal)
        assert journal.trouble == ""
        await journal.prove()
        assert await session_found(journal, scope(), "s:call_1") == "s1"
        assert await journal.read(Operator(), "e1") is not None
        with pytest.raises(MemoryUnavailable):
            await journal.read(Operator(), "unknown")
        redis.start()
        await in_step(journal)
        assert journal.degraded == ""
        await journal.commit(exchange("e2", scope("s1")))
    async with gateway(tmp_path, redis.url, learns=True) as journal:
        await in_step(journal)
        assert await leased(journal) == ["e1", "e2"]


@pytest.mark.promise("P6")
async def test_a_redis_that_comes_back_empty_gets_all_that_nobody_has_learnt_and_that_once(
    redis: RedisProcess, raw: Any, tmp_path: Path
) -> None:
    async with gateway(tmp_path, redis.url) as journal:
        await in_step(journal)
        for name in ["e1", "e2"]:
            await journal.commit(exchange(name, scope("s1"), notes={name: "note"}, anchors=(f"s:{name}",)))
        await raw.flushall()
        assert await ledger_found(journal, scope("s1")) == {"e1": "note", "e2": "note"}
        assert await session_found(journal, scope(), "s:e1") == "s1"
        await in_step(journal)
        assert await queued(raw) == ["e1", "e2"]
        await journal.commit(exchange("e3", scope("s1")))
        assert await queued(raw) == ["e1", "e2", "e3"]


# What Redis can do wrong


async def refuse_by(raw: Any, fault: str) -> None:
    match fault:
        case "OOM":
            await raw.config_set("maxmemory", 1)
        case "READONLY":
            await raw.replicaof("127.0.0.1", 1)


async def has_ledger(journal: RedisJournal, wanted: dict[str, str]) -> bool:
    return await ledger_found(journal, scope("s1")) == wanted


@pytest.mark.parametrize(("fault", "reason"), [("OOM", "maxmemory"), ("READONLY", "read only")])
async def test_while_redis_takes_nothing_sessions_go_on_here_and_it_heals_by_itself(
    redis: RedisProcess, raw: Any, tmp_path: Path, fault: str, reason: str
) -> None:
    async with gateway(tmp_path / "a", redis.url) as one, gateway(tmp_path / "b", redis.url) as other:
        await in_step(one)
        await other.commit(exchange("e1", scope("s1"), notes={"head": "from b"}))
        await shipped(other)
        await refuse_by(raw, fault)
        await one.commit(exchange("e2", scope("s1"), notes={"x": "from a"}, anchors=("s:call_1",)))
        assert reason in await degraded(one)
        assert await session_found(one, scope(), "s:call_1") == "s1"
        both = {"head": "from b", "x": "from a"}  # a connection that was refused is made anew, and answers then
        await until(partial(has_ledger, one, both))
        await raw.replicaof("NO", "ONE")
        await raw.config_set("maxmemory", 0)
        await in_step(one)
        assert await ledger_found(other, scope("s1")) == {"head": "from b", "x": "from a"}


async def test_a_frozen_redis_holds_no_call_and_sessions_go_on_by_what_is_known_here(
    redis: RedisProcess, tmp_path: Path
) -> None:
    async with gateway(tmp_path, redis.url, lookup_s=0.02, shipped_s=0.02) as journal:
        await in_step(journal)
        await journal.commit(exchange("e1", scope("s1"), notes={"head": "note"}, anchors=("s:call_1",)))
        redis.freeze()
        await journal.commit(exchange("e2", scope("s1"), notes={"x": "late"}))
        assert await ledger_found(journal, scope("s1")) == {"head": "note", "x": "late"}
        assert await session_found(journal, scope(), "s:call_1") == "s1"
        await journal.commit(exchange("e3", scope("s3")))  # what it was told elsewhere is not known here
        for unknown in [scope("s2"), scope("s3"), scope("s1", user="bob")]:
            with pytest.raises(MemoryUnavailable):
                await journal.find_session(unknown, Echoes())
        with pytest.raises(MemoryUnavailable):
            await journal.find_session(scope(), Echoes(anchors=["s:call_2"]))
        assert await journal.find_session(scope(), Echoes(texts=["the first thing that is said"])) is None
        redis.thaw()
        await in_step(journal)
        await until(partial(knows, journal, scope("s2")))


@pytest.mark.parametrize("kind", ["session", "sessions", "exchange", "talk", "openings", "stream", "anchor", "persons"])
async def test_a_key_that_holds_another_type_is_begun_anew(
    redis: RedisProcess, raw: Any, tmp_path: Path, kind: str
) -> None:
    said = msgspec.structs.replace(
        exchange("e1", scope("s1"), notes={"head": "note"}, anchors=("w:text",)), openings=("tea at noon",)
    )
    async with gateway(tmp_path, redis.url) as journal:
        await in_step(journal)
        await journal.commit(said)
        (key,) = [key for key in await raw.keys("*") if f":{kind}:" in f"{key.decode()}:"]
        await raw.set(key, "damage")
        await journal.commit(exchange("e2", scope("s1"), anchors=("w:text",)))
        await journal.commit(msgspec.structs.replace(said, attempts=2))
        assert await raw.type(key) != b"string"
        assert await session_found(journal, scope(), "w:text") == "s1"


async def test_a_session_that_cannot_be_read_in_redis_is_continued_by_what_is_known_here(
    redis: RedisProcess, raw: Any, tmp_path: Path
) -> None:
    async with gateway(tmp_path, redis.url) as journal:
        await in_step(journal)
        await journal.commit(exchange("e1", scope("s1"), notes={"head": "note"}))
        await raw.set(SESSION, "damage")
        assert await ledger_found(journal, scope("s1")) == {"head": "note"}
        await journal.commit(exchange("e2", scope("s1"), notes={"head": "note"}))
        assert await ledger_found(journal, scope("s1")) == {"head": "note"}


# People of whom nothing may be known (promise P11)


@pytest.mark.promise("P11")
async def test_nothing_of_who_was_erased_is_shipped_and_it_leaves_the_spool(
    redis: RedisProcess, raw: Any, tmp_path: Path
) -> None:
    async with gateway(tmp_path, redis.url, is_gone=lambda where, at: where.user == "ann") as journal:
        await in_step(journal)
        await journal.commit(exchange("e1", scope("s1"), anchors=("s:call_1",)))
        await journal.commit(exchange("e2", scope("s1", user="bob")))
        assert await journal.read(Operator(), "e1") is None
        assert await raw.exists(ANN.partition.key("exchange", "e1"), SESSION) == 0
        assert await journal.read(Operator(), "e2") is not None


@pytest.mark.promise("P11")
@pytest.mark.parametrize(("tombstone", "is_taken"), [("1.0 0", False), ("0.5 0", True), ("0.5 1", False)])
async def test_redis_itself_refuses_what_is_older_than_a_tombstone_of_which_a_gateway_has_not_heard(
    redis: RedisProcess, raw: Any, tmp_path: Path, tombstone: str, is_taken: bool
) -> None:
    async with gateway(tmp_path, redis.url) as journal:
        await in_step(journal)
        await raw.hset(ANN.partition.key("erased"), subject(scope("s1")), tombstone)
        journal.intend(intent("e1", scope("s1"), notes={"head": "secret"}))
        await journal.commit(exchange("e1", scope("s1"), notes={"head": "secret"}, anchors=("s:call_1", "w:text")))
        assert (await journal.read(Operator(), "e1") is not None) == is_taken
        assert bool(await raw.keys(f"*{ANN.who}*")) == is_taken


def teaches(mode: str) -> Exchange:
    return msgspec.structs.replace(exchange("e1", scope("s1")), mode=mode)


async def test_what_teaches_nothing_is_on_record_and_not_in_the_queue(
    redis: RedisProcess, raw: Any, tmp_path: Path
) -> None:
    async with gateway(tmp_path, redis.url) as journal:
        await in_step(journal)
        await journal.commit(teaches("read"))
        kept = await raw.hgetall(ANN.partition.key("exchange", "e1"))
        assert kept[b"learnt"] == kept[b"version"]
        assert await queued(raw) == []


@pytest.mark.promise("P5")
async def test_a_ledger_of_which_only_a_part_is_known_is_not_taken_for_all_of_it(
    redis: RedisProcess, tmp_path: Path
) -> None:
    where = scope("s1")
    async with gateway(tmp_path / "a", redis.url) as a, gateway(tmp_path / "b", redis.url, lookup_s=0.5) as b:
        await in_step(a)
        await in_step(b)
        await a.commit(exchange("e1", where, notes={"head": "block"}))
        assert await ledger_found(b, where) == {"head": "block"}
        await b.commit(exchange("e2", where, notes={"p2": "delta"}))
        assert await ledger_found(b, where) == {"head": "block", "p2": "delta"}
        redis.stop()
        try:
            assert await ledger_found(b, where) == {"head": "block", "p2": "delta"}
        finally:
            redis.start()
