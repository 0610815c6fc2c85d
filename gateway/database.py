"""Opening a SQLite file the way everything here relies on: WAL, `synchronous=FULL`, numbered forward migrations.

`NORMAL` would be faster and loses the last commits at a power cut; group commit (gateway/journals/sqlite) wins
the speed back. What the tables mean is known by their owners, not here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from gateway.errors import DataDirError

Migration = Callable[[sqlite3.Connection], None]
"""Takes the schema one step forward; its position in the sequence is its number, so none is ever removed."""

BUSY_TIMEOUT_S = 5.0
"""Only a reader in another process (`accrue explain`) can make a writer wait."""


def connect(path: Path, migrations: Sequence[Migration]) -> sqlite3.Connection:
    """Open for reading and writing, brought to the newest schema; usable from any one thread at a time.

    Raises `DataDirError` for a file that cannot be opened or that a newer version wrote.
    """
    try:
        with ExitStack() as on_failure:
            with suppress(OSError):  # SQLite says it better
                path.touch(mode=0o600)  # it would let the umask decide who may read what users said
            connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
            on_failure.callback(connection.close)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            _migrate(connection, path, migrations)
            on_failure.pop_all()
    except sqlite3.Error as error:
        raise DataDirError(f"{path}: {error}") from error
    return connection


def connect_readonly(path: Path) -> sqlite3.Connection:
    """Open for reading only; works beside a running gateway. Raises `DataDirError` when there is no such file."""
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)
        connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
    except sqlite3.Error as error:
        raise DataDirError(f"{path}: {error}") from error
    return connection


def _migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration]) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(migrations):
        raise DataDirError(f"{path}: schema {version} was written by a newer Accrue; this one knows {len(migrations)}")
    for number, migration in enumerate(migrations[version:], start=version + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            migration(connection)
            connection.execute(f"PRAGMA user_version={number}")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
