from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

import pytest

from gateway.errors import MemoryUnavailable
from gateway.journals.redis.keys import GATEWAYS, Partition, partition_of
from gateway.journals.redis.server import Server
from gateway.journals.redis.tenures import Tenures
from gateway.testing.redis import RedisProcess
from tests.journals.samples import scope

PARTITIONS = 8
SHORT_S = 0.3
"""A lease that ends while a test runs."""

BOUND_S = 20.0


class Seconds:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def server(redis: RedisProcess) -> AsyncIterator[Server]:
    async with aclosing(Server(redis.url, timeout_s=5.0)) as opened:
        yield opened


def numbers(tenures: Tenures) -> set[int]:
    return {tenure.partition.number for tenure in tenures.held()}


@asynccontextmanager
async def running(
    tenures: Tenures, on_left: Callable[[Partition], None] = lambda partition: None
) -> AsyncIterator[asyncio.Event]:
    """Have them look after themselves until the test is over, or tells them to stop."""
    stop = asyncio.Event()
    async with asyncio.timeout(BOUND_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(tenures.run(stop, on_left))
        yield stop
        stop.set()


async def until_held(tenures: Tenures, count: int, *others: Tenures) -> None:
    """Go round with all of them until one has so many."""
    async with asyncio.timeout(BOUND_S):
        while len(numbers(tenures)) != count:
            for each in (*others, tenures):
                await each.round()


async def until(tenures: Tenures, *, is_well: bool) -> None:
    """Until they hold everything and say so, or hold nothing and say why."""
    async with asyncio.timeout(BOUND_S):
        while (len(numbers(tenures)), not tenures.trouble) != (PARTITIONS * is_well, is_well):
            with suppress(TimeoutError):
                async with asyncio.timeout(SHORT_S / 10):
                    await asyncio.Event().wait()


async def test_a_gateway_alone_holds_every_partition_and_says_under_which_token_a_person_is_learnt(
    server: Server,
) -> None:
    tenures = Tenures(server, PARTITIONS, "a")
    owner = scope().owner
    with pytest.raises(MemoryUnavailable, match="is not held"):
        tenures.of(owner)
    await tenures.round()
    found = tenures.of(owner)
    assert numbers(tenures) == set(range(PARTITIONS))
    assert found.partition == partition_of(owner, PARTITIONS)
    assert await server.ask("GET", found.partition.key("token")) == b"%d" % found.token
    assert await server.ask("GET", found.partition.key("lease")) == b"a %d" % found.token


async def test_what_stands_where_gateways_are_counted_makes_way(server: Server) -> None:
    await server.ask("LPUSH", GATEWAYS, "damage")
    tenures = Tenures(server, PARTITIONS, "a")
    await tenures.round()
    assert numbers(tenures) == set(range(PARTITIONS))


async def test_two_gateways_at_once_never_hold_one_partition(server: Server) -> None:
    first, second = Tenures(server, PARTITIONS, "a"), Tenures(server, PARTITIONS, "b")
    for _ in range(4):
        await asyncio.gather(first.round(), second.round())
        assert not numbers(first) & numbers(second)
    assert (len(numbers(first)), len(numbers(second))) == (4, 4)


async def test_shares_become_fair_when_gateways_come_and_go(server: Server) -> None:
    first, second, third = (Tenures(server, PARTITIONS, name) for name in "abc")
    await first.round()
    await until_held(second, 4, first)
    await until_held(third, 2, first, second)
    assert sorted(map(len, map(numbers, (first, second, third)))) == [2, 3, 3]
    assert numbers(first) | numbers(second) | numbers(third) == set(range(PARTITIONS))
    stopped = asyncio.Event()
    stopped.set()
    await first.run(stopped)
    assert numbers(first) == set()
    await second.round()
    await third.round()
    assert (len(numbers(second)), len(numbers(third))) == (4, 4)


async def test_the_partitions_of_a_killed_gateway_are_taken_when_its_leases_have_ended(server: Server) -> None:
    killed, other = (Tenures(server, PARTITIONS, name, lease_s=SHORT_S) for name in "ab")
    await killed.round()
    before = {tenure.partition: tenure.token for tenure in killed.held()}
    await other.round()
    assert numbers(other) == set()
    await until_held(other, PARTITIONS)
    assert all(tenure.token > before[tenure.partition] for tenure in other.held())
    assert numbers(killed) == set()


async def test_a_lease_that_is_not_renewed_in_time_is_lost_here_before_it_ends_in_redis(server: Server) -> None:
    seconds = Seconds()
    tenures = Tenures(server, PARTITIONS, "a", lease_s=60.0, seconds=seconds)
    await tenures.round()
    seconds.now += 47
    await tenures.round()
    seconds.now += 47
    assert len(numbers(tenures)) == PARTITIONS
    seconds.now += 1
    assert numbers(tenures) == set()
    with pytest.raises(MemoryUnavailable, match="is not held"):
        tenures.of(scope().owner)
    assert await server.ask("EXISTS", Partition(0).key("lease")) == 1
    await tenures.round()
    assert numbers(tenures) == set()


@pytest.mark.parametrize("is_patience_over", [False, True])
async def test_what_is_being_learnt_is_given_up_last_and_only_when_it_is_done_or_takes_too_long(
    server: Server, is_patience_over: bool
) -> None:
    seconds = Seconds()
    first = Tenures(server, PARTITIONS, "a", lease_s=60.0, seconds=seconds)
    second = Tenures(server, PARTITIONS, "b", lease_s=60.0)
    await first.round()
    busy = [Partition(number) for number in range(1, PARTITIONS)]
    first.occupy(busy)
    await second.round()
    await first.round()
    await second.round()
    assert {tenure.partition.number for tenure in first.staying()} == {4, 5, 6, 7}
    assert numbers(first) == {1, 2, 3, 4, 5, 6, 7}
    assert numbers(second) == {0}
    if is_patience_over:
        seconds.now += 24
    else:
        first.occupy([Partition(7)])
    await first.round()
    await second.round()
    assert (numbers(first), numbers(second)) == ({4, 5, 6, 7}, {0, 1, 2, 3})


async def test_an_orderly_stop_waits_for_what_is_being_learnt_and_leaves_all_to_the_others(server: Server) -> None:
    first, second = Tenures(server, PARTITIONS, "a", lease_s=40.0), Tenures(server, PARTITIONS, "b", lease_s=40.0)
    await first.round()
    first.occupy([Partition(3)])
    async with asyncio.timeout(BOUND_S), running(first) as stop:
        stop.set()
        while first.staying():
            await second.round()
        for _ in range(9):
            await second.round()
        assert numbers(second) == set()
        first.occupy([])
    assert await server.ask("ZRANGE", GATEWAYS, 0, -1) == [b"b"]
    await second.round()
    assert numbers(second) == set(range(PARTITIONS))


async def test_a_stop_does_not_wait_for_ever_for_what_is_being_learnt(server: Server) -> None:
    tenures = Tenures(server, PARTITIONS, "a", lease_s=SHORT_S)
    await tenures.round()
    tenures.occupy([Partition(3)])
    async with running(tenures):
        pass
    assert await server.ask("EXISTS", Partition(3).key("lease")) == 0


async def test_who_finds_a_newer_token_holds_the_partition_no_more(server: Server) -> None:
    tenures = Tenures(server, 1, "a")
    await tenures.round()
    (tenure,) = tenures.held()
    await server.ask("INCR", Partition(0).key("token"))
    await tenures.round()
    assert numbers(tenures) == set()
    await server.ask("DEL", Partition(0).key("lease"))
    await tenures.round()
    tenures.lost(tenure)
    assert numbers(tenures) == {0}
    tenures.lost(*tenures.held())
    assert numbers(tenures) == set()


async def test_whoever_remembers_something_of_a_partition_is_told_when_it_is_held_no_more(server: Server) -> None:
    seconds, left = Seconds(), list[int]()
    tenures = Tenures(server, PARTITIONS, "a", lease_s=SHORT_S, seconds=seconds)
    async with running(tenures, lambda partition: left.append(partition.number)):
        await until(tenures, is_well=True)
        await server.ask("INCR", Partition(1).key("token"))
        while not left:
            await server.ask("PING")
        assert left == [1]
        seconds.now += SHORT_S
        while len(set(left)) < PARTITIONS:
            await server.ask("PING")
        await until(tenures, is_well=True)
        left.clear()
    assert sorted(left) == list(range(PARTITIONS))


async def test_a_gateway_that_comes_late_to_release_leaves_the_new_holder_alone(server: Server) -> None:
    first, second = Tenures(server, 1, "a"), Tenures(server, 1, "b")
    await first.round()
    await server.ask("DEL", Partition(0).key("lease"))
    await second.round()
    held = list(second.held())
    stopped = asyncio.Event()
    stopped.set()
    await first.run(stopped)
    await second.round()
    assert held == second.held() != []


async def test_tokens_grow_also_when_redis_has_forgotten_everything(server: Server) -> None:
    tenures = Tenures(server, PARTITIONS, "a")
    await tenures.round()
    before = {tenure.partition: tenure.token for tenure in tenures.held()}
    await server.ask("FLUSHALL")
    await tenures.round()
    assert len(before) == len(numbers(tenures)) == PARTITIONS
    assert all(tenure.token > before[tenure.partition] for tenure in tenures.held())
    ahead = 9 * 10**15  # of a clock that was set back since
    await server.ask("SET", Partition(0).key("token"), ahead)
    await server.ask("DEL", Partition(0).key("lease"))
    await tenures.round()
    assert ahead + 1 in [tenure.token for tenure in tenures.held()]


async def test_a_lease_that_has_ended_although_nobody_took_the_partition_is_taken_anew(server: Server) -> None:
    tenures = Tenures(server, 1, "a")
    await tenures.round()
    (before,) = tenures.held()
    await server.ask("DEL", Partition(0).key("lease"))
    await tenures.round()
    (after,) = tenures.held()
    assert after.token > before.token
    assert await server.ask("GET", Partition(0).key("lease")) == b"a %d" % after.token


async def test_what_is_no_lease_and_no_token_makes_way_for_them(server: Server) -> None:
    tenures = Tenures(server, 1, "a")
    await server.ask("SADD", Partition(0).key("lease"), "what")
    await server.ask("SADD", Partition(0).key("token"), "what")
    await tenures.round()
    assert numbers(tenures) == {0}
    await server.ask("SET", Partition(0).key("token"), "what")
    await tenures.round()
    assert numbers(tenures) == set()


@pytest.mark.parametrize("is_frozen", [False, True])
async def test_a_lost_redis_is_told_and_found_again_without_a_restart(tmp_path: Path, is_frozen: bool) -> None:
    with RedisProcess(tmp_path, flags=()) as redis:
        async with aclosing(Server(redis.url, timeout_s=5.0)) as server:
            tenures = Tenures(server, PARTITIONS, "a", lease_s=SHORT_S)
            async with running(tenures):
                await until(tenures, is_well=True)
                (redis.freeze if is_frozen else redis.kill)()
                await until(tenures, is_well=False)
                (redis.thaw if is_frozen else redis.start)()
                await until(tenures, is_well=True)


async def test_redis_that_is_away_keeps_nobody_from_stopping(tmp_path: Path) -> None:
    redis = RedisProcess(tmp_path)
    async with aclosing(Server(redis.url, timeout_s=5.0)) as server:
        tenures = Tenures(server, PARTITIONS, "a", lease_s=SHORT_S)
        async with running(tenures):
            await until(tenures, is_well=False)
