"""The proof at the start that memory works: something is remembered, recalled and forgotten."""

from __future__ import annotations

from gateway.errors import MemoryUnavailable
from gateway.memories import EPISODE, Memory, Query
from gateway.ports import Clock, MemoryStore
from gateway.types import Scope

PROOF = Scope(tenant="accrue", user="self-test")
"""Whose memory the self-test writes and forgets; no credential hashes to this tenant."""


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
        found = await store.search(PROOF, Query(text=memory.text, kinds=(EPISODE,), pinned=(), limit=1))
        await store.forget(PROOF, [word])
    except MemoryUnavailable as error:
        return f"self-test failed: {error}"
    return "on" if [hit.memory.id for hit in found.hits] == [word] else "self-test failed: what was put was not found"
