"""What there is to learn in the partitions that this gateway holds: leased from their streams, and marked when learnt.

A person's exchanges come in the order of their stream, whoever held the partition before. It knows neither how
exchanges get into a stream nor what is learnt from them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import structlog

from gateway.deadletters import DeadLetter, DeadLetters
from gateway.errors import MemoryUnavailable, ScopeError
from gateway.journals.redis.keys import GROUP, Partition
from gateway.journals.redis.server import Server
from gateway.journals.redis.steps import text
from gateway.journals.redis.tenures import Tenure, Tenures
from gateway.journals.sqlite.records import unpack
from gateway.pause import pause
from gateway.sealing import NO_SEAL, Seal
from gateway.types import Exchange

LOOK_S = 0.2
"""Between two looks for what has come by way of other gateways. One is a command for each partition held, all sent
together."""

LOST = b"LOST"

log = structlog.get_logger()


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange's place in a stream."""

    tenure: Tenure
    id: bytes
    exchange: str
    version: bytes
    who: str
    at: float
    is_first: bool
    """Nothing came before it in its session."""

    @property
    def key(self) -> str:
        """Under which it lies."""
        return self.tenure.partition.key("exchange", self.exchange)


class Consumer:
    """The learner's side of the streams. Usable from one event loop, by one learner."""

    def __init__(self, server: Server, tenures: Tenures, dead: DeadLetters, seal: Seal = NO_SEAL) -> None:
        """Consume what is held.

        Args:
            dead: takes what cannot be read.
        """
        self._server = server
        self._tenures = tenures
        self._dead = dead
        self._seal = seal
        self._lengths: dict[Partition, int] = {}
        """Of the streams, as they were seen last."""
        self._foreign: list[Partition] = []
        self._leased: dict[str, _Entry] = {}
        self._served = -1
        """The number of the partition whose turn was last."""

    def lag(self) -> int:
        """Exchanges in the partitions held that nobody has learnt, as of the last look.

        Those learnt count as well as long as an earlier one is not, or another group of readers is not that far.
        """
        return sum(self._lengths.values())

    def is_first(self, exchange: str) -> bool:
        """Whether an exchange is leased, and was the first of its session then."""
        return exchange in self._leased and self._leased[exchange].is_first

    async def lease(self, limit: int) -> list[Exchange]:
        """Finished exchanges not yet learnt, of each partition in its stream's order.

        What was leased before and is not done is leased again. Partitions have their turns, and an even part of a
        batch each, so that none waits for what another has to catch up with. Raises `MemoryUnavailable`.
        """
        self._leased.clear()
        waiting = await self._waiting()
        self._tenures.occupy(tenure.partition for tenure in waiting)
        found: list[Exchange] = []
        for tenure in waiting:
            room = min(-(-limit // len(waiting)), limit - len(found))
            if room > 0:
                found += await self._lease(tenure, room)
                self._served = tenure.partition.number
        self._tenures.occupy({entry.tenure.partition for entry in self._leased.values()})
        return found

    async def done(self, exchanges: Sequence[str]) -> None:
        """Mark as learnt what was leased, as it was leased; an exchange that ended once more is still to be learnt.

        Raises `MemoryUnavailable`, also when another gateway holds a partition by now: it learns those again.
        """
        entries: dict[Tenure, list[_Entry]] = {}
        for exchange in exchanges:
            if exchange in self._leased:
                entry = self._leased.pop(exchange)
                entries.setdefault(entry.tenure, []).append(entry)
        lost = [tenure.partition.number for tenure, some in entries.items() if not await self._finish(tenure, some)]
        self._tenures.occupy({entry.tenure.partition for entry in self._leased.values()})
        if lost:
            raise MemoryUnavailable(f"partitions that are not held any more: {lost}")

    async def run(self, stop: asyncio.Event, wake: Callable[[], None]) -> None:
        """Look for what has come, until told to stop; trouble is told by whoever leases.

        Args:
            wake: told when there is more than before.
        """
        while not stop.is_set():
            before = self._lengths
            with suppress(MemoryUnavailable):
                await self._look()
            if any(length > before.get(where, 0) for where, length in self._lengths.items()):
                wake()
            await pause(stop, LOOK_S)

    async def _waiting(self) -> list[Tenure]:
        """Partitions with something in their streams, in turns."""
        held = await self._look()
        waiting = [tenure for tenure in held if self._lengths.get(tenure.partition)]
        return sorted(waiting, key=lambda each: (each.partition.number <= self._served, each.partition.number))

    async def _look(self) -> Sequence[Tenure]:
        """See how long the streams are; those that are looked at. What is no stream counts as none."""
        held = self._tenures.staying()
        partitions = [tenure.partition for tenure in held]
        try:
            lengths = await self._ask("XLEN", partitions)
        except MemoryUnavailable:
            self._lengths = {}  # whatever is there afterwards is new
            kinds = await self._ask("TYPE", partitions)
            partitions = self._streams(partitions, kinds)
            lengths = await self._ask("XLEN", partitions)
        self._lengths = dict(zip(partitions, lengths, strict=True))
        return held

    def _streams(self, partitions: Sequence[Partition], kinds: Sequence[bytes]) -> list[Partition]:
        """Partitions without those in which something else stands in a stream's place; that is told once."""
        foreign = [where for where, kind in zip(partitions, kinds, strict=True) if kind not in (b"stream", b"none")]
        if foreign and foreign != self._foreign:
            log.error("stream_unreadable", partitions=[where.number for where in foreign])
        self._foreign = foreign
        return [where for where in partitions if where not in foreign]

    async def _ask(self, command: str, partitions: Sequence[Partition]) -> list[Any]:
        """The answers of the streams to a command."""
        commands = [(command, where.key("stream")) for where in partitions]
        return await self._server.ask_all(commands) if commands else []

    async def _lease(self, tenure: Tenure, limit: int) -> list[Exchange]:
        """The next exchanges of a partition; none of one that is not held any more."""
        found: list[Exchange] = []
        while not found:
            rows = await self._run("lease", tenure, limit)
            if not rows or rows == LOST:
                break
            passed = []
            for row in rows:
                entry, payload = _entry(tenure, row)
                exchange = None if payload is None else await self._opened(entry, payload)
                if exchange is None:
                    passed.append(entry)
                elif exchange.id not in self._leased:  # it may stand there once more, and is learnt only once
                    self._leased[exchange.id] = entry
                    found.append(exchange)
            if not passed:  # all of it is leased by way of another partition, in which it lies as well
                break
            await self._finish(tenure, passed)
        return found

    async def _opened(self, entry: _Entry, payload: bytes) -> Exchange | None:
        """An exchange out of its payload; what cannot be read is a dead letter."""
        try:
            return unpack(self._seal.open(payload, entry.key, entry.who))
        except (msgspec.DecodeError, ScopeError):
            log.error("journal_record_unreadable", exchanges=[entry.exchange])
        letter = DeadLetter(exchange=entry.exchange, stage="unreadable", reason="the record is damaged", at=entry.at)
        await self._dead.bury(letter)
        return None

    async def _finish(self, tenure: Tenure, entries: Sequence[_Entry]) -> bool:
        """Take entries out of the queue; False when that is another gateway's business by now."""
        named = [value for entry in entries for value in (entry.id, entry.exchange, entry.version)]
        return bool(await self._run("done", tenure, *named) != LOST)

    async def _run(self, script: str, tenure: Tenure, *arguments: str | bytes | int) -> Any:
        """What a script of this file's answers; a tenure that is lost is so from now on."""
        where = tenure.partition
        keys = [where.key("stream"), where.key("token")]
        answer = await self._server.run(script, keys, tenure.token, GROUP, where.key("exchange", ""), *arguments)
        if answer == LOST:
            self._tenures.lost(tenure)
            self._lengths.pop(where, None)
        return answer


def _entry(tenure: Tenure, row: Sequence[Any]) -> tuple[_Entry, bytes | None]:
    """What the script says of an entry, and the payload of its exchange."""
    id, exchange, at, version, who, is_first, payload = row
    try:
        seconds = float(at)
    except ValueError:
        seconds = 0.0
    found = _Entry(
        tenure=tenure,
        id=id,
        exchange=text(exchange),
        version=version,
        who=text(who),
        at=seconds,
        is_first=is_first == 1,
    )
    return found, payload
