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
from gateway.journals.redis.keys import Owner, Partition, digest, owner_of
from gateway.journals.redis.positions import Positions
from gateway.journals.redis.server import Server
from gateway.journals.redis.steps import Taught, closed, decode_feedback, decode_taught, once_more, opened, text
from gateway.journals.redis.tenures import Tenure, Tenures
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
        is_first: Callable[[str], bool] = lambda exchange: False,
    ) -> None:
        """Look back by a server.

        Args:
            tenures: which partitions this gateway learns.
            read: an exchange wherever it is on record, here or there (`Journal.read`).
            keep_s: after which Redis forgets feedback and what was learnt.
            is_first: whether an exchange is known to be the first of its session.
        """
        self._server = server
        self._tenures = tenures
        self._positions = Positions(server, tenures)
        self._given = Given(server, tenures, seal)
        self._is_first = is_first
        self._read = read
        self._clock = clock
        self._partitions = partitions
        self._keep_ms = int(keep_s * 1000)
        self._seal = seal
        self._room = asyncio.Semaphore(GIVEN_AT_ONCE)

    async def session(self, scope: Scope, before: str, limit: int) -> list[Exchange]:
        """The newest exchanges of a person's session before one of them, oldest first."""
        if self._is_first(before):
            return []
        found = await self._newest(scope, well_formed(before), limit, lambda one: not one.is_refused)
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
        """Return when a step of learning is on record; `MemoryUnavailable` too where another gateway learns by now.

        What was done by hand is put down by whichever gateway did it.
        """
        tenure = self._tenures.of(pack(scope)[0].owner) if learnt.exchange else None
        position = await self._positions.draw(tenure)
        step, _ = pack(Taught(position=position, at=self._clock.now(), scope=scope, learnt=learnt))
        name = digest(step.learnt.exchange or str(position), str(learnt.is_over), *step.learnt.feedback)
        known = await self._put_down(tenure, name, step)
        if known is not None:  # it was taken before
            before = opened(self._seal, decode_taught, known, owner_of(step.scope, self._partitions).key("step", name))
            if before is not None:
                step = msgspec.structs.replace(before, learnt=once_more(before.learnt, step.learnt))
            await self._put_down(tenure, name, step, replaces=True)

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
        keys = owner.partition.key("exchange", text(exchange)), owner.key("step", text(step))
        told, taught = await self._server.ask_all([("HGET", key, "payload") for key in keys])
        judged = opened(self._seal, unpack, told, keys[0], owner.who)
        came_to = opened(self._seal, decode_taught, taught, keys[1])
        return Became(
            id=identifier,
            state=_STATES[state],
            exchange=text(exchange),
            memories=() if judged is None else judged.told,
            changes=() if came_to is None else came_to.learnt.changes,
        )

    async def _put_down(
        self, tenure: Tenure | None, name: str, step: Taught, *, replaces: bool = False
    ) -> bytes | None:
        """Put down a step under its name, if there is none or it replaces that; else the payload that is there."""
        owner, learnt = owner_of(step.scope, self._partitions), step.learnt
        given = [f"{owner.who}:{digest(step.scope.tenant, identifier)}" for identifier in learnt.feedback]
        keys = [
            *map(owner.partition.key, ("token", "learnt", "given")),
            owner.key("step", name),
            owner.partition.key("exchange", learnt.exchange),
            *(owner.partition.key("feedback", member) for member in given),
        ]
        payload = closed(self._seal, pack(step)[1], keys[3])
        described = (payload, learnt.exchange, step.position, self._keep_ms, name, f"{owner.who}:{name}", int(replaces))
        token = 0 if tenure is None else tenure.token
        answer = await self._server.run("taught", keys, token, *described, *given)
        if tenure is not None:
            unless_lost(answer, self._tenures, tenure)
        return answer[0] if isinstance(answer, list) else None

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
        described = (closed(self._seal, payload, keys[0]), exchange.id, feedback.at, owner.who, f"{owner.who}:{name}")
        known = await self._server.run("give", keys, *described, self._keep_ms, int(is_late))
        if known is None:
            return "late" if is_late else "new"
        before = opened(self._seal, decode_feedback, known, keys[0])
        is_same = before is not None and msgspec.structs.replace(before, at=feedback.at) == feedback
        return "known" if is_same else "other"

    async def _judged(self, scope: Scope, feedback: Feedback) -> Exchange | None:
        """The exchange that feedback is about: of a session, the last in which something was said.

        Who names a user speaks of that user's exchanges alone; who names none has the tenant's authority.
        """
        if not feedback.exchange:
            where = msgspec.structs.replace(scope, session=feedback.session)
            found = await self._newest(where, "", 1, lambda one: not (one.is_aside or one.is_refused))
            return next(iter(found), None)
        exchange, asked = await self._read(Operator(), feedback.exchange), pack(scope)[0]
        if exchange is None or exchange.scope.tenant != asked.tenant or asked.user not in (None, exchange.scope.user):
            return None
        return exchange

    async def _newest(
        self, scope: Scope, before: str, limit: int, is_meant: Callable[[Exchange], bool]
    ) -> list[Exchange]:
        """The newest exchanges of a session that are meant, newest first: all, or those before one of them."""
        owner, found, passed = owner_of(scope, self._partitions), list[Exchange](), 0
        talk, exchanges = owner.key("talk", digest(scope.session)), owner.partition.key("exchange", "")
        while len(found) < limit:
            said = await self._server.run("talk", [talk], exchanges, before, passed, PORTION)
            read = (opened(self._seal, unpack, one, f"{exchanges}{text(id)}", owner.who) for id, one in said)
            found += [exchange for exchange in read if exchange is not None and is_meant(exchange)]
            if len(said) < PORTION:
                break
            passed += PORTION
        return found[:limit]

    async def _owners(self, name: str, scope: Scope | None) -> list[Owner]:
        """On whose exchanges there may be feedback of an id: a user's, or those of anybody."""
        if scope is not None:
            return [owner_of(scope, self._partitions)]
        partitions = [Partition(number) for number in range(self._partitions)]
        found = await self._server.ask_all([("SMEMBERS", one.key("whose", name)) for one in partitions])
        return [Owner(one, text(who)) for one, all_of_it in zip(partitions, found, strict=True) for who in all_of_it]
