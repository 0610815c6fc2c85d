"""The `Chronicle` port over Redis: read from any machine, beside the gateways that write it.

Everything is read in portions, and no more of it is kept than was asked for. Where things lie is in keys.py.
"""

from __future__ import annotations

import heapq
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from msgspec.structs import replace

from gateway.chronicle import Credited, Evolved, Glance, Observed, Step
from gateway.journals.redis.keys import Owner, Partition, digest, owner_of
from gateway.journals.redis.portions import fields_of
from gateway.journals.redis.server import Server
from gateway.journals.redis.steps import Taught, V, decode_feedback, decode_taught, opened, text
from gateway.journals.sqlite.records import decoder
from gateway.sealing import NO_SEAL, Seal
from gateway.types import Operator, Scope

PORTION = 256
"""Persons, sessions, exchanges or steps read at once: some 1 MB."""

T = TypeVar("T")

_decode_glance = decoder(Glance)


class RedisChronicle:
    """Reads the record that gateways share. Usable from one event loop."""

    def __init__(self, server: Server, *, partitions: int, seal: Seal = NO_SEAL) -> None:
        self._server = server
        self._partitions = partitions
        self._seal = seal

    async def signals(self, authority: Scope | Operator, since: float, limit: int) -> list[Observed]:
        """The newest signals of exchanges since a time, oldest first."""
        newest: Newest[Observed] = Newest(limit)
        async for step in self._since(authority, since):
            for place, signal in enumerate(step.learnt.signals):
                if signal.at >= since:
                    order = (signal.at, step.position, signal.name, place)
                    newest.add(order, Observed(scope=step.scope, signal=signal))
        return newest.in_order()

    async def changes(self, authority: Scope | Operator, since: float, limit: int) -> list[Evolved]:
        """The newest steps in the evolution of lessons since a time, in their order."""
        newest: Newest[Evolved] = Newest(limit)
        async for step in self._since(authority, since):
            for place, change in enumerate(step.learnt.changes):
                if change.at >= since:
                    newest.add((step.position, place), Evolved(scope=step.scope, change=change))
        return newest.in_order()

    async def earned(self, operator: Operator, since: float, limit: int) -> list[Credited]:
        """The newest outcomes of lessons since a time, in their order."""
        newest: Newest[Credited] = Newest(limit)
        async for step in self._since(operator, since):
            for place, earned in enumerate(step.learnt.earned):
                if earned.at >= since:
                    newest.add((step.position, place), Credited(scope=step.scope, earned=earned))
        return newest.in_order()

    async def exchanges(self, authority: Scope | Operator, since: float, limit: int) -> list[Glance]:
        """The newest exchanges that have ended, of sessions that were heard of since a time, oldest first."""
        newest: Newest[Glance] = Newest(limit)
        async for glance in self._glances(authority, since):
            newest.add((glance.at, glance.id), glance)
        return newest.in_order()

    async def steps(self, operator: Operator, after: int, limit: int) -> list[Step]:
        """What was learnt from after a position, in that order; what is damaged or has expired is left out."""
        last: float = after
        while members := await self._members_after(last, limit):
            last = members[-1][0]
            keys = [partition.key("step", member) for _, partition, member in members]
            taught = await self._read(keys, decode_taught)
            if taught:
                return [await self._step(step) for step in taught]
        return []

    async def _members_after(self, after: float, limit: int) -> list[tuple[float, Partition, str]]:
        """The next steps of all partitions by their position."""
        partitions = self._all()
        pages = await self._server.ask_all(
            [
                ("ZRANGEBYSCORE", one.key("learnt"), f"({after}", "+inf", "WITHSCORES", "LIMIT", 0, limit)
                for one in partitions
            ]
        )
        found = (
            (position, partition, member)
            for partition, page in zip(partitions, pages, strict=True)
            for member, position in _scored(page)
        )
        return heapq.nsmallest(limit, found, key=lambda one: one[0])

    async def _step(self, taught: Taught) -> Step:
        """A step with the feedback that was learnt, in the order in which it was; what was erased is not there."""
        learnt, owner = taught.learnt, owner_of(taught.scope, self._partitions)
        names = [digest(taught.scope.tenant, identifier) for identifier in learnt.feedback]
        feedback = await self._read([owner.key("feedback", name) for name in names], decode_feedback)
        return Step(
            position=taught.position,
            at=taught.at,
            scope=taught.scope,
            exchange=learnt.exchange,
            feedback=tuple(replace(one, exchange=learnt.exchange) for one in feedback),
            is_over=learnt.is_over,
            changes=() if learnt.exchange else learnt.changes,
        )

    async def _since(self, authority: Scope | Operator, since: float) -> AsyncIterator[Taught]:
        """Steps in which there can be something since a time, the newest of each partition first."""
        mine = None if isinstance(authority, Operator) else owner_of(authority, self._partitions)
        for partition in self._all() if mine is None else [mine.partition]:
            before = "+inf"
            while page := await self._members_before(partition, before):
                before = f"({page[-1][1]}"
                members = [member for member, _ in page if mine is None or member.startswith(mine.who)]
                taught = await self._read([partition.key("step", member) for member in members], decode_taught)
                for step in taught:
                    yield step
                if taught and all(step.newest < since for step in taught):
                    break  # so many one after the other that no clock can be so wrong

    async def _members_before(self, partition: Partition, before: str) -> list[tuple[str, float]]:
        """The next older steps of a partition, newest first, and their positions."""
        answer = await self._server.ask(
            "ZREVRANGEBYSCORE", partition.key("learnt"), before, "-inf", "WITHSCORES", "LIMIT", 0, PORTION
        )
        return _scored(answer)

    async def _glances(self, authority: Scope | Operator, since: float) -> AsyncIterator[Glance]:
        """Exchanges of sessions that were heard of since a time, in no order, and one perhaps twice."""
        async for owners in _portions(self._owners(authority)):
            heard = await self._server.ask_all(
                [("ZRANGEBYSCORE", owner.key("sessions"), since, "+inf") for owner in owners]
            )
            talks = [
                (owner, owner.key("talk", text(session)))
                for owner, sessions in zip(owners, heard, strict=True)
                for session in sessions
            ]
            for some in _in_portions(talks):
                said = await self._server.ask_all([("ZRANGE", talk, 0, -1) for _, talk in some])
                places = [
                    (owner.partition.key("exchange", text(id)), owner.who)
                    for (owner, _), ids in zip(some, said, strict=True)
                    for id in ids
                ]
                for portion in _in_portions(places):
                    payloads = await self._server.ask_all([("HGET", key, "payload") for key, _ in portion])
                    for place, payload in zip(portion, payloads, strict=True):
                        glance = opened(self._seal, _decode_glance, payload, *place)
                        if glance is not None:
                            yield glance

    async def _read(self, keys: Sequence[str], decode: Callable[[bytes], V]) -> list[V]:
        """What can be read of what lies under keys."""
        payloads = await self._server.ask_all([("HGET", key, "payload") for key in keys])
        found = (opened(self._seal, decode, payload, key) for key, payload in zip(keys, payloads, strict=True))
        return [one for one in found if one is not None]

    async def _owners(self, authority: Scope | Operator) -> AsyncIterator[Owner]:
        """Of whom an authority may see the record."""
        if isinstance(authority, Scope):
            yield owner_of(authority, self._partitions)
            return
        for partition in self._all():
            async for who, _ in fields_of(self._server, partition.key("persons")):
                yield Owner(partition, text(who))

    def _all(self) -> list[Partition]:
        return [Partition(number) for number in range(self._partitions)]


