"""Memories whose vector the embedder could not be asked for in their time: they are found by their words, until it can.

Which they are stands in their points, so that any gateway makes them good.
"""

from __future__ import annotations

from typing import Any

from qdrant_client import AsyncQdrantClient
from qdrant_client.http import models

from gateway.errors import MemoryUnavailable
from gateway.sealing import Seal
from gateway.stores.qdrant.embedding import Embedding
from gateway.stores.qdrant.points import held_of
from gateway.stores.qdrant.server import asked

MADE_GOOD = 64
"""Points that a write embeds besides its own, once the embedder answers again."""

LACKING = models.Filter(must=[models.FieldCondition(key="lacks", match=models.MatchValue(value=True))])


class Lacking:
    """Knows whether there may be any; at first there may."""

    def __init__(self, client: AsyncQdrantClient, embedding: Embedding, seal: Seal) -> None:
        self._client = client
        self._embedding = embedding
        self._seal = seal
        self._may_be_some = True

    def note(self) -> None:
        """Say that one was written."""
        self._may_be_some = True

    async def make_good(self, name: str) -> None:
        """Embed some of a collection's, if the embedder answers. Raises `MemoryUnavailable` where the server does not.

        What was written anew meanwhile has a vector of its own, which is left alone.
        """
        if not self._may_be_some:
            return
        records, _ = await asked(self._client.scroll(name, LACKING, limit=MADE_GOOD))
        if records:
            try:
                dense = await self._embedding.of_memories([held_of(record.payload, self._seal) for record in records])
            except MemoryUnavailable:
                return
            ids = [record.id for record in records]
            made = [
                models.PointVectors(id=id, vector={"dense": [*vector]})
                for id, vector in zip(ids, dense, strict=True)
                if any(vector)
            ]
            await asked(self._client.batch_update_points(name, _operations(ids, made), wait=True))
        self._may_be_some = len(records) == MADE_GOOD


def _operations(ids: list[Any], made: list[models.PointVectors]) -> list[models.UpdateOperation]:
    operations: list[models.UpdateOperation] = []
    if made:
        vectors = models.UpdateVectors(points=made, update_filter=LACKING)
        operations.append(models.UpdateVectorsOperation(update_vectors=vectors))
    good = models.DeletePayload(keys=["lacks"], points=ids)
    return [*operations, models.DeletePayloadOperation(delete_payload=good)]
