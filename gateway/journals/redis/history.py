"""The `History` port over Redis, in which any gateway takes feedback and tells of it, and one learns a person's.

Feedback lies in the partition of whose exchange it is about, so that who learns that partition learns it. An exchange
that is not in Redis yet is known to the gateway that forwards it, and to no other. How values lie is in steps.py, where
in keys.py, and what is written at once in the scripts `give`, `give_up` and `taught`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

import msgspec

from gateway.chronicle import FEEDBACK_S, Became, Learnt, Taken
from gateway.experience import Feedback
from gateway.journals.redis.given import Given, unless_lost
from gateway.journals.redis.keys import STEPS, Owner, Partition, digest, owner_of
from gateway.journals.redis.server import Server
from gateway.journals.redis.steps import Taught, closed, decode_feedback, decode_taught, once_more, opened, text
from gateway.journals.redis.tenures import Tenures
from gateway.journals.sqlite.records import pack, unpack, well_formed
from gateway.ports import Clock
from gateway.sealing import NO_SEAL, Seal
from gateway.types import Exchange, Operator, Scope

PORTION = 32
"""Exchanges of a session read at once."""

GIVEN_AT_ONCE = 16
"""Feedback comes in batches, and each under way has a connection of its own; they are not many."""

_STATES: Mapping[bytes, Literal["waiting", "learnt", "unmatched"]] = {
    b"waiting": "waiting",
    b"learnt": "learnt",
    b"unmatched": "unmatched",
}


class RedisHistory:
    """The history in a Redis that many gateways share. Usable from one event loop."""

    def __init__(
        self,
        server: Server,
        tenures: Tenures,
        read: Callable[[Operator, str], Awaitable[Exchange | None]],
        clock: Clock,
        *,
        partitions: int,
        keep_s: float,
        seal: Seal = NO_SEAL,
    ) -> None:
        """Look back by a server.

        Args:
            tenures: which partitions this gateway learns.
            read: an exchange wherever it is on record, here or there (`Journal.read`).
            keep_s: after which Redis forgets feedback and what was learnt.
        """
        self._server = server
        self._tenures = tenures
        self._given = Given(server, tenures, seal)
        self._read = read
        self._clock = clock
        self._partitions = partitions
        self._keep_ms = int(keep_s * 1000)
        self._seal = seal
        self._room = asyncio.Semaphore(GIVEN_AT_ONCE)

    async def session(self, scope: Scope, before: str, limit: int) -> list[Exchange]:
        """The newest exchanges of a person's session before one of them, oldest first."""
        owner, talk = self._talk(scope)
        place = await self._server.ask("ZREVRANK", talk, well_formed(before))
        if place is None:
            return []
        found = await self._newest(owner, talk, place + 1, limit, lambda one: not one.is_refused)
        return found[::-1]

    async def give(self, scope: Scope, feedback: Feedback) -> Taken:
        """Return when feedback is in Redis, or not taken. Raises `MemoryUnavailable`: it waits nowhere else.

        Where nobody is named, an id is the session's.
        """
        feedback, payload = pack(feedback)
        async with self._room:
            exchange = await self._judged(scope, feedback)
            return "unknown" if exchange is None else await self._put(exchange, feedback, payload)

    async def given(self, limit: int) -> list[Feedback]:
        """Feedback not yet learnt of exchanges that are and can be read, in the partitions that are learnt here."""
        return await self._given.ready(limit, self._clock.now() - FEEDBACK_S)

    async def taught(self, scope: Scope, learnt: Learnt) -> None:
        """Return when a step of learning is on record; `MemoryUnavailable` too where another gateway learns by now."""
        (scope, _), (learnt, _) = pack(scope), pack(learnt)
        tenure, owner = self._tenures.of(scope.owner), owner_of(scope, self._partitions)
        position = int(await self._server.ask("INCR", STEPS))  # a gap where this step was taken before
        name = digest(learnt.exchange or str(position), str(learnt.is_over), *learnt.feedback)
        before = opened(self._seal, decode_taught, await self._server.run("payload", [owner.key("step", name)]))
        step = Taught(position=position, at=self._clock.now(), scope=scope, learnt=learnt)
        if before is not None:
            step = msgspec.structs.replace(before, learnt=once_more(before.learnt, learnt))
        given = [f"{owner.who}:{digest(scope.tenant, identifier)}" for identifier in learnt.feedback]
        keys = [
            *map(owner.partition.key, ("token", "learnt", "given")),
            owner.key("step", name),
            owner.partition.key("exchange", learnt.exchange),
            *(owner.partition.key("feedback", member) for member in given),
        ]
        payload = closed(self._seal, pack(step)[1])
        described = (payload, learnt.exchange, step.position, self._keep_ms, name, f"{owner.who}:{name}")
        answer = await self._server.run("taught", keys, tenure.token, *described, *given)
        unless_lost(answer, self._tenures, tenure)

    async def became(self, tenant: str, feedback: str, user: str | None = None) -> Became | None:
        """What became of feedback on a user's exchange, or of the only one of this id that the tenant gave."""
        identifier = well_formed(feedback)
        name = digest(tenant, identifier)
        owners = await self._owners(name, Scope(tenant=tenant, user=user) if user is not None else None)
        kept = await self._server.ask_all(
            [("HMGET", owner.key("feedback", name), "state", "exchange", "step") for owner in owners]
        )
        found = [(owner, *fields) for owner, fields in zip(owners, kept, strict=True) if fields[0] in _STATES]
        if len(found) != 1:
            return None
        ((owner, state, exchange, step),) = found
        told, taught = await self._server.ask_all(
            [
                ("HGET", owner.partition.key("exchange", text(exchange)), "payload"),
                ("HGET", owner.key("step", text(step)), "payload"),
            ]
        )
        judged, came_to = opened(self._seal, unpack, told), opened(self._seal, decode_taught, taught)
        return Became(
            id=identifier,
            state=_STATES[state],
            exchange=text(exchange),
            memories=() if judged is None else judged.told,
            changes=() if came_to is None else came_to.learnt.changes,
        )

    async def _put(self, exchange: Exchange, feedback: Feedback, payload: bytes) -> Taken:
        """Put feedback beside its exchange, unless something of its id is there."""
        owner, name = owner_of(exchange.scope, self._partitions), digest(exchange.scope.tenant, feedback.id)
        keys = [
            owner.key("feedback", name),
            owner.partition.key("whose", name),
            owner.partition.key("given"),
            owner.partition.key("exchange", exchange.id),
        ]
        is_late = feedback.at - exchange.at > FEEDBACK_S
        described = (closed(self._seal, payload), exchange.id, feedback.at, owner.who, f"{owner.who}:{name}")
        known = await self._server.run("give", keys, *described, self._keep_ms, int(is_late))
        if known is None:
            return "late" if is_late else "new"
        before = opened(self._seal, decode_feedback, known)
        is_same = before is not None and msgspec.structs.replace(before, at=feedback.at) == feedback
        return "known" if is_same else "other"

    async def _judged(self, scope: Scope, feedback: Feedback) -> Exchange | None:
        """The exchange that feedback is about: of a session, the last in which something was said.

        Who names a user speaks of that user's exchanges alone; who names none has the tenant's authority.
        """
        if not feedback.exchange:
            owner, talk = self._talk(msgspec.structs.replace(scope, session=feedback.session))
            found = await self._newest(owner, talk, 0, 1, lambda one: not (one.is_aside or one.is_refused))
            return next(iter(found), None)
        exchange, asked = await self._read(Operator(), feedback.exchange), pack(scope)[0]
        if exchange is None or exchange.scope.tenant != asked.tenant or asked.user not in (None, exchange.scope.user):
            return None
        return exchange

    def _talk(self, scope: Scope) -> tuple[Owner, str]:
        """Whose a session is, and where its exchanges stand."""
        owner = owner_of(scope, self._partitions)
        return owner, owner.key("talk", digest(scope.session))

    async def _newest(
        self, owner: Owner, talk: str, start: int, limit: int, is_meant: Callable[[Exchange], bool]
    ) -> list[Exchange]:
        """The newest exchanges of a session from a place on that are meant, newest first."""
        found: list[Exchange] = []
        while len(found) < limit and (ids := await self._server.ask("ZREVRANGE", talk, start, start + PORTION - 1)):
            start += PORTION
            read = [("HGET", owner.partition.key("exchange", text(id)), "payload") for id in ids]
            for payload in await self._server.ask_all(read):
                exchange = opened(self._seal, unpack, payload)
                if exchange is not None and is_meant(exchange):
                    found.append(exchange)
        return found[:limit]

    async def _owners(self, name: str, scope: Scope | None) -> list[Owner]:
        """On whose exchanges there may be feedback of an id: a user's, or those of anybody."""
        if scope is not None:
            return [owner_of(scope, self._partitions)]
        partitions = [Partition(number) for number in range(self._partitions)]
        found = await self._server.ask_all([("SMEMBERS", one.key("whose", name)) for one in partitions])
        return [Owner(one, text(who)) for one, all_of_it in zip(partitions, found, strict=True) for who in all_of_it]
