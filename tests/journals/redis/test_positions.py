"""gateway/journals/redis/positions.py: places in the order of learning, drawn many at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from gateway.journals.redis import positions
from gateway.journals.redis.keys import STEPS, Partition
from gateway.journals.redis.positions import AT_ONCE, Positions
from gateway.journals.redis.server import Server
from gateway.journals.redis.tenures import Tenure, Tenures
from gateway.testing.redis import RedisProcess
from tests.journals.redis.gateways import PATIENCE_S


@pytest.fixture
async def tenures(redis: RedisProcess) -> AsyncIterator[Tenures]:
    async with aclosing(Server(redis.url, timeout_s=PATIENCE_S)) as server:
        held = Tenures(server, 2, "gateway")
        await held.round()
        yield held


@pytest.fixture
async def drawn(redis: RedisProcess, tenures: Tenures) -> AsyncIterator[Positions]:
    async with aclosing(Server(redis.url, timeout_s=PATIENCE_S)) as server:
        yield Positions(server, tenures)


def of(tenures: Tenures, number: int) -> Tenure:
    return next(tenure for tenure in tenures.held() if tenure.partition == Partition(number))


async def test_they_are_used_in_their_order_and_drawn_again_when_all_are(tenures: Tenures, drawn: Positions) -> None:
    found = [await drawn.draw(of(tenures, number % 2)) for number in range(AT_ONCE + 1)]
    assert found == list(range(1, AT_ONCE + 2))


@pytest.mark.promise("P10")
async def test_a_partition_that_was_taken_after_the_drawing_gets_larger_ones_than_whoever_had_it(
    raw: Any, tenures: Tenures, drawn: Positions
) -> None:
    assert await drawn.draw(of(tenures, 0)) == 1
    before = of(tenures, 0)
    tenures.lost(before)
    await raw.delete(Partition(0).key("lease"))
    await raw.incrby(STEPS, 100)  # of another gateway, which had the partition meanwhile
    await tenures.round()
    assert of(tenures, 0).token > before.token
    assert await drawn.draw(of(tenures, 0)) == AT_ONCE + 101
    assert await drawn.draw(of(tenures, 1)) == AT_ONCE + 102


async def test_old_ones_are_left(tenures: Tenures, drawn: Positions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positions, "FRESH_S", -1.0)
    assert [await drawn.draw(of(tenures, 0)) for _ in range(2)] == [1, AT_ONCE + 1]


async def test_what_is_no_number_makes_way_for_a_larger_one_than_any(
    raw: Any, tenures: Tenures, drawn: Positions
) -> None:
    await raw.lpush(STEPS, "damage")
    first = await drawn.draw(of(tenures, 0))
    assert first > 10**12
    assert await drawn.draw(of(tenures, 1)) == first + 1
