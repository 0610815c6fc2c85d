"""Records under a seal: opened as they are read, whoever reads; closed by who writes; and those from before, sealed.

A connection that has a seal opens every sealed value of a row. It leaves one that it cannot open as it is: then that
record is damaged for whoever decodes it, and all others are read. What records say is known elsewhere.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from gateway.sealing import BYTES, NO_SEAL, Seal, Sealed

PLACE = "journal"
"""To which records are bound: an exchange says by itself which it is and whose."""

COLUMNS = {
    "exchanges": "payload",
    "ledger": "note",
    "openings": "opening",
    "feedback": "payload",
    "signals": "payload",
    "changes": "payload",
    "earned": "payload",
}
"""That hold words."""


class _Opening:
    """Makes rows of what SQLite read."""

    def __init__(self, seal: Seal) -> None:
        self.seal = seal

    def __call__(self, cursor: sqlite3.Cursor, row: Sequence[object]) -> tuple[object, ...]:
        return tuple([self._opened(value) if type(value) is bytes else value for value in row])

    def _opened(self, value: bytes) -> object:
        try:
            return self.seal.open(value, PLACE)
        except Sealed:
            return value


def put_under(connection: sqlite3.Connection, seal: Seal) -> sqlite3.Connection:
    """The connection, which from now on opens what it reads."""
    if seal is not NO_SEAL:
        connection.row_factory = _Opening(seal)
    return connection


def closed(connection: sqlite3.Connection, plain: str | bytes) -> str | bytes:
    """What to store by this connection."""
    opening: Any = connection.row_factory
    return opening.seal.close(plain, PLACE) if isinstance(opening, _Opening) else plain


def close_all(connection: sqlite3.Connection) -> int:
    """Seal what was stored before there was a key, and leave no byte of it in the file; how many records that were.

    The connection is under the seal and nobody else has the file. Blocks: 30 MB a second.
    """
    opening: Any = connection.row_factory
    if not isinstance(opening, _Opening):
        return 0
    connection.create_function("closed", 1, lambda value: opening.seal.close(value, PLACE))
    first = f"x'{BYTES[:1].hex()}'"
    changed = sum(
        connection.execute(
            f"UPDATE {table} SET {column} = closed({column})"
            f" WHERE length({column}) > 0 AND substr(CAST({column} AS BLOB), 1, 1) <> {first}"
        ).rowcount
        for table, column in COLUMNS.items()
    )
    if changed:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return changed
