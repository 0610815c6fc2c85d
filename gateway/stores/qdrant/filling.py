"""Fills a new collection from the one that is read, in small portions, while both are written.

A portion is made the same in both: what differs is embedded and copied, what is gone is deleted, and it is looked at
again until nothing differs. Every write goes to the source first and to the new collection second, so that a write
between two looks is seen by the second one or comes after it. So it can be begun anew at any time, by several gateways
at once too, and what is the same already costs no embedding. What goes wrong is waited out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import structlog
from qdrant_client import AsyncQdrantClient
from qdrant_client.http import models

from gateway.errors import MemoryUnavailable
from gateway.pause import pause
from gateway.sealing import Seal
from gateway.stores.qdrant.collections import LABEL, LOOK_S, Collections, Layout
from gateway.stores.qdrant.embedding import Embedding
from gateway.stores.qdrant.points import held_of, renewed
from gateway.stores.qdrant.server import asked

PORTION = 32
"""Memories at a time: an embedder's batch, and a second's work of a slow one."""

RETRY_S = 1.0
"""After the server or the embedder could not answer."""

log = structlog.get_logger()


class Filling:
    """Runs until today's embedder's collection is read, or until it is told to stop."""

    def __init__(self, client: AsyncQdrantClient, collections: Collections, embedding: Embedding, seal: Seal) -> None:
        self._client = client
        self._collections = collections
        self._embedding = embedding
        self._seal = seal
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.done = asyncio.Event()
        """Set when there is nothing left to fill."""

    def start(self) -> None:
        """Begin, if it is not under way."""
        if self._task is None or self._task.done():
            self.done.clear()
            self._task = asyncio.create_task(self._run())

    async def aclose(self) -> None:
        """Return when the portion in hand is done; another start goes on from what is there."""
        self._stopping.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        log.info("reindex_started")
        was_postponed = False
        await pause(self._stopping, LOOK_S)  # until all who write have seen it, and write here as well
        while not self.done.is_set() and not self._stopping.is_set():
            try:
                await self._fill(await self._collections.layout())
            except MemoryUnavailable as error:
                if not was_postponed:  # said once, however long it lasts
                    log.warning("reindex_postponed", reason=str(error))
                was_postponed = True
                self._collections.doubt()
                await pause(self._stopping, RETRY_S)

    async def _fill(self, layout: Layout) -> None:
        if layout.is_filling:
            for name in (layout.source, layout.own):  # the second time round, what is gone from the source
                async with contextlib.aclosing(self._portions(name)) as portions:
                    async for ids in portions:
                        if self._stopping.is_set():
                            return
                        if await self._is_whole(layout):  # another gateway was faster
                            break
                        await self._even_out(layout, ids)
            await self._collections.finish(layout)
        self.done.set()
        log.info("reindex_finished")

    async def _is_whole(self, layout: Layout) -> bool:
        label = await self._collections.label(layout.own)
        return label is not None and label.number > 0

    async def _portions(self, name: str) -> AsyncGenerator[list[str], None]:
        offset: Any = None
        while True:
            points, offset = await asked(
                self._client.scroll(name, limit=PORTION, offset=offset, with_payload=False, with_vectors=False)
            )
            if ids := [str(point.id) for point in points if point.id != LABEL]:
                yield ids
            if offset is None:
                return

    async def _even_out(self, layout: Layout, ids: Sequence[str]) -> None:
        """Make these points in the new collection what they are in its source."""
        while ids:
            is_there = await self._payloads(layout.own, ids)
            found = await self._payloads(layout.source, ids)
            wanted = {id: renewed(payload, self._seal) for id, payload in found.items()}
            gone = [id for id in is_there if id not in wanted]
            if gone:
                await asked(self._client.delete(layout.own, models.PointIdsList(points=[*gone]), wait=True))
            changed = {id: payload for id, payload in wanted.items() if payload != is_there.get(id)}
            await self._copy(layout.own, list(changed.values()))
            ids = [*gone, *changed]

    async def _copy(self, name: str, payloads: Sequence[dict[str, Any]]) -> None:
        if not payloads:
            return
        held = [held_of(payload, self._seal) for payload in payloads]
        dense = await self._embedding.of_memories(held)
        points = await self._embedding.points(held, payloads, dense)
        await asked(self._client.upsert(name, points, wait=True))

    async def _payloads(self, name: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Payloads by id, but for what says that a vector is lacking."""
        records = await asked(self._client.retrieve(name, [*ids], with_payload=True))
        return {
            str(record.id): {key: value for key, value in (record.payload or {}).items() if key != "lacks"}
            for record in records
        }
