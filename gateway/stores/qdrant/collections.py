"""Which collection memories are read from, which are written, and which is being filled.

Each embedder has a collection of its own: vectors of two cannot be compared. A point in it, its label, says for which
it was made and whether it is whole. The whole one that became so last is the truth, and it is read. Where today's
embedder has another, that one is filled from the truth (filling.py) and every write goes to both, first to the truth,
until this process ends: another gateway may still be filling. A collection that was left behind stays as it is, but
what is forgotten is forgotten there too; a person may delete it.
This file knows names, labels and the schema. It knows no memories.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
import re
from collections.abc import Mapping
from uuid import uuid5

import msgspec
import structlog
from qdrant_client import AsyncQdrantClient
from qdrant_client.http import models

from gateway.errors import MemoryUnavailable
from gateway.ports import Embedder
from gateway.stores.qdrant.points import EARLIER, KIND, NAMESPACE, PINNED
from gateway.stores.qdrant.server import asked
from gateway.stores.vectors import FULL_SCAN_BELOW

FORMAT = 3
"""Raised whenever the same memory would make another point; a collection of another format is filled into a new one."""

GREETING_S = 1.0
"""For the first answer of the server: one that is frozen must not keep the gateway from being ready within 3 s."""

LOOK_S = 0.5
"""For so long it is believed which collections there are; who fills a new one waits for as long before it begins."""

GRAPH_LINKS = 16
"""Of a point, among points of its owner only (`payload_m`): nobody searches among everybody's, so `m` is 0."""

LABEL = str(uuid5(NAMESPACE, "label"))
"""The id of the point that is a collection's label; no memory's is made of a name that begins like this."""

SPARSE = ("words", "chars")

KEYWORD = models.KeywordIndexType.KEYWORD

INDEXES: dict[str, models.PayloadSchemaParams] = {
    # `is_tenant`: an owner's points lie side by side on the disk.
    "owner": models.KeywordIndexParams(type=KEYWORD, is_tenant=True),
    "shelf": models.KeywordIndexParams(type=KEYWORD),
    "reach": models.KeywordIndexParams(type=KEYWORD, enable_hnsw=False),
    "at": models.FloatIndexParams(type=models.FloatIndexType.FLOAT, enable_hnsw=False),
    EARLIER: models.KeywordIndexParams(type=KEYWORD, enable_hnsw=False),
    "tenant": models.KeywordIndexParams(type=KEYWORD, enable_hnsw=False),
    KIND: models.KeywordIndexParams(type=KEYWORD, enable_hnsw=False),
    PINNED: models.BoolIndexParams(type=models.BoolIndexType.BOOL, enable_hnsw=False),
    "lacks": models.BoolIndexParams(type=models.BoolIndexType.BOOL, enable_hnsw=False),
}
"""What points are filtered and sorted by; a graph would only join strangers where a value is not its owner's alone."""

log = structlog.get_logger()


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """What a collection was made for."""

    format: int
    embedder: str
    """Name."""
    size: int
    """Dimensions of its vectors."""
    number: int = 0
    """How many were whole before it, and it; 0 while it is not whole."""

    @property
    def is_own(self) -> bool:
        """Whether this version of ours writes such points."""
        return self.format == FORMAT


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """Where memories lie, by names of collections."""

    read: str
    own: str
    """That of today's embedder; where it is not read, it is being filled."""
    size: int
    """Dimensions in it."""
    source: str = ""
    """From which it is or was filled; empty where there is nothing to fill."""
    left: tuple[str, ...] = ()
    """Left behind."""

    @property
    def written(self) -> tuple[str, ...]:
        """In the order in which they are written."""
        return (self.source, self.own) if self.source else (self.own,)

    @property
    def is_filling(self) -> bool:
        """Whether what is read is not what it should be."""
        return self.read != self.own


