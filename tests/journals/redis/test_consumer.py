from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, suppress
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from gateway.deadletters import DeadLetter
from gateway.errors import MemoryUnavailable
from gateway.journals.redis.consumer import Consumer
from gateway.journals.redis.keys import GROUP, Partition, owner_of, partition_of
from gateway.journals.redis.parcels import Parcels
from gateway.journals.redis.server import Server
from gateway.journals.redis.tenures import Tenures
from gateway.journals.sqlite.records import pack
from gateway.sealing import NO_SEAL, Seal
from gateway.testing.redis import RedisProcess
from gateway.types import Exchange
from tests.journals.samples import exchange, scope

PARTITIONS = 4
SHORT_S = 0.3
BOUND_S = 20.0


class Letters:
    """Dead letters at hand."""

    def __init__(self) -> None:
        self.buried: list[DeadLetter] = []

    async def bury(self, letter: DeadLetter) -> None:
        self.buried.append(letter)


class Gateway:
    """What of one learns: in turns with others, and until it is no longer asked to."""

    def __init__(
        self, server: Server, name: str, *, partitions: int = PARTITIONS, lease_s: float = 60.0, seal: Seal = NO_SEAL
    ) -> None:
        self.tenures = Tenures(server, partitions, name, lease_s=lease_s)
        self.letters = Letters()
        self.consumer = Consumer(server, self.tenures, self.letters, seal)

    async def leased(self, limit: int = 64) -> list[str]:
        return [each.id for each in await self.consumer.lease(limit)]


@pytest.fixture
async def server(redis: RedisProcess) -> AsyncIterator[Server]:
    async with aclosing(Server(redis.url, timeout_s=5.0)) as opened:
        yield opened


@pytest.fixture
async def gateway(server: Server) -> Gateway:
    """One that holds everything."""
    alone = Gateway(server, "a")
    await alone.tenures.round()
    return alone


async def ship(
    server: Server, one: Exchange, *, version: str = "1", partitions: int = PARTITIONS, seal: Seal = NO_SEAL
) -> Partition:
    """Put an exchange where it is learnt from, as gateway/journals/redis/keys.py says."""
    where = partition_of(one.scope.owner, partitions)
    who, key = owner_of(one.scope, partitions).who, where.key("exchange", one.id)
    fields = {"payload": seal.close(pack(one)[1], key, who), "version": version, "at": one.at, "who": who}
    flat: list[Any] = [value for pair in fields.items() for value in pair]
    await server.ask_all(
        [
            ("HSET", key, *flat),
            ("XADD", where.key("stream"), "*", "id", one.id, "version", version),
        ]
    )
    return where


async def ship_all(server: Server, *names: str, user: str = "ann") -> Partition:
    for name in names:
        await ship(server, exchange(name, scope("s1", user=user)))
    return partition_of(scope(user=user).owner, PARTITIONS)


async def learnt(server: Server, where: Partition, name: str) -> bytes | None:
    found: bytes | None = await server.ask("HGET", where.key("exchange", name), "learnt")
    return found


def users_of_different_partitions(number: int) -> Sequence[str]:
    """Names of so many users, each in a partition of their own, by its number."""
    found: dict[int, str] = {}
    names = (f"u{each}" for each in count())
    while len(found) < number:
        user = next(names)
        found.setdefault(partition_of(scope(user=user).owner, PARTITIONS).number, user)
    return [found[place] for place in sorted(found)]


async def test_exchanges_are_leased_in_their_order_again_until_they_are_done(server: Server, gateway: Gateway) -> None:
    where = await ship_all(server, "e3", "e1", "e2")
    assert await gateway.leased(2) == ["e3", "e1"]
    assert await gateway.leased(2) == ["e3", "e1"]
    await gateway.consumer.done(["e3", "unknown"])
    assert await learnt(server, where, "e3") == b"1"
    assert await gateway.leased() == ["e1", "e2"]
    await gateway.consumer.done(["e1", "e2"])
    assert await gateway.leased() == []
    assert await server.ask("XLEN", where.key("stream")) == 0


