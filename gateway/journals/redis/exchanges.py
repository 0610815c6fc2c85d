"""An exchange in Redis by its id, which says nothing of where it lies: every partition is asked, in one round trip."""

from __future__ import annotations

import msgspec

from gateway.errors import MemoryUnavailable, ScopeError
from gateway.journals.redis.keys import Partition
from gateway.journals.redis.server import Server
from gateway.journals.redis.steps import text
from gateway.journals.sqlite.records import unpack, well_formed
from gateway.sealing import NO_SEAL, Seal
from gateway.types import Exchange


async def read_exchange(server: Server, exchange: str, *, partitions: int, seal: Seal = NO_SEAL) -> Exchange | None:
    """One exchange, whoever's it is. Raises `MemoryUnavailable`, also for one that cannot be read."""
    keys = [Partition(number).key("exchange", well_formed(exchange)) for number in range(partitions)]
    answers = await server.ask_all([("HMGET", key, "payload", "who") for key in keys])
    for key, (payload, who) in zip(keys, answers, strict=True):
        if payload is not None:
            try:
                return unpack(seal.open(payload, key, text(who)))
            except (msgspec.DecodeError, ScopeError) as error:
                raise MemoryUnavailable(f"redis: {error}") from error
    return None
