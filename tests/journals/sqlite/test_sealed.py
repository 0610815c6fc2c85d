from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.database import connect
from gateway.journals.sqlite.schema import MIGRATIONS
from gateway.journals.sqlite.sealed import COLUMNS, close_all, closed, put_under
from gateway.sealing import KEY_BYTES, NO_SEAL, Seal, is_sealed

SEAL = Seal(os.urandom(KEY_BYTES))
WORDS = "my dog Biscuit is allergic to chicken"
NOTE = "INSERT INTO ledger (tenant, user, session, place, exchange, note) VALUES ('t', 'u', 's', ?, 'ex_1', ?)"
OPENING = "INSERT INTO openings (tenant, user, at, session, opening) VALUES ('t', 'u', 1, 's', ?)"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def connection(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(put_under(connect(file, MIGRATIONS), SEAL)) as opened:
        yield opened


def bytes_of(file: Path) -> bytes:
    return b"".join(part.read_bytes() for part in file.parent.iterdir())


def test_what_is_closed_is_read_by_who_knows_nothing_of_it(connection: sqlite3.Connection, file: Path) -> None:
    connection.execute(NOTE, ("a", closed(connection, WORDS.encode())))
    connection.execute(OPENING, (closed(connection, WORDS),))
    assert connection.execute("SELECT place, note FROM ledger").fetchone() == ("a", WORDS.encode())
    assert connection.execute("SELECT at, opening FROM openings").fetchone() == (1.0, WORDS)
    assert WORDS.encode() not in bytes_of(file)


def test_without_a_seal_nothing_changes(file: Path) -> None:
    with closing(put_under(connect(file, MIGRATIONS), NO_SEAL)) as connection:
        assert closed(connection, WORDS) == WORDS
        assert close_all(connection) == 0


def test_what_cannot_be_opened_hides_nothing_else(connection: sqlite3.Connection) -> None:
    other = Seal(os.urandom(KEY_BYTES))
    connection.execute(NOTE, ("a", other.close(b"strange", "journal")))
    connection.execute(NOTE, ("b", closed(connection, b"known")))
    strange, known = (note for (note,) in connection.execute("SELECT note FROM ledger ORDER BY place"))
    assert is_sealed(strange)
    assert known == b"known"


def test_what_was_stored_before_is_sealed_without_a_trace(file: Path) -> None:
    with closing(connect(file, MIGRATIONS)) as connection:
        connection.execute(NOTE, ("a", WORDS.encode()))
        connection.execute(OPENING, (WORDS,))
    assert WORDS.encode() in bytes_of(file)
    with closing(put_under(connect(file, MIGRATIONS), SEAL)) as connection:
        assert close_all(connection) == 2
        assert close_all(connection) == 0
        assert connection.execute("SELECT note FROM ledger").fetchone() == (WORDS.encode(),)
        assert connection.execute("SELECT opening FROM openings").fetchone() == (WORDS,)
    assert WORDS.encode() not in bytes_of(file)


def test_every_column_that_holds_words_is_known(connection: sqlite3.Connection) -> None:
    tables = [table for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    blobs = {
        (table, column)
        for table in tables
        for _, column, sort, *_ in connection.execute(f"PRAGMA table_info({table})")
        if sort == "BLOB"
    }
    assert blobs - set(COLUMNS.items()) == {("erasures", "subject")}  # a digest, by which its row is found
