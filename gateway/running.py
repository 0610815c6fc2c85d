"""What a gateway is while it runs, as one value; gateway/wiring.py puts it together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from gateway.augment import Augmenter
from gateway.backlog import Backlog
from gateway.caches import Caches
from gateway.chronicle import History
from gateway.curation import Curator
from gateway.datadir import DataDir
from gateway.erasure import Eraser
from gateway.parts import Parts
from gateway.pipeline import Gateway
from gateway.ports import Journal, MemoryStore
from gateway.pump import Pumps
from gateway.selftest import SelfTest
from gateway.telemetry import Telemetry


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway that is ready to handle requests, and what else shows what it does."""

    gateway: Gateway
    data: DataDir
    parts: Parts
    pumps: Pumps
    proof: SelfTest
    """Says whether memory works, and whether calls go on record."""
    backlog: Backlog
    """Sessions that wait for the distilling model."""
    eraser: Eraser
    curator: Curator
    caches: Caches
    """Which forget who is erased."""
    rehearsing: Augmenter
    """For calls that are not made."""
    wake: Callable[[], None]
    """Says that there is something to learn."""
    settle: asyncio.Event
    """Set whenever the learner has nothing left to do."""
    distilled: asyncio.Event
    """Set whenever nothing waits for the distilling model."""

    @property
    def telemetry(self) -> Telemetry:
        """What is counted."""
        return self.parts.telemetry

    @property
    def store(self) -> MemoryStore:
        """Memories, with their guard."""
        return self.parts.store

    @property
    def journal(self) -> Journal:
        """The record."""
        return self.parts.record.journal

    @property
    def history(self) -> History:
        """The record, as it is looked back on."""
        return self.parts.record.history
