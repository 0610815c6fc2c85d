"""A data directory to what a report needs of it, beside a running gateway: with wiring, all that names adapters."""

from __future__ import annotations

import asyncio

from gateway.datadir import DataDir, seal_of
from gateway.journals.sqlite import SqliteChronicle
from gateway.memories import TAUGHT
from gateway.period import Facts, read
from gateway.stores.local.beside import read_memories_beside

KINDS = (*TAUGHT, "constraint")


async def look_back(
    data: DataDir, *, tenant: str | None, since: float | None, until: float, key: str | None = None
) -> Facts:
    """What happened to a tenant, or to all, between two moments in Unix seconds.

    Raises `DataDirError` for a directory in which nothing is recorded, `MemoryUnavailable` for a record that cannot be
    read.
    """
    data.require_record()
    seal = await asyncio.to_thread(seal_of, data, key)
    memories = await asyncio.to_thread(read_memories_beside, data.memories, KINDS, tenant, seal)
    chronicle = await asyncio.to_thread(SqliteChronicle, data.journal, seal)
    try:
        return await read(chronicle, memories, tenant=tenant, since=since, until=until)
    finally:
        await chronicle.aclose()