class Collections:
    """The collections whose names begin alike, on one server."""

    def __init__(
        self, client: AsyncQdrantClient, embedder: Embedder, prefix: str, *, shards: int | None, replicas: int
    ) -> None:
        self._client = client
        self._embedder = embedder
        self._prefix = prefix
        self._shards = shards
        self._replicas = replicas
        self._layout: Layout | None = None
        self._looking: asyncio.Task[Layout] | None = None
        self._seen: dict[str, Label] = {}
        self._seen_at = -math.inf

    async def layout(self) -> Layout:
        """Where memories lie, looked for where it is not known. Raises `MemoryUnavailable`.

        Who gives up waiting does not stop the search for the others.
        """
        if self._layout is not None:
            return self._layout
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
            self._looking.add_done_callback(_seen)
        return await asyncio.shield(self._looking)

    async def written(self, layout: Layout) -> tuple[str, ...]:
        """Where a write goes: also where gateways with another embedder read by now, or will. Raises as `layout`."""
        labels = await self._seen_lately()
        read = labels.get(layout.read)
        newer = [
            name
            for name, label in labels.items()
            if label.is_own and (not label.number or (read is not None and label.number > read.number))
        ]
        return tuple(dict.fromkeys((*layout.written, *newer)))

    async def all(self, layout: Layout) -> tuple[str, ...]:
        """Where something may lie that is to be forgotten. Raises as `layout`."""
        return tuple(dict.fromkeys((*layout.written, *layout.left, *await labels_of(self._client, self._prefix))))

    async def _seen_lately(self) -> dict[str, Label]:
        now = asyncio.get_running_loop().time()
        if now >= self._seen_at + LOOK_S:
            self._seen, self._seen_at = await labels_of(self._client, self._prefix), now
        return self._seen

    def doubt(self) -> None:
        """Look anew before the next call: something failed, and the server may have been restarted empty."""
        self._layout = None

    async def label(self, name: str) -> Label | None:
        """Of a collection; None where it has none that can be read."""
        return await label_of(self._client, name)

    async def finish(self, layout: Layout) -> Layout:
        """The collection that was filled is whole, and is read from now on."""
        if (label := await self.label(layout.own)) is None:
            raise MemoryUnavailable(f"qdrant: {layout.own} has lost its label")
        if not label.number:
            source = await self.label(layout.source)
            await self._stick(layout.own, label, 1 + (source.number if source is not None else 0))
        self._layout = msgspec.structs.replace(layout, read=layout.own)
        return self._layout

    async def aclose(self) -> None:
        """Look for nothing any more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    async def _look(self) -> Layout:
        labels = await labels_of(self._client, self._prefix)
        wanted = self._wanted(labels)
        own = self._name(wanted)
        truth = whole(labels) or own
        await self._make(own, wanted)
        number = labels[own].number if own in labels else None
        if own == truth:
            if not number:
                await self._stick(own, wanted, 1)
            self._layout = Layout(read=own, own=own, size=wanted.size, left=_without(labels, own))
        else:
            if number != 0:  # it is new; or it was left behind, and what has changed since is not in it
                await self._stick(own, wanted, 0)
            left = _without(labels, own, truth)
            self._layout = Layout(read=truth, own=own, size=wanted.size, source=truth, left=left)
        return self._layout

    def _wanted(self, labels: Mapping[str, Label]) -> Label:
        """What today's embedder needs. Raises `MemoryUnavailable` while nobody knows how large its vectors are."""
        try:
            return Label(format=FORMAT, embedder=self._embedder.name, size=self._embedder.size)
        except MemoryUnavailable:
            for label in labels.values():
                if label.is_own and label.embedder == self._embedder.name:
                    return msgspec.structs.replace(label, number=0)
            raise

    def _name(self, label: Label) -> str:
        made_for = f"{label.format} {label.size} {label.embedder}".encode(errors="replace")
        return f"{self._prefix}-{hashlib.blake2b(made_for, digest_size=8).hexdigest()}"

    async def _make(self, name: str, label: Label) -> None:
        """Create what is not there of a collection. Raises `MemoryUnavailable` for one that somebody else made."""
        if not await asked(self._client.collection_exists(name)):
            await self._create(name, label.size)
        info = await asked(self._client.get_collection(name))
        dense, sparse = info.config.params.vectors, info.config.params.sparse_vectors or {}
        dense = dense.get("dense") if isinstance(dense, dict) else None
        if dense is None or dense.size != label.size or not set(SPARSE) <= set(sparse):
            raise MemoryUnavailable(f"qdrant: the collection {name} has a schema that is not ours")
        for field, schema in INDEXES.items():
            if field not in info.payload_schema:
                await asked(self._client.create_payload_index(name, field, schema, wait=True))

    async def _create(self, name: str, size: int) -> None:
        dense = models.VectorParams(size=size, distance=models.Distance.DOT, datatype=models.Datatype.FLOAT16)
        sparse = models.SparseVectorParams(
            index=models.SparseIndexParams(full_scan_threshold=FULL_SCAN_BELOW), modifier=models.Modifier.IDF
        )
        with contextlib.suppress(MemoryUnavailable):  # another gateway may have been faster; if not, it is missed next
            await asked(
                self._client.create_collection(
                    name,
                    vectors_config={"dense": dense},
                    sparse_vectors_config=dict.fromkeys(SPARSE, sparse),
                    hnsw_config=models.HnswConfigDiff(m=0, payload_m=GRAPH_LINKS),
                    shard_number=self._shards,
                    replication_factor=self._replicas,
                )
            )
            log.info("collection_created", collection=name)

    async def _stick(self, name: str, label: Label, number: int) -> None:
        payload = {"label": msgspec.to_builtins(msgspec.structs.replace(label, number=number))}
        await asked(self._client.upsert(name, [models.PointStruct(id=LABEL, vector={}, payload=payload)], wait=True))


async def label_of(client: AsyncQdrantClient, name: str) -> Label | None:
    """Of a collection; None where it has none that can be read. Raises `MemoryUnavailable`."""
    for point in await asked(client.retrieve(name, [LABEL])):
        with contextlib.suppress(msgspec.ValidationError):
            return msgspec.convert((point.payload or {}).get("label"), Label)
    return None


async def labels_of(client: AsyncQdrantClient, prefix: str) -> dict[str, Label]:
    """Of the collections whose names begin so, by name. Raises `MemoryUnavailable`."""
    try:
        async with asyncio.timeout(GREETING_S):
            listed = await asked(client.get_collections())
    except TimeoutError as error:
        raise MemoryUnavailable("qdrant: no answer") from error
    ours = re.compile(rf"{re.escape(prefix)}-[0-9a-f]{{16}}")
    names = sorted(one.name for one in listed.collections if ours.fullmatch(one.name))
    found = {name: await label_of(client, name) for name in names}
    return {name: label for name, label in found.items() if label is not None}


def whole(labels: Mapping[str, Label]) -> str:
    """The collection that is the truth; empty where none is whole."""
    return max((name for name in labels if labels[name].number), key=lambda name: labels[name].number, default="")


def _seen(looking: asyncio.Task[Layout]) -> None:
    """Take note of how it ended, also where everybody who waited for it has given up."""
    if not looking.cancelled():
        looking.exception()


def _without(labels: Mapping[str, Label], *names: str) -> tuple[str, ...]:
    return tuple(name for name in labels if name not in names)
