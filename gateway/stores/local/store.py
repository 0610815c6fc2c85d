"""The `MemoryStore` on this machine: every write goes to the truth first and to the indexes second.

What several want to write at once is one write. It logs what changed with the rows; the indexes are then brought to the
end of that log. When that fails midway, or the process dies, the next write or the next start goes on where they were
last known to be on disk.
This file knows threads, order and errors. Rows are known by truth.py, vectors by index.py, ranking by neither.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TypeVar

import structlog

from gateway.datadir import require_room
from gateway.errors import MemoryUnavailable
from gateway.memories import Found, Hit, Memory, Query
from gateway.ports import Embedder, Held
from gateway.sealing import NO_SEAL, Seal
from gateway.stores.local.folders import Former
from gateway.stores.local.indexes import Indexes
from gateway.stores.local.packing import Packing
from gateway.stores.local.recent import Recent
from gateway.stores.local.reindexing import Reindexing
from gateway.stores.local.truth import Owned, Truth
from gateway.stores.storable import owner_of
from gateway.types import Scope

READERS = 2
"""A slow listing must not hold up recall; more would only wait for the interpreter lock, which searching holds."""

RENEWED_S = 60.0
"""For making the index anew: 100,000 memories take about half of it. What takes longer goes on in the background."""

Answer = TypeVar("Answer")

log = structlog.get_logger()


class LocalStore:
    """Memories in one SQLite file, and a folder of indexes over them that may be deleted at any time.

    Opening is quick. An index that is missing, or that another embedder made, is made in the background, and meanwhile
    the old one serves, without `dense` where `former` does not give the embedder of its name.
    What a bad disk keeps from being opened, and what is deleted under it, is opened or made anew with the next write;
    `hold` is called before. Without an index, pinned memories are told.
    Raises `DataDirError` for a database that a person must see to.
    """

    def __init__(
        self,
        database: Path,
        index: Path,
        embedder: Embedder,
        former: Former = lambda _: None,
        *,
        seal: Seal = NO_SEAL,
        hold: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder = database.parent
        self._truth = Truth(database, readers=READERS + 1, seal=seal, hold=hold)  # one for the making of an index
        self._recent = Recent(self._truth)
        self._indexes = Indexes(index, self._truth, embedder, former)
        self._is_closed = False
        self._reads = ThreadPoolExecutor(READERS, thread_name_prefix="memories-read")
        # One thread: it is what keeps writes to the truth and to the indexes in the same order.
        self._writes = ThreadPoolExecutor(1, thread_name_prefix="memories-write")
        self._waiting: deque[_Put] = deque()
        self._reindexing = Reindexing(self._truth, self._indexes, self._writes)
        self._packing = Packing(self._indexes, self._writes)
        self._failure = ""
        self.healed = self._heal()
        """Changes that opening had to apply: 0 after a clean end."""
        self._packing.start()

    @property
    def trouble(self) -> str:
        """Why memories cannot be relied on now; empty when all is well."""
        return self._failure or self._truth.trouble or self._indexes.trouble or self._lack_of_room

    @property
    def indexed(self) -> float:
        """Share of the memories in the index of today's embedder, about; 1.0 but while one is made."""
        return self._indexes.share

    def wait_until_indexed(self, timeout_s: float) -> bool:
        """Block until no index is being made any more; False when that takes longer than the timeout."""
        return self._reindexing.done.wait(timeout_s)

    async def search(self, scope: Scope, query: Query) -> Found:
        """Pinned kinds and candidates of this scope's owner; ended memories are only among the pinned, if asked for."""
        return await self._run(self._reads, partial(self._search, owner_of(scope), scope.session, query))

    async def put(self, scope: Scope, memories: Sequence[Memory]) -> None:
        """Write durably; the same id replaces. Visible to `search` when it returns."""
        await self._written([(owner_of(scope), scope.tenant, memories)])

    async def get(self, scope: Scope, ids: Sequence[str], *, reach: int = 0) -> list[Memory]:
        """Memories of this owner by id; unknown and foreign ids are absent. With `reach`, their neighbours as well."""
        return await self._run(self._reads, partial(self._truth.get, owner_of(scope), ids, reach=reach))

    async def list(self, scope: Scope, kinds: Sequence[str], limit: int) -> list[Memory]:
        """Memories of this owner, newest first, ended ones included; no kinds named means every kind."""
        return await self._run(self._reads, partial(self._truth.newest, owner_of(scope), kinds, limit))

    async def forget(self, scope: Scope, ids: Sequence[str]) -> int:
        """Remove memories of this owner for good; how many there were."""
        return await self._run(self._writes, partial(self._forget, owner_of(scope), ids))

    async def page(self, after: tuple[str, str], limit: int) -> Sequence[Held]:
        """The next memories by owner and id, whoever they belong to."""
        return await self._run(self._reads, partial(self._truth.page, after, limit))

    async def take(self, held: Sequence[Held]) -> None:
        """Write memories of several owners as `put` does, all or none of them."""
        await self._written([(one.owner, one.tenant, (one.memory,)) for one in held])

    async def renew(self) -> bool:
        """Make the index anew, in whose files what was forgotten leaves traces that are no words.

        Returns when it is done; False when that takes too long, and then it goes on, after a restart as well.
        """
        await self._run(self._writes, self._renew)
        return await asyncio.to_thread(self.wait_until_indexed, RENEWED_S)

    async def aclose(self) -> None:
        """Finish what was begun, flush and release."""
        if not self._is_closed:
            self._is_closed = True
            await asyncio.to_thread(self._close)

    async def _written(self, content: Sequence[Owned]) -> None:
        put = _Put(content)
        self._waiting.append(put)
        try:
            await self._run(self._writes, partial(self._put, put))
        finally:
            put.is_wanted = False  # whoever gave up waiting must not find it written later on

    async def _run(self, pool: Executor, work: Callable[[], Answer]) -> Answer:
        if self._is_closed:
            raise MemoryUnavailable("the store is closed")
        with _translated():
            return await asyncio.get_running_loop().run_in_executor(pool, work)

    def _search(self, owner: str, session: str, query: Query) -> Found:
        scores: dict[int, dict[str, float]] = {}
        if query.since is not None or query.until is not None:
            in_time = self._truth.points_in_time(owner, query.kinds, query.since, query.until, query.limit)
            scores = {point: {"time": 1.0} for point in in_time}
        if query.kinds:
            for point, ways in self._found(owner, query).items():
                scores[point] = scores.get(point, {}) | ways
        memories = self._recent.at_points(owner, list(scores))
        return Found(
            pinned=tuple(self._truth.pinned(owner, session, query.pinned, has_ended=query.has_ended)),
            hits=tuple(Hit(memory=memories[point], scores=scores[point]) for point in scores if point in memories),
        )

    def _found(self, owner: str, query: Query) -> dict[int, dict[str, float]]:
        try:
            return self._indexes.search(owner, query.text, query.kinds, query.limit)
        except MemoryUnavailable:
            if not query.pinned:
                raise
            return {}  # a preference holds, whatever the index is in a state to find

    def _put(self, own: _Put) -> None:
        try:
            self._write(own)
        except (sqlite3.Error, OSError, MemoryUnavailable) as error:
            self._failure = str(error)
            raise
        self._failure = ""
        self._truth.recovered()

    @property
    def _lack_of_room(self) -> str:
        """Why nothing could be written, even if nobody has tried."""
        try:
            require_room(self._folder)
        except MemoryUnavailable as error:
            return str(error)
        return ""

    def _write(self, own: _Put) -> None:
        """Write it and what waits behind it together; or nothing, if it was written so itself."""
        if own.is_done:
            return
        self._mend()
        puts = [own]
        while self._waiting:
            put = self._waiting.popleft()
            if put.is_wanted and put is not own:
                puts.append(put)
        try:
            self._truth.put_all(chain.from_iterable(put.content for put in puts))
        except (sqlite3.Error, OverflowError):  # one of them may be at fault, and must not keep the others
            puts = [own]
            self._truth.put_all(own.content)
        finally:
            self._drop(puts)
        self._indexes.catch_up()
        self._indexes.make_good()
        for put in puts:
            put.is_done = True

    def _drop(self, puts: Sequence[_Put]) -> None:
        """What is at hand of memories that were to be written is out of date, even where that failed midway."""
        for put in puts:
            for owner, _, memories in put.content:
                self._recent.drop(owner, [memory.id for memory in memories])

    def _forget(self, owner: str, ids: Sequence[str]) -> int:
        try:
            removed = self._truth.forget(owner, ids)
        finally:
            self._recent.drop(owner, ids)
        self._mend()
        self._indexes.catch_up()
        return removed

    def _renew(self) -> None:
        self._mend()
        self._indexes.renew()
        self._reindexing.start()

    def _mend(self) -> int:
        """Open what is not open or has been taken away; how many changes the indexes had not seen."""
        self._truth.open()
        require_room(self._folder)  # before a change is logged that the index has no room for
        if not self._indexes.trouble:
            return 0
        healed = self._indexes.open()
        self._reindexing.start()
        return healed

    def _heal(self) -> int:
        """Apply what a crash cut off, and begin a new index where the one that serves has lost points."""
        try:
            return self._mend()
        except (sqlite3.Error, MemoryUnavailable) as error:
            # A full disk must not keep the gateway from starting; the next write tries again.
            self._failure = str(error)
            log.error("memories_unavailable", reason=self._failure)
            return 0

    def _close(self) -> None:
        self._packing.stop()
        self._reindexing.stop()
        self._reads.shutdown()
        self._writes.shutdown()
        try:
            self._indexes.settle()
        except (sqlite3.Error, MemoryUnavailable) as error:
            # Nothing is lost: what the index has not on disk is in the log, and an index can be made anew.
            log.warning("index_unsettled", reason=str(error))
        self._indexes.close()
        self._truth.close()


class _Put:
    """Memories that are to be written, all or none."""

    def __init__(self, content: Sequence[Owned]) -> None:
        self.content = content
        self.is_wanted = True
        self.is_done = False


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise MemoryUnavailable(f"memories: {error}") from error
