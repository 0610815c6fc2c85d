"""The `MemoryStore` on a server of Qdrant: its points are the memories themselves, and nothing lies on this machine.

Round trips: one for a search, whatever is asked for; one for a listing and for memories by id; none for those around
what was just found where that was found too, else one, and one more for each step that is not noted (chains.py); one
for each batch that is written, and one more where something went before it; four to forget. What is not known of the
server yet is looked for once more before. One follows the other, so that a recall never has two connections.
This file knows order and errors. Which collections there are is known by collections.py, what is asked by
queries.py, what a point is by points.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, Literal, TypeVar

from qdrant_client import AsyncQdrantClient
from qdrant_client.http import models

from gateway.errors import MemoryUnavailable
from gateway.memories import Found, Memory, Query
from gateway.ports import Embedder, Held
from gateway.sealing import NO_SEAL, Seal
from gateway.stores.qdrant.chains import Chains, Earlier
from gateway.stores.qdrant.collections import LABEL, Collections, Layout
from gateway.stores.qdrant.embedding import Embedding
from gateway.stores.qdrant.filling import Filling
from gateway.stores.qdrant.lacking import Lacking
from gateway.stores.qdrant.points import (
    ended,
    held_of,
    newest_first,
    payload_of,
    point_id,
    readables,
    storable,
)
from gateway.stores.qdrant.queries import NEWEST_FIRST, found, of_owner, on_shelves, read, searches
from gateway.stores.qdrant.server import asked
from gateway.stores.storable import owner_of
from gateway.stores.vectors import shelf
from gateway.types import Scope

BATCH = 64
"""Points in one request: some hundred kilobytes."""

AT_ONCE = 1_000
"""Memories in one answer; a longer listing comes in several."""

Direction = Literal["read", "write"]
Records = list[models.Record]
Item = TypeVar("Item")


class QdrantStore:
    """Memories on a server that many gateways share.

    Making one asks nothing of the server, and one that is away is found again by the next call. Where the collection
    was made by another embedder, a new one is filled in the background, and meanwhile the old one serves without
    `dense`.
    """

    def __init__(
        self,
        client: AsyncQdrantClient,
        embedder: Embedder,
        *,
        seal: Seal = NO_SEAL,
        collection: str = "accrue",
        shards: int | None = None,
        replicas: int = 1,
    ) -> None:
        """Take a client, which is closed with the store.

        Args:
            collection: what the names of collections begin with.
            shards: of a new collection; None: as the server sees fit. `replicas` of each.
        """
        self._client = client
        self._embedding = Embedding(embedder)
        self._seal = seal
        self._collections = Collections(client, embedder, collection, shards=shards, replicas=replicas)
        self._filling = Filling(client, self._collections, self._embedding, seal)
        self._lacking = Lacking(client, self._embedding, seal)
        self._chains = Chains(client, seal)
        self._failing: dict[Direction, str] = {"read": "", "write": ""}
        self._asking = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._is_closed = False

    @property
    def trouble(self) -> str:
        """Why memories cannot be relied on now; empty when all is well."""
        return self._failing["write"] or self._failing["read"]

    async def wait_until_filled(self) -> None:
        """Return when the collection of today's embedder is the one that is read."""
        async with self._asked("read") as layout:
            if not layout.is_filling:
                return
        await self._filling.done.wait()

    async def search(self, scope: Scope, query: Query) -> Found:
        """Pinned kinds and candidates of this scope's owner; ended memories are only among the pinned, if asked for."""
        owner = owner_of(scope)
        async with self._asked("read") as layout:
            vectors = {}
            if query.kinds:
                size = 0 if layout.is_filling else layout.size
                vectors = await self._embedding.of_question(owner, query.text, size)
            asking = searches(owner, scope.session, query, vectors)
            if not asking:
                return Found()
            answers = await asked(self._client.query_batch_points(layout.read, [one.request for one in asking]))
            memories = read(owner, self._seal, answers)
            self._chains.note(owner, answers, memories)
            try:
                return found(asking, answers, memories)
            except ValueError as error:
                raise MemoryUnavailable(f"qdrant: {error}") from error

    async def put(self, scope: Scope, memories: Sequence[Memory]) -> None:
        """Write durably; the same id replaces. Visible to `search` when it returns."""
        owner = owner_of(scope)
        await self.take([Held(owner=owner, tenant=scope.tenant, memory=memory) for memory in memories])

    async def get(self, scope: Scope, ids: Sequence[str], *, reach: int = 0) -> list[Memory]:
        """Memories of this owner by id; unknown and foreign ids are absent. With `reach`, their neighbours as well."""
        owner = owner_of(scope)
        async with self._asked("read") as layout:
            return await self._chains.around(layout.read, owner, ids, reach)

    async def list(self, scope: Scope, kinds: Sequence[str], limit: int) -> list[Memory]:
        """Memories of this owner, newest first, ended ones included; no kinds named means every kind."""
        owner = owner_of(scope)
        shelves = [place for kind in kinds for place in (shelf(owner, kind), ended(shelf(owner, kind)))]
        lies = on_shelves(shelves) if shelves else of_owner(owner)
        async with self._asked("read") as layout:
            points: Records = []
            if limit <= AT_ONCE:
                points, _ = await self._scrolled(layout, lies, limit=max(limit, 1), order_by=NEWEST_FIRST)
            else:
                async for some in self._walked(layout, lies):
                    points += some
            return newest_first(memory for _, memory in readables(points, owner, self._seal))[:limit]

    async def forget(self, scope: Scope, ids: Sequence[str]) -> int:
        """Remove memories of this owner for good, from collections that were left behind too; how many there were."""
        owner = owner_of(scope)
        async with self._asked("write") as layout:
            count = 0
            for some in _batches(dict.fromkeys(point_id(owner, id) for id in ids), AT_ONCE):
                there = await asked(self._client.retrieve(layout.read, some, with_payload=False))
                count += len(there)
                for name in await self._collections.all(layout):
                    await asked(self._client.delete(name, models.PointIdsList(points=[*some]), wait=True))
            self._chains.doubt([owner])
            return count

    async def page(self, after: tuple[str, str], limit: int) -> Sequence[Held]:
        """The next memories of all owners, in the order of their points. Raises `MemoryUnavailable`."""
        last = point_id(*after) if any(after) else None
        async with self._asked("read") as layout:
            # The last one comes once more, if it is still there; and the label is among them, once.
            points, _ = await self._scrolled(layout, None, limit=limit + 2, offset=last)
            held = [held_of(point.payload, self._seal) for point in points if point.id not in (last, LABEL)]
            return held[:limit]

    async def take(self, held: Sequence[Held]) -> None:
        """Write memories of several owners, in batches."""
        async with self._asked("write") as layout:
            latest = {point_id(one.owner, one.memory.id): one for one in held}
            earlier = await self._chains.earlier(layout.read, [*latest.values()])
            is_whole = True
            for some in _batches(latest.values(), BATCH):
                is_whole = await self._write(layout, some, earlier) and is_whole
            self._chains.doubt(one.owner for one in held)
            if is_whole:
                await self._lacking.make_good(layout.own)

    async def renew(self) -> bool:
        """Nothing to do: the server itself rewrites the segments in which points were deleted."""
        return True

    async def aclose(self) -> None:
        """Finish what was begun and release."""
        if self._is_closed:
            return
        self._is_closed = True
        await self._quiet.wait()  # no longer than the server may be silent
        await self._filling.aclose()
        await self._collections.aclose()
        await self._client.close()
        self._embedding.close()

    @asynccontextmanager
    async def _asked(self, direction: Direction) -> AsyncIterator[Layout]:
        """Around a call: where memories lie; how it ends is what `trouble` says."""
        if self._is_closed:
            raise MemoryUnavailable("the store is closed")
        self._asking += 1
        self._quiet.clear()
        try:
            layout = await self._collections.layout()
            if layout.is_filling:
                self._filling.start()
            yield layout
        except MemoryUnavailable as error:
            self._failing[direction] = str(error)
            self._collections.doubt()
            raise
        except asyncio.CancelledError:  # nothing but deadlines and the end of the process cancels
            self._failing[direction] = "qdrant: no answer in time"
            raise
        else:
            self._failing[direction] = ""
        finally:
            self._asking -= 1
            if not self._asking:
                self._quiet.set()

    async def _write(self, layout: Layout, held: Sequence[Held], earlier: Earlier) -> bool:
        """Write a batch; False where the embedder did not answer."""
        held = [Held(owner=one.owner, tenant=one.tenant, memory=storable(one.memory)) for one in held]
        payloads = [payload_of(one, self._seal, earlier.get(point_id(one.owner, one.memory.id), ())) for one in held]
        dense: Sequence[Sequence[float] | None]
        try:
            dense = await self._embedding.of_memories(held)
        except MemoryUnavailable:
            dense = [None] * len(held)
            self._lacking.note()
        for name in await self._collections.written(layout):
            # The vectors of another embedder's collection cannot be made: they are lacking there.
            known = dense if name == layout.own else [None] * len(held)
            points = await self._embedding.points(held, payloads, known)
            await asked(self._client.upsert(name, points, wait=True))
        return None not in dense

    async def _scrolled(self, layout: Layout, lies: models.Filter | None, **how: Any) -> tuple[Records, Any]:
        return await asked(self._client.scroll(layout.read, lies, with_payload=True, with_vectors=False, **how))

    async def _walked(self, layout: Layout, lies: models.Filter) -> AsyncIterator[Records]:
        offset: Any = None
        while True:
            points, offset = await self._scrolled(layout, lies, limit=AT_ONCE, offset=offset)
            yield points
            if offset is None:
                return


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
