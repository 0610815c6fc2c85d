from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import MemoryUnavailable
from gateway.journals.redis.exchanges import read_exchange
from gateway.journals.redis.keys import owner_of
from gateway.testing.redis import RedisProcess
from tests.journals.redis.fleet import PARTITIONS, gateway, said
from tests.journals.samples import scope


async def test_an_exchange_is_found_wherever_it_lies_and_one_that_cannot_be_read_is_said(
    redis: RedisProcess, tmp_path: Path
) -> None:
    exchanges = [said(f"e{number}", scope("s1", user=f"user {number}")) for number in range(8)]
    async with gateway(redis.url, tmp_path) as fleet:
        await fleet.ship(*exchanges)
        for one in exchanges:
            assert await read_exchange(fleet.server, one.id, partitions=PARTITIONS) == one
        assert await read_exchange(fleet.server, "e\ud800", partitions=PARTITIONS) is None
        key = owner_of(exchanges[0].scope, PARTITIONS).partition.key("exchange", "e0")
        await fleet.server.ask("HSET", key, "payload", "damage")
        with pytest.raises(MemoryUnavailable, match="redis: "):
            await read_exchange(fleet.server, "e0", partitions=PARTITIONS)
