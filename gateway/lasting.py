"""SQLite files that outlast their connections: one is made anew when the disk was bad, or the file is gone or another.

A file whose content is damaged is set aside under another name, and a new one begun: nobody's calls wait for a repair.
How a file is opened is known by gateway/database.py, and where it lies and who holds it by gateway/datadir.py.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import structlog

from gateway.database import OF_THE_DISK, Migration, code, opened, opened_readonly, transaction
from gateway.datadir import sync
from gateway.errors import DataDirError, MemoryUnavailable

DAMAGED = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))
"""Errors of a file whose content is at fault."""

SPOILT = (OF_THE_DISK | DAMAGED) - {sqlite3.SQLITE_FULL}
"""Errors after which a connection is not used again. A full disk is none of them: the connection can still read, and a
new one could perhaps not be made."""

_log = structlog.get_logger()


class Database:
    """A file, and a connection to it that is opened when it is needed, and anew after errors that a new one may mend
    and when the file is gone or another. For one thread at a time, but for `trouble`.
    """

    def __init__(self, path: Path, connect: Callable[[bool], sqlite3.Connection]) -> None:
        """Nothing is opened yet.

        Args:
            connect: makes a connection; told whether the content of the file is in doubt. Raises what SQLite raises,
                `OSError`, or an error of ours.
        """
        self._path = path
        self._connect = connect
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._log_path = path.with_name(f"{path.name}-wal")
        self._log: tuple[int, int] | None = None
        self._is_doubtful = False
        self._failure = ""
        self.count = 0
        """Of the connections that there have been: another one may mean another file."""

    @property
    def is_open(self) -> bool:
        """Whether there is a connection."""
        return self._connection is not None

    @property
    def trouble(self) -> str:
        """Why the file cannot be relied on now; empty when all is well."""
        if self._failure:
            return self._failure
        return "" if self._connection is None or self._is_same() else f"{self._path.name} is gone"

    def begin(self) -> None:
        """Open for the first time. Raises `DataDirError` for what a person must put right; a bad disk is for later."""
        try:
            with self.used():
                pass
        except MemoryUnavailable as error:
            if isinstance(error.__cause__, DataDirError):
                raise error.__cause__ from None
            _log.error("database_unavailable", file=str(self._path), reason=str(error))

    @contextmanager
    def used(self) -> Iterator[sqlite3.Connection]:
        """The connection, which is not used again when the block ends in an error of the disk.

        Raises `MemoryUnavailable` when there is none to be had, and what the block raises.
        """
        try:
            yield self._current()
        except sqlite3.Error as error:
            self._failure = f"{self._path.name}: {error}"
            if code(error) in SPOILT:
                self._is_doubtful = self._is_doubtful or code(error) in DAMAGED
                self.close()
            raise

    def recovered(self) -> None:
        """Say that something has been written again: that a block succeeded may mean that it wrote nothing."""
        self._failure = ""

    def close(self) -> None:
        """Close what is open. One that is used later is opened again."""
        if self._connection is not None:
            with suppress(sqlite3.Error):  # what could not be written is told to whoever wrote it
                self._connection.close()
            self._connection = None

    def _current(self) -> sqlite3.Connection:
        if self._connection is not None and self._is_same():
            return self._connection
        self._discard_log()
        self.close()
        try:
            self._connection = self._connect(self._is_doubtful)
            self._file, self._log = _identity(self._path), _identity(self._log_path)
        except (sqlite3.Error, OSError, DataDirError, MemoryUnavailable) as error:
            self._failure = str(error) if self._path.name in str(error) else f"{self._path.name}: {error}"
            raise MemoryUnavailable(self._failure) from error
        self._is_doubtful = False
        self.count += 1
        return self._connection

    def _discard_log(self) -> None:
        """Remove the write-ahead log of a file that was replaced: SQLite would take it for the new one's."""
        is_replaced = self._connection is not None and _identity(self._path) not in (None, self._file)
        if is_replaced and self._log is not None and _identity(self._log_path) == self._log:
            with suppress(OSError):
                self._log_path.unlink()

    def _is_same(self) -> bool:
        return self._file is not None and _identity(self._path) == self._file


def for_writing(
    path: Path,
    migrations: Sequence[Migration],
    *,
    hold: Callable[[], None] = lambda: None,
    first: Callable[[sqlite3.Connection], object] = lambda _: None,
    each: Callable[[sqlite3.Connection], object] = lambda _: None,
) -> Database:
    """A file in which this process alone writes. One whose content is damaged is set aside, and a new one begun.

    Args:
        hold: called before each opening: makes sure of the folder, or raises `DataDirError` or `MemoryUnavailable`.
        first: done once, in a transaction, when the file has been opened for the first time.
        each: done with every connection before it is used.
    """
    left = [first]

    def connect(is_doubtful: bool) -> sqlite3.Connection:
        hold()
        try:
            connection = opened(path, migrations, is_checked=is_doubtful)
        except sqlite3.DatabaseError as error:
            if code(error) not in DAMAGED:
                raise
            _set_aside(path, error)
            connection = opened(path, migrations)
        with ExitStack() as on_failure:
            on_failure.callback(connection.close)
            each(connection)
            with transaction(connection):
                prove(connection)  # on a read-only disk SQLite opens a file all the same
                for work in left:
                    work(connection)
            left.clear()
            on_failure.pop_all()
        return connection

    return Database(path, connect)


def for_reading(
    path: Path, beside: Database | None = None, each: Callable[[sqlite3.Connection], object] = lambda _: None
) -> Database:
    """A file that is only read, and need not be there yet.

    Args:
        beside: writes to the file in this process, and must be open first: what SQLite shares between connections
            stays as read-only as the disk was for the first of them.
        each: done with every connection before it is used.
    """

    def connect(_: bool) -> sqlite3.Connection:
        if beside is not None and not beside.is_open:
            raise MemoryUnavailable(beside.trouble or f"{path.name} is not open yet")
        connection = opened_readonly(path)
        each(connection)
        return connection

    return Database(path, connect)


def prove(connection: sqlite3.Connection) -> None:
    """Write something to the disk that changes nothing, in a transaction of the caller's."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.execute(f"PRAGMA user_version={version}")


def _set_aside(path: Path, reason: sqlite3.Error) -> None:
    """Keep a damaged file under another name, its log with it: what is in there may yet be got out (`.recover`)."""
    aside = path.with_name(f"{path.name}.corrupt-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    path.replace(aside)
    for suffix in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).replace(aside.with_name(aside.name + suffix))
    sync(path.parent)
    _log.error("database_set_aside", file=str(path), kept_as=str(aside), reason=str(reason))


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from one that takes its place; None for none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
