"""How the gateway is, put together for an operator from the parts that know."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from gateway.console import Breaking, Health
from gateway.deadletters import Letters
from gateway.errors import DataDirError, MemoryUnavailable
from gateway.selftest import SelfTest
from gateway.telemetry import Telemetry


class Checkup(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask."""

    version: str
    started: float
    """Unix seconds."""
    stores: Mapping[str, str]
    """See `Health`."""
    proof: SelfTest
    telemetry: Telemetry
    letters: Letters
    waiting: Callable[[], Awaitable[int | None]]
    """Exchanges to be learnt."""
    distilling: Callable[[], int]
    """Sessions that wait for the distilling model."""
    indexed: Callable[[], float]
    """Share of the memories in the index of today's embedder."""

    async def health(self) -> Health:
        """How it is now; what cannot be read is not known, and all else is told."""
        return Health(
            version=self.version,
            started=self.started,
            memory=self.proof.memory,
            journal=self.proof.journal,
            stores=self.stores,
            breakers=tuple(
                Breaking(name=name, is_open=is_open, opened=opened)
                for name, (is_open, opened) in sorted(self.telemetry.breakers().items())
            ),
            waiting=await _known(self.waiting()),
            distilling=self.distilling(),
            dead=await _known(self.letters.count()),
            indexed=self.indexed(),
        )


async def _known(count: Awaitable[int | None]) -> int | None:
    """What somebody counts; None where a bad disk keeps it from being counted."""
    try:
        return await count
    except (MemoryUnavailable, DataDirError):
        return None
