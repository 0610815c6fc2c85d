"""Finds memories by their words, their characters and their meaning: a Qdrant Edge shard, derived from the truth.

A point is found only through its shelf, the digest of its owner and a kind. Names and texts are not in here.
The shard keeps no log of its own (`wal_enabled=False`): the truth's log of changes is that, and one log less holds
bytes of what was forgotten. A point that goes has its vector overwritten first; what the shard does not overwrite (the
owner's digest, numbers of words, until their place is used again) goes with the whole index (`Indexes.renew`), and what
lay packed when the files are packed anew.
A point is loose at first: its lists of words are in the process's own memory, 5 kB and more of them. Packed it is in
files, of which the kernel keeps in memory what is looked at (packer.py; not in this process, see packing.py).
Every call into the shard holds the interpreter lock (measured), so writes come in small batches. Vectors are half
floats and one thread searches: 0.54 ms over 10,000 points with cold caches, where floats and a pool take 0.92.
The shard's files are mapped into memory with holes in them, and a hole that the disk has no room for ends the process:
so there must be room before a shard is opened or written. Searching and closing need none (measured).
Which of several indexes serves is decided in indexes.py.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self, cast

import msgspec
from qdrant_edge import (
    CountRequest,
    Distance,
    EdgeConfig,
    EdgeOptimizersConfig,
    EdgeShard,
    EdgeSparseVectorParams,
    EdgeVectorParams,
    FieldCondition,
    Filter,
    HnswIndexConfig,
    IdfParams,
    KeywordIndexParams,
    MatchAny,
    MatchValue,
    Memory,
    Modifier,
    Point,
    Query,
    QueryBatchRequest,
    QueryRequest,
    SearchParams,
    UpdateOperation,
    VectorStorageDatatype,
)

from gateway.datadir import require_room
from gateway.errors import MemoryUnavailable
from gateway.ports import Embedder
from gateway.stores.local.label import LABEL, Label, write_label
from gateway.stores.local.truth import Entry
from gateway.stores.vectors import FULL_SCAN_BELOW, digest, readable, shelf, steady, vectors_of

NEIGHBOURHOODS = 128
"""Owners of the same one share numbers for words and runs. Were every owner's apart, there would be as many lists as
owners have words: 50 kB of memory an owner, and a second to open 20,000 points; were all the same, each list would be
walked past everybody's points. Which owner's a point is says its shelf, in either case."""

LOOSE = 20_000
"""Points from which on they are packed; 100 MB of memory."""

LOOSE_SHARE = 16
"""Or as many times more are packed: packing copies these."""

SEGMENT_KB = 100_000
"""Packed points lie in segments of at most this. Packing one takes 1 GB for as long as it lasts (40,000 points)."""

PACKED = EdgeOptimizersConfig(
    deleted_threshold=1e-9,  # nothing that was deleted stays in a file
    vacuum_min_vector_number=1,
    default_segment_number=1,
    max_segment_size=SEGMENT_KB,
    indexing_threshold=1,
)

NO_GRAPH = HnswIndexConfig(m=0, ef_construct=4, full_scan_threshold=1_000_000_000)
"""Those of an owner are compared one by one: a graph over everybody's takes minutes and is no faster."""

Dense = Mapping[int, Sequence[float]]
"""What an embedder made of the entries at these points."""


