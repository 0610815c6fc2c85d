"""Which index serves, which is being made, and how both follow the truth.

One that is whole and was made for today's embedder serves; else one that
is whole and was made for an earlier embedder serves while the new one is made; where there is none, the new one serves
as far as it has come. While the embedder does not even say how large its vectors are, that is one without vectors.
The truth's log of changes is applied to all of them, and is cut only where all are on disk. What fails halfway through
an alteration is opened anew, as after a crash, and made anew where it can no longer be opened.
Packing (packing.py) is done to a copy, which takes the place of the index when it has seen what changed meanwhile.
This file knows order, and no threads: one at a time calls anything but `search`, `share` and what begins with `is_`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from gateway.datadir import require_room
from gateway.errors import MemoryUnavailable
from gateway.ports import Embedder
from gateway.stores.local.folders import Folders, Former
from gateway.stores.local.index import Dense, Index
from gateway.stores.local.truth import Change, Entry, Truth

BATCH = 16
"""Points applied at once: indexing holds the interpreter lock, 0.1 ms a point, and requests are being served."""

SETTLE_AFTER = 2_048
"""Changes between two flushes. A flush holds the interpreter lock until the disk has everything, 6 ms and up to 200 on
a disk that others use; a crash costs re-indexing this many, about a second."""

MADE_GOOD = 256
"""Points that a write embeds besides its own, once the embedder answers again."""


class Indexes:
    """The indexes of a folder in which nothing else lies; none of them is open before `open`."""

    def __init__(self, folder: Path, truth: Truth, embedder: Embedder, former: Former) -> None:
        self._folder = folder
        self._folders = Folders(folder, embedder, former)
        self._truth = truth
        self._serving: tuple[Index, ...] = ()
        self._database = 0
        self._is_spoilt = False
        self._fork: tuple[Index, int] | None = None  # what is packed, and the last change in the copy
        self.reached: int | None = None
        """The point up to which the truth has been walked into the newest index; None when that is whole."""

    @property
    def trouble(self) -> str:
        """Why they cannot be relied on; empty when all is well."""
        if not self._serving or self._is_spoilt:
            return "the search index could not be opened or written"
        if self._database != self._truth.opened or not all(index.is_there for index in self._serving):
            return "the search index is gone, or of other memories"
        return ""

    def open(self) -> int:
        """Open what is there, or begin anew, and apply what it has not seen of the log; how many changes that were.

        May be called again. Raises `MemoryUnavailable` when there can be none now.
        """
        require_room(self._folder.parent)
        self.close()
        self._applied = self._settled = 0
        self._is_lacking = self._truth.has_lacking()
        self._is_damaged = False
        self._last_point = self._truth.last_point()
        self._database = self._truth.opened
        self._serving = self._folders.open()
        self.reached = self.newest.label.reached
        self._is_spoilt = False
        with self._spoiling():
            count = self.catch_up()
            self.check()
        return count

    @property
    def newest(self) -> Index:
        """The index that is being made, else the one that serves."""
        return _first(self._serving[-1:])

    @property
    def is_done(self) -> bool:
        """Whether the index that serves is the one to have."""
        is_lasting = bool(self._serving) and self._folders.is_lasting(self._serving[-1].label)
        return is_lasting and self.reached is None and not self._is_damaged

    @property
    def is_forked(self) -> bool:
        """Whether a copy is being packed; the newest index is not walked on then."""
        return self._fork is not None

    @property
    def is_crowded(self) -> bool:
        """Whether the newest index should be packed."""
        return any(index.is_crowded for index in self._serving[-1:])

    @property
    def is_stained(self) -> bool:
        """Whether something that was forgotten is packed in the newest index."""
        return any(index.label.is_stained for index in self._serving[-1:])

    @property
    def share(self) -> float:
        """Of the memories that are in the index to have, about."""
        reached = self.reached
        return float(self.is_done) if reached is None else min(1.0, reached / max(1, self._last_point))

    def search(self, owner: str, text: str, kinds: Sequence[str], limit: int) -> dict[int, dict[str, float]]:
        """Raw scores by way of searching of the best points, from the index that serves."""
        serving = self._serving[:1]
        try:
            return _first(serving).search(owner, text, kinds, limit)
        except MemoryUnavailable:
            if serving == self._serving[:1]:
                raise
            return _first(self._serving).search(owner, text, kinds, limit)  # the new one took its place just now

    def catch_up(self) -> int:
        """Apply what the indexes have not seen of the log of changes; how many there were."""
        count = 0
        self._is_answered = True
        while changes := self._truth.changes(self._applied, BATCH):
            self._apply(changes)
            count += len(changes)
            if self._applied - self._settled >= SETTLE_AFTER:
                self.settle()
        return count

    def make_good(self) -> None:
        """Embed what the embedder could not be asked about in its time, some of it, if it answered just now."""
        if self._is_lacking and self._is_answered:
            self._is_lacking = self._truth.log_lacking(MADE_GOOD) == MADE_GOOD
            self.catch_up()

    def check(self) -> None:
        """See whether the index that serves has as many points as it must, and be done with one that is for nothing."""
        self._is_damaged = self.reached is None and self.newest.count() != self._truth.count_holding()
        if self.reached is not None and not self._truth.holding(self.reached, 1):
            self.finish()

    def begin(self) -> None:
        """Start an index for today's embedder beside the one that serves. Raises `MemoryUnavailable` as `create`."""
        if self.trouble:
            raise MemoryUnavailable(self.trouble)
        self._serving = (*self._serving, self._folders.create())
        self.reached, self._is_damaged, self._last_point = 0, False, self._truth.last_point()

    def renew(self) -> None:
        """Have another take the place of all indexes, in whose files somebody who was erased left traces."""
        for index in self._serving:
            index.wear_out()

    def stain(self) -> None:
        """Put down that something was forgotten, which may have been packed."""
        for index in self._serving:
            index.stain()

    def fork(self) -> Path:
        """Where a copy of the newest index is, to be packed; from here on the log of changes is kept for it."""
        self.settle()
        copy = self._folders.copy(self.newest)
        self._fork = self.newest, self._applied
        return copy

    def adopt(self) -> None:
        """Put what was packed in the place of the newest index. Raises `MemoryUnavailable` where it has none there."""
        old, after = self._fork or (None, 0)
        if old is not self.newest:
            raise MemoryUnavailable("search index: another was opened while it was packed")
        with self._altering():  # what fails leaves a folder behind that must not serve as it is
            packed = self._folders.adopt(old.label)
            while changes := self._truth.changes(after, BATCH):
                latest = {change.point: change.entry for change in changes}
                if any(change.is_forgotten for change in changes):
                    packed.stain()  # it was packed before it was forgotten
                packed.write(latest, old.vectors(list(latest)))
                after = changes[-1].number
            self._serving, self._fork = (*self._serving[:-1], packed), None
            old.remove()
        self.settle()

    def abandon(self) -> None:
        """Go on without what was packed."""
        self._fork = None
        self._folders.discard()

    def embed(self, entries: Mapping[int, Entry]) -> Dense | None:
        """Vectors for the newest index; None where the one that serves has them. Raises `MemoryUnavailable`."""
        return None if self._is_heir else self.newest.embed(entries)

    def walk(self, after: int, entries: Mapping[int, Entry], dense: Dense | None) -> None:
        """Put the entries beyond a point into the newest index, if that is as far as it is, but for those that were
        written anew since they were read: these are in the log of changes, which all indexes follow."""
        if self.is_forked or self.reached != after or (dense is None and not self._is_heir):
            return  # what is walked while a copy is packed would not be in it
        current = self._truth.holding(after, len(entries))
        same = {point: entry for point, entry in entries.items() if current.get(point) == entry}
        vectors = self._inherited(same) if dense is None else dense
        with self._altering():
            self.newest.write(same, vectors)
        self.reached = max(entries)

    def finish(self) -> None:
        """The newest index is whole from now on, and serves alone, if there is nothing left to walk."""
        if self.reached is None or self._truth.holding(self.reached, 1):
            return
        self.settle()
        with self._altering():
            self.newest.mark(None)
        self.reached = None
        earlier, self._serving = self._serving[:-1], self._serving[-1:]
        for index in earlier:
            index.remove()

    def settle(self) -> None:
        """Bring to disk what was applied, and cut the log there."""
        with self._altering():
            for index in self._serving:
                index.flush()
            if self.reached is not None:
                self.newest.mark(self.reached)
        self._truth.settle(self._applied if self._fork is None else self._fork[1])
        self._settled = self._applied

    def close(self) -> None:
        """Release every folder."""
        serving, self._serving, self._fork = self._serving, (), None
        for index in serving:
            with suppress(MemoryUnavailable):  # it is released all the same
                index.close()

    @contextmanager
    def _altering(self) -> Iterator[None]:
        """A full disk is seen before anything is touched."""
        require_room(self._folder)
        if self.trouble:
            raise MemoryUnavailable(self.trouble)
        with self._spoiling():
            yield

    @contextmanager
    def _spoiling(self) -> Iterator[None]:
        """What fails on the way leaves them as they may not be."""
        try:
            yield
        except BaseException:
            self._is_spoilt = True
            raise

    def _apply(self, changes: Sequence[Change]) -> None:
        latest = {change.point: change.entry for change in changes}
        with self._altering():
            if any(change.is_forgotten for change in changes):
                self.stain()  # before the log is cut, so that no crash and no full disk keeps it from being known
            for index in self._serving:
                index.write(latest, self._embedded(index, latest))
        self._applied = changes[-1].number

    def _embedded(self, index: Index, points: Mapping[int, Entry | None]) -> Dense:
        """Their vectors; none when the embedder does not answer, and then it is not asked again in the same breath."""
        entries = {point: entry for point, entry in points.items() if entry is not None}
        if self._is_answered:
            try:
                return index.embed(entries)
            except MemoryUnavailable:
                self._is_answered = False
        self._truth.lack(list(entries))
        self._is_lacking = True
        return {}

    @property
    def _is_heir(self) -> bool:
        """Whether the newest index takes over the vectors of one that is outworn: no model is asked again."""
        old, new = self._serving[0], self.newest
        return old is not new and old.label.is_outworn and old.label.space == new.label.space

    def _inherited(self, points: Mapping[int, Entry]) -> Dense:
        """Their vectors in the index that serves; what has none there is embedded later."""
        found = self._serving[0].vectors(list(points))
        self._truth.lack([point for point in points if point not in found])
        self._is_lacking = self._is_lacking or len(found) < len(points)
        return found


def _first(serving: Sequence[Index]) -> Index:
    if not serving:
        raise MemoryUnavailable("there is no search index now")
    return serving[0]
