"""What time does to the record: what a policy keeps for so long, or of which it keeps so many, is removed after that.

With an exchange goes every memory that was last said in it. It runs in the background, a portion at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import structlog

from gateway.archive import Archive, Keeping, Outdated
from gateway.errors import MemoryUnavailable
from gateway.pause import pause
from gateway.policybook import Policies, PolicyBook
from gateway.ports import Clock, MemoryStore
from gateway.sections import JournalConfig
from gateway.types import Scope

EVERY_S = 3_600.0
"""Between two rounds: who keeps a thing for days does not mind an hour."""

PORTION = 500
"""Exchanges removed at once."""

LISTED = 100_000
"""Memories of an owner looked through for those that go."""

DAY_S = 86_400.0

log = structlog.get_logger()


class Upkeep:
    """Removes what is not to be kept."""

    def __init__(
        self, archive: Archive, store: MemoryStore, policies: PolicyBook, clock: Clock, *, every_s: float = EVERY_S
    ) -> None:
        self._archive = archive
        self._store = store
        self._policies = policies
        self._clock = clock
        self._every_s = every_s

    async def run(self, stop: asyncio.Event) -> None:
        """Go round until told to stop; trouble is waited out until the next round."""
        while not stop.is_set():
            try:
                if count := await self.round(stop):
                    log.info("retention", exchanges=count)
            except MemoryUnavailable as error:
                log.warning("retention_postponed", reason=str(error))
            await pause(stop, self._every_s)

    async def round(self, stop: asyncio.Event) -> int:
        """Remove all that is not to be kept by now; how many exchanges that were. Raises `MemoryUnavailable`."""
        count = 0
        for keeping in self._keepings():
            while not stop.is_set() and (outdated := await self._archive.outdated(keeping, PORTION)):
                for scope, exchanges in _by_owner(outdated):
                    await self._forget(scope, exchanges)
                await self._archive.drop([one.exchange for one in outdated])
                count += len(outdated)
        return count

    def _keepings(self) -> Iterator[Keeping]:
        now = self._clock.now()
        for policy in self._policies.current.policies:
            days, newest = policy.retain.days, policy.retain.exchanges
            if days is not None or newest is not None:
                before = None if days is None else now - days * DAY_S
                yield Keeping(policy=policy.name, before=before, newest=newest)

    async def _forget(self, scope: Scope, exchanges: set[str]) -> None:
        """Forget what was last said in exchanges of an owner; before they go, so that a crash leaves nothing over."""
        listed = await self._store.list(scope, (), LISTED)
        ids = [memory.id for memory in listed if (memory.last or memory.exchange) in exchanges]
        if ids:
            await self._store.forget(scope, ids)


def faults(policies: Policies, journal: JournalConfig) -> Iterator[str]:
    """Complaints about policies that keep exchanges for longer than a shared record does.

    They would be gone before their time was over, and with nothing to tell by, what was learnt from them would stay.
    """
    if journal.kind != "redis":
        return
    for policy in policies.policies:
        if policy.retain.days is not None and policy.retain.days > journal.keep_days:
            yield (
                f"{policy.name}.yaml: $.retain.days: {policy.retain.days:g} is more than journal.keep_days "
                f"({journal.keep_days:g}), after which Redis has forgotten what there was to remove"
            )


def _by_owner(outdated: Sequence[Outdated]) -> Iterator[tuple[Scope, set[str]]]:
    by_owner: dict[str, tuple[Scope, set[str]]] = {}
    for one in outdated:
        by_owner.setdefault(one.scope.owner, (one.scope, set()))[1].add(one.exchange)
    yield from by_owner.values()
