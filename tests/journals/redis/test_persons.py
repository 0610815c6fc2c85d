"""The list of persons shrinks: of whom all has expired or was erased, nobody needs to know that they were there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.archive import Keeping
from gateway.erasures import Person
from gateway.journals.redis.chronicle import RedisChronicle
from gateway.journals.redis.keys import Owner, owner_of
from gateway.testing.redis import RedisProcess
from gateway.types import Scope
from tests.journals.lessons import NOW
from tests.journals.redis import fleet
from tests.journals.redis.fleet import PARTITIONS, Fleet, said
from tests.journals.samples import scope

ANN = scope("s1")
HERS = owner_of(ANN, PARTITIONS)
NEIGHBOURS = [
    one
    for one in (scope("s1", user=f"user {number}") for number in range(64))
    if owner_of(one, PARTITIONS).partition == HERS.partition
]
"""Who are in Ann's partition as well."""


@pytest.fixture
async def gateway(redis: RedisProcess, tmp_path: Path) -> AsyncIterator[Fleet]:
    async with fleet.gateway(redis.url, tmp_path) as one:
        yield one


async def known(gateway: Fleet) -> set[str]:
    """Of whom it is known in Ann's partition that they are there."""
    return {who.decode() for who in await gateway.server.ask("HKEYS", HERS.partition.key("persons"))}


def whos(*scopes: Scope) -> set[str]:
    return {owner_of(one, PARTITIONS).who for one in scopes}


async def expire(gateway: Fleet, owner: Owner) -> None:
    """What becomes of a person's sessions when nothing is heard of them for long."""
    await gateway.server.ask("PEXPIREAT", owner.key("sessions"), 1)


@pytest.mark.promise("P11")
async def test_of_whom_all_has_expired_goes_while_others_speak(gateway: Fleet) -> None:
    bob, *others = NEIGHBOURS
    for number, one in enumerate((ANN, *others)):
        await gateway.ship(said(f"e{number}", one))
        await expire(gateway, owner_of(one, PARTITIONS))
    for number in range(8 * len(NEIGHBOURS)):  # two of the list are looked at each time, whichever
        await gateway.ship(said(f"b{number}", bob, at=NOW + number))
    assert await known(gateway) == whos(bob)


@pytest.mark.promise("P11")
async def test_who_was_erased_is_in_the_list_no_more_and_who_is_there_stays(gateway: Fleet) -> None:
    bob = NEIGHBOURS[0]
    await gateway.ship(said("e1", ANN), said("e2", bob))
    await gateway.erase(Person(tenant=ANN.tenant, user=ANN.user))
    assert await known(gateway) == whos(bob)
    await gateway.ship(*(said(f"b{number}", bob) for number in range(8)))
    assert await known(gateway) == whos(bob)


async def test_who_speaks_while_they_are_erased_is_looked_at_as_before(gateway: Fleet) -> None:
    later = said("e2", scope("s2"), at=NOW + 1)
    await gateway.ship(said("e1", ANN), later)
    await gateway.learn(later)
    await gateway.erase(Person(tenant=ANN.tenant, user=ANN.user))
    assert await known(gateway) == whos(ANN)
    chronicle = RedisChronicle(gateway.server, partitions=PARTITIONS)
    assert [one.id for one in await chronicle.exchanges(ANN, 0, 9)] == ["e2"]
    outdated = await gateway.archive.outdated(Keeping(policy="default", newest=0), 9)
    assert [one.exchange for one in outdated] == ["e2"]
    await gateway.archive.drop([one.exchange for one in outdated])
    assert await known(gateway) == set()
