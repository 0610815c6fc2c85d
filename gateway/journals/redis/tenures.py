"""Which partitions this gateway learns: it leases them from Redis, as many as are its share among all gateways.

A lease ends by itself, so that a gateway that was killed stands in nobody's way. One that was only paused may still
believe in its own: therefore each taking has a newer token, and every script that writes for the learner compares it
and answers `LOST`. What is learnt, and how, is not known here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import msgspec
import structlog

from gateway.errors import MemoryUnavailable
from gateway.journals.redis.keys import GATEWAYS, Partition, partition_of
from gateway.journals.redis.server import Server
from gateway.pause import pause

LEASE_S = 5.0
"""After which others take over from a gateway that was killed, if it renews no sooner."""

ROUND = 0.2
"""Of a lease's time, from one renewal to the next. A round that takes twice as long is given up."""

MARGIN = 0.2
"""Of a lease's time, by which it is taken to be over sooner here than in Redis."""

PATIENCE = 0.4
"""Of a lease's time may go into finishing what is being learnt of a partition that is given up."""

TAKEN_AT_ONCE = 256
"""Between two renewals: one takes a fraction of a millisecond, and where Redis is far away a few."""

log = structlog.get_logger()


class Tenure(msgspec.Struct, frozen=True, kw_only=True):
    """That this gateway learns a partition."""

    partition: Partition
    token: int
    """Compared by every script that writes for the learner."""


class _Lease(msgspec.Struct, frozen=True, kw_only=True):
    tenure: Tenure
    sure_until: float
    """Seconds of our own clock up to which nobody else can have it."""
    leaving_at: float | None = None
    """When it was decided to give it up."""


