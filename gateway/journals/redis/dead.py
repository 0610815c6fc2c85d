"""Dead letters in Redis: put there by whoever learns a partition, worked through by an operator from any machine.

A letter lies in the partition of its exchange. It says nothing of where that is, so all that come into question are
asked at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import structlog

from gateway.deadletters import DeadLetter
from gateway.errors import MemoryUnavailable
from gateway.journals.redis.keys import Partition
from gateway.journals.redis.portions import fields_of
from gateway.journals.redis.server import Run, Server
from gateway.journals.redis.tenures import Tenures
from gateway.journals.sqlite.records import decoder, pack, well_formed

_decode = decoder(DeadLetter)
_log = structlog.get_logger()


class RedisDeadLetters:
    """The dead letters of partitions that this gateway learns."""

    def __init__(self, server: Server, tenures: Tenures) -> None:
        self._server = server
        self._tenures = tenures

    async def bury(self, letter: DeadLetter) -> None:
        """Return when it is kept; of an exchange that is not on record, or no longer, there is none.

        Raises `MemoryUnavailable`, also when another gateway learns the partition by now.
        """
        stored, payload = pack(letter)
        held = self._tenures.held()
        there = await self._server.ask_all([("EXISTS", _record(one.partition, stored.exchange)) for one in held])
        for tenure in [one for one, is_there in zip(held, there, strict=True) if is_there]:
            where = tenure.partition
            keys = [where.key("token"), where.key("dead"), _record(where, stored.exchange)]
            if await self._server.run("bury", keys, tenure.token, stored.exchange, payload) == b"LOST":
                raise MemoryUnavailable(f"redis: another gateway learns partition {where.number}")


class Letters:
    """All dead letters, in an operator's hands. Whatever is done with them raises `MemoryUnavailable`."""

    def __init__(self, server: Server, partitions: int) -> None:
        self._server = server
        self._partitions = [Partition(number) for number in range(partitions)]

    async def all(self) -> list[DeadLetter]:
        """Those that can be read, by the time of their calls."""
        found = {letter.exchange: letter for where in self._partitions async for letter in self._read(where)}
        return sorted(found.values(), key=lambda letter: (letter.at, letter.exchange))

    async def count(self) -> int:
        """How many there are, with those that cannot be read."""
        return sum(await self._server.ask_all([("HLEN", where.key("dead")) for where in self._partitions]))

    async def replay(self, exchanges: Sequence[str]) -> None:
        """Let the learner have them once more, after all that waits."""
        for exchange in map(well_formed, exchanges):
            keys = [(where.key("dead"), where.key("stream"), _record(where, exchange)) for where in self._partitions]
            for answer in await self._server.run_all([Run("replay", each, (exchange,)) for each in keys]):
                if isinstance(answer, MemoryUnavailable):
                    raise answer

    async def drop(self, exchanges: Sequence[str]) -> None:
        """Forget that they were passed over; their exchanges stay on record."""
        names = [well_formed(exchange) for exchange in exchanges]
        if names:
            await self._server.ask_all([("HDEL", where.key("dead"), *names) for where in self._partitions])

    async def _read(self, where: Partition) -> AsyncIterator[DeadLetter]:
        async for exchange, payload in fields_of(self._server, where.key("dead")):
            try:
                yield _decode(payload)
            except ValueError as error:
                _log.error("dead_letter_unreadable", exchange=repr(exchange), error=type(error).__name__)


def _record(where: Partition, exchange: str) -> str:
    return where.key("exchange", exchange)
