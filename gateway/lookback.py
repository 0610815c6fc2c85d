"""Configuration to what an operator sees, beside running gateways: the record and memories, wherever they lie."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.config import Config
from gateway.datadir import DataDir, seal_of
from gateway.experience import Change
from gateway.journals.beside import Beside, opened_beside
from gateway.memories import TAUGHT
from gateway.period import Facts, facts, read
from gateway.sealing import Seal
from gateway.stores.configured import read_memories
from gateway.types import Scope

KINDS = (*TAUGHT, "constraint")

MAX_CHANGES = 10_000
"""More than anybody makes by hand in the days that a session waits to be distilled."""


@asynccontextmanager
async def beside(config: Config) -> AsyncIterator[Beside]:
    """The record that is configured, which gateways may be writing.

    Raises `ConfigError`, or `DataDirError` for a directory in which nothing is recorded, where that is the record.
    """
    data, seal = await asyncio.to_thread(_opened, config)
    async with opened_beside(config.journal, data, seal) as record:
        yield record


async def endings(config: Config) -> Mapping[str, bool]:
    """Every exchange by id, and whether an answer to it is on record. Raises as `look_back`."""
    async with beside(config) as record:
        return await record.endings()


async def changes(config: Config, scope: Scope, since: float) -> list[Change]:
    """The newest changes of a scope's memories since a time in Unix seconds, in their order. Raises as `look_back`."""
    async with beside(config) as record:
        return [one.change for one in await record.chronicle.changes(scope, since, MAX_CHANGES)]


async def look_back(config: Config, *, tenant: str | None, since: float | None, until: float) -> Facts:
    """What happened to a tenant, or to all, between two moments in Unix seconds.

    Raises as `beside`, and `MemoryUnavailable` for a record or memories that cannot be read.
    """
    data, seal = await asyncio.to_thread(_opened, config)
    async with opened_beside(config.journal, data, seal) as record:
        memories = await read_memories(config.store, data, KINDS, tenant, seal)
        recorded = await read(record.chronicle, since)
    return await asyncio.to_thread(facts, recorded, memories, tenant=tenant, since=since, until=until)


def _opened(config: Config) -> tuple[DataDir, Seal]:
    data = DataDir(Path(config.data_dir), config.auth.shared_secret)
    if config.journal.kind == "sqlite":
        data.require_record()  # before anything is made in it
    return data, seal_of(data, config.store.encryption_key)
