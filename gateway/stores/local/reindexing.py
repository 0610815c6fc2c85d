"""Makes a new index beside the one that serves: a thread that walks the truth in small portions.

It embeds on its own, and hands what it has to the thread that writes, between two writes; after each portion it makes
way for requests. What goes wrong is waited out. Which index serves meanwhile is known by indexes.py, not here.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial

import structlog

from gateway.errors import MemoryUnavailable
from gateway.stores.local.indexes import Indexes
from gateway.stores.local.truth import Truth

PORTION = 16
"""Memories at a time: writing them holds the interpreter lock for 2 ms."""

PAUSE_S = 0.003
"""Between two portions, about as long as one takes: while an index is made, requests keep half of the time."""

FORKED_S = 0.1
"""Between two looks at whether the new index is packed: what is walked meanwhile would not be in it."""

RETRY_S = 1.0
"""After the embedder or the disk could not answer."""

PORTIONS_PER_FLUSH = 256
"""A restart goes on from the last flush."""

log = structlog.get_logger()


class Reindexing:
    """Runs until the index to have serves, or until it is told to stop."""

    def __init__(self, truth: Truth, indexes: Indexes, writes: Executor) -> None:
        self._truth = truth
        self._indexes = indexes
        self._writes = writes
        self.stopping = threading.Event()
        self.done = threading.Event()
        """Set once the index to have is whole and serves."""
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, if there is anything to do and it is not being done; called again when the indexes were opened anew.

        From the thread that writes, but for the first time.
        """
        if self._indexes.is_done:
            self.done.set()
            return
        if self._thread is not None and self.done.is_set():
            self._thread.join()  # it has only to say so
        if self._thread is None or not self._thread.is_alive():
            self.done.clear()
            self._thread = threading.Thread(target=self._run, name="memories-reindex", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Return when the portion in hand is done; the next start goes on from there."""
        self.stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        log.info("reindex_started", share=round(self._indexes.share, 2))
        portions, pause = 0, PAUSE_S
        while not self.done.is_set() and not self.stopping.wait(pause):
            try:
                portions += 1
                self._step(is_settled=portions % PORTIONS_PER_FLUSH == 0)
                pause = PAUSE_S
            except (MemoryUnavailable, sqlite3.Error, OSError) as error:
                if pause != RETRY_S:  # said once, however long it lasts
                    log.warning("reindex_postponed", reason=str(error), share=round(self._indexes.share, 2))
                pause = RETRY_S
        if self.done.is_set():
            log.info("reindex_finished")

    def _step(self, *, is_settled: bool) -> None:
        """Whatever comes next: nothing, a new index, a portion for it, or its end; waiting while it is being packed."""
        reached = self._indexes.reached
        if self._indexes.is_forked:
            self.stopping.wait(FORKED_S)
        elif reached is None:
            self._written(self._end_or_begin)
        elif entries := self._truth.holding(reached, PORTION):
            self._written(partial(self._indexes.walk, reached, entries, self._indexes.embed(entries)))
        else:
            self._written(self._indexes.finish)
        if is_settled and not self.done.is_set():
            self._written(self._indexes.settle)

    def _end_or_begin(self) -> None:
        """Where nothing is being made: that may be because all is done."""
        if self._indexes.is_done:
            self.done.set()
        else:
            self._indexes.begin()

    def _written(self, work: Callable[[], None]) -> None:
        future: Future[None] = self._writes.submit(work)
        future.result()
