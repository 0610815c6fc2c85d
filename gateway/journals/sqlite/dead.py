"""Dead letters in the journal's file: put there by its one writer, and worked through beside a running gateway.

Another process may write here because it takes the file's lock for a moment only, and because nobody remembers what is
in these tables: the learner looks into its queue once a second.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import msgspec

from gateway.database import BUSY_TIMEOUT_S
from gateway.deadletters import DeadLetter
from gateway.errors import DataDirError
from gateway.journals.sqlite import rows
from gateway.journals.sqlite.writer import Writer

_BURY = (
    "INSERT INTO dead (exchange, stage, reason, at) {} ON CONFLICT DO UPDATE"
    " SET stage = excluded.stage, reason = excluded.reason, at = excluded.at"
)
_FORGET = "DELETE FROM dead WHERE exchange = ?"
_LETTERS = "SELECT exchange, stage, reason, at FROM dead ORDER BY position"


class SqliteDeadLetters:
    """The dead letters of a journal whose writer it is."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def bury(self, letter: DeadLetter) -> None:
        """Return when it is kept."""
        await asyncio.wrap_future(self._writer.submit(partial(_bury, letter=letter)))


class SqliteLetters:
    """The dead letters of a file, in an operator's hands. Whatever is done with them raises `DataDirError`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def all(self) -> list[DeadLetter]:
        """In the order in which they came."""
        return await asyncio.to_thread(read_letters_beside, self._path)

    async def count(self) -> int:
        """How many there are."""
        return await asyncio.to_thread(_counted_beside, self._path)

    async def replay(self, exchanges: Sequence[str]) -> None:
        """Let the learner have those once more of which there is a letter."""
        await asyncio.to_thread(replay_beside, self._path, exchanges)

    async def drop(self, exchanges: Sequence[str]) -> None:
        """Forget that they were passed over; their exchanges stay on record."""
        await asyncio.to_thread(drop_beside, self._path, exchanges)


def bury_unreadable(connection: sqlite3.Connection, identifiers: Sequence[str]) -> None:
    """Keep letters of records that cannot be read."""
    connection.executemany(
        _BURY.format("SELECT id, 'unreadable', 'the record is damaged', at FROM exchanges WHERE id = ?"),
        [(identifier,) for identifier in identifiers],
    )


def read_letters_beside(path: Path) -> list[DeadLetter]:
    """All of a journal, in the order in which they came. Raises `DataDirError`."""
    with _opened_beside(path) as connection:
        letters = connection.execute(_LETTERS).fetchall()
    return [DeadLetter(exchange=id, stage=stage, reason=reason, at=at) for id, stage, reason, at in letters]


def _counted_beside(path: Path) -> int:
    with _opened_beside(path) as connection:
        (count,) = connection.execute("SELECT count(*) FROM dead").fetchone()
    return int(count)


def replay_beside(path: Path, exchanges: Sequence[str]) -> None:
    """Let the learner have those once more of which there is a letter. Raises `DataDirError`."""
    with _opened_beside(path) as connection:
        for identifier in exchanges:
            if connection.execute(_FORGET, (identifier,)).rowcount:
                rows.queue(connection, identifier)


def drop_beside(path: Path, exchanges: Sequence[str]) -> None:
    """Forget that they were passed over; their exchanges stay on record. Raises `DataDirError`."""
    with _opened_beside(path) as connection:
        connection.executemany(_FORGET, [(identifier,) for identifier in exchanges])


def _bury(connection: sqlite3.Connection, letter: DeadLetter) -> None:
    if rows.is_on_record(connection, letter.exchange):
        connection.execute(_BURY.format("VALUES (?, ?, ?, ?)"), msgspec.structs.astuple(letter))


@contextmanager
def _opened_beside(path: Path) -> Iterator[sqlite3.Connection]:
    """One transaction. The schema stays as it is: a gateway that writes another one may be running."""
    file = f"{path.absolute().as_uri()}?mode=rw"
    try:
        with closing(sqlite3.connect(file, uri=True, timeout=BUSY_TIMEOUT_S)) as connection, connection:
            yield connection
    except sqlite3.Error as error:
        raise DataDirError(f"{path}: {error}") from error