class Newest(Generic[T]):
    """So many of what it is given, those that stand highest in an order of which each has a place of its own."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._orders: list[tuple[Any, ...]] = []
        self._by_order: dict[tuple[Any, ...], T] = {}

    def add(self, order: tuple[Any, ...], one: T) -> None:
        """Take one, unless it was given before."""
        if order in self._by_order:
            return
        heapq.heappush(self._orders, order)
        self._by_order[order] = one
        if len(self._orders) > self._limit:
            del self._by_order[heapq.heappop(self._orders)]

    def in_order(self) -> list[T]:
        """Those that are kept, the highest last."""
        return [self._by_order[order] for order in sorted(self._by_order)]


def _scored(answer: Sequence[Any]) -> list[tuple[str, float]]:
    """Members and scores, which RESP3 gives in pairs and RESP2 (`?protocol=2` in a URL) one after the other."""
    is_paired = bool(answer) and isinstance(answer[0], list | tuple)
    pairs = answer if is_paired else zip(answer[::2], answer[1::2], strict=True)
    return [(text(member), float(score)) for member, score in pairs]


def _in_portions(ones: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(ones), PORTION):
        yield ones[start : start + PORTION]


async def _portions(source: AsyncIterator[T]) -> AsyncIterator[Sequence[T]]:
    portion: list[T] = []
    async for one in source:
        portion.append(one)
        if len(portion) == PORTION:
            yield portion
            portion = []
    if portion:
        yield portion
