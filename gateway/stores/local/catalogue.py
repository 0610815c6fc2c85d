"""The `Catalogue` over the memories' database, which this or another process is writing.

Everybody's memories are leafed through kind by kind, because each lies sorted by time, for all and for each owner. It
reads on a thread of its own, with a connection of its own: a long listing keeps no recall waiting.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

from gateway.catalogue import Counted, Holder, Selection
from gateway.errors import BadRequest, MemoryUnavailable
from gateway.lasting import for_reading
from gateway.memories import TAUGHT, Memory
from gateway.owners import scope_of
from gateway.ports import Held
from gateway.sealing import NO_SEAL, Seal
from gateway.stores.local.columns import COLUMNS, held_of
from gateway.stores.storable import encodable

LOOKED_THROUGH = 1_000
"""Lessons read for a page of those in one state, which is not a column; a page with fewer is a short one."""

LAST_POINT = (1 << 63) - 1
"""SQLite has no larger number."""

_KINDS = """
    WITH RECURSIVE some (kind) AS (
        SELECT min(kind) FROM memories WHERE {theirs} UNION ALL
        SELECT (SELECT min(kind) FROM memories WHERE {theirs} AND kind > some.kind) FROM some
        WHERE some.kind IS NOT NULL)
    SELECT kind FROM some WHERE kind IS NOT NULL"""
"""One look into the index for each, and not one for each row."""

_OWNERS = """
    WITH RECURSIVE some (owner) AS (
        SELECT min(owner) FROM memories WHERE owner > ? UNION ALL
        SELECT (SELECT min(owner) FROM memories WHERE owner > some.owner) FROM some WHERE some.owner IS NOT NULL)
    SELECT owner FROM some WHERE owner IS NOT NULL"""

Place = tuple[float, int]
"""When a memory was said, and its point."""

Row = tuple[Place, Held]

T = TypeVar("T")

log = structlog.get_logger()


class LocalCatalogue:
    """Reads one database. Usable from any event loop."""

    def __init__(self, path: Path, seal: Seal = NO_SEAL) -> None:
        """Read a file, which need not be there yet."""
        self._database = for_reading(path)
        self._seal = seal
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="memories-leaf")

    async def browse(self, selection: Selection, place: str, limit: int) -> tuple[Sequence[Held], str]:
        """Memories, those that were said last first, and the place of the next page."""
        return await self._ask(partial(_browsed, self._seal, selection, _read(place), limit))

    async def find(self, id: str, owner: str = "") -> Sequence[Held]:
        """The memories of an id: an owner's, or everybody's."""
        return await self._ask(partial(_found, self._seal, encodable(id), encodable(owner)))

    async def holders(self, tenant: str, name: str, place: str, limit: int) -> tuple[Sequence[Holder], str]:
        """Who has memories, in the order of owners, and the place of the next page."""
        return await self._ask(partial(_holders, encodable(tenant), name, encodable(place), limit))

    async def counts(self, tenant: str) -> Sequence[Counted]:
        """How many memories there are."""
        return await self._ask(partial(_counts, encodable(tenant)))

    async def aclose(self) -> None:
        """Answer what is asked, then close."""
        await asyncio.to_thread(self._thread.shutdown)
        self._database.close()

    async def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, question)
        except (sqlite3.Error, msgspec.DecodeError) as error:
            raise MemoryUnavailable(f"memories: {error}") from error

    def _answer(self, question: Callable[[sqlite3.Connection], T]) -> T:
        with self._database.used() as connection:
            return question(connection)


def _browsed(
    seal: Seal, selection: Selection, after: Place, limit: int, connection: sqlite3.Connection
) -> tuple[list[Held], str]:
    is_of_lessons = selection.state in ("proposed", "active", "retired")
    page: list[Held] = []
    for count, (place, held) in enumerate(_selected(seal, selection, after, LOOKED_THROUGH, connection)):
        if len(page) == limit or count == LOOKED_THROUGH:
            return page, _written(after)
        if not is_of_lessons or _state(held.memory) == selection.state:
            page.append(held)
        after = place
    return page, ""


def _selected(
    seal: Seal, selection: Selection, after: Place, most: int, connection: sqlite3.Connection
) -> Iterator[Row]:
    """Rows that are meant but for a lesson's state, newest first; read one by one, and one more than the most."""
    cursors = [_of_kind(seal, kind, selection, after, most, connection) for kind in _kinds(selection, connection)]
    return heapq.merge(*cursors, key=lambda row: row[0], reverse=True)


