"""From the spool to Redis: what ended here goes there in its order, and again whenever Redis has forgotten it.

Nothing is marked as shipped on disk: what waits in the spool is what nobody has learnt yet, so that all of it is
shipped again after a restart, and where that is not needed it changes nothing. One page is under way at a time, and of
a partition one exchange, so that none overtakes one that failed. Where one partition fails (a node of a cluster), the
others wait with it. What is learnt leaves the spool by gateway/journals/redis/forgetting.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain

import structlog

from gateway.errors import MemoryUnavailable
from gateway.journals.redis.keys import EPOCH, Partition, anchored_at, owner_of
from gateway.journals.redis.parcels import Parcels
from gateway.journals.redis.server import Run, Server
from gateway.journals.sqlite.spool import SqliteSpool, Waiting
from gateway.pause import pause
from gateway.ports import Clock
from gateway.types import Exchange, Scope

PAGE = 256
"""Exchanges read from the spool at once; 1 MB."""

BEGUN_KEPT = 4096
"""Sessions of calls under way that wait to be shipped; of what is beyond, Redis learns when the call ends."""

GATHER_S = 0.05
"""From the beginning of a call to shipping it: those that begin meanwhile share the way, and one that ends meanwhile
has it all in its end."""

LOOK_S = 1.0
"""Between two looks whether Redis still knows what it knew."""

RETRY_S = 0.25
"""Between two tries while it cannot be reached."""

GONE = b"GONE"

log = structlog.get_logger()


class Shipping:
    """Ships one spool. Usable from one event loop."""

    def __init__(
        self,
        spool: SqliteSpool,
        server: Server,
        parcels: Parcels,
        clock: Clock,
        *,
        partitions: int,
        is_gone: Callable[[Scope, float], bool],
    ) -> None:
        """Prepare; nothing is shipped before `run`.

        Args:
            is_gone: whether what was said in a scope at a time must not be known any more.
        """
        self._spool = spool
        self._server = server
        self._parcels = parcels
        self._clock = clock
        self._partitions = partitions
        self._is_gone = is_gone
        self.reached = 0
        """The last position in the spool that lies in Redis."""
        self.degraded = ""
        """Why nothing can be shipped now; empty when all is well."""
        self.in_step = asyncio.Event()
        """Set while Redis has all that this gateway has, but for what is on its way just now."""
        self._epoch: bytes | None = None
        """Of the Redis that everything up to `reached` was shipped to; None where that is in doubt."""
        self._look_at = 0.0
        self._begun: dict[str, Exchange] = {}
        self._marks = 0
        self._marked: dict[str, int] = {}
        """By person the number of the newest mark: something of theirs is on its way."""
        self._waiting: list[asyncio.Future[None]] = []
        self._wanted = asyncio.Event()
        self._gathering: asyncio.TimerHandle | None = None

    def is_behind(self, scope: Scope) -> bool:
        """Whether there may be something of a scope's person here that Redis does not have yet."""
        return not self.in_step.is_set() or self._who(scope) in self._marked

    def begin(self, exchange: Exchange) -> None:
        """Ship the session and the ledger of a call that goes upstream, soon."""
        if len(self._begun) < BEGUN_KEPT:
            self._begun[exchange.id] = exchange
        self._mark(exchange.scope)
        if self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(GATHER_S, self._gathered)

    async def ended(self, exchange: Exchange, patience_s: float) -> None:
        """Return when an exchange that is in the spool is in Redis, or as soon as that is not to be waited for."""
        if exchange.id in self._begun and self._begun[exchange.id].notes == exchange.notes:
            del self._begun[exchange.id]  # its end says the same
        self._mark(exchange.scope)
        self._wanted.set()
        if not self.in_step.is_set():
            return
        shipped = asyncio.get_running_loop().create_future()
        self._waiting.append(shipped)
        done, _ = await asyncio.wait({shipped}, timeout=patience_s)
        if not done:  # nobody else needs to find that out by waiting
            self.in_step.clear()

    def forgotten(self) -> None:
        """Say that Redis does not have what was shipped."""
        self._epoch = None
        self._look_at = 0.0
        self.in_step.clear()
        self._wanted.set()

    def look(self, epoch: bytes | None) -> None:
        """Compare the memory from which Redis has answered with the one that was shipped to."""
        if self._epoch is not None and epoch != self._epoch:
            self.forgotten()

    async def run(self, stop: asyncio.Event) -> None:
        """Ship until told to stop, and then once more; trouble is waited out, and said once."""
        self._wanted.set()
        stopping = asyncio.ensure_future(stop.wait())
        stopping.add_done_callback(lambda _: self._wanted.set())
        try:
            while not stop.is_set():
                await self._wait(stop)
                await self._pass(stop)
        finally:
            stopping.cancel()

    async def _pass(self, stop: asyncio.Event) -> None:
        self._wanted.clear()
        marks = self._marks
        try:
            await self._look()
            await self._ship_begun()
            await self._ship_ended(stop)
        except MemoryUnavailable as error:
            self.in_step.clear()
            self._release(self._waiting)
            if not self.degraded:
                log.warning("shipping_postponed", reason=str(error))
            self.degraded = str(error)
            return
        if self.degraded:
            log.info("shipping_resumed")
        self.degraded = ""
        self._marked = {who: mark for who, mark in self._marked.items() if mark > marks}
        if self._epoch is not None:
            self.in_step.set()

    async def _look(self) -> None:
        """See whether Redis has been emptied; then everything in the spool is shipped again."""
        now = asyncio.get_running_loop().time()
        if now < self._look_at and not self.degraded:
            return
        drawn = self._clock.new_id("epoch")
        _, epoch = await self._server.ask_each([("SET", EPOCH, drawn, "NX"), ("GET", EPOCH)])
        if epoch is None:  # what stands there is no string, and makes way
            await self._server.ask("SET", EPOCH, drawn)
            epoch = drawn.encode()
        if epoch != self._epoch:
            if self.reached:
                log.warning("shipping_again")
            self._epoch, self.reached = epoch, 0
        self._look_at = now + LOOK_S

    async def _ship_begun(self) -> None:
        some, self._begun = self._begun, {}
        if not some:
            return
        try:
            await self._sent([self._parcels.begun(exchange) for exchange in some.values()])
        except MemoryUnavailable:
            self._begun = some | self._begun
            raise

    async def _ship_ended(self, stop: asyncio.Event) -> None:
        """All that waits in the spool; once told to stop a page more, as the next start ships the rest."""
        page = None
        while page is None or (len(page) == PAGE and not stop.is_set()):
            waiting, self._waiting = self._waiting, []
            try:
                page = await self._spool.after(self.reached, PAGE)
                await self._ship(page)
            finally:
                self._release(waiting)

    async def _ship(self, page: Sequence[Waiting]) -> None:
        gone = [each.place for each in page if self._is_gone(each.exchange.scope, each.exchange.at)]
        left = [each for each in page if each.place not in gone]
        while left:
            turn: dict[Partition, Waiting] = {}
            for each in left:
                turn.setdefault(owner_of(each.place.scope, self._partitions).partition, each)
            parcels = [self._parcels.ended(each.exchange, each.payload) for each in turn.values()]
            answers = iter(await self._sent(list(chain.from_iterable(parcels))))
            for each, runs in zip(turn.values(), parcels, strict=True):
                gone += [each.place] if GONE in [next(answers) for _ in runs] else []
            shipped = {each.place.position for each in turn.values()}
            left = [each for each in left if each.place.position not in shipped]
        if gone:
            await self._spool.forget(gone)
        if page:
            self.reached = page[-1].place.position

    async def _sent(self, runs: Sequence[Run]) -> list[bytes]:
        """The answers of scripts. Raises `MemoryUnavailable` where any failed."""
        answers = await self._server.run_all(runs)
        for answer in answers:
            if isinstance(answer, MemoryUnavailable):
                raise answer
        return answers

    async def _wait(self, stop: asyncio.Event) -> None:
        """Until there is something to ship, or it is time for a look or another try; or until the end."""
        if self.degraded:
            await pause(stop, RETRY_S)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await self._wanted.wait()

    def _gathered(self) -> None:
        self._gathering = None
        self._wanted.set()

    def _mark(self, scope: Scope) -> None:
        self._marks += 1
        self._marked[self._who(scope)] = self._marks

    def _release(self, waiting: list[asyncio.Future[None]]) -> None:
        for one in waiting:
            one.set_result(None)
        waiting.clear()

    def _who(self, scope: Scope) -> str:
        """A person, as they can be told before their session is known."""
        return anchored_at(scope, self._partitions).who
