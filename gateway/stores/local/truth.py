"""The memories themselves, in SQLite: what is here is remembered, whatever the index says.

Triggers log the point of every row written or removed in `changes`, in the same transaction. The index follows
that log; an entry leaves it when the index is known to be on disk, so what a crash cut off is found there.
This file knows rows and owners. It does not know how memories are found, nor who may ask.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from queue import SimpleQueue

import msgspec

from gateway.database import connect, connect_readonly
from gateway.experience import Lesson
from gateway.memories import Memory
from gateway.stores.local.schema import MIGRATIONS

FIELDS = Memory.__struct_fields__
"""Each is a column of the same name: a new field of Memory needs a migration in schema.py."""

MAX_PINNED = 200
"""Of a kind are told of at all: no budget has room for more, and who says always a thousand times means none of it."""

COLUMNS = ", ".join(f'"{field}"' for field in FIELDS)


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


_PUT = f"""
    INSERT INTO memories (owner, tenant, {COLUMNS}) VALUES (?, ?, {", ".join("?" * len(FIELDS))})
    ON CONFLICT (owner, id) DO UPDATE SET {", ".join(f'"{field}" = excluded."{field}"' for field in FIELDS)}"""

_CHANGES = """
    SELECT changes.number, changes.point, owner, kind, key, text
    FROM changes LEFT JOIN memories ON memories.point = changes.point AND ended_at IS NULL
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


_LESSON = msgspec.json.Decoder(Lesson)