def _kinds(selection: Selection, connection: sqlite3.Connection) -> list[str]:
    if selection.kind:
        kinds = [encodable(selection.kind)]
    else:
        theirs, values = ("owner = :owner", {"owner": encodable(selection.owner)}) if selection.owner else ("true", {})
        kinds = [kind for (kind,) in connection.execute(_KINDS.format(theirs=theirs), values)]
    is_of_lessons = selection.state in ("proposed", "active", "retired")
    return [kind for kind in kinds if kind in TAUGHT] if is_of_lessons else kinds


def _of_kind(
    seal: Seal, kind: str, selection: Selection, after: Place, most: int, connection: sqlite3.Connection
) -> Iterator[Row]:
    conditions, values = ["kind = ?", "(at, point) < (?, ?)"], [kind, *after]
    for column in ("tenant", "owner"):
        if wanted := getattr(selection, column):
            conditions.append(f"{column} = ?")
            values.append(encodable(wanted))
    if selection.state is not None:
        conditions.append(f"ended_at IS {'NOT ' if selection.state in ('ended', 'retired') else ''}NULL")
    rows = connection.execute(
        f"SELECT at, point, owner, tenant, {COLUMNS} FROM memories WHERE {' AND '.join(conditions)}"
        " ORDER BY at DESC, point DESC LIMIT ?",
        (*values, most + 1),
    )
    for at, point, *row in rows:
        try:
            yield (at, point), held_of(row, seal)
        except MemoryUnavailable as error:
            log.warning("memory_unreadable", point=point, reason=str(error))


def _found(seal: Seal, id: str, owner: str, connection: sqlite3.Connection) -> list[Held]:
    """Points first, from the index: whole rows would be a thousand times as much to read."""
    whose = "id = ? AND owner = ?" if owner else "id = ?"
    rows = connection.execute(
        f"""SELECT owner, tenant, {COLUMNS} FROM memories WHERE point IN (
            SELECT point FROM memories INDEXED BY sqlite_autoindex_memories_1 WHERE {whose}) ORDER BY point""",
        (id, owner) if owner else (id,),
    )
    return [held_of(row, seal) for row in rows]


def _holders(
    tenant: str, name: str, place: str, limit: int, connection: sqlite3.Connection
) -> tuple[list[Holder], str]:
    theirs = f"{len(tenant)}:{tenant}" if tenant else ""
    page: list[Holder] = []
    for (owner,) in connection.execute(_OWNERS, (max(place, theirs),)):
        if not owner.startswith(theirs):
            break
        scope = scope_of(owner)
        if not (scope.user or scope.session).startswith(name):
            continue
        if len(page) == limit:
            return page, page[-1].owner
        count, newest = connection.execute(
            "SELECT count(*), max(at) FROM memories INDEXED BY memories_by_kind WHERE owner = ?", (owner,)
        ).fetchone()
        page.append(Holder(owner=owner, tenant=scope.tenant, memories=count, newest=newest))
    return page, ""


def _counts(tenant: str, connection: sqlite3.Connection) -> list[Counted]:
    rows = connection.execute(
        "SELECT kind, count(*), count(ended_at) FROM memories WHERE ? IN ('', tenant) GROUP BY kind", (tenant,)
    )
    counts = (
        (kind, is_holding, (every - ended) if is_holding else ended)
        for kind, every, ended in rows
        for is_holding in (True, False)
    )
    return [Counted(kind=kind, is_holding=is_holding, count=count) for kind, is_holding, count in counts if count]


def _state(memory: Memory) -> str:
    return memory.lesson.state if memory.lesson is not None else ""


def _written(place: Place) -> str:
    at, point = place
    return f"{at.hex()}.{point}"


def _read(place: str) -> Place:
    """Raises `BadRequest` for a place that is none of ours."""
    if not place:
        return sys.float_info.max, 0
    at, _, point = place.rpartition(".")
    with suppress(ValueError, OverflowError):
        read = float.fromhex(at), int(point)
        if math.isfinite(read[0]) and abs(read[1]) <= LAST_POINT:
            return read
    raise BadRequest("place: this is none of this listing's", code="invalid_place", param="place")
