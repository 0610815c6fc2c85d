"""Opening a SQLite file the way everything here relies on: WAL, `synchronous=FULL`, numbered forward migrations, and
a backup before the first of them.

`NORMAL` would be faster and loses the last commits at a power cut; group commit (gateway/journals/sqlite) wins
the speed back. What the tables mean is known by their owners, and what becomes of a file whose disk goes bad by
gateway/lasting.py, not here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import structlog

from gateway.datadir import sync
from gateway.errors import DataDirError

Migration = Callable[[sqlite3.Connection], None]
"""Takes the schema one step forward; its position in the sequence is its number, so none is ever removed."""

BUSY_TIMEOUT_S = 5.0
"""Only a reader in another process (`accrue explain`) can make a writer wait."""

OF_THE_DISK = frozenset(
    (
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_FULL,
    )
)
"""Errors that pass when the disk is mended."""

_log = structlog.get_logger()


def connect(path: Path, migrations: Sequence[Migration]) -> sqlite3.Connection:
    """Open for reading and writing, brought to the newest schema; usable from any one thread at a time.

    Raises `DataDirError` for a file that cannot be opened or that a newer version wrote.
    """
    try:
        return opened(path, migrations)
    except (sqlite3.Error, OSError) as error:
        raise DataDirError(f"{path}: {error}") from error


def connect_readonly(path: Path) -> sqlite3.Connection:
    """Open for reading only; works beside a running gateway. Raises `DataDirError` when there is no such file."""
    try:
        return opened_readonly(path)
    except sqlite3.Error as error:
        raise DataDirError(f"{path}: {error}") from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All that the block writes, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # some errors have rolled it back already
            connection.execute("ROLLBACK")
        raise


def opened(path: Path, migrations: Sequence[Migration], *, is_checked: bool = False) -> sqlite3.Connection:
    """As `connect`, raising what SQLite raises, and `OSError`.

    Args:
        is_checked: all of the file is read, and what is damaged in it is an error.
    """
    with ExitStack() as on_failure:
        with suppress(OSError):  # SQLite says it better
            if not path.exists():  # closing the file once more would take the locks of others in this process
                path.touch(mode=0o600)  # SQLite would let the umask decide who may read what users said
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        on_failure.callback(connection.close)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        # What is deleted is overwritten with zeros: what was forgotten leaves no bytes in the file (promise P11).
        connection.execute("PRAGMA secure_delete=ON")
        if is_checked:
            _check(connection)
        _migrate(connection, path, migrations)
        on_failure.pop_all()
    return connection


def opened_readonly(path: Path) -> sqlite3.Connection:
    """As `connect_readonly`, raising what SQLite raises."""
    with ExitStack() as on_failure:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)
        on_failure.callback(connection.close)
        connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
        on_failure.pop_all()
    return connection


def _migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration]) -> None:
    """All steps that are missing, or none: the version of Accrue that wrote the file can still use it."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(migrations):
        raise DataDirError(f"{path}: schema {version} was written by a newer Accrue; this one knows {len(migrations)}")
    if version == len(migrations):
        return
    saved = f"; {_back_up(connection, path, version)} is a copy of it" if version else ""

    with transaction(connection):
        for number, migration in enumerate(migrations[version:], start=version + 1):
            try:
                migration(connection)
            except Exception as error:
                if code(error) in OF_THE_DISK:
                    raise
                raise DataDirError(
                    f"{path}: step {number} of its schema failed: {error}; it stays at {version}{saved}"
                ) from error
        connection.execute(f"PRAGMA user_version={len(migrations)}")


def _back_up(connection: sqlite3.Connection, path: Path, version: int) -> Path:
    """A copy of the file beside it, whole and on disk when this returns; older ones go."""
    backup = path.with_name(f"{path.name}.v{version}.bak")
    draft = backup.with_suffix(".new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    with closing(sqlite3.connect(draft)) as copy:
        connection.backup(copy)
    sync(draft)
    draft.replace(backup)
    sync(path.parent)
    for earlier in path.parent.glob(f"{path.name}.v*.bak"):
        if earlier != backup:
            earlier.unlink()
    _log.info("database_backed_up", file=str(backup))
    return backup


def _check(connection: sqlite3.Connection) -> None:
    """Read all of the file. Raises `sqlite3.DatabaseError` with the code of a damaged one."""
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        error = sqlite3.DatabaseError(found)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def code(error: BaseException) -> int:
    """SQLite's primary code of an error, 0 for one that is not SQLite's."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
