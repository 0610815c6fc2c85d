"""What texts are found by, made on threads: an embedder blocks, and taking a text apart takes a millisecond.

How many dimensions the server expects is known by collections.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from qdrant_client.http import models

from gateway.errors import MemoryUnavailable
from gateway.ports import Embedder, Held
from gateway.stores.qdrant.points import as_sent, point_of
from gateway.stores.vectors import readable, vectors_of

SEARCHES, WRITES = 4, 1
"""Threads: a search waits for its vector on one, half of a call's time at most, and never behind what is written."""

Made = TypeVar("Made")


class Embedding:
    """An embedder at work for one store."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._searches = ThreadPoolExecutor(SEARCHES, thread_name_prefix="memories-search")
        self._writes = ThreadPoolExecutor(WRITES, thread_name_prefix="memories-write")

    async def of_question(self, owner: str, text: str, size: int) -> dict[str, Any]:
        """Vectors by way of searching, as the client takes them; without `dense` while the embedder cannot answer.

        Args:
            size: of a vector that can be compared; one of another would have the server refuse the whole request.
        """
        return await _made(self._searches, partial(self._of_question, owner, readable(text), size))

    async def of_memories(self, held: Sequence[Held]) -> Sequence[Sequence[float]]:
        """Vectors of their keys, empty for those that hold no longer. Raises `MemoryUnavailable` as the embedder."""
        texts = [readable(one.memory.key) for one in held if one.memory.ended_at is None]
        vectors = iter(await _made(self._writes, partial(self._embedder.embed, texts)) if texts else ())
        return [next(vectors) if one.memory.ended_at is None else () for one in held]

    async def points(
        self, held: Sequence[Held], payloads: Sequence[Mapping[str, Any]], dense: Sequence[Sequence[float] | None]
    ) -> list[models.PointStruct]:
        """Points of memories, in order; see `point_of`."""
        return await _made(self._writes, lambda: [point_of(*one) for one in zip(held, payloads, dense, strict=True)])

    def close(self) -> None:
        """Do nothing more."""
        self._searches.shutdown(wait=False)
        self._writes.shutdown(wait=False)

    def _of_question(self, owner: str, text: str, size: int) -> dict[str, Any]:
        dense: Sequence[float] = ()
        if size:
            try:
                dense = self._embedder.query(text)
            except MemoryUnavailable:
                dense = ()
        return as_sent(vectors_of(owner, text, text, dense if len(dense) == size else (), is_query=True))


async def _made(pool: Executor, work: Callable[[], Made]) -> Made:
    return await asyncio.get_running_loop().run_in_executor(pool, work)
