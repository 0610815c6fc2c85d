"""Configuration to what works on a data directory that no gateway serves from: with wiring, all that names adapters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from gateway.chronicle import Chronicle
from gateway.config import Config
from gateway.datadir import DataDir
from gateway.errors import DataDirError
from gateway.journals.sqlite import (
    SqliteChronicle,
    SqliteHistory,
    SqliteJournal,
    read_endings_beside,
    read_order_beside,
)
from gateway.memories import Memory
from gateway.ports import Clock, History, Journal, MemoryStore, TokenCounter
from gateway.stores.local import LocalStore
from gateway.stores.local.rebuilt import emptied, not_learnt, take_place
from gateway.types import Scope
from gateway.wiring import open_embedder, token_counter


class Rebuilding(msgspec.Struct, frozen=True, kw_only=True):
    """The record, and an empty store beside the one in use."""

    journal: Journal
    history: History
    chronicle: Chronicle
    unordered: tuple[str, ...]
    """Exchanges that were learnt before their order was put down, oldest first."""
    steps: int
    """Taken in order since."""
    kept: tuple[tuple[Scope, Memory], ...]
    """What cannot be learnt again, in the order in which it came, and whose it is."""
    store: MemoryStore
    counter: TokenCounter


def endings(data: DataDir) -> dict[str, bool]:
    """Every exchange of a data directory by id, and whether its answer is on record. Raises `DataDirError`."""
    return read_endings_beside(data.journal)


@asynccontextmanager
async def rebuilding(config: Config, clock: Clock) -> AsyncIterator[Rebuilding]:
    """Hold a data directory while a store is filled that takes the place of the one in use when the block ends well.

    Raises `DataDirError` for a directory that holds no record, or that another process has.
    """
    data = DataDir(Path(config.data_dir))
    if not data.journal.exists():
        raise DataDirError(f"nothing is recorded in {data.path}; is this the right --data-dir?")
    async with AsyncExitStack() as stack:
        data.hold()
        stack.callback(data.release)
        kept = await asyncio.to_thread(not_learnt, data.memories)
        counter, embedder = await asyncio.gather(asyncio.to_thread(token_counter), open_embedder(config, data, stack))
        journal = await asyncio.to_thread(SqliteJournal, data.journal)
        stack.push_async_callback(journal.aclose)
        history = SqliteHistory(data.journal, journal.writer, clock)
        stack.push_async_callback(history.aclose)
        chronicle = SqliteChronicle(data.journal)
        stack.push_async_callback(chronicle.aclose)
        unordered, steps = await asyncio.to_thread(read_order_beside, data.journal)
        made = await asyncio.to_thread(emptied, data.rebuilt)
        store = await asyncio.to_thread(LocalStore, made / data.memories.name, made / data.index.name, embedder)
        stack.push_async_callback(store.aclose)
        yield Rebuilding(
            journal=journal,
            history=history,
            chronicle=chronicle,
            unordered=tuple(unordered),
            steps=steps,
            kept=tuple(kept),
            store=store,
            counter=counter,
        )
        await store.aclose()
        await asyncio.to_thread(take_place, made / data.memories.name, data.memories, data.index)
