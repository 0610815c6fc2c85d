"""From the section `store` of config.yaml to the store on a server that it names, and to what lies in any store.

The only place here that knows of configuration; what Qdrant needs is imported only where it is asked for.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import ModuleType
from typing import TYPE_CHECKING

from gateway.catalogue import Catalogue
from gateway.datadir import DataDir
from gateway.errors import ConfigError
from gateway.memories import Memory
from gateway.ports import Embedder
from gateway.sealing import Seal
from gateway.sections import Store
from gateway.stores.local.beside import read_memories_beside
from gateway.stores.local.catalogue import LocalCatalogue

if TYPE_CHECKING:
    from gateway.stores.qdrant import QdrantStore


def open_store(settings: Store, embedder: Embedder, seal: Seal) -> QdrantStore:
    """The store on a server, whether that is there or away. Blocks for some 100 ms; raises `ConfigError`."""
    adapter = _qdrant()
    store: QdrantStore = adapter.QdrantStore(
        adapter.connect(settings.url, settings.api_key, settings.timeout_ms / 1000),
        embedder,
        seal=seal,
        collection=settings.collection,
        shards=settings.shards,
        replicas=settings.replicas,
    )
    return store


async def read_memories(
    settings: Store, data: DataDir, kinds: Sequence[str], tenant: str | None, seal: Seal
) -> list[tuple[str, Memory]]:
    """All memories of these kinds with their owners, oldest first, beside the gateways that write them.

    Without a tenant everybody's; ended ones included. Raises `ConfigError`, `DataDirError` or `MemoryUnavailable`.
    """
    if settings.kind == "local":
        return await asyncio.to_thread(read_memories_beside, data.memories, kinds, tenant, seal)
    adapter = _qdrant()
    async with AsyncExitStack() as stack:
        client = await asyncio.to_thread(adapter.connect, settings.url, settings.api_key, settings.timeout_ms / 1000)
        stack.push_async_callback(client.close)
        memories: list[tuple[str, Memory]] = await adapter.read_memories_beside(
            client, settings.collection, kinds, tenant, seal
        )
    return memories


async def opened_catalogue(settings: Store, data: DataDir, stack: AsyncExitStack, seal: Seal) -> Catalogue:
    """All memories page by page, wherever they lie, for as long as the stack. Raises `ConfigError`."""
    if settings.kind == "local":
        local = LocalCatalogue(data.memories, seal)
        stack.push_async_callback(local.aclose)
        return local
    client = await asyncio.to_thread(_qdrant().connect, settings.url, settings.api_key, settings.timeout_ms / 1000)
    stack.push_async_callback(client.close)
    catalogue: Catalogue = _qdrant().QdrantCatalogue(client, settings.collection, seal)
    return catalogue


def _qdrant() -> ModuleType:
    try:
        return importlib.import_module("gateway.stores.qdrant")
    except ImportError as error:
        raise ConfigError(f"$.store.kind: qdrant needs pip install 'accrue[fleet]' ({error})") from error
