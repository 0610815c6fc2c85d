"""Which exchanges are not to be kept any longer, found person by person in the partitions that this gateway learns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from gateway.archive import Keeping, Outdated
from gateway.erasures import Person
from gateway.journals.redis.keys import Partition
from gateway.journals.redis.server import Command, Server
from gateway.journals.redis.steps import opened
from gateway.journals.sqlite.records import decoder
from gateway.sealing import Seal

PERSONS = 100
"""Looked at together."""

AT_ONCE = 64
"""Questions made, sent and taken apart together, on the event loop: a millisecond."""

T = TypeVar("T")

decode_person = decoder(Person)


Said = tuple[float, str]
"""When an exchange was, and which it is."""


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
        kept_by = await self._kept_by(partition, [exchange for ones in said.values() for _, exchange in ones])
        return [
            (at, Outdated(scope=person.scope, exchange=exchange))
            for who, person in named.items()
            for at, exchange in _too_old([one for one in said[who] if kept_by[one[1]][0] == keeping.policy], keeping)
            if kept_by[exchange][1]
        ]

    async def _said(self, partition: Partition, persons: Sequence[str], keeping: Keeping) -> dict[str, list[Said]]:
        """Exchanges of persons, newest first: those that are old, or all where it matters how many there are."""
        until = "+inf" if keeping.before is None or keeping.newest is not None else f"({keeping.before!r}"

        def sessions_of(who: str) -> Command:
            return "ZRANGE", partition.key("sessions", who), 0, -1

        def said_in(talk: tuple[str, bytes]) -> Command:
            who, session = talk
            return "ZRANGE", partition.key("talk", who, session.decode()), "-inf", until, "BYSCORE", "WITHSCORES"

        talks = [(who, one) async for who, ones in self._answers(persons, sessions_of) for one in ones]
        found: dict[str, list[Said]] = {who: [] for who in persons}
        async for (who, _), ones in self._answers(talks, said_in):
            found[who] += [(float(at), name.decode()) for name, at in ones]
        return {who: sorted(ones, reverse=True) for who, ones in found.items()}

    async def _kept_by(self, partition: Partition, exchanges: Sequence[str]) -> dict[str, tuple[str, bool]]:
        """By which policy each is kept, and whether it is learnt."""
        kept = self._answers(exchanges, lambda one: ("HMGET", partition.key("exchange", one), "policy", "learnt"))
        return {exchange: ((policy or b"").decode(), learnt is not None) async for exchange, (policy, learnt) in kept}

    async def _answers(self, ones: Iterable[T], question: Callable[[T], Command]) -> AsyncIterator[tuple[T, Any]]:
        """The answer about each of them, a portion at a time: somebody may have ten thousand sessions."""
        source = iter(ones)
        while portion := list(islice(source, AT_ONCE)):
            for one, answer in zip(portion, await self._server.ask_all([*map(question, portion)]), strict=True):
                yield one, answer


def _oldest_first(found: Sequence[tuple[float, Outdated]]) -> list[Outdated]:
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


def _too_old(said: Sequence[Said], keeping: Keeping) -> Iterator[Said]:
    """Of a person's exchanges of one policy, newest first."""
    for place, one in enumerate(said):
        is_over = keeping.newest is not None and place >= keeping.newest
        if is_over or (keeping.before is not None and one[0] < keeping.before):
            yield one
