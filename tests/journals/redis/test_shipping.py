"""gateway/journals/redis/shipping.py: everything gets to Redis, in its order, and brought again changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.clock import SystemClock
from gateway.errors import MemoryUnavailable
from gateway.journals.redis import shipping as shipping_module
from gateway.journals.redis.keys import EPOCH, digest, owner_of
from gateway.journals.redis.parcels import Parcels
from gateway.journals.redis.server import Run, Server
from gateway.journals.redis.shipping import Shipping
from gateway.journals.sqlite import SqliteJournal, rows
from gateway.journals.sqlite.records import pack
from gateway.journals.sqlite.spool import SqliteSpool
from gateway.testing.redis import RedisProcess
from tests.journals.redis.gateways import KEEP_S, PARTITIONS, PATIENCE_S, gateway, in_step, shipped, subject, until
from tests.journals.samples import exchange, intent, ledger_found, scope

PARCELS = Parcels(partitions=PARTITIONS, keep_s=KEEP_S, subject=subject)


class Refusing(Server):
    """A server that once fails with what names an exchange or a session, and takes what is sent with it."""

    def __init__(self, url: str, name: str) -> None:
        super().__init__(url, timeout_s=PATIENCE_S)
        self._name = name

    async def run_all(self, runs: Sequence[Run]) -> list[Any]:
        refused = [run for run in runs if self._name in run.arguments]
        if not refused:
            return await super().run_all(runs)
        self._name = "none"
        answers = iter(await super().run_all([run for run in runs if run not in refused]))
        return [MemoryUnavailable("refused") if run in refused else next(answers) for run in runs]


@asynccontextmanager
async def ships(folder: Path, server: Server) -> AsyncIterator[tuple[SqliteJournal, Shipping]]:
    """A spool that is shipped by a server."""
    journal = SqliteJournal(folder / "journal.db", queues=rows.has_ended)
    async with aclosing(journal), aclosing(SqliteSpool(folder / "journal.db", journal.writer)) as spool:
        shipping = Shipping(
            spool, server, PARCELS, SystemClock(), partitions=PARTITIONS, is_gone=lambda where, at: False
        )
        yield journal, shipping


async def run(shipping: Shipping) -> None:
    """Ship until all is there."""
    stop = asyncio.Event()
    running = asyncio.create_task(shipping.run(stop))
    async with asyncio.timeout(PATIENCE_S):
        await shipping.in_step.wait()
    stop.set()
    await running


async def queued(raw: Any, user: str | None) -> list[str]:
    stream = owner_of(scope("s1", user=user), PARTITIONS).partition.key("stream")
    return [fields[b"id"].decode() for _, fields in await raw.xrange(stream)]


@pytest.mark.promise("P6")
async def test_nothing_of_a_person_overtakes_what_failed(redis: RedisProcess, raw: Any, tmp_path: Path) -> None:
    server = Refusing(redis.url, "e3")
    async with aclosing(server), ships(tmp_path, server) as (journal, shipping):
        for name in ["e2", "e3", "e1", "e4"]:
            await journal.commit(exchange(name, scope("s1")))
        await journal.commit(exchange("e5", scope("s1", user="bob")))
        await run(shipping)
        assert await queued(raw, "ann") == ["e2", "e3", "e1", "e4"]
        assert await queued(raw, "bob") == ["e5"]


async def test_a_session_that_could_not_be_told_to_redis_is_told_again(
    redis: RedisProcess, raw: Any, tmp_path: Path
) -> None:
    server = Refusing(redis.url, "s1")
    async with aclosing(server), ships(tmp_path, server) as (_, shipping):
        shipping.begin(intent("e1", scope("s1")))
        await run(shipping)
        assert await raw.hget(owner_of(scope("s1"), PARTITIONS).key("session", digest("s1")), "") == b"s1"


class Counting(Server):
    """A server that notes which exchanges and sessions are shipped, `ended` or only begun."""

    def __init__(self, url: str) -> None:
        super().__init__(url, timeout_s=PATIENCE_S)
        self.shipped: list[str] = []

    async def run_all(self, runs: Sequence[Run]) -> list[Any]:
        self.shipped += ["ended" if "exchange" in "".join(run.keys) else "begun" for run in runs]
        return await super().run_all(runs)


async def test_a_call_that_ends_at_once_is_shipped_once_and_one_with_another_end_twice(
    redis: RedisProcess, tmp_path: Path
) -> None:
    async with aclosing(Counting(redis.url)) as server, ships(tmp_path, server) as (journal, shipping):
        shipping.begin(intent("e1", scope("s1"), notes={"head": "a note"}))
        ended = exchange("e1", scope("s1"), notes={"head": "a note"})
        await journal.commit(ended)
        await shipping.ended(ended, 0.0)
        await run(shipping)
        assert server.shipped == ["ended"]
        shipping.begin(intent("e2", scope("s1"), notes={"place": "another"}))
        ended = exchange("e2", scope("s1"))
        await journal.commit(ended)
        shipping.in_step.clear()
        await shipping.ended(ended, 0.0)
        await run(shipping)
        assert sorted(server.shipped) == ["begun", "ended", "ended"]


async def test_a_call_under_way_is_shipped_without_an_end(redis: RedisProcess, tmp_path: Path) -> None:
    async with aclosing(Counting(redis.url)) as server, ships(tmp_path, server) as (_, shipping):
        stop = asyncio.Event()
        running = asyncio.create_task(shipping.run(stop))
        async with asyncio.timeout(PATIENCE_S):
            await shipping.in_step.wait()
            shipping.begin(intent("e1", scope("s1")))
            shipping.begin(intent("e2", scope("s1")))
            while shipping.is_behind(scope("s1")):
                await asyncio.wait({running}, timeout=0.01)
        stop.set()
        await running
        assert server.shipped == ["begun", "begun"]


@pytest.mark.parametrize("damage", ["SET", "LPUSH"])
async def test_an_epoch_that_somebody_overwrites_is_a_redis_that_may_have_forgotten(
    redis: RedisProcess, raw: Any, tmp_path: Path, damage: str
) -> None:
    async with gateway(tmp_path, redis.url) as journal:
        await in_step(journal)
        await journal.commit(exchange("e1", scope("s1"), notes={"head": "a note"}))
        await shipped(journal)
        await raw.delete(EPOCH)
        await raw.execute_command(damage, EPOCH, "damage")
        assert await ledger_found(journal, scope("s1")) == {"head": "a note"}  # by what is known here
        await journal.commit(exchange("e2", scope("s1")))

        async def is_well() -> bool:
            is_named = await raw.type(EPOCH) == b"string"
            return is_named and not journal.degraded and await queued(raw, "ann") == ["e1", "e2"]

        await until(is_well)


async def test_more_than_a_page_is_shipped_page_by_page_in_its_order(
    redis: RedisProcess, raw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping_module, "PAGE", 3)
    async with aclosing(Server(redis.url, timeout_s=PATIENCE_S)) as server, ships(tmp_path, server) as (journal, sent):
        for number in range(8):
            await journal.commit(exchange(f"e{number}", scope("s1")))
        await run(sent)
        assert await queued(raw, "ann") == [f"e{number}" for number in range(8)]


async def test_brought_again_an_exchange_changes_nothing_and_a_lesser_end_neither(
    redis: RedisProcess, raw: Any
) -> None:
    def ended(**changes: Any) -> Run:
        return PARCELS.ended(*pack(msgspec.structs.replace(exchange("e1", scope("s1")), **changes)))[0]

    async with aclosing(Server(redis.url, timeout_s=PATIENCE_S)) as server:
        for run, answer in [
            (ended(state="interrupted"), b"NEW"),
            (ended(status=429, attempts=2), b"NEW"),
            (ended(attempts=2), b"NEW"),
            (ended(attempts=2), b"KNOWN"),
            (ended(), b"OLDER"),
            (ended(state="interrupted", attempts=9), b"OLDER"),
            (ended(attempts=2, model="other"), b"NEW"),
        ]:
            assert await server.run_all([run]) == [answer]
    assert await queued(raw, "ann") == ["e1"] * 4


async def test_a_later_end_of_what_was_learnt_is_to_be_learnt_again(redis: RedisProcess, raw: Any) -> None:
    key = owner_of(scope("s1"), PARTITIONS).partition.key("exchange", "e1")
    async with aclosing(Server(redis.url, timeout_s=PATIENCE_S)) as server:
        await server.run_all(PARCELS.ended(*pack(exchange("e1", scope("s1"), state="interrupted"))))
        await raw.hset(key, "learnt", await raw.hget(key, "version"))
        await server.run_all(PARCELS.ended(*pack(exchange("e1", scope("s1")))))
        assert await raw.hget(key, "learnt") is None


async def test_a_person_keeps_their_newest_openings(redis: RedisProcess, raw: Any) -> None:
    owner = owner_of(scope("s1"), PARTITIONS)
    async with aclosing(Server(redis.url, timeout_s=PATIENCE_S)) as server:
        for number in range(3):
            openings = tuple(f"{number}: opening {place}" for place in range(30))
            said = msgspec.structs.replace(exchange(f"e{number}", scope("s1")), openings=openings)
            await server.run_all(PARCELS.ended(*pack(said)))
    kept = await raw.lrange(owner.key("openings"), 0, -1)
    assert len(kept) == rows.OPENINGS_KEPT
    assert msgspec.msgpack.decode(kept[0]) == ["2: opening 29", "s1", 1.0]


@pytest.mark.promise("P5")
async def test_what_began_while_redis_was_down_is_known_to_others_when_it_is_back(
    redis: RedisProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping_module, "BEGUN_KEPT", 1)
    redis.stop()
    async with gateway(tmp_path / "a", redis.url) as one, gateway(tmp_path / "b", redis.url) as other:
        one.intend(intent("e1", scope("s1"), notes={"head": "likes tea"}))
        one.intend(intent("e2", scope("s2")))  # there is no room for it: its end will bring it
        redis.start()
        await in_step(one)
        assert await ledger_found(other, scope("s1")) == {"head": "likes tea"}
        assert await ledger_found(other, scope("s2")) is None
        await one.commit(exchange("e2", scope("s2")))
        assert await ledger_found(other, scope("s2")) == {}


async def test_a_gateway_whose_redis_is_down_ends_all_the_same(redis: RedisProcess, tmp_path: Path) -> None:
    redis.stop()
    async with asyncio.timeout(PATIENCE_S), gateway(tmp_path, redis.url) as journal:
        await journal.commit(exchange("e1", scope("s1")))


async def test_who_waits_no_longer_takes_nothing_along(redis: RedisProcess, raw: Any, tmp_path: Path) -> None:
    async with gateway(tmp_path, redis.url) as journal:
        await in_step(journal)
        redis.freeze()
        waiting = asyncio.create_task(journal.commit(exchange("e1", scope("s1"))))
        await asyncio.wait({waiting}, timeout=0.05)
        waiting.cancel()
        redis.thaw()
        await shipped(journal)
        assert await queued(raw, "ann") == ["e1"]


async def test_a_person_is_behind_only_while_something_of_theirs_is_on_its_way(
    redis: RedisProcess, tmp_path: Path
) -> None:
    async with gateway(tmp_path, redis.url) as journal:
        assert journal.shipping.is_behind(scope("s1"))
        await in_step(journal)
        journal.intend(intent("e1", scope("s1")))
        assert journal.shipping.is_behind(scope("s2"))
        assert not journal.shipping.is_behind(scope("s1", user="bob"))
        await shipped(journal)
        assert not journal.shipping.is_behind(scope("s1"))


async def test_a_call_that_ends_once_more_is_no_dead_letter_any_longer(
    tmp_path: Path, redis: RedisProcess, raw: Any
) -> None:
    async with aclosing(Server(redis.url, timeout_s=PATIENCE_S)) as server, ships(tmp_path, server) as (journal, ship):
        dead = owner_of(scope("s1"), PARTITIONS).partition.key("dead")
        await journal.commit(msgspec.structs.replace(exchange("ex_1", scope("s1")), attempts=1))
        await run(ship)
        await raw.hset(dead, mapping={"ex_1": b"a letter", "ex_2": b"another"})
        await journal.commit(msgspec.structs.replace(exchange("ex_1", scope("s1")), attempts=2))
        ship.forgotten()
        await run(ship)
        assert await raw.hkeys(dead) == [b"ex_2"]


async def test_what_lost_its_place_in_the_queue_gets_another_one(tmp_path: Path, redis: RedisProcess, raw: Any) -> None:
    async with aclosing(Server(redis.url, timeout_s=PATIENCE_S)) as server, ships(tmp_path, server) as (journal, ship):
        await journal.commit(exchange("ex_1", scope("s1")))
        await run(ship)
        await raw.delete(owner_of(scope("s1"), PARTITIONS).partition.key("stream"))
        ship.forgotten()
        await run(ship)
        assert await queued(raw, scope("s1").user) == ["ex_1"]
