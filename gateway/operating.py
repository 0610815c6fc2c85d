"""A gateway and its configuration to what its operator sees and does (gateway/console.py)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from gateway import __version__
from gateway.checkup import Checkup
from gateway.config import Config
from gateway.console import Console, Health
from gateway.deadletters import Letters
from gateway.lookback import beside, look_back
from gateway.lookups import Lookups
from gateway.memories import Memory, Ranked
from gateway.period import Facts
from gateway.recall import recall
from gateway.rehearsal import Rehearser
from gateway.running import Running
from gateway.types import Scope
from gateway.wiring import KINDS


class Office:
    """Makes the console when it is first asked for, and again while that fails, as on a bad disk."""

    def __init__(self, config: Config, parts: Running, stack: AsyncExitStack) -> None:
        """Operate a gateway for as long as the stack."""
        self._config = config
        self._parts = parts
        self._stack = stack
        self._making = asyncio.Lock()
        self._made: Console | None = None
        self._started = parts.gateway.clock.now()

    async def console(self) -> Console:
        """What the operator can do. Raises `MemoryUnavailable`, `DataDirError` or `ConfigError`."""
        async with self._making:
            if self._made is None:
                self._made = await self._console()
            return self._made

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        """Keep up to date what /metrics shows and nobody counts, for as long as the block."""
        telemetry, clock = self._parts.telemetry, self._parts.gateway.clock
        lookups = Lookups(self._health, self._facts, telemetry.look_up, clock)
        task = asyncio.create_task(lookups.run(asyncio.Event()))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _health(self) -> Health:
        return await (await self.console()).health()

    async def _console(self) -> Console:
        gateway, parts = self._parts.gateway, self._parts
        record = await self._stack.enter_async_context(beside(self._config))
        return Console(
            clock=gateway.clock,
            kinds=KINDS,
            catalogue=parts.parts.catalogue,
            curator=parts.curator,
            eraser=parts.eraser,
            caches=parts.caches,
            sessions=record.sessions,
            chronicle=record.chronicle,
            letters=record.letters,
            policies=gateway.visits.policies,
            read=record.read,
            search=self._search,
            facts=self._facts,
            rehearse=self._rehearser().rehearse,
            health=self._checkup(record.letters).health,
            matches=parts.telemetry.matches,
            wake=parts.wake,
        )

    async def _search(self, scope: Scope, question: str) -> Sequence[Ranked | Memory]:
        settings = self._parts.gateway.visits.policies.current.policies[-1].recall
        found = await recall(self._parts.store, scope, question, KINDS, settings, self._parts.gateway.clock.now())
        return (*found.pinned, *found.hits)

    async def _facts(self, tenant: str | None, since: float | None) -> Facts:
        return await look_back(self._config, tenant=tenant, since=since, until=self._parts.gateway.clock.now())

    def _rehearser(self) -> Rehearser:
        gateway = self._parts.gateway
        return Rehearser(
            visits=gateway.visits,
            augmenter=self._parts.rehearsing,
            shapes=gateway.shapes,
            secret=gateway.secret,
            signing=gateway.signing,
        )

    def _checkup(self, letters: Letters) -> Checkup:
        config, parts = self._config, self._parts
        return Checkup(
            version=__version__,
            started=self._started,
            stores={"store": config.store.kind, "journal": config.journal.kind, "embedder": config.embedder.kind},
            proof=parts.proof,
            telemetry=parts.telemetry,
            letters=letters,
            waiting=parts.parts.record.waiting,
            distilling=parts.backlog.__len__,
            indexed=lambda: getattr(parts.parts.unguarded, "indexed", 1.0),
        )