class Truth:
    """The memories' database: one writer, used by one thread at a time, and `readers` connections for the others."""

    def __init__(self, path: Path, *, readers: int) -> None:
        self._writer = connect(path, MIGRATIONS)
        # What is deleted is overwritten with zeros: a forgotten memory leaves no bytes in the file (promise P11).
        self._writer.execute("PRAGMA secure_delete=ON")
        self._readers = readers
        self._idle: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        for _ in range(readers):
            self._idle.put(connect_readonly(path))

    def put(self, owner: str, tenant: str, memories: Sequence[Memory]) -> None:
        """Write all or none; a row with the same owner and id is replaced and keeps its point."""
        self.put_all([(owner, tenant, memories)])

    def put_all(self, puts: Iterable[tuple[str, str, Sequence[Memory]]]) -> None:
        """Write memories of several owners, all or none: of one commit most is waiting for the disk."""
        rows = [
            (owner, tenant, *(_storable(value) for value in msgspec.structs.astuple(one)))
            for owner, tenant, memories in puts
            for one in memories
        ]
        with self._transaction():
            self._writer.executemany(_PUT, rows)

    def forget(self, owner: str, ids: Sequence[str]) -> int:
        """Remove rows and every byte of them, the write-ahead log included; how many there were."""
        with self._transaction():
            removed = self._writer.executemany(
                "DELETE FROM memories WHERE owner = ? AND id = ?", [(owner, _encodable(one)) for one in ids]
            ).rowcount
        self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return max(removed, 0)

    def get(self, owner: str, ids: Sequence[str], *, reach: int = 0) -> list[Memory]:
        """Rows of an owner by id, in the order asked for; then those up to so many steps before and after them."""
        wanted = list(dict.fromkeys(map(_encodable, ids)))
        asked = {"owner": owner, "ids": json.dumps(wanted), "reach": reach}
        with self._reader() as reader:
            found = {one.id: one for one in map(_memory, reader.execute(_NEAR, asked))}
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
        return [_memory(fields) for _, _, *fields in sorted(rows, reverse=True)[:limit]]

    def pinned(self, owner: str, session: str, kinds: Sequence[str], *, has_ended: bool = False) -> list[Memory]:
        """Rows of an owner and these kinds that still hold and reach this session, newest first; with `has_ended`
        those that hold no longer as well. At most `MAX_PINNED` of a kind, and as many that have ended."""
        query = f"""
            SELECT {COLUMNS} FROM memories
            WHERE owner = ? AND kind = ? AND (ended_at IS NOT NULL) = ? AND (reach = 'user' OR session = ?)
            ORDER BY at DESC, point DESC LIMIT ?"""
        asked = [(kind, is_over) for kind in kinds for is_over in ((False, True) if has_ended else (False,))]
        with self._reader() as reader:
            rows = [
                row
                for kind, is_over in asked
                for row in reader.execute(query, (owner, kind, is_over, _encodable(session), MAX_PINNED))
            ]
        return sorted(map(_memory, rows), key=attrgetter("at"), reverse=True)

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
            return {row[0]: _memory(row[1:]) for row in reader.execute(query, (json.dumps(points), owner))}

    def changes(self, after: int, limit: int) -> list[Change]:
        """Logged changes with a number above `after`, in order."""
        return [
            Change(number=number, point=point, entry=_entry(*row) if row[0] else None)
            for number, point, *row in self._writer.execute(_CHANGES, (after, limit))
        ]

    def settle(self, number: int) -> None:
        """Drop changes up to this number from the log: the index has them on disk."""
        self._writer.execute("DELETE FROM changes WHERE number <= ?", (number,))

    def holding(self, after: int, limit: int) -> dict[int, Entry]:
        """Entries of the next rows that hold, by point, beyond a point."""
        query = """
            SELECT point, owner, kind, key, text FROM memories
            WHERE point > ? AND ended_at IS NULL ORDER BY point LIMIT ?"""
        with self._reader() as reader:
            return {point: _entry(*row) for point, *row in reader.execute(query, (after, limit))}

    def lack(self, points: Sequence[int]) -> None:
        """Remember that the embedder could not be asked about these points."""
        with self._transaction():
            self._writer.executemany("INSERT OR IGNORE INTO lacking VALUES (?)", [(point,) for point in points])

    def log_lacking(self, limit: int) -> int:
        """Log some of what lacks a vector as changed, so that it is embedded once more; how many there were."""
        with self._transaction():
            points = self._writer.execute("SELECT point FROM lacking LIMIT ?", (limit,)).fetchall()
            self._writer.executemany("DELETE FROM lacking WHERE point = ?", points)
            self._writer.executemany("INSERT INTO changes (point) VALUES (?)", points)
        return len(points)

    def has_lacking(self) -> bool:
        """Whether anything lacks a vector."""
        return self._writer.execute("SELECT 1 FROM lacking LIMIT 1").fetchone() is not None

    def last_point(self) -> int:
        """The highest point there is, 0 for none."""
        (point,) = self._writer.execute("SELECT coalesce(max(point), 0) FROM memories").fetchone()
        return int(point)

    def count_holding(self) -> int:
        """Rows that still hold: as many points as the index must have."""
        (count,) = self._writer.execute("SELECT count(*) FROM memories WHERE ended_at IS NULL").fetchone()
        return int(count)

    def close(self) -> None:
        """Release the file; the writer goes last, because closing it folds the write-ahead log in."""
        for _ in range(self._readers):
            self._idle.get().close()
        self._writer.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._writer.execute("ROLLBACK")
            raise
        self._writer.execute("COMMIT")

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        reader = self._idle.get()
        try:
            yield reader
        finally:
            self._idle.put(reader)


def _memory(row: Sequence[object]) -> Memory:
    fields = dict(zip(FIELDS, row, strict=True))
    lesson = fields.pop("lesson")
    found = msgspec.convert(fields, Memory)
    return found if lesson is None else msgspec.structs.replace(found, lesson=_LESSON.decode(str(lesson)))


def _entry(owner: str, kind: str, key: str, text: str) -> Entry:
    return Entry(owner=owner, kind=kind, key=key, text=text)


def _storable(value: object) -> object:
    if isinstance(value, Lesson):
        return msgspec.json.encode(value).decode()
    return _encodable(value) if isinstance(value, str) else value


def _encodable(text: str) -> str:
    # Half a surrogate pair has no UTF-8 form. Decoders refuse it before us; if one came through, `?` stands for it.
    return text.encode(errors="replace").decode()