async def test_what_ends_once_more_is_learnt_once_more_and_what_is_there_twice_only_once(
    server: Server, gateway: Gateway
) -> None:
    await ship_all(server, "e1", "e1")
    assert await gateway.leased() == ["e1"]
    await ship(server, exchange("e1", scope("s1"), text="all of it"), version="2")
    await gateway.consumer.done(["e1"])
    (again,) = await gateway.consumer.lease(9)
    assert again.turns[0].text == "all of it"
    await gateway.consumer.done(["e1"])
    where = await ship_all(server, "e2")
    await ship(server, exchange("e1", scope("s1")), version="2")
    assert await gateway.leased() == ["e2"]
    await gateway.consumer.done(["e2"])
    assert await gateway.leased() == []
    assert await server.ask("XLEN", where.key("stream")) == 0


async def test_a_batch_is_filled_past_what_is_learnt_already(server: Server, gateway: Gateway) -> None:
    where = await ship_all(server, "e1", "e2", "e3")
    for name in ("e1", "e2"):
        await server.ask("HSET", where.key("exchange", name), "learnt", "1")
    assert await gateway.leased(1) == ["e3"]


async def test_what_is_no_longer_on_record_leaves_the_queue_and_stays_gone(server: Server, gateway: Gateway) -> None:
    where = await ship_all(server, "e1", "e2", "e3")
    first, *_ = [id for id, _ in await server.ask("XRANGE", where.key("stream"), "-", "+")]
    assert await gateway.leased() == ["e1", "e2", "e3"]
    await server.ask("XDEL", where.key("stream"), first)
    await server.ask("DEL", where.key("exchange", "e2"))
    assert await gateway.leased() == ["e3"]
    await gateway.consumer.done(["e3"])
    assert await server.ask("EXISTS", where.key("exchange", "e2")) == 0
    assert (await server.ask("XPENDING", where.key("stream"), GROUP))["pending"] == 0
    assert gateway.letters.buried == []


@pytest.mark.parametrize("damage", ["bytes", "another-key", "no-scope", "wrong-type"])
async def test_a_record_that_cannot_be_read_becomes_a_dead_letter_and_keeps_nobody_waiting(
    server: Server, damage: str
) -> None:
    seal = Seal(b"k" * 32)
    gateway = Gateway(server, "a", seal=seal)
    await gateway.tenures.round()
    where = await ship(server, exchange("e1", scope("s1")), seal=Seal(b"x" * 32) if damage == "another-key" else seal)
    await ship(server, exchange("e2", scope("s1")), seal=seal)
    key = where.key("exchange", "e1")
    if damage == "bytes":
        await server.ask("HSET", key, "payload", b"\x93what")
    if damage == "no-scope":
        await server.ask("HSET", key, "payload", pack(exchange("e1", scope("s1")))[1].replace(b"\xa4acme", b"\xa0"))
    if damage == "wrong-type":
        await server.ask("DEL", key)
        await server.ask("SET", key, "what")
    with capture_logs() as logs:
        assert await gateway.leased() == ["e2"]
    assert [(each["event"], each["exchanges"]) for each in logs] == [("journal_record_unreadable", ["e1"])]
    at = 0.0 if damage == "wrong-type" else 1.0
    reason = "the record is damaged"
    assert gateway.letters.buried == [DeadLetter(exchange="e1", stage="unreadable", reason=reason, at=at)]
    assert await gateway.leased() == ["e2"]
    assert len(gateway.letters.buried) == 1


async def test_the_first_exchange_of_a_session_is_known_as_such_while_it_is_learnt(redis: RedisProcess) -> None:
    async with aclosing(Server(redis.url, timeout_s=5.0)) as server:
        alone = Gateway(server, "a")
        await alone.tenures.round()
        parcels = Parcels(partitions=PARTITIONS, keep_s=60.0, subject=lambda where: where.owner.encode())
        for number, name in enumerate(["e1", "e2", "e3"]):
            one = exchange(name, scope("s2" if name == "e2" else "s1"))
            await server.run_all(parcels.ended(*pack(msgspec.structs.replace(one, at=float(number + 1)))))
        assert not alone.consumer.is_first("e1")
        leased = await alone.leased()
        assert {name: alone.consumer.is_first(name) for name in leased} == {"e1": True, "e2": True, "e3": False}
        await alone.consumer.done(leased)
        assert not alone.consumer.is_first("e1")