class Index:
    """The shard in a folder. `embedder` made its vectors; None when that one is not to be had any more."""

    def __init__(self, folder: Path, label: Label, embedder: Embedder | None, shard: EdgeShard) -> None:
        self.folder = folder
        self.label = label
        self._embedder = embedder
        self._shard = shard
        self._loose = max(0, self.count() - label.packed)

    @classmethod
    def create(cls, folder: Path, embedder: Embedder | None) -> Self:
        """An empty index in a new folder, which is not whole yet; without an embedder it knows no `dense`.

        Raises `MemoryUnavailable`, also while the embedder does not say how large its vectors are.
        """
        label = Label(reached=0)
        dense: dict[str, EdgeVectorParams] = {}
        if embedder is not None:
            label = Label(embedder=embedder.name, size=embedder.size, reached=0)
            dense["dense"] = EdgeVectorParams(
                size=label.size,
                distance=Distance.Dot,
                datatype=VectorStorageDatatype.Float16,
                memory=Memory.Cold,
            )
        sparse = EdgeSparseVectorParams(modifier=Modifier.Idf, full_scan_threshold=FULL_SCAN_BELOW, memory=Memory.Cold)
        config = EdgeConfig(
            vectors=dense,
            sparse_vectors={"words": sparse, "chars": sparse},
            hnsw_config=NO_GRAPH,
            optimizers=PACKED,
            id_tracker_memory=Memory.Cold,
            wal_enabled=False,
            max_search_threads=1,
        )
        require_room(folder.parent)
        with translated():
            folder.mkdir(mode=0o700)
            (folder / "shard").mkdir(mode=0o700)
            shard = EdgeShard.create(str(folder / "shard"), config)
            by_shelf = KeywordIndexParams(is_tenant=True, memory=Memory.Cold)
            shard.update(UpdateOperation.create_field_index("shelf", by_shelf))
            shard.flush()
        index = cls(folder, label, embedder, shard)
        index.mark(0)
        return index

    @classmethod
    def load(cls, folder: Path, label: Label, embedder: Embedder | None) -> Self | None:
        """The index of a folder; None when it cannot be read. Raises `MemoryUnavailable` for a full disk."""
        require_room(folder)
        try:
            with translated():
                return cls(folder, label, embedder, EdgeShard.load(str(folder / "shard")))
        except MemoryUnavailable:
            return None

    @property
    def is_crowded(self) -> bool:
        """Whether so many points are loose that they should be packed."""
        return self._loose >= max(LOOSE, self.label.packed // LOOSE_SHARE)

    @property
    def shard(self) -> Path:
        """Where its files are, but for the label."""
        return self.folder / "shard"

    @property
    def is_there(self) -> bool:
        """Whether its folder has not been deleted under it."""
        return (self.folder / LABEL).exists()

    def embed(self, entries: Mapping[int, Entry]) -> Dense:
        """Vectors of entries by point; empty when there is no embedder. Raises `MemoryUnavailable` as the embedder."""
        if self._embedder is None or not entries:
            return {}
        vectors = self._embedder.embed([readable(entry.key) for entry in entries.values()])
        return dict(zip(entries, vectors, strict=True))

    def write(self, points: Mapping[int, Entry | None], dense: Dense) -> None:
        """Make these points what the truth says they are: None is no point."""
        with translated():
            made = [_point(point, entry, dense.get(point, ())) for point, entry in points.items() if entry is not None]
            if made:
                self._shard.update(UpdateOperation.upsert_points(made))
            gone = [point for point, entry in points.items() if entry is None]
            self._loose += len(made)
            if gone:
                self._shard.update(UpdateOperation.upsert_points([self._blank(point) for point in gone]))
                self._shard.update(UpdateOperation.delete_points([*gone]))

    def vectors(self, points: Sequence[int]) -> Dense:
        """Those of an embedder that the points have; for one that has none there is none here."""
        with translated():
            found = self._shard.retrieve(list(points), with_payload=False, with_vector=True)
        ways = {int(point.id): point.vector for point in found if isinstance(point.vector, dict)}
        return {point: cast(list[float], vectors["dense"]) for point, vectors in ways.items() if "dense" in vectors}

    def search(self, owner: str, text: str, kinds: Sequence[str], limit: int) -> dict[int, dict[str, float]]:
        """Raw scores by way of searching of the best `limit` points of each way, by point."""
        text = readable(text)
        shelves = [shelf(owner, kind) for kind in kinds]
        # A match of one value is a third faster than a match of any of one.
        match = MatchValue(shelves[0]) if len(shelves) == 1 else MatchAny(shelves)
        searched = Filter(must=[FieldCondition("shelf", match)])
        # A word is rare or common among the owner's own memories, not among everybody's.
        params = SearchParams(idf=IdfParams(corpus=searched))
        scores: dict[int, dict[str, float]] = {}
        dense = self._embedded(text)
        with translated():
            vectors = vectors_of(_neighbourhood(owner), text, text, dense, is_query=True)
            requests = [
                QueryRequest(
                    limit=limit,
                    query=Query.Nearest(vector, using=way),
                    filter=searched,
                    params=None if way == "dense" else params,
                )
                for way, vector in vectors.items()
            ]
            for way, found in zip(vectors, self._shard.query_batch(QueryBatchRequest(requests)), strict=True):
                for point in found:
                    scores.setdefault(int(point.id), {})[way] = point.score if way == "dense" else steady(point.score)
        return scores

    def count(self) -> int:
        """Points in the shard."""
        with translated():
            return int(self._shard.count(CountRequest(exact=True)))

    def flush(self) -> None:
        """Return when everything written is on disk."""
        with translated():
            self._shard.flush()

    def mark(self, reached: int | None) -> None:
        """Put down, on disk, how far the index is; to be flushed before."""
        self._relabel(msgspec.structs.replace(self.label, reached=reached))

    def wear_out(self) -> None:
        """Put down, on disk, that another one is to take its place."""
        self._relabel(msgspec.structs.replace(self.label, is_outworn=True))

    def stain(self) -> None:
        """Put down, on disk, that what was packed may be of points that were forgotten."""
        if self.label.packed and not self.label.is_stained:
            self._relabel(msgspec.structs.replace(self.label, is_stained=True))

    def clean(self) -> None:
        """Put down, on disk, that all its points are packed, and no others."""
        self._loose = 0
        self._relabel(msgspec.structs.replace(self.label, packed=self.count(), is_stained=False))

    def remove(self) -> None:
        """Release the folder, and remove it."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        """Release the folder."""
        with translated():
            self._shard.close()

    def _relabel(self, label: Label) -> None:
        self.label = label
        with translated():
            write_label(self.folder, label)

    def _blank(self, point: int) -> Point:
        """What overwrites a vector where it lies: the shard only marks what is deleted (measured)."""
        return Point(point, {"dense": [0.0] * self.label.size} if self.label.size else {}, {})

    def _embedded(self, text: str) -> Sequence[float]:
        """A text that is searched for; nothing while the embedder cannot answer, and then words must do."""
        try:
            return self._embedder.query(text) if self._embedder is not None else ()
        except MemoryUnavailable:
            return ()


def _point(point: int, entry: Entry, dense: Sequence[float]) -> Point:
    vectors = vectors_of(_neighbourhood(entry.owner), readable(entry.key), entry.text, dense)
    return Point(point, vectors, {"shelf": shelf(entry.owner, entry.kind)})


def _neighbourhood(owner: str) -> str:
    return str(int(digest(owner)[:8], base=16) % NEIGHBOURHOODS)


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever the shard raises into `MemoryUnavailable`."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # It raises bare Exceptions, and panics that derive from BaseException only.
        raise MemoryUnavailable(f"search index: {error}") from error