class Tenures:
    """The partitions that this gateway learns. Usable from one event loop."""

    def __init__(
        self,
        server: Server,
        partitions: int,
        gateway: str,
        *,
        lease_s: float = LEASE_S,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """Hold none, before it runs.

        Args:
            gateway: a name that no other has, nor the same one had before it was started again.
            seconds: a clock that is never set.
        """
        self._server = server
        self._all = tuple(map(Partition, range(partitions)))
        self._gateway = gateway
        self._lease_s = lease_s
        self._lease_ms = int(lease_s * 1000)
        self._seconds = seconds
        self._leases: dict[Partition, _Lease] = {}
        self._on_left: Callable[[Partition], None] = lambda partition: None
        self._busy: frozenset[Partition] = frozenset()
        self._finished = asyncio.Event()
        self._finished.set()
        self.trouble = ""
        """Why leases cannot be renewed; empty while all is well."""

    def held(self) -> Sequence[Tenure]:
        """All that this gateway holds for sure."""
        now = self._seconds()
        return [lease.tenure for lease in self._leases.values() if now < lease.sure_until]

    def staying(self) -> Sequence[Tenure]:
        """Those of which more may be begun: they are not to be given up."""
        return [tenure for tenure in self.held() if self._leases[tenure.partition].leaving_at is None]

    def of(self, owner: str) -> Tenure:
        """The tenure under which something of a person (`Scope.owner`) is written.

        Raises `MemoryUnavailable` when this gateway does not hold it, or not for sure any more.
        """
        partition = partition_of(owner, len(self._all))
        lease = self._leases.get(partition)
        if lease is None or self._seconds() >= lease.sure_until:
            raise MemoryUnavailable(f"partition {partition.number} is not held")
        return lease.tenure

    def occupy(self, partitions: Iterable[Partition]) -> None:
        """Say of which partitions something is being learnt now, and of no others: these are given up last."""
        self._busy = frozenset(partitions)
        (self._finished.clear if self._busy else self._finished.set)()

    def lost(self, tenure: Tenure) -> None:
        """Take note that Redis knows a newer token."""
        lease = self._leases.get(tenure.partition)
        if lease is not None and lease.tenure == tenure:
            self._drop(lease)

    async def run(self, stop: asyncio.Event, on_left: Callable[[Partition], None] = lambda partition: None) -> None:
        """Take, renew and give up until told to stop; then let others have everything.

        Whoever learns is best told to stop before, because afterwards nothing more is begun.

        Args:
            on_left: told of each partition that is held no more: what is remembered of it may be out of date from now
                on, also when it comes back.
        """
        self._on_left = on_left
        while not stop.is_set():
            await self._go_round()
            await pause(stop, self._lease_s * ROUND)
        await self._end()

    async def round(self) -> None:
        """Renew what is held, and come closer to a fair share. Raises `MemoryUnavailable`."""
        await self._renew()
        gateways = int(await self._server.run("beat", [GATEWAYS], self._gateway, self._lease_ms))
        share = -(-len(self._all) // gateways)
        self._leave(len(self.staying()) - share)
        await self._release([lease for lease in self._leases.values() if self._is_over(lease)])
        await self._take(min(share - len(self._leases), TAKEN_AT_ONCE))

    async def _go_round(self) -> None:
        """One round; trouble is said once, however long it lasts."""
        trouble = ""
        try:
            async with asyncio.timeout(2 * ROUND * self._lease_s):
                await self.round()
        except MemoryUnavailable as error:
            trouble = str(error)
        except TimeoutError:
            trouble = "redis: no answer in time"
        if trouble and trouble != self.trouble:
            log.warning("partitions_not_renewed", reason=trouble)
        self.trouble = trouble

    async def _renew(self) -> None:
        """Renew what was not lost; in two plain commands each, so that all of it is one question.

        A lease that is there, under our token that is still the newest, is ours. Another's may get a little longer by
        this, once.
        """
        now = self._seconds()
        for lease in [each for each in self._leases.values() if now >= each.sure_until]:
            self._drop(lease)
        leases = list(self._leases.values())
        commands: list[tuple[str | int, ...]] = []
        for where in self._leases:
            commands += [("PEXPIRE", where.key("lease"), self._lease_ms), ("MGET", where.key("token"))]
        answers = await self._server.ask_all(commands) if commands else []
        for lease, is_there, (token,) in zip(leases, answers[::2], answers[1::2], strict=True):
            if not is_there or token != b"%d" % lease.tenure.token:
                self.lost(lease.tenure)
            elif lease.tenure.partition in self._leases:
                self._leases[lease.tenure.partition] = msgspec.structs.replace(lease, sure_until=self._sure(now))

    def _leave(self, surplus: int) -> None:
        """Begin to give up so many, those first of which nothing is being learnt."""
        staying = [tenure.partition for tenure in self.staying()]
        for partition in sorted(staying, key=lambda each: (each in self._busy, each.number))[: max(0, surplus)]:
            self._leases[partition] = msgspec.structs.replace(self._leases[partition], leaving_at=self._seconds())

    def _is_over(self, lease: _Lease) -> bool:
        """Whether a lease can be given up now."""
        if lease.leaving_at is None:
            return False
        is_busy = lease.tenure.partition in self._busy
        return not is_busy or self._seconds() - lease.leaving_at >= PATIENCE * self._lease_s

    async def _release(self, leases: Iterable[_Lease]) -> None:
        for lease in leases:
            where = lease.tenure.partition
            self._drop(lease)
            await self._server.run("release", [where.key("lease"), where.key("token")], lease.tenure.token)

    def _drop(self, lease: _Lease) -> None:
        if self._leases.pop(lease.tenure.partition, None) is not None:
            self._on_left(lease.tenure.partition)

    async def _take(self, count: int) -> None:
        """Take so many of those that nobody has, if there are."""
        others = [where for where in self._all if where not in self._leases] if count > 0 else []
        expiries = await self._server.ask_all([("PTTL", where.key("lease")) for where in others]) if others else []
        free = [where for where, expiry in zip(others, expiries, strict=True) if expiry < 0]
        for where in free[: max(0, count)]:
            now = self._seconds()
            keys = [where.key("lease"), where.key("token")]
            token = await self._server.run("take", keys, self._gateway, self._lease_ms)
            if token is not None:
                tenure = Tenure(partition=where, token=int(token))
                self._leases[where] = _Lease(tenure=tenure, sure_until=self._sure(now))

    def _sure(self, asked_at: float) -> float:
        """Up to when a lease is sure that Redis was asked for at a time."""
        return asked_at + self._lease_s * (1 - MARGIN)

    async def _end(self) -> None:
        """Give up everything; what cannot be said to Redis expires there."""
        self._leave(len(self._all))
        await pause(self._finished, PATIENCE * self._lease_s)
        with suppress(TimeoutError, MemoryUnavailable):
            async with asyncio.timeout(PATIENCE * self._lease_s):
                await self._release(list(self._leases.values()))
                await self._server.ask("ZREM", GATEWAYS, self._gateway)