async def test_an_exchange_in_two_partitions_is_leased_once_and_does_not_hold_up_the_learner(
    server: Server, gateway: Gateway
) -> None:
    where = await ship(server, exchange("e1", scope("s1")))
    other = Partition((where.number + 1) % PARTITIONS)
    fields = await server.ask("HGETALL", where.key("exchange", "e1"))
    flat: list[Any] = [value for pair in fields.items() for value in pair]
    await server.ask("HSET", other.key("exchange", "e1"), *flat)
    await server.ask("XADD", other.key("stream"), "*", "id", "e1", "version", "1")
    async with asyncio.timeout(30):
        assert await gateway.leased() == ["e1"]


async def test_a_record_that_is_nested_too_deep_is_damage(server: Server, gateway: Gateway) -> None:
    where = await ship(server, exchange("e1", scope("s1")))
    deep = msgspec.msgpack.encode({"zzz": 0})[:-1] + b"\x91" * 200_000 + b"\xc0"
    await server.ask("HSET", where.key("exchange", "e1"), "payload", deep)
    assert await gateway.leased() == []


async def test_a_time_that_is_none_is_no_reason_to_stop(server: Server, gateway: Gateway) -> None:
    where = await ship_all(server, "e1")
    await server.ask("HSET", where.key("exchange", "e1"), "at", "what")
    assert await gateway.leased() == ["e1"]


async def test_partitions_have_their_turns_and_none_waits_for_what_another_has_to_catch_up_with(
    server: Server, gateway: Gateway
) -> None:
    busy, *quiet = users_of_different_partitions(PARTITIONS)
    await ship_all(server, *(f"b{number}" for number in range(20)), user=busy)
    for user in quiet:
        await ship_all(server, f"q-{user}", user=user)
    assert sorted(name[0] for name in await gateway.leased(4)) == ["b", "q", "q", "q"]
    served = [name for _ in range(PARTITIONS) for name in await gateway.leased(1)]
    assert sorted(served) == sorted(["b0", *(f"q-{user}" for user in quiet)])


async def test_what_a_killed_holder_had_leased_is_leased_by_the_next_before_all_else(server: Server) -> None:
    killed, other = (Gateway(server, name, lease_s=SHORT_S) for name in "ab")
    await killed.tenures.round()
    where = await ship_all(server, "e1", "e2", "e3")
    assert await killed.leased(2) == ["e1", "e2"]
    async with asyncio.timeout(BOUND_S):
        while len(other.tenures.held()) < PARTITIONS:
            await other.tenures.round()
    await ship_all(server, "e4")
    assert await other.leased() == ["e1", "e2", "e3", "e4"]
    await other.consumer.done(["e1", "e2", "e3", "e4"])
    assert await server.ask("XLEN", where.key("stream")) == 0


async def taken_over(server: Server, by: Gateway) -> None:
    """The leases of whoever holds any end, and another gateway takes them; the former one takes no note of it."""
    await server.ask_all([("DEL", Partition(number).key("lease")) for number in range(PARTITIONS)])
    await server.ask("DEL", "accrue:gateways")
    await by.tenures.round()


@pytest.mark.promise("P6")
async def test_a_paused_holder_can_mark_and_lease_nothing_any_more(server: Server, gateway: Gateway) -> None:
    where, other = await ship_all(server, "e1", "e2"), Gateway(server, "b")
    assert await gateway.leased(1) == ["e1"]
    await taken_over(server, other)
    assert len(gateway.tenures.held()) == len(other.tenures.held()) == PARTITIONS
    with pytest.raises(MemoryUnavailable, match="not held any more"):
        await gateway.consumer.done(["e1"])
    assert await learnt(server, where, "e1") is None
    assert where not in [tenure.partition for tenure in gateway.tenures.held()]
    assert await other.leased() == ["e1", "e2"]


