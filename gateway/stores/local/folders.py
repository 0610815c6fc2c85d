"""The folder of indexes on the disk: which of them can be opened, what they are called, and which one is to be had.

Each index has a numbered folder of its own, the newest the highest number. A copy that is being packed has none until
it takes its place among them. What cannot be used any more is removed. In which order indexes follow the truth is known
by indexes.py.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from gateway.datadir import require_room
from gateway.errors import MemoryUnavailable
from gateway.ports import Embedder
from gateway.stores.local.index import Index, translated
from gateway.stores.local.label import Label, read_label

COPY = "copy"
"""With the number of the process the name of a copy's folder: whoever packed for a process that was killed may still be
writing into the one of that."""

ROOM = 3
"""Times an index: the copy of it, and what becomes of that while it is packed."""

CHUNK_BYTES = 1 << 20

Former = Callable[[str], Embedder | None]
"""The embedder of a name, by which an earlier index was made; None when it is not to be had any more."""


class Folders:
    """A folder in which nothing lies but indexes."""

    def __init__(self, path: Path, embedder: Embedder, former: Former) -> None:
        self.path = path
        self._copy = path / f"{COPY}-{os.getpid()}"
        self._embedder = embedder
        self._former = former

    def open(self) -> tuple[Index, ...]:
        """The index that serves first, then the one that is being made, if there is one. All others are removed.

        Raises `MemoryUnavailable` when there can be none now.
        """
        with translated():
            self.path.mkdir(mode=0o700, exist_ok=True)
            numbered = [path for path in self.path.iterdir() if path.name.isdecimal()]
            numbered.sort(key=lambda path: int(path.name), reverse=True)
        labelled = [(path, label) for path in numbered if (label := read_label(path)) is not None]
        whole = [one for one in labelled if one[1].reached is None]
        serving, half = self._load(whole), None
        if serving is None or not self.is_lasting(serving.label):
            half = self._load(one for one in labelled if one[1].reached is not None and self._is_wanted(one[1]))
        opened = tuple(index for index in (serving, half) if index is not None) or (self._created(),)
        self._clear(opened)
        return opened

    def create(self) -> Index:
        """An empty index for today's embedder. Raises `MemoryUnavailable`, also while that does not say its size."""
        return Index.create(self._next(), self._embedder)

    def copy(self, index: Index) -> Path:
        """Copy an index that has been flushed and that nobody writes; where the copy is. It has no label.

        Raises `MemoryUnavailable` when there is no room for it.
        """
        require_room(self.path)
        with translated():
            files = [file for file in index.folder.rglob("*") if file.is_file()]
            taken = sum(file.stat().st_blocks for file in files) * 512
            if shutil.disk_usage(self.path).free < ROOM * taken:
                raise MemoryUnavailable(f"there is no room to pack {taken >> 20} MiB of it")
            shutil.copytree(index.shard, self._copy / index.shard.name, copy_function=_copy_but_holes)
        return self._copy

    def adopt(self, label: Label) -> Index:
        """The index that the copy is from now on. Raises `MemoryUnavailable` when it cannot be opened."""
        folder = self._next()
        with translated():
            self._copy.rename(folder)
        index = Index.load(folder, label, self._embedder_of(label))
        if index is None:
            raise MemoryUnavailable("search index: what was packed cannot be read")
        index.clean()
        return index

    def discard(self) -> None:
        """Remove the copy, if there is one."""
        shutil.rmtree(self._copy, ignore_errors=True)

    def is_lasting(self, label: Label) -> bool:
        """Whether an index with this label is the one to have."""
        return self._is_wanted(label) and not label.is_outworn

    def _created(self) -> Index:
        try:
            return self.create()
        except MemoryUnavailable:
            return Index.create(self._next(), None)

    def _load(self, labelled: Iterable[tuple[Path, Label]]) -> Index | None:
        """The newest of them that can be read."""
        loaded = (Index.load(path, label, self._embedder_of(label)) for path, label in labelled)
        return next((index for index in loaded if index is not None), None)

    def _embedder_of(self, label: Label) -> Embedder | None:
        embedder = self._embedder if self._is_wanted(label) else self._former(label.embedder)
        return embedder if embedder is not None and _size(embedder) in (label.size, None) else None

    def _is_wanted(self, label: Label) -> bool:
        return label.embedder == self._embedder.name and _size(self._embedder) in (label.size, None)

    def _next(self) -> Path:
        numbers = [int(path.name) for path in self.path.iterdir() if path.name.isdecimal()]
        return self.path / str(max(numbers, default=0) + 1)

    def _clear(self, opened: Sequence[Index]) -> None:
        """Remove what earlier versions, broken indexes and packing that was cut off left."""
        for path in self.path.iterdir():
            if path not in [index.folder for index in opened]:
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)


def _size(embedder: Embedder) -> int | None:
    """Of its vectors; None while it does not say."""
    try:
        return embedder.size
    except MemoryUnavailable:
        return None


def _copy_but_holes(source: str, target: str) -> None:
    """Copy a file. What is a hole in it takes no room in the copy either: of the index's files most is."""
    with open(source, "rb") as read, open(target, "xb") as written:
        end = os.fstat(read.fileno()).st_size
        written.truncate(end)
        at = 0
        while at < end:
            try:
                at = os.lseek(read.fileno(), at, os.SEEK_DATA)
            except OSError:  # nothing but a hole is left
                return
            hole = os.lseek(read.fileno(), at, os.SEEK_HOLE)
            while at < hole:
                at += os.pwrite(written.fileno(), os.pread(read.fileno(), min(CHUNK_BYTES, hole - at), at), at)
