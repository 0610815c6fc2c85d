"""The `Archive` port over Redis and over the gateway's own disk, on which lies what is not learnt yet.

What other gateways have on their disks they remove themselves, when they hear of the tombstone (tombstones.py).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence, Set
from itertools import compress
from typing import TypeVar

import msgspec

from gateway.archive import Archive, Keeping, Outdated, Record
from gateway.erasures import Person, Tombstone
from gateway.experience import Feedback
from gateway.journals.redis.aof import AppendLog
from gateway.journals.redis.keys import Owner, Partition, anchored_at, owner_of
from gateway.journals.redis.outdated import Search, decode_person
from gateway.journals.redis.portions import PORTION, fields_of, keys_of, unanchor
from gateway.journals.redis.server import Server
from gateway.journals.redis.steps import decode_taught, opened
from gateway.journals.redis.tenures import Tenures
from gateway.journals.redis.tombstones import Tombstones
from gateway.journals.sqlite.records import decoder, well_formed
from gateway.sealing import NO_SEAL, Seal
from gateway.types import Exchange

AT_ONCE = 200
"""Keys read or removed together, while Redis does nothing else."""

_decode_exchange, _decode_feedback = decoder(Exchange), decoder(Feedback)
V = TypeVar("V", bound=msgspec.Struct)


class RedisArchive:
    """The archive of a fleet, at one of its gateways. Usable from one event loop."""

    def __init__(
        self,
        server: Server,
        tombstones: Tombstones,
        tenures: Tenures,
        local: Archive,
        *,
        partitions: int,
        seal: Seal = NO_SEAL,
    ) -> None:
        """Remove and read out by a server.

        Args:
            local: of what this gateway has on its own disk.
        """
        self._server = server
        self._tombstones = tombstones
        self._tenures = tenures
        self._local = local
        self._partitions = partitions
        self._seal = seal
        self._search = Search(server, seal)
        self._log = AppendLog(server)

    async def tombstones(self) -> Sequence[Tombstone]:
        """All that stand in Redis."""
        return await self._tombstones.all()

    async def tenants(self, user: str | None, session: str) -> Sequence[str]:
        """Tenants in which there is such a user, or such a session in which nobody was named."""
        name = None if user is None else well_formed(user), "" if user is not None else well_formed(session)
        found = set(await self._local.tenants(user, session))
        for number in range(self._partitions):
            async for _, stored in fields_of(self._server, Partition(number).key("persons")):
                person = opened(self._seal, decode_person, stored)
                if person is not None and (person.user, person.session) == name:
                    found.add(person.tenant)
        return sorted(found)

    async def records(self, person: Person) -> AsyncIterator[tuple[str, Record]]:
        """Everything on record of a person, in Redis and then on this gateway's disk; what is damaged is logged."""
        keys = _by_kind([key async for key in keys_of(self._server, self._owner(person))])
        shipped = set()
        async for exchange in self._read(keys["exchange"], _decode_exchange, self._owner(person).who):
            shipped.add(exchange.id)
            yield "exchange", exchange
        async for feedback in self._read(keys["feedback"], _decode_feedback):
            yield "feedback", feedback
        steps = [step async for step in self._read(keys["step"], decode_taught)]
        for step in sorted(steps, key=lambda one: one.position):
            events: tuple[Record, ...] = (*step.learnt.signals, *step.learnt.changes, *step.learnt.earned)
            for event in events:
                yield "learnt", event
        async for what, record in self._local.records(person):
            if not (isinstance(record, Exchange) and record.id in shipped):
                yield what, record

    async def erase(self, person: Person, tombstone: Tombstone) -> Mapping[str, int]:
        """Set the tombstone and remove what is on record of a person; how many keys, by kind, and rows on this disk.

        Nothing is removed before the tombstone stands in Redis; a call that began after it stays. What was removed is
        in no key and no value then. Where Redis keeps a log on disk it leaves that in the background (aof.py).
        Snapshots and backups that were made before are an operator's to replace.
        """
        owner, anchored = self._owner(person), anchored_at(person.scope, self._partitions)
        await self._tombstones.set(tombstone, dict.fromkeys((owner.partition, anchored.partition)))
        rows = await self._local.erase(person, tombstone)
        keys = [key async for key in keys_of(self._server, owner)]
        removed = [key for portion in _portions(keys) for key in await self._remove(owner, tombstone, portion)]
        await self._unqueue(owner.partition, {_name(key) for key in removed if _kind(key) == "exchange"})
        if anchored != owner:
            await unanchor(self._server, anchored, well_formed(person.session))
        await self._log.removed()
        return {**Counter(map(_kind, removed)), "spooled": sum(rows.values())}

    async def outdated(self, keeping: Keeping, limit: int) -> Sequence[Outdated]:
        """Exchanges that are not to be kept, in the partitions that this gateway learns, oldest first."""
        held = [tenure.partition for tenure in self._tenures.held()]
        return await self._search.outdated(keeping, held, limit)

    async def drop(self, exchanges: Sequence[str]) -> None:
        """Remove exchanges and what hangs on them from the partitions that this gateway learns.

        They leave Redis's log on disk when Redis writes it anew, which it does by itself as the log grows.
        """
        names = [well_formed(exchange) for exchange in exchanges]
        for tenure in self._tenures.held():
            for portion in _portions(names):
                await self._server.run("drop", [tenure.partition.key("")], *portion)

    def _owner(self, person: Person) -> Owner:
        return owner_of(person.scope, self._partitions)

    async def _read(self, keys: Sequence[str], decode: Callable[[bytes], V], *whose: str) -> AsyncIterator[V]:
        """What can be read of what lies under keys, by its time."""
        times = [at for portion in _portions(keys) for at in await self._fields(portion, "at")]
        ordered = sorted(zip(map(_seconds, times), keys, strict=True))
        for portion in _portions([key for _, key in ordered]):
            for key, stored in zip(portion, await self._fields(portion, "payload"), strict=True):
                value = opened(self._seal, decode, stored, key, *whose)
                if value is not None:
                    yield value

    async def _fields(self, keys: Sequence[str], field: str) -> list[bytes | None]:
        return await self._server.ask_all([("HGET", key, field) for key in keys])

    async def _remove(self, owner: Owner, tombstone: Tombstone, keys: Sequence[str]) -> list[str]:
        """Remove keys of a person but what began after the tombstone; those that are removed."""
        removed = await self._server.run("remove", keys, owner.partition.key(""), owner.who, tombstone.at)
        return list(compress(keys, removed))

    async def _unqueue(self, partition: Partition, exchanges: Set[str]) -> None:
        """Take exchanges out of what waits to be learnt."""
        stream, begin, names = partition.key("stream"), b"-", {exchange.encode() for exchange in exchanges}
        while entries := await self._server.ask("XRANGE", stream, begin, "+", "COUNT", PORTION):
            begin = b"(" + entries[-1][0]
            gone = [entry for entry, fields in entries if fields.get(b"id") in names]
            if gone:
                await self._server.ask("XDEL", stream, *gone)


def _kind(key: str) -> str:
    """What lies under a key: `exchange`, `session`, …"""
    return key.split(":", 3)[2]


def _name(key: str) -> str:
    """What a key's name ends with, after its kind."""
    return key.split(":", 3)[3]


def _by_kind(keys: Iterable[str]) -> Mapping[str, list[str]]:
    by_kind: defaultdict[str, list[str]] = defaultdict(list)
    for key in keys:
        by_kind[_kind(key)].append(key)
    return by_kind


def _portions(items: Sequence[str]) -> Iterator[Sequence[str]]:
    return (items[start : start + AT_ONCE] for start in range(0, len(items), AT_ONCE))


def _seconds(stored: bytes | None) -> float:
    """A time as it stands in Redis; 0 for none, which must not hide what it is the time of."""
    try:
        return float(stored or 0)
    except ValueError:
        return 0.0
