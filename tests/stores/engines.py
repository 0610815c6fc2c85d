"""Qdrant for the tests of stores: its own in-process engine, which outlives its clients as a server does."""

from __future__ import annotations

import asyncio
import hashlib
import warnings
from pathlib import Path
from typing import Any

from qdrant_client import AsyncQdrantClient

from gateway.ports import Embedder
from gateway.sealing import NO_SEAL, Seal
from gateway.stores.qdrant import QdrantStore, connect
from tests.stores.samples import WordsEmbedder

QUESTIONS = {
    "batch_update_points",
    "collection_exists",
    "create_collection",
    "delete",
    "get_collection",
    "get_collections",
    "query_batch_points",
    "retrieve",
    "scroll",
    "upsert",
}


class Engine(AsyncQdrantClient):
    """Holds its collections in memory for as long as somebody holds it, and knows what it was asked."""

    def __init__(self) -> None:
        super().__init__(":memory:")
        self.asked: list[str] = []
        self.failure: Exception | None = None
        """Raised in place of an answer."""
        self.broken = QUESTIONS
        """Questions that are not answered while there is a failure."""
        self.thawed = asyncio.Event()
        """While it is not set, no question is answered."""
        self.thawed.set()

    async def close(self, *_: Any, **__: Any) -> None:
        """Not with its clients."""

    async def create_payload_index(self, *asked: Any, **how: Any) -> Any:
        with warnings.catch_warnings(action="ignore"):  # that it has no use for them
            return await super().create_payload_index(*asked, **how)

    def __getattribute__(self, name: str) -> Any:
        answer = super().__getattribute__(name)
        if name not in QUESTIONS:
            return answer

        async def question(*asked: Any, **how: Any) -> Any:
            self.asked.append(name)
            await self.thawed.wait()
            if self.failure is not None and name in self.broken:
                raise self.failure
            return await answer(*asked, **how)

        return question

    def restart_empty(self) -> None:
        """Lose everything."""
        self._client.collections.clear()  # type: ignore[attr-defined] # in-process there is no other way to lose it


def engine_store(engine: AsyncQdrantClient, embedder: Embedder | None = None, seal: Seal = NO_SEAL) -> QdrantStore:
    return QdrantStore(engine, embedder or WordsEmbedder(), seal=seal)


def server_store(url: str, folder: Path) -> QdrantStore:
    """A store on a real server, with collections of its own for each folder; they stay there."""
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    return QdrantStore(connect(url, None, 10.0), WordsEmbedder(), collection=f"test-{name}")
