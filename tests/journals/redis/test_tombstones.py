"""gateway/journals/redis/tombstones.py: who is erased at one gateway is gone at all of them, and stays so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

import pytest
from structlog.testing import capture_logs

from gateway.erasures import Erasures, Tombstone
from gateway.errors import MemoryUnavailable
from gateway.journals.redis.keys import ERASURES, owner_of
from gateway.journals.redis.server import Server
from gateway.journals.redis.tombstones import Tombstones, newest
from gateway.testing.redis import RedisProcess
from tests.journals.lessons import NOW
from tests.journals.redis.fleet import PARTITIONS, SECRET, Disk, stone_of
from tests.journals.samples import scope

ANN, BOB = scope("s1"), scope("s1", user="bob")
WHERE = [owner_of(ANN, PARTITIONS).partition]


class Gateway:
    """A gateway, and what it knows of who was erased."""

    def __init__(self, server: Server, stones: Sequence[Tombstone] = ()) -> None:
        self.disk = Disk(stones)
        self.erasures = Erasures(SECRET)
        self.tombstones = Tombstones(server, self.erasures, self.disk, [self.hear])
        self.is_failing = False
        self.heard = asyncio.Event()

    async def hear(self) -> None:
        if self.is_failing:
            raise MemoryUnavailable("the store is away")
        self.heard.set()


@pytest.fixture
async def server(redis: RedisProcess) -> AsyncIterator[Server]:
    async with aclosing(Server(redis.url, timeout_s=1.0)) as opened:
        yield opened


@pytest.mark.promise("P11")
async def test_who_is_erased_at_one_gateway_is_gone_at_another_and_from_its_disk(server: Server) -> None:
    one, other = Gateway(server), Gateway(server)
    await other.tombstones.look()
    await one.tombstones.set(stone_of(ANN), WHERE)
    await other.tombstones.look()
    assert other.erasures.is_gone(ANN, NOW)
    assert not other.erasures.is_gone(BOB, NOW)
    assert (other.disk.stones, other.disk.purged) == ([stone_of(ANN)], 1)
    await other.tombstones.look()
    assert (other.disk.stones, other.disk.purged) == ([stone_of(ANN)], 1)


async def test_a_gateway_that_comes_later_hears_of_all_and_then_of_what_is_new(server: Server) -> None:
    first = [stone_of(scope("s1", user=f"user-{number}")) for number in range(2_001)]
    await server.ask_all([("XADD", ERASURES, "*", "subject", one.subject, "at", one.at, "is_out", 0) for one in first])
    late = Gateway(server)
    await late.tombstones.look()
    await late.tombstones.set(stone_of(ANN), WHERE)
    await late.tombstones.look()
    assert late.disk.stones == [*first, stone_of(ANN)]
    assert len(await late.tombstones.all()) == 2_002


@pytest.mark.promise("P11")
async def test_a_redis_that_forgot_all_is_told_again_by_whoever_knows(redis: RedisProcess, server: Server) -> None:
    one, other = Gateway(server), Gateway(server)
    for stone in (stone_of(ANN), stone_of(BOB, is_out=True)):
        await one.tombstones.set(stone, WHERE)
    await one.tombstones.look()
    await other.tombstones.look()
    ((newest_id, _),) = await server.ask("XREVRANGE", ERASURES, "+", "-", "COUNT", 1)
    await server.ask("FLUSHALL")
    fields = ("subject", stone_of(ANN).subject, "at", NOW + 1, "is_out", 0)
    await server.ask("XADD", ERASURES, newest_id, *fields)  # as may be, within a millisecond
    await one.tombstones.look()
    await other.tombstones.look()
    expected = {stone.subject: stone for stone in (stone_of(ANN, NOW + 1), stone_of(BOB, is_out=True))}
    assert newest(await one.tombstones.all()) == expected


async def test_what_a_gateway_knew_before_there_was_a_redis_is_set_there(server: Server) -> None:
    await Gateway(server, [stone_of(ANN)]).tombstones.look()
    other = Gateway(server)
    await other.tombstones.look()
    assert other.erasures.is_gone(ANN, NOW)


def test_the_later_of_two_tombstones_counts_whichever_was_set_first() -> None:
    out, back = stone_of(ANN, NOW, is_out=True), stone_of(ANN, NOW + 1)
    assert list(newest([out, back]).values()) == list(newest([back, out]).values()) == [back]
    again = stone_of(ANN, NOW + 1, is_out=True)
    assert list(newest([back, again]).values()) == [again]


async def test_a_partition_keeps_the_later_of_two_tombstones(server: Server) -> None:
    gateway, key = Gateway(server), WHERE[0].key("erased")
    for at, is_out in ((NOW + 0.25, True), (NOW, False)):
        await gateway.tombstones.set(stone_of(ANN, at, is_out=is_out), WHERE)
    assert await server.ask("HGET", key, stone_of(ANN).subject) == f"{NOW + 0.25!r} 1".encode()


async def test_an_entry_that_cannot_be_read_is_passed_over(server: Server) -> None:
    gateway = Gateway(server)
    for fields in (
        ("subject", "x"),
        ("subject", "x", "at", "never", "is_out", "0"),
        ("subject", "x", "at", "nan", "is_out", "0"),
    ):
        await server.ask("XADD", ERASURES, "*", *fields)
    await gateway.tombstones.set(stone_of(ANN), WHERE)
    await gateway.tombstones.look()
    assert gateway.disk.stones == [stone_of(ANN)]


async def test_what_could_not_be_done_here_is_done_at_the_next_look(server: Server) -> None:
    gateway = Gateway(server)
    await gateway.tombstones.look()
    await gateway.tombstones.set(stone_of(ANN), WHERE)
    gateway.is_failing = True
    with pytest.raises(MemoryUnavailable):
        await gateway.tombstones.look()
    assert gateway.erasures.is_gone(ANN, NOW)
    gateway.is_failing = False
    await gateway.tombstones.look()
    assert gateway.heard.is_set()


async def test_tombstones_are_heard_of_again_when_redis_is_back(redis: RedisProcess, server: Server) -> None:
    gateway, stop = Gateway(server), asyncio.Event()
    redis.stop()
    with capture_logs() as logs:
        running = asyncio.create_task(gateway.tombstones.run(stop))
        async with asyncio.timeout(20):
            while len(logs) < 1:
                await asyncio.wait({running}, timeout=0.01)
        await asyncio.to_thread(redis.start)
        await server.ask("XADD", ERASURES, "*", "subject", stone_of(ANN).subject, "at", NOW, "is_out", 0)
        async with asyncio.timeout(20):
            await gateway.heard.wait()
    stop.set()
    await running
    assert gateway.erasures.is_gone(ANN, NOW)
    assert [line["event"] for line in logs] == ["erasures_postponed"]