async def test_a_paused_holder_takes_nothing_out_of_the_stream(server: Server, gateway: Gateway) -> None:
    where, other = await ship_all(server, "e1"), Gateway(server, "b")
    await taken_over(server, other)
    assert await gateway.leased() == []
    assert where not in [tenure.partition for tenure in gateway.tenures.held()]
    assert await other.leased() == ["e1"]


async def test_what_is_learnt_of_other_partitions_is_marked_although_one_is_lost(
    server: Server, gateway: Gateway
) -> None:
    lost, kept = users_of_different_partitions(2)
    gone, held = await ship_all(server, "lost", user=lost), await ship_all(server, "kept", user=kept)
    assert sorted(await gateway.leased()) == ["kept", "lost"]
    await server.ask("INCR", gone.key("token"))
    with pytest.raises(MemoryUnavailable, match=rf"\[{gone.number}\]"):
        await gateway.consumer.done(["lost", "kept"])
    assert [await learnt(server, gone, "lost"), await learnt(server, held, "kept")] == [None, b"1"]


async def test_the_stream_is_not_trimmed_past_a_slower_reader(server: Server, gateway: Gateway) -> None:
    where = await ship_all(server, "e1", "e2", "e3")
    stream = where.key("stream")
    await server.ask("XGROUP", "CREATE", stream, "slower", "0")
    await gateway.leased()
    await gateway.consumer.done(["e1", "e2", "e3"])
    assert await server.ask("XLEN", stream) == 3
    read = await server.ask("XREADGROUP", "GROUP", "slower", "one", "COUNT", 2, "STREAMS", stream, ">")
    ids = [entry[0] for entry in read[0][1]]
    await server.ask("XACK", stream, "slower", ids[0])
    await ship_all(server, "e4")
    await gateway.leased()
    await gateway.consumer.done(["e4"])
    left = [fields[b"id"] for _, fields in await server.ask("XRANGE", stream, "-", "+")]
    assert left == [b"e2", b"e3", b"e4"]


async def test_a_partition_is_kept_while_something_of_it_is_being_learnt(server: Server, gateway: Gateway) -> None:
    others, other = users_of_different_partitions(PARTITIONS), Gateway(server, "b")
    for user in others:
        await ship_all(server, f"e-{user}", user=user)
    leased = await gateway.leased()
    await other.tenures.round()
    await gateway.tenures.round()
    assert (len(gateway.tenures.held()), len(gateway.tenures.staying())) == (4, 2)
    await gateway.consumer.done(leased)
    await gateway.tenures.round()
    await other.tenures.round()
    assert len(gateway.tenures.held()) == len(other.tenures.held()) == 2


