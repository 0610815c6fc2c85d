"""Reading memories that gateways are writing, without being one of them: nothing is made on the server.

Everything on it is looked through, kind and tenant of each memory first, because neither has an index.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence, Set
from typing import Any

import structlog
from qdrant_client import AsyncQdrantClient
from qdrant_client.http import models

from gateway.errors import MemoryUnavailable
from gateway.memories import Memory
from gateway.ports import Held
from gateway.sealing import NO_SEAL, Seal
from gateway.stores.qdrant.collections import labels_of, whole
from gateway.stores.qdrant.points import held_of, kind_of
from gateway.stores.qdrant.server import asked

PORTION = 256
"""Points looked at in one answer, so that a gateway that reports has time for calls in between."""

_log = structlog.get_logger()


async def read_memories_beside(
    client: AsyncQdrantClient, prefix: str, kinds: Sequence[str], tenant: str | None, seal: Seal = NO_SEAL
) -> list[tuple[str, Memory]]:
    """All memories of these kinds with their owners, oldest first, ended ones included; without a tenant everybody's.

    What cannot be read is passed over, and the log says so. Raises `MemoryUnavailable`.

    Args:
        prefix: what the names of the collections begin with.
    """
    name = whole(await labels_of(client, prefix))
    if not name:
        raise MemoryUnavailable(f"qdrant: there are no memories in collections named {prefix}-…")
    found: list[Held] = []
    async for ids in _chosen(client, name, frozenset(kinds), tenant):
        for point in await asked(client.retrieve(name, ids, with_payload=True)):
            try:
                found.append(held_of(point.payload, seal))
            except MemoryUnavailable as error:
                _log.error("memory_unreadable", point=str(point.id), reason=str(error))
    found.sort(key=lambda one: (one.memory.at, one.owner, one.memory.id))
    return [(one.owner, one.memory) for one in found]


async def _chosen(
    client: AsyncQdrantClient, name: str, kinds: Set[str], tenant: str | None
) -> AsyncIterator[list[models.ExtendedPointId]]:
    """Ids of points of these kinds, some at a time."""

    def is_meant(payload: Mapping[str, Any]) -> bool:
        return kind_of(payload) in kinds and tenant in (None, payload.get("tenant"))

    offset: Any = None
    while True:
        points, offset = await asked(
            client.scroll(name, limit=PORTION, offset=offset, with_payload=["shelf", "tenant"], with_vectors=False)
        )
        if ids := [point.id for point in points if is_meant(point.payload or {})]:
            yield ids
        if offset is None:
            return
