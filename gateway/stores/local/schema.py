"""The tables of the memories' database, as forward migrations. What their rows mean is said in truth.py."""

from __future__ import annotations

import sqlite3


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
        "place INTEGER NOT NULL DEFAULT 0",
    ):
        connection.execute(f"ALTER TABLE memories ADD COLUMN {column}")


def _remember_what_lacks_a_vector(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE lacking (point INTEGER PRIMARY KEY)")


def _add_lessons(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE memories ADD COLUMN lesson TEXT")


def _add_pins(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE memories ADD COLUMN is_pinned INTEGER NOT NULL DEFAULT 0")
    connection.execute("CREATE INDEX memories_pinned ON memories (owner, at) WHERE is_pinned")


def _sort_everybodys(connection: sqlite3.Connection) -> None:
    # By the last two columns a listing of some of them skips the others without reading their rows.
    connection.execute("CREATE INDEX memories_of_all ON memories (kind, at, point, tenant, ended_at)")


MIGRATIONS = (
    _create,
    _add_what_memories_became,
    _remember_what_lacks_a_vector,
    _add_lessons,
    _add_pins,
    _sort_everybodys,
)
