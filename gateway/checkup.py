"""How the gateway is, put together for an operator from the parts that know."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from gateway.console import Breaking, Health
from gateway.deadletters import Letters
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
        """How it is now. Raises `MemoryUnavailable` or `DataDirError` for a record that cannot be read."""
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
            waiting=await self.waiting(),
            distilling=self.distilling(),
            dead=len(await self.letters.all()),
            indexed=self.indexed(),
        )
