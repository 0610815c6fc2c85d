"""Which exchanges are not to be kept any longer, found person by person in the partitions that this gateway learns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from gateway.archive import Keeping, Outdated
from gateway.erasures import Person
from gateway.journals.redis.keys import Partition
from gateway.journals.redis.server import Command, Server
from gateway.journals.redis.steps import opened
from gateway.journals.sqlite.records import decoder
from gateway.sealing import Seal

PERSONS = 100
"""Looked at together."""

AT_ONCE = 250
"""Questions sent together, as their answers are taken apart on the event loop: some milliseconds."""

decode_person = decoder(Person)


class Said(msgspec.Struct, frozen=True):
    """An exchange of a person, and when it was."""

    at: float
    id: str


class Search:
    """Goes through partitions portion by portion, and goes on from where it was: there may be much to remove."""

    def __init__(self, server: Server, seal: Seal) -> None:
        self._server = server
        self._seal = seal
        self._places: dict[str, tuple[int, int]] = {}
        """By policy, the partition and the portion of its persons in which the last search ended."""

    async def outdated(self, keeping: Keeping, partitions: Sequence[Partition], limit: int) -> list[Outdated]:
        """Exchanges that are not to be kept, oldest first, as many as were found before there were enough.

        Raises `MemoryUnavailable`.
        """
        first, cursor = self._places.pop(keeping.policy, (0, 0))
        found: list[tuple[float, Outdated]] = []
        for partition in sorted(partitions, key=lambda one: one.number):
            if partition.number < first:
                continue
            place = cursor if partition.number == first else 0
            while True:
                after, persons = await self._server.ask("HSCAN", partition.key("persons"), place, "COUNT", PERSONS)
                found += await self._of(partition, persons, keeping)
                if len(found) >= limit:
                    self._places[keeping.policy] = partition.number, place
                    return _oldest_first(found)[:limit]
                if not after:
                    break
                place = after
        return _oldest_first(found)

    async def _of(
        self, partition: Partition, persons: Mapping[bytes, bytes], keeping: Keeping
    ) -> list[tuple[float, Outdated]]:
        """What some persons have of it, each with its time."""
        known = {who.decode(): opened(self._seal, decode_person, stored) for who, stored in persons.items()}
        named = {who: person for who, person in known.items() if person is not None}
        said = await self._said(partition, list(named), keeping)
        kept_by = await self._kept_by(partition, [one.id for ones in said.values() for one in ones])
        return [
            (one.at, Outdated(scope=person.scope, exchange=one.id))
            for who, person in named.items()
            for one in _too_old([one for one in said[who] if kept_by[one.id][0] == keeping.policy], keeping)
            if kept_by[one.id][1]
        ]

    async def _said(self, partition: Partition, persons: Sequence[str], keeping: Keeping) -> dict[str, list[Said]]:
        """Exchanges of persons, newest first: those that are old, or all where it matters how many there are."""
        ask = self._asked
        sessions = await ask([("ZRANGE", partition.key("sessions", who), 0, -1) for who in persons])
        talks = [(who, one.decode()) for who, ones in zip(persons, sessions, strict=True) for one in ones]
        until = "+inf" if keeping.before is None or keeping.newest is not None else f"({keeping.before!r}"
        found = await ask(
            [("ZRANGE", partition.key("talk", *talk), "-inf", until, "BYSCORE", "WITHSCORES") for talk in talks]
        )
        said: dict[str, list[Said]] = {who: [] for who in persons}
        for (who, _), ones in zip(talks, found, strict=True):
            said[who] += [Said(at=float(at), id=name.decode()) for name, at in ones]
        return {who: sorted(ones, key=lambda one: (one.at, one.id), reverse=True) for who, ones in said.items()}

    async def _asked(self, commands: Sequence[Command]) -> list[Any]:
        """Answers, a portion at a time: somebody may have ten thousand sessions."""
        portions = (commands[start : start + AT_ONCE] for start in range(0, len(commands), AT_ONCE))
        return [answer for portion in portions for answer in await self._server.ask_all(portion)]

    async def _kept_by(self, partition: Partition, exchanges: Sequence[str]) -> dict[str, tuple[str, bool]]:
        """By which policy each is kept, and whether it is learnt."""
        asked = [("HMGET", partition.key("exchange", one), "policy", "learnt") for one in exchanges]
        found = await self._asked(asked)
        return {
            exchange: ((policy or b"").decode(), learnt is not None)
            for exchange, (policy, learnt) in zip(exchanges, found, strict=True)
        }


def _oldest_first(found: Sequence[tuple[float, Outdated]]) -> list[Outdated]:
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


def _too_old(said: Sequence[Said], keeping: Keeping) -> Iterator[Said]:
    """Of a person's exchanges of one policy, newest first."""
    for place, one in enumerate(said):
        is_over = keeping.newest is not None and place >= keeping.newest
        if is_over or (keeping.before is not None and one.at < keeping.before):
            yield one
