"""The `Journal` port over Redis, which many gateways share: written to the own disk first, then to Redis.

What a call waits for is the disk, and Redis for a moment at most: while Redis does not answer, calls go on by what this
gateway itself knows, and what they leave behind is shipped later. It knows who waits for what; sessions are looked up
in sessions.py, shipped in shipping.py, and learnt by way of whoever leases.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Protocol

import msgspec

from gateway.breaker import Breaker, OnChange, unheard
from gateway.clock import SystemClock
from gateway.dependency import Dependency
from gateway.errors import MemoryUnavailable
from gateway.journals.redis.exchanges import read_exchange
from gateway.journals.redis.forgetting import Forgetting
from gateway.journals.redis.keys import EPOCH, digest, owner_of
from gateway.journals.redis.parcels import Parcels
from gateway.journals.redis.server import Server
from gateway.journals.redis.sessions import Sessions
from gateway.journals.redis.shipping import Shipping
from gateway.journals.sqlite import SqliteJournal
from gateway.journals.sqlite.rows import is_seen_by
from gateway.journals.sqlite.spool import SqliteSpool
from gateway.ports import Echoes
from gateway.sealing import NO_SEAL, Seal
from gateway.types import Exchange, Note, Operator, Scope, Session

LOOKUP_S = 0.025
"""For a session in Redis: half of what recall may take in all (`recall.deadline_ms`), so that the own disk can still be
asked, and the memories."""

LOOKUPS = 64
"""At once: one takes Redis a fraction of a millisecond, and more would be late."""

LEDGERS_KEPT = 4096
"""Sessions whose whole ledger is at hand while Redis is away: some 10 MB."""

SHIPPED_S = 0.1
"""The end of an answer waits for Redis at most, beyond its own disk, so that another gateway can go on with its
session."""


class Leasing(Protocol):
    """Where there is something to learn. Raises `MemoryUnavailable`."""

    async def lease(self, limit: int) -> list[Exchange]:
        """As `Journal.lease`."""
        ...

    async def done(self, exchanges: Sequence[str]) -> None:
        """As `Journal.done`."""
        ...


class RedisJournal:
    """The journal of one gateway of many. Usable from one event loop.

    Where two gateways add a note at the same place of a session, the first one that reaches Redis stays, for both of
    them from their next request on.
    """

    def __init__(
        self,
        spool: SqliteJournal,
        queue: SqliteSpool,
        hot: Server,
        work: Server,
        consumer: Leasing,
        *,
        partitions: int,
        keep_s: float,
        is_gone: Callable[[Scope, float], bool],
        subject: Callable[[Scope], bytes],
        seal: Seal = NO_SEAL,
        on_breaker: OnChange = unheard,
        lookup_s: float = LOOKUP_S,
        shipped_s: float = SHIPPED_S,
    ) -> None:
        """Stand before both; nothing is connected yet.

        Args:
            spool: on this disk, made with `queues=rows.has_ended`; closed with this journal.
            queue: what waits in it; closed with this journal.
            hot: asked where a call waits, which has a deadline of its own.
            work: asked in the background.
            keep_s: so long Redis keeps a session after it was last heard of, and what was said in it.
            is_gone: whether what was said in a scope at a time must not be known any more.
            subject: by which tombstones know whose a scope is.
            on_breaker: told whenever lookups in Redis are given up for a time, or taken up again.
            lookup_s: given to Redis to say which session a call is of.
            shipped_s: given to Redis to take what a call leaves behind, before its answer ends all the same.
        """
        self._spool = spool
        self._queue = queue
        self._work = work
        self._consumer = consumer
        self._partitions = partitions
        self._seal = seal
        self._lookup_s = lookup_s
        self._shipped_s = shipped_s
        self._ledgers: OrderedDict[tuple[str, str], Mapping[str, Note]] = OrderedDict()
        """Of the sessions that calls here were of lately: a disk has only what was told here and is not learnt yet."""
        clock = SystemClock()
        parcels = Parcels(partitions=partitions, keep_s=keep_s, subject=subject, seal=seal)
        self.shipping = Shipping(queue, work, parcels, clock, partitions=partitions, is_gone=is_gone)
        self._forgetting = Forgetting(queue, work, self.shipping, partitions=partitions)
        self._sessions = Sessions(hot, partitions=partitions, seal=seal, on_epoch=self.shipping.look)
        breaker = Breaker("sessions", clock, on_change=on_breaker)
        self._lookups = Dependency(breaker, partial(hot.ask, "GET", EPOCH), limit=LOOKUPS)

    def intend(self, exchange: Exchange, *, is_patient: bool = False) -> Future[Any]:
        """Queue the intent and the ledger entries of a call about to go upstream, or how far its answer has come."""
        written = self._spool.intend(exchange, is_patient=is_patient)
        if exchange.reply is None:  # later ones bring no notes
            self.shipping.begin(exchange)
            self._tell(exchange)
        return written

    async def commit(self, exchange: Exchange) -> None:
        """Return when the exchange is durable here, and in Redis if that can be had at once."""
        self._tell(exchange)
        await self._spool.commit(exchange)
        await self.shipping.ended(exchange, self._shipped_s)

    async def find_session(self, scope: Scope, echoes: Echoes) -> Session | None:
        """The session named in the scope, else the one that owns the first anchor known, else the one quoted last.

        Raises `MemoryUnavailable` where Redis does not answer and this gateway does not know the session either, or
        no note of it: what it has been told elsewhere is not known then.
        """
        try:
            found = await self._lookups.ask(partial(self._found, scope, echoes))
        except (MemoryUnavailable, TimeoutError) as error:
            own = await self._spool.find_session(scope, echoes)
            ledger = None if own is None else self._ledgers.get(self._key(own.scope))
            if not ledger and (scope.session or echoes.anchors):
                raise _unavailable(error) from None
            return own if own is None or not ledger else msgspec.structs.replace(own, ledger=ledger)
        if found is not None:
            self._hold(found.scope, found.ledger)
        return found

    async def read(self, authority: Scope | Operator, exchange: str) -> Exchange | None:
        """One exchange by id, if it is the authority's to see; a scope without a user sees its own session only.

        What is still on this disk is newer than what Redis has: an exchange is one gateway's.
        """
        found = await self._spool.read(Operator(), exchange)
        if found is None:
            found = await read_exchange(self._work, exchange, partitions=self._partitions, seal=self._seal)
        return found if found is not None and is_seen_by(found, authority) else None

    async def lease(self, limit: int) -> list[Exchange]:
        """Finished exchanges not yet learnt of the persons that are this gateway's to learn, oldest first."""
        return await self._consumer.lease(limit)

    async def done(self, exchanges: Sequence[str]) -> None:
        """Mark as learnt what was leased."""
        await self._consumer.done(exchanges)

    async def run(self, stop: asyncio.Event) -> None:
        """Ship what comes, and forget what is learnt, until told to stop."""
        await asyncio.gather(self.shipping.run(stop), self._forgetting.run(stop))

    @property
    def trouble(self) -> str:
        """Why nothing can be put on record now; empty when all is well."""
        return self._spool.trouble

    @property
    def degraded(self) -> str:
        """Why what is put on record does not get to the other gateways now; empty when all is well."""
        return self.shipping.degraded

    async def prove(self) -> None:
        """Return when something that changes nothing is on this disk. Raises `MemoryUnavailable`."""
        await self._spool.prove()

    async def aclose(self) -> None:
        """Write what is queued, then close; what is not shipped is shipped by the next start."""
        await self._lookups.aclose()
        await self._queue.aclose()
        await self._spool.aclose()

    def _key(self, scope: Scope) -> tuple[str, str]:
        return owner_of(scope, self._partitions).who, digest(scope.session)

    def _tell(self, exchange: Exchange) -> None:
        """Hold what a call adds to a session; of one that was not found it is not known what is added to."""
        if not exchange.is_adrift:
            held = self._ledgers.get(self._key(exchange.scope), {})
            added = {note.where: note for note in exchange.notes if note.where not in held}
            self._hold(exchange.scope, {**held, **added})

    def _hold(self, scope: Scope, ledger: Mapping[str, Note]) -> None:
        """Keep what a session has been told."""
        self._ledgers[self._key(scope)] = ledger
        self._ledgers.move_to_end(self._key(scope))
        if len(self._ledgers) > LEDGERS_KEPT:
            self._ledgers.popitem(last=False)

    async def _found(self, scope: Scope, echoes: Echoes) -> Session | None:
        """What Redis says in time, with what it does not have yet. Raises `MemoryUnavailable` or `TimeoutError`."""
        was_behind = self.shipping.is_behind(scope)  # what is shipped meanwhile may have come too late for the answer
        async with asyncio.timeout(self._lookup_s):
            found = await self._sessions.find(scope, echoes)
            if not (was_behind or self.shipping.is_behind(scope)):
                return found
            own = await self._spool.find_session(scope, echoes)
            if found is None and own is not None:
                found = await self._sessions.find(own.scope, Echoes())
        return _joined(found, own)


def _unavailable(error: Exception) -> MemoryUnavailable:
    return error if isinstance(error, MemoryUnavailable) else MemoryUnavailable("sessions: no answer in time")


def _joined(found: Session | None, own: Session | None) -> Session | None:
    """A session as Redis knows it, and then as it is known here; of two sessions the one that Redis names."""
    if found is None or own is None:
        return found or own
    if found.scope.session != own.scope.session:
        return found
    added = {place: note for place, note in own.ledger.items() if place not in found.ledger}
    return msgspec.structs.replace(found, ledger={**found.ledger, **added})