async def test_what_comes_by_way_of_another_gateway_wakes_the_learner_and_is_counted(
    server: Server, gateway: Gateway
) -> None:
    stop, woken = asyncio.Event(), asyncio.Event()
    async with asyncio.timeout(BOUND_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(gateway.consumer.run(stop, woken.set))
        for name in ("e1", "e2"):
            await ship_all(server, name)
            await woken.wait()
            woken.clear()
        assert gateway.consumer.lag() == 2
        stop.set()
    assert await gateway.leased() == ["e1", "e2"]
    await gateway.consumer.done(["e1", "e2"])
    assert await gateway.leased() == []
    assert gateway.consumer.lag() == 0


async def test_who_holds_nothing_leases_nothing(server: Server) -> None:
    await ship_all(server, "e1")
    assert await Gateway(server, "a").leased() == []


async def test_something_else_in_a_streams_place_is_told_once_and_passed_over(server: Server, gateway: Gateway) -> None:
    bad, good = users_of_different_partitions(2)
    foreign = partition_of(scope(user=bad).owner, PARTITIONS)
    await server.ask("SET", foreign.key("stream"), "what")
    await ship_all(server, "e1", user=good)
    with capture_logs() as logs:
        assert await gateway.leased() == ["e1"]
        assert await gateway.leased() == ["e1"]
    assert logs == [{"event": "stream_unreadable", "partitions": [foreign.number], "log_level": "error"}]
    await server.ask("DEL", foreign.key("stream"))
    await ship_all(server, "e2", user=bad)
    assert sorted(await gateway.leased()) == ["e1", "e2"]


async def test_a_stream_that_was_removed_while_it_was_learnt_is_made_again(server: Server, gateway: Gateway) -> None:
    where = await ship_all(server, "e1")
    assert await gateway.leased() == ["e1"]
    await server.ask("DEL", where.key("stream"))
    await gateway.consumer.done(["e1"])
    await ship_all(server, "e2")
    assert await gateway.leased() == ["e2"]


@pytest.mark.parametrize("is_empty", [False, True])
async def test_redis_is_lost_and_back_with_what_it_had_or_with_nothing(tmp_path: Path, is_empty: bool) -> None:
    stop, woken = asyncio.Event(), asyncio.Event()
    with RedisProcess(tmp_path, flags=("--appendonly", "no" if is_empty else "yes")) as redis:
        async with aclosing(Server(redis.url, timeout_s=5.0)) as server:
            gateway = Gateway(server, "a", lease_s=SHORT_S)
            await gateway.tenures.round()
            await ship_all(server, "e1")
            assert await gateway.leased() == ["e1"]
            redis.kill()
            with pytest.raises(MemoryUnavailable):
                await gateway.consumer.done(["e1"])
            with pytest.raises(MemoryUnavailable):
                await gateway.leased()
            async with asyncio.timeout(BOUND_S), asyncio.TaskGroup() as tasks:
                tasks.create_task(gateway.consumer.run(stop, woken.set))
                tasks.create_task(gateway.tenures.run(stop))
                redis.start()
                await ship_all(server, "e2")
                found: list[str] = []
                while not found:
                    await woken.wait()
                    woken.clear()
                    with suppress(MemoryUnavailable):
                        found = await gateway.leased()
                stop.set()
    assert found == (["e2"] if is_empty else ["e1", "e2"])


async def waiting(server: Server) -> int:
    """How many exchanges nobody has learnt."""
    streams = [Partition(number).key("stream") for number in range(PARTITIONS)]
    return sum(await server.ask_all([("XLEN", stream) for stream in streams]))


async def gaps(server: Server, batch: Sequence[Exchange]) -> list[str]:
    """Exchanges of a batch that come although one before them, of the same user, is neither learnt nor in the batch."""
    found = []
    for place, each in enumerate(batch):
        user, _, number = each.id.partition("-")
        before = {f"{user}-{earlier}" for earlier in range(int(number))} - {other.id for other in batch[:place]}
        where = partition_of(each.scope.owner, PARTITIONS)
        found += [f"{each.id} before {name}" for name in before if await learnt(server, where, name) is None]
    return found


async def killed(tasks: Sequence[asyncio.Task[None]]) -> None:
    """End them wherever they are; more than once: `wait_for`, by which redis-py sends, may swallow it (Python 3.11)."""
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=0.01)


@pytest.mark.promise("P6")
async def test_no_person_is_learnt_out_of_order_while_gateways_are_killed_and_started(server: Server) -> None:
    inversions, users = [], [f"u{number}" for number in range(6)]

    async def learn(gateway: Gateway) -> None:
        while True:
            with suppress(MemoryUnavailable):
                await gateway.tenures.round()
                batch = await gateway.consumer.lease(3)
                inversions.extend(await gaps(server, batch))
                await gateway.consumer.done([each.id for each in batch])

    running: list[asyncio.Task[None]] = []
    names = [f"{user}-{number}" for number in range(30) for user in users]
    async with asyncio.timeout(BOUND_S):
        for place, name in enumerate(names):
            await ship(server, exchange(name, scope("s1", user=name.partition("-")[0])))
            if place % 30 == 0:
                running.append(asyncio.create_task(learn(Gateway(server, f"g{place}", lease_s=SHORT_S))))
                await killed(running[:-3])
                del running[:-3]
        while await waiting(server):
            await asyncio.wait(running, timeout=SHORT_S / 10)
        await killed(running)
    assert inversions == []
