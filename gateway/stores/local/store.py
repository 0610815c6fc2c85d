"""The `MemoryStore` on this machine: every write goes to the truth first and to the index second.

A write logs what changed with the rows; `_catch_up` brings the index to the end of that log. When it fails midway,
or the process dies, the next write or the next start goes on where the index was last known to be on disk.
This file knows threads, order and errors. Rows are known by truth.py, vectors by index.py, ranking by neither.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from gateway.errors import MemoryUnavailable, ScopeError
from gateway.memories import Found, Hit, Memory, Query
from gateway.ports import Embedder
from gateway.stores.local.index import Index
from gateway.stores.local.truth import Truth
from gateway.types import Scope

READERS = 2
"""A slow listing must not hold up recall; more would only wait for the interpreter lock, which searching holds."""

BATCH = 64
"""Points applied at once: indexing holds the interpreter lock, 20 µs a point, and requests are being served."""

SETTLE_AFTER = 512
"""Changes between two flushes. A flush holds the interpreter lock for 6 ms; a crash costs re-indexing this many."""

Answer = TypeVar("Answer")


class LocalStore:
    """Memories in one SQLite file, and the folder of an index over them that may be deleted at any time.

    Opening blocks, and blocks longer when the index must catch up or be made anew (100,000 memories: half a minute).
    Raises `DataDirError` for a database that cannot be opened, `MemoryUnavailable` for an index folder that cannot.
    """

    def __init__(self, database: Path, index: Path, embedder: Embedder) -> None:
        self._truth = Truth(database, readers=READERS)
        self._index = Index(index, embedder)
        self._applied = 0
        self._settled = 0
        self._is_closed = False
        self._reads = ThreadPoolExecutor(READERS, thread_name_prefix="memories-read")
        # One thread: it is what keeps writes to the truth and to the index in the same order.
        self._writes = ThreadPoolExecutor(1, thread_name_prefix="memories-write")
        self.healed = self._heal()
        """Changes that opening had to apply: 0 after a clean end, every memory for a new index."""

    async def search(self, scope: Scope, query: Query) -> Found:
        """Pinned kinds and candidates of this scope's owner. Ended memories are not among them."""
        return await self._run(self._reads, partial(self._search, _owner(scope), query))

    async def put(self, scope: Scope, memories: Sequence[Memory]) -> None:
        """Write durably; the same id replaces. Visible to `search` when it returns."""
        await self._run(self._writes, partial(self._put, _owner(scope), scope.tenant, memories))

    async def get(self, scope: Scope, ids: Sequence[str]) -> list[Memory]:
        """Memories of this owner by id; unknown and foreign ids are absent."""
        return await self._run(self._reads, partial(self._truth.get, _owner(scope), ids))

    async def list(self, scope: Scope, kinds: Sequence[str], limit: int) -> list[Memory]:
        """Memories of this owner, newest first, ended ones included; no kinds named means every kind."""
        return await self._run(self._reads, partial(self._truth.newest, _owner(scope), kinds, limit))

    async def forget(self, scope: Scope, ids: Sequence[str]) -> int:
        """Remove memories of this owner for good; how many there were."""
        return await self._run(self._writes, partial(self._forget, _owner(scope), ids))

    async def aclose(self) -> None:
        """Finish what was begun, flush and release."""
        if not self._is_closed:
            self._is_closed = True
            await asyncio.to_thread(self._close)

    async def _run(self, pool: Executor, work: Callable[[], Answer]) -> Answer:
        if self._is_closed:
            raise MemoryUnavailable("the store is closed")
        with _translated():
            return await asyncio.get_running_loop().run_in_executor(pool, work)

    def _search(self, owner: str, query: Query) -> Found:
        scores = self._index.search(owner, query.text, query.kinds, query.limit) if query.kinds else {}
        memories = self._truth.at_points(owner, list(scores))
        return Found(
            pinned=tuple(self._truth.pinned(owner, query.pinned)),
            hits=tuple(Hit(memory=memory, scores=scores[point]) for point, memory in memories.items()),
        )

    def _put(self, owner: str, tenant: str, memories: Sequence[Memory]) -> None:
        self._truth.put(owner, tenant, memories)
        self._catch_up()

    def _forget(self, owner: str, ids: Sequence[str]) -> int:
        removed = self._truth.forget(owner, ids)
        self._catch_up()
        return removed

    def _heal(self) -> int:
        """Catch up with the truth, from nothing when the index holds another number of points than it must."""
        try:
            healed = self._catch_up()
            if self._index.count() != self._truth.count_holding():
                self._index.clear()
                self._truth.log_all()
                healed = self._catch_up()
        except MemoryUnavailable:
            # An embedder out of reach must not keep the gateway from starting; the next write tries again.
            return 0
        return healed

    def _catch_up(self) -> int:
        """Apply what the index has not seen of the log of changes; how many there were."""
        count = 0
        while changes := self._truth.changes(self._applied, BATCH):
            self._index.apply(changes)
            self._applied = changes[-1].number
            count += len(changes)
            if self._applied - self._settled >= SETTLE_AFTER:
                self._settle()
        return count

    def _settle(self) -> None:
        self._index.flush()
        self._truth.settle(self._applied)
        self._settled = self._applied

    def _close(self) -> None:
        self._reads.shutdown()
        self._writes.shutdown()
        with _translated():
            try:
                self._settle()
            finally:
                self._index.close()
                self._truth.close()


def _owner(scope: Scope) -> str:
    """The key of every call. Raises `ScopeError` when there is none, or none that can be told from another's."""
    owner = scope.owner
    try:
        owner.encode()
    except UnicodeEncodeError as error:
        raise ScopeError("a scope's names must be text that can be stored") from error
    return owner


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise MemoryUnavailable(f"memories: {error}") from error
