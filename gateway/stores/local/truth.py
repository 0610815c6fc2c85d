"""The memories themselves, in SQLite: what is here is remembered, whatever the index says.

Triggers log the point of every row written or removed in `changes`, in the same transaction. The index follows
that log; an entry leaves it when the index is known to be on disk, so what a crash cut off is found there.
This file knows rows and owners. It does not know how memories are found, nor who may ask. Where texts are sealed
(gateway/sealing.py), these are the columns in `SEALED`; all that rows are found and sorted by is readable.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import msgspec

from gateway.database import transaction
from gateway.errors import MemoryUnavailable
from gateway.lasting import Database, for_reading, for_writing
from gateway.memories import Memory
from gateway.ports import Held
from gateway.sealing import NO_SEAL, Seal
from gateway.stores.local.columns import COLUMNS, FIELDS, columns_of, held_of, memory_of, place
from gateway.stores.local.schema import MIGRATIONS
from gateway.stores.storable import MAX_PINNED, encodable

Owned = tuple[str, str, Sequence[Memory]]
"""An owner, its tenant, and memories of it."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What the index must know of a memory."""

    owner: str
    kind: str
    key: str
    text: str


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A row that was written or removed, as it stands now."""

    number: int
    """Grows with every change, never used twice."""
    point: int
    entry: Entry | None
    """None when the index must not hold the point: the memory was forgotten or has ended."""
    is_forgotten: bool = False
    """Whether there is no such row any more."""


_PUT = f"""
    INSERT INTO memories (owner, tenant, {COLUMNS}) VALUES (?, ?, {", ".join("?" * len(FIELDS))})
    ON CONFLICT (owner, id) DO UPDATE SET {", ".join(f'"{field}" = excluded."{field}"' for field in FIELDS)}"""

_CHANGES = """
    SELECT changes.number, changes.point, ended_at, owner, id, kind, key, text
    FROM changes LEFT JOIN memories ON memories.point = changes.point
    WHERE changes.number > ? ORDER BY changes.number LIMIT ?"""

_NEAR = f"""
    WITH RECURSIVE
    earlier (id, steps) AS (
        SELECT value, 0 FROM json_each(:ids) UNION
        SELECT "before", steps + 1 FROM earlier JOIN memories ON owner = :owner AND memories.id = earlier.id
        WHERE "before" <> '' AND steps < :reach),
    later (id, steps) AS (
        SELECT value, 0 FROM json_each(:ids) UNION
        SELECT "after", steps + 1 FROM later JOIN memories ON owner = :owner AND memories.id = later.id
        WHERE "after" <> '' AND steps < :reach)
    SELECT {COLUMNS} FROM memories
    WHERE owner = :owner AND id IN (SELECT id FROM earlier UNION SELECT id FROM later)"""


class Truth:
    """The memories' database: one writer, used by one thread at a time, and `readers` connections for the others."""

    def __init__(
        self, path: Path, *, readers: int, seal: Seal = NO_SEAL, hold: Callable[[], None] = lambda: None
    ) -> None:
        """Open, if the disk allows it; what fails later is `MemoryUnavailable` or an error of SQLite's.

        Raises `DataDirError` for what a person must put right.

        Args:
            readers: that may read at once.
            hold: called before the file is opened: makes sure of its folder.
        """
        self._seal = seal
        self._writer = for_writing(path, MIGRATIONS, hold=hold)
        self._writer.begin()
        self._readers = readers
        self._idle: SimpleQueue[Database] = SimpleQueue()
        for _ in range(readers):
            self._idle.put(for_reading(path, self._writer))

    @property
    def trouble(self) -> str:
        """Why the memories cannot be relied on; empty when all is well."""
        return self._writer.trouble

    @property
    def opened(self) -> int:
        """How often the file was opened for writing: another time it may be another file."""
        return self._writer.count

    def recovered(self) -> None:
        """Say that something has been written again."""
        self._writer.recovered()

    def open(self) -> None:
        """Open the file, or the one that has taken its place. Raises `MemoryUnavailable` while it cannot be."""
        with self._writer.used():
            pass

    def put(self, owner: str, tenant: str, memories: Sequence[Memory]) -> None:
        """Write all or none; a row with the same owner and id is replaced and keeps its point."""
        self.put_all([(owner, tenant, memories)])

    def put_all(self, puts: Iterable[Owned]) -> None:
        """Write memories of several owners, all or none: of one commit most is waiting for the disk."""
        rows = [
            (owner, tenant, *columns_of(one, owner, self._seal)) for owner, tenant, memories in puts for one in memories
        ]
        with self._transaction() as writer:
            writer.executemany(_PUT, rows)

    def forget(self, owner: str, ids: Sequence[str]) -> int:
        """Remove rows and every byte of them, the write-ahead log included; how many there were."""
        with self._transaction() as writer:
            removed = writer.executemany(
                "DELETE FROM memories WHERE owner = ? AND id = ?", [(owner, encodable(one)) for one in ids]
            ).rowcount
        with self._writer.used() as writer:
            is_busy, *_ = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if is_busy:
            raise MemoryUnavailable("memories: somebody is reading them; what was removed is still in their log")
        return max(removed, 0)

    def get(self, owner: str, ids: Sequence[str], *, reach: int = 0) -> list[Memory]:
        """Rows of an owner by id, in the order asked for; then those up to so many steps before and after them."""
        wanted = list(dict.fromkeys(map(encodable, ids)))
        asked = {"owner": owner, "ids": json.dumps(wanted), "reach": reach}
        with self._reader() as reader:
            found = {one.id: one for one in self._memories(owner, reader.execute(_NEAR, asked))}
        return [found.pop(one) for one in wanted if one in found] + list(found.values())

    def newest(self, owner: str, kinds: Sequence[str], limit: int) -> list[Memory]:
        """Rows of an owner, newest first, ended ones included; no kinds named means every kind."""
        # Kind by kind, because each lies sorted: the few rules of an owner are not looked for among all episodes.
        query = f"""
            SELECT at, point, {COLUMNS} FROM memories WHERE owner = ? AND kind = ?
            ORDER BY at DESC, point DESC LIMIT ?"""
        with self._reader() as reader:
            if not kinds:
                every = reader.execute("SELECT DISTINCT kind FROM memories WHERE owner = ?", (owner,))
                kinds = [kind for (kind,) in every]
            rows = [row for kind in kinds for row in reader.execute(query, (owner, kind, limit))]
        newest = (fields for _, _, *fields in sorted(rows, reverse=True)[:limit])
        return list(self._memories(owner, newest))

    def page(self, after: tuple[str, str], limit: int) -> list[Held]:
        """The next rows of all owners by owner and id. Raises `MemoryUnavailable` for one that cannot be read."""
        query = f"""
            SELECT owner, tenant, {COLUMNS} FROM memories
            WHERE (owner, id) > (?, ?) ORDER BY owner, id LIMIT ?"""
        with self._reader() as reader:
            return [held_of(row, self._seal) for row in reader.execute(query, (*after, limit))]

    def pinned(self, owner: str, session: str, kinds: Sequence[str], *, has_ended: bool = False) -> list[Memory]:
        """Rows of an owner and these kinds, and those pinned by hand, that still hold and reach this session, newest
        first; with `has_ended` those that hold no longer as well. At most `MAX_PINNED` of a kind, and as many that
        have ended, and as many by hand."""
        reached = "(reach = 'user' OR session = ?) ORDER BY at DESC, point DESC LIMIT ?"
        of_kind = f"SELECT {COLUMNS} FROM memories WHERE owner = ? AND kind = ? AND (ended_at IS NOT NULL) = ? AND "
        by_hand = f"SELECT {COLUMNS} FROM memories WHERE owner = ? AND is_pinned AND ended_at IS NULL AND "
        states = (False, True) if has_ended else (False,)
        asked: list[tuple[str, tuple[object, ...]]] = [(by_hand, (owner,))] if kinds else []
        asked += [(of_kind, (owner, kind, is_over)) for kind in kinds for is_over in states]
        with self._reader() as reader:
            rows = [
                row
                for query, values in asked
                for row in reader.execute(query + reached, (*values, encodable(session), MAX_PINNED))
            ]
        memories = {one.id: one for one in self._memories(owner, rows)}
        return sorted(memories.values(), key=attrgetter("at"), reverse=True)

    def points_in_time(
        self, owner: str, kinds: Sequence[str], since: float | None, until: float | None, limit: int
    ) -> list[int]:
        """Points of the newest rows that hold of an owner and these kinds between two moments, both included."""
        query = """
            SELECT at, point FROM memories
            WHERE owner = ? AND kind = ? AND at BETWEEN ? AND ? AND ended_at IS NULL
            ORDER BY at DESC, point DESC LIMIT ?"""
        first, last = -math.inf if since is None else since, math.inf if until is None else until
        with self._reader() as reader:
            rows = [row for kind in kinds for row in reader.execute(query, (owner, kind, first, last, limit))]
        return [point for _, point in sorted(rows, reverse=True)[:limit]]

    def at_points(self, owner: str, points: Sequence[int]) -> dict[int, Memory]:
        """Rows of an owner that still hold, by point; other points are absent, whoever they belong to."""
        # `+` keeps SQLite from walking all of the owner's rows in place of looking these points up.
        query = f"""
            SELECT point, {COLUMNS} FROM memories
            WHERE point IN (SELECT value FROM json_each(?)) AND +owner = ? AND ended_at IS NULL"""
        with self._reader() as reader:
            rows = reader.execute(query, (json.dumps(points), owner)).fetchall()
        return dict(zip((row[0] for row in rows), self._memories(owner, (row[1:] for row in rows)), strict=True))

    def changes(self, after: int, limit: int) -> list[Change]:
        """Logged changes with a number above `after`, in order."""
        with self._writer.used() as writer:
            rows = writer.execute(_CHANGES, (after, limit)).fetchall()
        return [self._change(*row) for row in rows]

    def settle(self, number: int) -> None:
        """Drop changes up to this number from the log: the index has them on disk."""
        with self._writer.used() as writer:
            writer.execute("DELETE FROM changes WHERE number <= ?", (number,))

    def holding(self, after: int, limit: int) -> dict[int, Entry]:
        """Entries of the next rows that hold, by point, beyond a point."""
        query = """
            SELECT point, owner, id, kind, key, text FROM memories
            WHERE point > ? AND ended_at IS NULL ORDER BY point LIMIT ?"""
        with self._reader() as reader:
            return {point: self._entry(*row) for point, *row in reader.execute(query, (after, limit))}

    def lack(self, points: Sequence[int]) -> None:
        """Remember that the embedder could not be asked about these points."""
        with self._transaction() as writer:
            writer.executemany("INSERT OR IGNORE INTO lacking VALUES (?)", [(point,) for point in points])

    def log_lacking(self, limit: int) -> int:
        """Log some of what lacks a vector as changed, so that it is embedded once more; how many there were."""
        with self._transaction() as writer:
            points = writer.execute("SELECT point FROM lacking LIMIT ?", (limit,)).fetchall()
            writer.executemany("DELETE FROM lacking WHERE point = ?", points)
            writer.executemany("INSERT INTO changes (point) VALUES (?)", points)
        return len(points)

    def has_lacking(self) -> bool:
        """Whether anything lacks a vector."""
        with self._writer.used() as writer:
            return writer.execute("SELECT 1 FROM lacking LIMIT 1").fetchone() is not None

    def last_point(self) -> int:
        """The highest point there is, 0 for none."""
        with self._writer.used() as writer:
            (point,) = writer.execute("SELECT coalesce(max(point), 0) FROM memories").fetchone()
        return int(point)

    def count_holding(self) -> int:
        """Rows that still hold: as many points as the index must have."""
        with self._writer.used() as writer:
            (count,) = writer.execute("SELECT count(*) FROM memories WHERE ended_at IS NULL").fetchone()
        return int(count)

    def close(self) -> None:
        """Release the file; the writer goes last, because closing it folds the write-ahead log in."""
        for _ in range(self._readers):
            self._idle.get().close()
        self._writer.close()

    def _memories(self, owner: str, rows: Iterable[Sequence[object]]) -> Iterator[Memory]:
        return (memory_of(row, owner, self._seal) for row in rows)

    def _change(self, number: int, point: int, ended_at: float | None, owner: str | None, *row: Any) -> Change:
        entry = None if owner is None or ended_at is not None else self._entry(owner, *row)
        return Change(number=number, point=point, entry=entry, is_forgotten=owner is None)

    def _entry(self, owner: str, id: str, kind: str, key: Any, text: Any) -> Entry:
        return Entry(
            owner=owner,
            kind=kind,
            key=self._seal.open(key, *place(owner, id, "key")),
            text=self._seal.open(text, *place(owner, id, "text")),
        )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._writer.used() as writer, transaction(writer):
            yield writer

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        reader = self._idle.get()
        try:
            with reader.used() as connection:
                yield connection
        finally:
            self._idle.put(reader)
