"""Memories that were found lately, as they stand: every call of a session finds the same ones, and most of finding is
reading their rows.

It knows that a row was written when it is told so, and that the file is another one by how often it was opened.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from gateway.memories import Memory
from gateway.stores.local.truth import Truth

GENERATION = 8_192
"""Memories in each of two generations; one takes about a kilobyte."""


class Recent:
    """Rows of a database that still hold, read once while they stay the same. Usable from any thread."""

    def __init__(self, truth: Truth, generation: int = GENERATION) -> None:
        """Read from a database, and keep at most twice as many as a generation has."""
        self._truth = truth
        self._generation = generation
        self._lock = threading.Lock()
        self._opened = truth.opened
        self._news = 0
        self._young: dict[int, tuple[str, Memory]] = {}
        self._old: dict[int, tuple[str, Memory]] = {}
        self._points: dict[tuple[str, str], int] = {}

    def __len__(self) -> int:
        return len(self._points)

    def at_points(self, owner: str, points: Sequence[int]) -> dict[int, Memory]:
        """As `Truth.at_points`."""
        with self._lock:
            self._see_file()
            news = self._news
            found = {point: held[1] for point in points if (held := self._held(point)) is not None and held[0] == owner}
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
                point = self._points.pop((owner, id), None)
                if point is not None:
                    self._young.pop(point, None)
                    self._old.pop(point, None)

    def _held(self, point: int) -> tuple[str, Memory] | None:
        held = self._young.get(point)
        if held is None and (held := self._old.pop(point, None)) is not None:
            self._young[point] = held
        return held

    def _keep(self, owner: str, read: dict[int, Memory], news: int) -> None:
        with self._lock:
            if news != self._news:
                return
            for point, memory in read.items():
                self._young[point] = owner, memory
                self._points[owner, memory.id] = point
            if len(self._young) > self._generation:
                for held_by, memory in self._old.values():
                    self._points.pop((held_by, memory.id), None)
                self._young, self._old = {}, self._young

    def _see_file(self) -> None:
        """Forget all of a file that is another one by now."""
        if self._opened != self._truth.opened:
            self._opened = self._truth.opened
            self._news += 1
            self._young, self._old, self._points = {}, {}, {}
