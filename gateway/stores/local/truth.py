"""The memories themselves, in SQLite: what is here is remembered, whatever the index says.

Triggers log the point of every row written or removed in `changes`, in the same transaction. The index follows
that log; an entry leaves it when the index is known to be on disk, so what a crash cut off is found there.
This file knows rows and owners. It does not know how memories are found, nor who may ask.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import msgspec

from gateway.database import connect, connect_readonly
from gateway.memories import Memory

FIELDS = Memory.__struct_fields__
"""Each is a column of the same name: a new field of Memory needs a migration here."""

MAX_PINNED = 200
"""Of a kind are told of at all: no budget has room for more, and who says always a thousand times means none of it."""

COLUMNS = ", ".join(f'"{field}"' for field in FIELDS)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What the index must know of a memory."""

    owner: str
    kind: str
    key: str


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A row that was written or removed, as it stands now."""

    number: int
    """Grows with every change, never used twice."""
    point: int
    entry: Entry | None
    """None when the index must not hold the point: the memory was forgotten or has ended."""


def _create(connection: sqlite3.Connection) -> None:
    # AUTOINCREMENT: a forgotten memory's number is never given to another, so a stale point cannot find a stranger.
    connection.execute(
        """CREATE TABLE memories (
            point INTEGER PRIMARY KEY AUTOINCREMENT,
            owner TEXT NOT NULL,
            tenant TEXT NOT NULL,
            id TEXT NOT NULL,
            kind TEXT NOT NULL,
            text TEXT NOT NULL,
            key TEXT NOT NULL,
            origin TEXT NOT NULL,
            exchange TEXT NOT NULL,
            session TEXT NOT NULL,
            at REAL NOT NULL,
            recorded_at REAL NOT NULL,
            ended_at REAL,
            speaker TEXT NOT NULL,
            tokens INTEGER NOT NULL,
            UNIQUE (owner, id)
        )"""
    )
    connection.execute("CREATE INDEX memories_by_kind ON memories (owner, kind, at)")
    connection.execute("CREATE TABLE changes (number INTEGER PRIMARY KEY AUTOINCREMENT, point INTEGER NOT NULL)")
    for event, row in (("INSERT", "new"), ("UPDATE", "new"), ("DELETE", "old")):
        connection.execute(
            f"""CREATE TRIGGER memories_{event.lower()} AFTER {event} ON memories
                BEGIN INSERT INTO changes (point) VALUES ({row}.point); END"""
        )


def _add_what_memories_became(connection: sqlite3.Connection) -> None:
    for column in (
        "ended_by TEXT NOT NULL DEFAULT ''",
        "evidence TEXT NOT NULL DEFAULT ''",
        "reach TEXT NOT NULL DEFAULT 'user'",
        "slot TEXT NOT NULL DEFAULT ''",
        "count INTEGER NOT NULL DEFAULT 1",
        "last TEXT NOT NULL DEFAULT ''",
        "\"before\" TEXT NOT NULL DEFAULT ''",
        "\"after\" TEXT NOT NULL DEFAULT ''",
    ):
        connection.execute(f"ALTER TABLE memories ADD COLUMN {column}")


MIGRATIONS = (_create, _add_what_memories_became)

_PUT = f"""
    INSERT INTO memories (owner, tenant, {COLUMNS}) VALUES (?, ?, {", ".join("?" * len(FIELDS))})
    ON CONFLICT (owner, id) DO UPDATE SET {", ".join(f'"{field}" = excluded."{field}"' for field in FIELDS)}"""

_CHANGES = """
    SELECT changes.number, changes.point, owner, kind, key
    FROM changes LEFT JOIN memories ON memories.point = changes.point AND ended_at IS NULL
    WHERE changes.number > ? ORDER BY changes.number LIMIT ?"""


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
        rows = [(owner, tenant, *(_storable(value) for value in msgspec.structs.astuple(one))) for one in memories]
        with self._transaction():
            self._writer.executemany(_PUT, rows)

    def forget(self, owner: str, ids: Sequence[str]) -> int:
        """Remove rows and every byte of them, the write-ahead log included; how many there were."""
        with self._transaction():
            removed = self._writer.executemany(
                "DELETE FROM memories WHERE owner = ? AND id = ?", [(owner, _storable(one)) for one in ids]
            ).rowcount
        self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return max(removed, 0)

    def get(self, owner: str, ids: Sequence[str]) -> list[Memory]:
        """Rows of an owner by id, in the order asked for."""
        query = f"SELECT {COLUMNS} FROM memories WHERE owner = ? AND id = ?"
        with self._reader() as reader:
            found = [reader.execute(query, (owner, _storable(one))).fetchone() for one in dict.fromkeys(ids)]
        return [_memory(row) for row in found if row]

    def newest(self, owner: str, kinds: Sequence[str], limit: int) -> list[Memory]:
        """Rows of an owner, newest first, ended ones included; no kinds named means every kind."""
        query = f"""
            SELECT {COLUMNS} FROM memories WHERE owner = ? AND (? OR kind IN (SELECT value FROM json_each(?)))
            ORDER BY at DESC, point DESC LIMIT ?"""
        with self._reader() as reader:
            return [_memory(row) for row in reader.execute(query, (owner, not kinds, json.dumps(kinds), limit))]

    def pinned(self, owner: str, kinds: Sequence[str]) -> list[Memory]:
        """Rows of an owner and these kinds that still hold, newest first, at most `MAX_PINNED` of a kind."""
        query = f"""
            SELECT {COLUMNS} FROM memories
            WHERE owner = ? AND kind = ? AND ended_at IS NULL
            ORDER BY at DESC, point DESC LIMIT ?"""
        with self._reader() as reader:
            found = [row for kind in kinds for row in reader.execute(query, (owner, kind, MAX_PINNED))]
        return sorted(map(_memory, found), key=lambda memory: memory.at, reverse=True)

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
            Change(number=number, point=point, entry=Entry(owner=owner, kind=kind, key=key) if owner else None)
            for number, point, owner, kind, key in self._writer.execute(_CHANGES, (after, limit))
        ]

    def settle(self, number: int) -> None:
        """Drop changes up to this number from the log: the index has them on disk."""
        self._writer.execute("DELETE FROM changes WHERE number <= ?", (number,))

    def log_all(self) -> None:
        """Log every row that holds as changed, for an index that starts empty."""
        self._writer.execute("INSERT INTO changes (point) SELECT point FROM memories WHERE ended_at IS NULL")

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
    return msgspec.convert(dict(zip(FIELDS, row, strict=True)), Memory)


def _storable(value: object) -> object:
    # Half a surrogate pair has no UTF-8 form. Decoders refuse it before us; if one came through, `?` stands for it.
    return value.encode(errors="replace").decode() if isinstance(value, str) else value
