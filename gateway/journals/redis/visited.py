"""The `Sessions` port over Redis: read from any machine, beside the gateways that write it.

A call is there from its end; its session from its beginning. Where things lie is in keys.py.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from gateway.erasures import Person
from gateway.errors import MemoryUnavailable
from gateway.journals import pages
from gateway.journals.fitting import fitting
from gateway.journals.redis.keys import Owner, Partition, digest, owner_of
from gateway.journals.redis.outdated import decode_person
from gateway.journals.redis.portions import fields_of
from gateway.journals.redis.server import Command, Run, Server
from gateway.journals.redis.steps import decode_feedback, decode_taught, opened, text
from gateway.journals.sqlite.records import pack, unpack, well_formed
from gateway.sealing import NO_SEAL, Seal
from gateway.sessions import Heard, Turned, Visited
from gateway.types import Scope

PORTION = 500
"""Persons or commands asked about together: Redis answers within some milliseconds."""

FIRST = 1e300
"""Later than any time."""

T = TypeVar("T")
V = TypeVar("V", bound=msgspec.Struct)


class _Newest(msgspec.Struct, frozen=True, array_like=True, order=True):
    """The order of sessions."""

    last: float = FIRST
    who: str = ""
    session: str = ""


class _Named(msgspec.Struct, frozen=True, array_like=True, order=True):
    """The order of people."""

    tenant: str = ""
    user: str = ""


class _Known(msgspec.Struct, frozen=True):
    """Somebody who is on record, and where what is theirs lies."""

    owner: Owner
    person: Person

    def scope(self, session: str) -> Scope:
        """Of a session of theirs."""
        return Scope(tenant=self.person.tenant, user=self.person.user, session=session)


class RedisSessions:
    """Reads the record that gateways share. Usable from one event loop."""

    def __init__(self, server: Server, *, partitions: int, seal: Seal = NO_SEAL) -> None:
        self._server = server
        self._partitions = partitions
        self._seal = seal

    async def newest(self, tenant: str, user: str | None, place: str, limit: int) -> tuple[Sequence[Visited], str]:
        """Sessions, the one that was heard of last first, and the place of the next page."""
        after = pages.order(place, _Newest())
        found: list[_Newest] = []
        by_who: dict[str, _Known] = {}
        async for portion in self._portions(tenant, user):
            keys = [one.owner.key("sessions") for one in portion]
            answer = await self._server.run("newest", keys, limit + 1, after.last, after.who, after.session)
            rows = [_Newest(float(at), text(who), text(session)) for who, session, at in answer]
            found = heapq.nlargest(limit + 1, {*found, *rows})
            by_who |= {one.owner.who: one for one in portion}
        shown = await self._visits([(by_who[one.who], one.session) for one in found[:limit]])
        return shown, pages.place(found[limit - 1]) if len(found) > limit else ""

    async def visited(self, scope: Scope) -> Visited | None:
        """How much there was of one session."""
        known = self._known(scope)
        found = await self._visits([(known, digest(well_formed(scope.session)))])
        return next(iter(found), None)

    async def calls(self, scope: Scope, before: str, limit: int) -> tuple[Sequence[Turned], str]:
        """The newest calls of one session before one of them, oldest first, and before which there are more.

        They are those that have ended.
        """
        owner, start = owner_of(scope, self._partitions), 0
        talk = owner.key("talk", digest(well_formed(scope.session)))
        if before:
            place = await self._server.ask("ZREVRANK", talk, well_formed(before))
            if place is None:
                return [], ""
            start = place + 1
        ids = [text(id) for id in await self._server.ask("ZREVRANGE", talk, start, start + limit)]
        sizes = await self._asked([("HSTRLEN", owner.partition.key("exchange", id), "payload") for id in ids])
        shown = fitting({id: size or 0 for id, size in zip(ids, sizes, strict=True)}, limit)
        keys = [owner.partition.key("exchange", id) for id in reversed(shown)]
        records = await self._asked([("HGETALL", key) for key in keys])
        turned = [await self._turned(owner, key, record or {}) for key, record in zip(keys, records, strict=True)]
        return [one for one in turned if one is not None], shown[-1] if len(shown) < len(ids) else ""

    async def called(self, name: str) -> Sequence[Scope]:
        """The sessions that are called so."""
        name = well_formed(name)
        found: set[Scope] = set()
        async for portion in self._portions("", None):
            asked = [("ZSCORE", one.owner.key("sessions"), digest(name)) for one in portion]
            heard = await self._asked(asked)
            found |= {one.scope(name) for one, at in zip(portion, heard, strict=True) if at is not None}
        return sorted(found, key=_order)

    async def people(self, tenant: str, name: str, place: str, limit: int) -> tuple[Sequence[Scope], str]:
        """Named users, in the order of tenants and names, and the place of the next page."""
        after, begin = pages.order(place, _Named()), well_formed(name)
        named = [
            _Named(one.person.tenant, one.person.user)
            async for portion in self._portions(tenant, None)
            for one in portion
            if one.person.user is not None and one.person.user.startswith(begin)
        ]
        found = heapq.nsmallest(limit + 1, {one for one in named if one > after})
        shown = [Scope(tenant=one.tenant, user=one.user) for one in found[:limit]]
        return shown, pages.place(found[limit - 1]) if len(found) > limit else ""

    async def heard(self, scope: Scope) -> Heard | None:
        """How much was heard of a scope's person."""
        known = self._known(scope)
        (sessions,) = await self._asked([("ZRANGE", known.owner.key("sessions"), 0, -1)])
        visits = await self._visits([(known, text(session)) for session in sessions or ()])
        if not visits:
            return None
        began, last = min(one.began for one in visits), max(one.last for one in visits)
        return Heard(began=began, last=last, sessions=len(visits))

    async def _portions(self, tenant: str, user: str | None) -> AsyncIterator[Sequence[_Known]]:
        """Those of a tenant and of a user's name, or all, in portions that lie in one partition each."""
        tenant, user = well_formed(tenant), None if user is None else well_formed(user)
        if tenant and user:
            yield [self._known(Scope(tenant=tenant, user=user))]
            return
        for number in range(self._partitions):
            partition = Partition(number)
            portion: dict[str, _Known] = {}  # somebody may be found twice
            async for who, stored in fields_of(self._server, partition.key("persons")):
                person = opened(self._seal, decode_person, stored)
                if person is not None and tenant in ("", person.tenant) and user in (None, person.user or ""):
                    portion[text(who)] = _Known(Owner(partition, text(who)), person)
                if len(portion) == PORTION:
                    yield list(portion.values())
                    portion = {}
            if portion:
                yield list(portion.values())

    def _known(self, scope: Scope) -> _Known:
        scope, _ = pack(scope)
        person = Person(tenant=scope.tenant, user=scope.user, session="" if scope.user is not None else scope.session)
        return _Known(owner_of(scope, self._partitions), person)

    async def _visits(self, sessions: Sequence[tuple[_Known, str]]) -> list[Visited]:
        """How much there was of sessions, which are named by their digest; without those that are not there."""
        runs = [
            Run("visited", [one.key("session", session), one.key("sessions"), one.key("talk", session)], (session,))
            for one, session in ((known.owner, session) for known, session in sessions)
        ]
        answers = [answer for portion in _in_portions(runs) for answer in await self._server.run_all(portion)]
        for answer in answers:
            if isinstance(answer, MemoryUnavailable):
                raise answer
        return [
            Visited(scope=known.scope(text(answer[0])), began=float(answer[2]), last=float(answer[1]), calls=answer[3])
            for (known, _), answer in zip(sessions, answers, strict=True)
            if answer
        ]

    async def _turned(self, owner: Owner, key: str, record: Mapping[bytes, bytes]) -> Turned | None:
        """A call with what hangs on it; None for one that cannot be read."""
        stored, partition = record.get(b"payload"), owner.partition
        exchange = await asyncio.to_thread(opened, self._seal, unpack, stored, key, owner.who)  # it may be very large
        if exchange is None:
            return None
        steps = sorted(await self._hanging(partition, record, "step", decode_taught), key=attrgetter("position"))
        feedback = sorted(await self._hanging(partition, record, "feedback", decode_feedback), key=attrgetter("at"))
        return Turned(
            exchange=exchange,
            signals=tuple(signal for step in steps for signal in step.learnt.signals),
            feedback=tuple(replace(one, exchange=exchange.id) for one in feedback),
            changes=tuple(change for step in steps for change in step.learnt.changes),
        )

    async def _hanging(
        self, partition: Partition, record: Mapping[bytes, bytes], kind: str, decode: Callable[[bytes], V]
    ) -> list[V]:
        names = [text(field) for field in record if text(field).startswith(f"{kind}:")]
        keys = [partition.key(name) for name in names]
        stored = await self._asked([("HGET", key, "payload") for key in keys])
        found = (opened(self._seal, decode, payload, key) for key, payload in zip(keys, stored, strict=True))
        return [one for one in found if one is not None]

    async def _asked(self, commands: Sequence[Command]) -> list[Any]:
        """Answers, a portion at a time; None for what is damaged."""
        return [answer for portion in _in_portions(commands) for answer in await self._server.ask_each(portion)]


def _order(scope: Scope) -> tuple[str, str]:
    return scope.tenant, scope.user or ""


def _in_portions(ones: Sequence[T]) -> Iterator[Sequence[T]]:
    return (ones[start : start + PORTION] for start in range(0, len(ones), PORTION))
