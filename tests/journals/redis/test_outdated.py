"""gateway/journals/redis/outdated.py: what a policy does not keep, found portion by portion."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.archive import Keeping
from gateway.journals.redis.keys import Partition, owner_of
from gateway.journals.redis.outdated import AT_ONCE, Search
from gateway.journals.redis.server import Command, Server
from gateway.sealing import NO_SEAL
from gateway.testing.redis import RedisProcess
from gateway.types import Exchange, Scope
from tests.journals.lessons import DAY, NOW
from tests.journals.redis.fleet import PARTITIONS, Fleet, gateway, said
from tests.journals.samples import scope

ALL = [Partition(number) for number in range(PARTITIONS)]


@pytest.fixture
async def fleet(redis: RedisProcess, tmp_path: Path) -> AsyncIterator[Fleet]:
    async with gateway(redis.url, tmp_path) as opened:
        yield opened


async def outdated(fleet: Fleet, keeping: Keeping) -> list[str]:
    return [one.exchange for one in await Search(fleet.server, NO_SEAL).outdated(keeping, ALL, 100)]


async def learnt(fleet: Fleet, *exchanges: Exchange) -> None:
    await fleet.ship(*exchanges)
    await fleet.learn(*exchanges)


def aged(days: int, identifier: str, where: Scope, policy: str = "default") -> Exchange:
    return msgspec.structs.replace(said(identifier, where, at=NOW - days * DAY), policy=policy)


async def test_what_is_older_than_its_policy_keeps_is_outdated_once_it_is_learnt(fleet: Fleet) -> None:
    fleet = fleet.lasting(30 * DAY)
    for days, policy in ((9, "default"), (5, "default"), (1, "default"), (9, "other")):
        await learnt(fleet, aged(days, f"{policy}-{days}", scope(f"s{days}"), policy))
    await fleet.ship(aged(9, "unlearnt", scope("s9")))
    assert await outdated(fleet, Keeping(policy="default", before=NOW - 3 * DAY)) == ["default-9", "default-5"]


async def test_of_each_user_and_of_each_session_of_nobodys_the_newest_of_a_policy_are_kept(fleet: Fleet) -> None:
    for number in range(3):
        for name, where in (("ann", scope(f"s{number}")), ("one", scope("s1", None)), ("two", scope("s2", None))):
            await learnt(fleet, said(f"{name}-{number}", where, at=NOW + number))
    await learnt(fleet, msgspec.structs.replace(said("newest", scope("s9"), at=NOW + 9), policy="other"))
    found = await outdated(fleet, Keeping(policy="default", newest=1))
    assert sorted(found) == ["ann-0", "ann-1", "one-0", "one-1", "two-0", "two-1"]
    assert sorted(await outdated(fleet, Keeping(policy="default", newest=2))) == ["ann-0", "one-0", "two-0"]
    assert await outdated(fleet, Keeping(policy="default")) == []


async def test_a_search_goes_on_where_there_were_enough_and_then_begins_anew(fleet: Fleet) -> None:
    for number in range(12):
        await learnt(fleet, said(f"e{number}", scope("s1", user=f"user-{number}"), at=NOW - 9))
    search, keeping = Search(fleet.server, NO_SEAL), Keeping(policy="default", before=NOW)
    found: list[str] = []
    while portion := await search.outdated(keeping, ALL, 5):
        assert len(portion) <= 5
        found += [one.exchange for one in portion]
        await fleet.archive.drop([one.exchange for one in portion])
    assert sorted(found) == sorted(f"e{number}" for number in range(12))


async def test_a_search_whose_partitions_were_lost_meanwhile_goes_on_with_the_others(fleet: Fleet) -> None:
    def users(partition: Partition) -> Sequence[str]:
        names = [f"user-{number}" for number in range(40)]
        return [name for name in names if owner_of(scope("s1", user=name), PARTITIONS).partition == partition][:2]

    for partition in ALL[:2]:
        for name in users(partition):
            await learnt(fleet, said(f"of-{name}", scope("s1", user=name), at=NOW - 9))
    search, keeping = Search(fleet.server, NO_SEAL), Keeping(policy="default", before=NOW)
    last = sorted(f"of-{name}" for name in users(ALL[1]))
    assert len(await search.outdated(keeping, ALL[:2], 1)) == 1
    assert sorted(one.exchange for one in await search.outdated(keeping, ALL[1:2], 9)) == last
    assert len(await search.outdated(keeping, ALL[:2], 3)) == 3
    assert sorted(one.exchange for one in await search.outdated(keeping, ALL[:2], 9)) == last


class Portioned(Server):
    """A server that notes how much it is asked at once, and how many turns the loop had taken by then."""

    def watched(self) -> Portioned:
        self.asked: list[tuple[int, int]] = []
        self._turns = 0
        self._turn()
        return self

    def _turn(self) -> None:
        self._turns += 1
        self._next = asyncio.get_running_loop().call_soon(self._turn)

    async def ask_all(self, commands: Sequence[Command]) -> list[Any]:
        self.asked.append((len(commands), self._turns))
        return await super().ask_all(commands)

    async def aclose(self) -> None:
        self._next.cancel()
        await super().aclose()


async def test_a_person_of_many_sessions_is_looked_at_in_pieces_between_which_the_loop_goes_on(
    redis: RedisProcess, fleet: Fleet
) -> None:
    count = 5 * AT_ONCE
    for number in range(count):
        await fleet.ship(aged(1, f"e{number:04}", scope(f"s{number}")))
    await fleet.learn(*(aged(1, f"e{number:04}", scope(f"s{number}")) for number in range(count)))
    async with aclosing(Portioned(redis.url, timeout_s=5.0).watched()) as server:
        found = await Search(server, NO_SEAL).outdated(Keeping(policy="default", newest=3), ALL, count)
        sizes, turns = zip(*server.asked, strict=True)
    assert sorted(one.exchange for one in found) == [f"e{number:04}" for number in range(count - 3)]
    assert max(sizes) <= AT_ONCE
    assert len(sizes) > 2 * count / AT_ONCE
    assert all(before < after for before, after in pairwise(turns))


async def test_a_person_that_cannot_be_read_keeps_nobody_else_from_being_looked_at(fleet: Fleet) -> None:
    await learnt(fleet, said("e1", scope("s1"), at=NOW - 9))
    await fleet.server.ask("HSET", owner_of(scope("s1"), PARTITIONS).partition.key("persons"), "who", b"\xff")
    assert await outdated(fleet, Keeping(policy="default", before=NOW)) == ["e1"]
