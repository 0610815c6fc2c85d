"""A file outlasts its connections: the disk may go bad, and the file may go."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.database import connect, transaction
from gateway.errors import DataDirError, MemoryUnavailable
from gateway.lasting import Database, for_reading, for_writing, prove


def create(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE animals (name TEXT)")


def add(database: Database, name: str) -> None:
    with database.used() as connection, transaction(connection):
        connection.execute("INSERT INTO animals VALUES (?)", (name,))


def names(database: Database) -> list[str]:
    with database.used() as connection:
        return [name for (name,) in connection.execute("SELECT name FROM animals ORDER BY rowid")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder / "some.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    with closing(for_writing(path, [create], hold=lambda: path.parent.mkdir(exist_ok=True))) as opened:
        yield opened


def test_one_connection_is_used_as_long_as_all_is_well(database: Database) -> None:
    assert (database.is_open, database.trouble) == (False, "")
    add(database, "dog")
    add(database, "cat")
    assert (names(database), database.count, database.trouble) == (["dog", "cat"], 1, "")


def test_a_file_that_was_deleted_is_noticed_and_made_anew(database: Database, path: Path) -> None:
    add(database, "dog")
    shutil.rmtree(path.parent)
    assert database.trouble == "some.db is gone"
    add(database, "cat")
    assert (names(database), database.count, database.trouble) == (["cat"], 2, "")


def test_a_file_that_took_its_place_is_used_and_loses_nothing(database: Database, path: Path, tmp_path: Path) -> None:
    with closing(for_writing(tmp_path / "other.db", [create])) as other:
        add(other, "horse")
    add(database, "dog")
    (tmp_path / "other.db").replace(path)
    with closing(for_reading(path)) as reader:
        add(database, "cat")
        assert names(reader) == names(database) == ["horse", "cat"]


def test_an_error_of_the_disk_ends_a_connection_and_one_of_the_content_does_not(database: Database) -> None:
    add(database, "dog")
    with pytest.raises(sqlite3.OperationalError, match="no such table"), database.used() as connection:
        connection.execute("SELECT * FROM plants")
    assert (database.is_open, database.trouble) == (True, "some.db: no such table: plants")
    failure = sqlite3.OperationalError("disk I/O error")
    failure.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
    with pytest.raises(sqlite3.OperationalError), database.used():
        raise failure
    assert (database.is_open, database.trouble) == (False, "some.db: disk I/O error")
    add(database, "cat")
    assert names(database) == ["dog", "cat"]
    database.recovered()
    assert database.trouble == ""


def test_what_cannot_be_opened_is_unavailable_until_it_can(tmp_path: Path) -> None:
    folder = tmp_path / "not yet"
    with closing(for_writing(folder / "some.db", [create])) as database:
        with capture_logs() as logs:
            database.begin()
        assert [line["event"] for line in logs] == ["database_unavailable"]
        with pytest.raises(MemoryUnavailable, match=r"some\.db: unable to open"):
            names(database)
        folder.mkdir()
        assert names(database) == []


def test_a_folder_that_is_not_held_is_not_opened(path: Path) -> None:
    def held_by_another() -> None:
        raise DataDirError("in use by another gateway")

    with closing(for_writing(path, [create], hold=held_by_another)) as database:
        with pytest.raises(MemoryUnavailable, match="in use"):
            names(database)
        with pytest.raises(DataDirError, match="in use"):
            database.begin()
    assert not path.exists()


def test_what_is_to_be_done_first_is_done_once_and_when_it_can_be(path: Path) -> None:
    done: list[str] = []

    def first(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO animals VALUES ('first')")
        done.append("first")
        if len(done) == 1:
            raise sqlite3.OperationalError("not yet")

    with closing(for_writing(path, [create], first=first)) as database:
        with pytest.raises(MemoryUnavailable, match="not yet"):
            names(database)
        assert names(database) == ["first"]
        path.unlink()
        assert names(database) == []


def test_a_file_that_is_no_database_is_set_aside_and_said_so(path: Path) -> None:
    letter = b"This is a letter to my aunt, and it is long enough to be taken for a header.\n" * 10
    path.write_bytes(letter)
    with closing(for_writing(path, [create])) as database, capture_logs() as logs:
        assert names(database) == []
    (aside,) = path.parent.glob("some.db.corrupt-*")
    assert aside.read_bytes() == letter
    assert [(line["event"], line["kept_as"]) for line in logs] == [("database_set_aside", str(aside))]


def test_damage_that_is_found_later_is_looked_for_and_set_aside(path: Path) -> None:
    with closing(for_writing(path, [create])) as database:
        for number in range(2_000):
            add(database, f"animal {number}" * 9)
    content = bytearray(path.read_bytes())
    content[8_192:16_384] = b"\xa5" * 8_192
    path.write_bytes(content)
    with closing(for_writing(path, [create])) as database:
        with pytest.raises(sqlite3.DatabaseError, match="malformed"):
            names(database)
        assert names(database) == []
    assert len(list(path.parent.glob("some.db.corrupt-*"))) == 1


def test_damage_that_is_not_there_when_looked_for_sets_nothing_aside(database: Database, path: Path) -> None:
    add(database, "dog")
    failure = sqlite3.DatabaseError("malformed")
    failure.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    with pytest.raises(sqlite3.DatabaseError), database.used():
        raise failure
    assert names(database) == ["dog"]
    assert list(path.parent.glob("*.corrupt-*")) == []


def test_a_reader_waits_for_its_writer(path: Path) -> None:
    with closing(for_writing(path, [create])) as writer, closing(for_reading(path, writer)) as reader:
        with pytest.raises(MemoryUnavailable, match="not open yet"):
            names(reader)
        add(writer, "dog")
        assert names(reader) == ["dog"]


def test_a_proof_is_a_write_that_changes_nothing(database: Database, path: Path) -> None:
    add(database, "dog")
    before = path.with_name("some.db-wal").stat().st_size
    with database.used() as connection, transaction(connection):
        prove(connection)
    assert path.with_name("some.db-wal").stat().st_size > before
    with closing(connect(path, [create])):
        assert names(database) == ["dog"]
