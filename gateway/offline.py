"""Configuration to what works on a data directory that no gateway serves from: with wiring, all that names adapters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import msgspec

from gateway.chronicle import Chronicle, History
from gateway.config import Config
from gateway.datadir import DataDir, seal_of
from gateway.errors import ConfigError, DataDirError
from gateway.journals.sqlite import (
    SqliteChronicle,
    SqliteHistory,
    SqliteJournal,
    close_all_beside,
    read_order_beside,
)
from gateway.memories import Memory
from gateway.parts import open_embedder, token_counter
from gateway.ports import Clock, Journal, MemoryStore, Movable, TokenCounter
from gateway.stores.configured import open_store
from gateway.stores.local import LocalStore
from gateway.stores.local.rebuilt import emptied, former, not_learnt, take_place
from gateway.types import Scope


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
    former: Callable[[str, Sequence[str]], Sequence[Memory]]
    """Memories by owner (`Scope.owner`) and ids as they are in the store in use. Blocks."""
    store: MemoryStore
    counter: TokenCounter


class Moving(msgspec.Struct, frozen=True, kw_only=True):
    """Two stores, opened, of which one is to be moved into the other."""

    source: Movable
    target: Movable
    name: str
    """Which two: the end of a sentence, and what tells them from another pair."""
    progress: Path
    """The file of how far it has come."""


@asynccontextmanager
async def rebuilding(config: Config, clock: Clock) -> AsyncIterator[Rebuilding]:
    """Hold a data directory while a store is filled that takes the place of the one in use when the block ends well.

    Raises `DataDirError` for a directory that holds no record, or that another process has, and `ConfigError` where
    record or memories lie elsewhere.
    """
    if (config.store.kind, config.journal.kind) != ("local", "sqlite"):
        raise ConfigError(
            "memories are made anew in a data directory, from the whole record in it: that takes store.kind local and"
            " journal.kind sqlite. What lies in Qdrant or Redis is neither read nor changed, and stays as it is"
        )
    async with AsyncExitStack() as stack:
        data = _held(config, stack)
        seal = await asyncio.to_thread(seal_of, data, config.store.encryption_key)
        await asyncio.to_thread(close_all_beside, data.journal, seal)
        kept = await asyncio.to_thread(not_learnt, data.memories, seal)
        counter, embedder = await asyncio.gather(asyncio.to_thread(token_counter), open_embedder(config, data, stack))
        journal = await asyncio.to_thread(SqliteJournal, data.journal, seal)
        stack.push_async_callback(journal.aclose)
        history = SqliteHistory(data.journal, journal.writer, clock, seal)
        stack.push_async_callback(history.aclose)
        chronicle = SqliteChronicle(data.journal, seal)
        stack.push_async_callback(chronicle.aclose)
        unordered, steps = await asyncio.to_thread(read_order_beside, data.journal)
        made = await asyncio.to_thread(emptied, data.rebuilt)
        store = await asyncio.to_thread(
            partial(LocalStore, made / data.memories.name, made / data.index.name, embedder, seal=seal)
        )
        stack.push_async_callback(store.aclose)
        yield Rebuilding(
            journal=journal,
            history=history,
            chronicle=chronicle,
            unordered=tuple(unordered),
            steps=steps,
            kept=tuple(kept),
            former=partial(former, data.memories, seal),
            store=store,
            counter=counter,
        )
        await store.aclose()
        await asyncio.to_thread(take_place, made / data.memories.name, data.memories, data.index)


@asynccontextmanager
async def moving(config: Config, source: str, target: str) -> AsyncIterator[Moving]:
    """Hold a data directory while its memories are moved to the server (`local` to `qdrant`), or the server's to it.

    Raises `ConfigError` where no server is configured, and `DataDirError` for a directory that another process has,
    that holds no memories to move, or that has another secret than the gateways of the server.
    """
    if config.store.kind != "qdrant":
        raise ConfigError("no server to move memories to or from: set store.kind to qdrant, and store.url")
    async with AsyncExitStack() as stack:
        data = DataDir(Path(config.data_dir), config.auth.shared_secret)
        if source == "local" and not data.memories.exists():
            raise DataDirError(f"there are no memories in {data.path}; is this the right --data-dir?")
        data.hold()
        stack.callback(data.release)
        data.secret()  # under another one nobody would find what was moved
        seal = await asyncio.to_thread(seal_of, data, config.store.encryption_key)
        embedder = await open_embedder(config, data, stack)
        local = await asyncio.to_thread(partial(LocalStore, data.memories, data.index, embedder, seal=seal))
        stack.push_async_callback(local.aclose)
        server = open_store(config.store, embedder, seal)
        stack.push_async_callback(server.aclose)
        stores: dict[str, Movable] = {"local": local, "qdrant": server}
        names = {"local": "local", "qdrant": f"qdrant {config.store.url} {config.store.collection}"}
        yield Moving(
            source=stores[source],
            target=stores[target],
            name=f"from {names[source]} to {names[target]}",
            progress=data.moving,
        )


def _held(config: Config, stack: AsyncExitStack) -> DataDir:
    """A data directory in which something is recorded, for as long as the stack. Raises `DataDirError`."""
    data = DataDir(Path(config.data_dir), config.auth.shared_secret)
    data.require_record()
    data.hold()
    stack.callback(data.release)
    return data
