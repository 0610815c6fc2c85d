"""Memories that were found lately, as they stand: every call of a session finds the same ones, and most of finding is
reading their rows.

It knows that a row was written when it is told so, and that the file is another one by how often it was opened.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from gateway.memories import Memory
from gateway.stores.local.truth import Truth
from gateway.stores.storable import encodable

MOST = 16_384
"""Memories that are kept; one takes about a kilobyte."""


class Recent:
    """Rows of a database that still hold, read once while they stay the same. Usable from any thread."""

    def __init__(self, truth: Truth, most: int = MOST) -> None:
        """Read from a database, and keep at most so many rows: those that were found last."""
        self._truth = truth
        self._most = most
        self._lock = threading.Lock()
        self._opened = truth.opened
        self._news = 0
        self._held: OrderedDict[int, tuple[str, Memory]] = OrderedDict()
        self._points: dict[tuple[str, str], int] = {}

    def __len__(self) -> int:
        return len(self._held)

    def at_points(self, owner: str, points: Sequence[int]) -> dict[int, Memory]:
        """As `Truth.at_points`."""
        with self._lock:
            self._see_file()
            news = self._news
            found = {point: held[1] for point in points if (held := self._held.get(point)) and held[0] == owner}
            for point in found:
                self._held.move_to_end(point)
        missing = [point for point in points if point not in found]
        if missing:
            read = self._truth.at_points(owner, missing)
            self._keep(owner, read, news)
            found |= read
        return found

    def drop(self, owner: str, ids: Iterable[str]) -> None:
        """Say that these rows were written or removed, or that it was tried."""
        with self._lock:
            self._news += 1  # what is being read now may be what they were before
            for id in ids:
                point = self._points.pop((owner, encodable(id)), None)
                if point is not None:
                    del self._held[point]

    def _keep(self, owner: str, read: dict[int, Memory], news: int) -> None:
        with self._lock:
            if news != self._news:
                return
            for point, memory in read.items():
                self._held[point] = owner, memory
                self._points[owner, memory.id] = point
            while len(self._held) > self._most:
                _, (whose, memory) = self._held.popitem(last=False)
                del self._points[whose, memory.id]

    def _see_file(self) -> None:
        """Forget all of a file that is another one by now."""
        if self._opened != self._truth.opened:
            self._opened = self._truth.opened
            self._news += 1
            self._held.clear()
            self._points.clear()
