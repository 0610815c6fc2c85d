"""The proof that memory works: something is remembered, recalled and forgotten, and something is put on record.

It is made at the start, and once more as long as anything is wrong: so a mended disk is found before a call needs it.
What it finds is what `/readyz` says.
"""

from __future__ import annotations

import asyncio

import structlog

from gateway.errors import MemoryUnavailable
from gateway.memories import EPISODE, Memory, Query
from gateway.pause import pause
from gateway.ports import Clock, Journal, MemoryStore
from gateway.types import Scope

PROOF = Scope(tenant="accrue", user="self-test")
"""Whose memory the self-test writes and forgets; no credential hashes to this tenant."""

LOOK_S = 1.0
"""Between two looks at what store and journal say of themselves, which costs a few questions to the file system."""

PROOFS = 20
"""Of gateways that share a store and look at the same moment."""

log = structlog.get_logger()


class SelfTest:
    """Knows whether memory works and whether calls go on record."""

    def __init__(self, store: MemoryStore, journal: Journal, clock: Clock) -> None:
        self._store = store
        self._journal = journal
        self._clock = clock
        self.memory = "not tried yet"
        """`on`, or why memory is off."""
        self.journal = "ok"
        """`ok`, or why calls are not on record."""

    async def look(self) -> None:
        """See how things are, and try again what was wrong. A change is logged."""
        before = self.memory, self.journal
        trouble = await asyncio.to_thread(lambda: self._store.trouble)
        if trouble or self.memory != "on":
            self.memory = await prove(self._store, self._clock)
        trouble = await asyncio.to_thread(lambda: self._journal.trouble)
        if trouble or self.journal != "ok":
            self.journal = await self._proved()
        if before != (self.memory, self.journal):
            is_well = (self.memory, self.journal) == ("on", "ok")
            (log.info if is_well else log.error)("memory_state", memory=self.memory, journal=self.journal)

    async def run(self, stop: asyncio.Event) -> None:
        """Look until told to stop."""
        while not stop.is_set():
            await self.look()
            await pause(stop, LOOK_S)

    async def _proved(self) -> str:
        try:
            await self._journal.prove()
        except MemoryUnavailable as error:
            return str(error)
        return "ok"


async def prove(store: MemoryStore, clock: Clock) -> str:
    """Remember something, recall it, forget it: `on`, or what went wrong."""
    word = clock.new_id("proof")
    memory = Memory(
        id=word,
        kind=EPISODE,
        text=f"The self-test of {word} put this here.",
        key=f"The self-test of {word} put this here.",
        origin="operator",
        exchange="",
        session="",
        at=clock.now(),
        recorded_at=clock.now(),
    )
    try:
        await store.put(PROOF, [memory])
        found = await store.search(PROOF, Query(text=memory.text, kinds=(EPISODE,), pinned=(), limit=PROOFS))
        await store.forget(PROOF, [word])
    except MemoryUnavailable as error:
        return f"self-test failed: {error}"
    if word not in [hit.memory.id for hit in found.hits]:  # beside the proofs of gateways that share the store
        return "self-test failed: what was put was not found"
    return "on"
