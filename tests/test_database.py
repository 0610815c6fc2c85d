"""A database file is opened durable and brought forward, or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from gateway.database import Migration, connect, connect_readonly
from gateway.errors import DataDirError


def first(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE animals (name TEXT)")


def second(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE animals ADD COLUMN legs INTEGER DEFAULT 4")
    connection.execute("INSERT INTO animals (name) VALUES ('dog')")


def first_again(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE plants (name TEXT)")


def third_fails(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO animals (name) VALUES ('half a cat')")
    connection.execute("INSERT INTO no_such_table VALUES (1)")


def third_breaks(connection: sqlite3.Connection) -> None:
    connection.execute("DROP TABLE animals")
    raise ValueError("a fault of ours")


def pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def state(path: Path) -> tuple[object, list[object]]:
    """Number of the schema, and the rows."""
    with closing(sqlite3.connect(path)) as connection:
        return pragma(connection, "user_version"), connection.execute("SELECT * FROM animals").fetchall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.db"


@pytest.mark.promise("P6")
def test_every_commit_is_on_disk_before_it_returns(path: Path) -> None:
    for _ in range(2):  # the first time and every other: synchronous is not kept in the file
        with closing(connect(path, [first])) as connection:
            assert pragma(connection, "journal_mode") == "wal"
            assert pragma(connection, "synchronous") == 2  # FULL


@pytest.mark.parametrize(
    "steps", [[[first, second]], [[first], [first, second]], [[], [first, second], [first, second]]]
)
def test_each_migration_is_done_once_and_in_order(path: Path, steps: Sequence[Sequence[Migration]]) -> None:
    for migrations in steps:
        connect(path, migrations).close()
    assert state(path) == (2, [("dog", 4)])


def test_a_schema_of_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    connect(path, [first, second]).close()
    with pytest.raises(DataDirError, match=r"some\.db: schema 2 was written by a newer Accrue; this one knows 1"):
        connect(path, [first])
    assert state(path) == (2, [("dog", 4)])


@pytest.mark.parametrize("third", [third_fails, third_breaks])
def test_a_migration_that_fails_leaves_the_schema_before_it_and_says_where_the_backup_is(
    path: Path, third: Migration
) -> None:
    connect(path, [first]).close()
    with pytest.raises(DataDirError, match=r"step 3 of its schema failed: .*; it stays at 1; .*some\.db\.v1\.bak"):
        connect(path, [first, second, third])
    assert state(path) == state(path.with_name("some.db.v1.bak")) == (1, [])


def test_before_a_migration_there_is_a_backup_and_only_the_newest_is_kept(path: Path) -> None:
    with closing(connect(path, [first])) as connection:
        connection.execute("INSERT INTO animals VALUES ('ape')")
    assert [file.name for file in path.parent.iterdir()] == ["some.db"]
    connect(path, [first, second]).close()
    connect(path, [first, second, first_again]).close()
    backup = path.with_name("some.db.v2.bak")
    assert list(path.parent.glob("*.bak")) == [backup]
    assert backup.stat().st_mode & 0o777 == 0o600
    assert state(backup) == (2, [("ape", 4), ("dog", 4)])


def test_without_room_for_a_backup_nothing_is_migrated(path: Path) -> None:
    connect(path, [first]).close()
    path.with_name("some.db.v1.new").mkdir()
    with pytest.raises(DataDirError, match=r"some\.db"):
        connect(path, [first, second])
    assert state(path) == (1, [])


def test_a_disk_that_fails_in_a_migration_is_no_fault_of_the_migration(path: Path) -> None:
    def full(_: sqlite3.Connection) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    with pytest.raises(DataDirError, match=r"some\.db: database or disk is full$"):
        connect(path, [first, full])


@pytest.mark.promise("P11")
def test_what_is_deleted_leaves_no_bytes(path: Path) -> None:
    with closing(connect(path, [first])) as connection:
        assert pragma(connection, "secure_delete") == 1


def test_what_failed_holds_no_lock(path: Path) -> None:
    with pytest.raises(DataDirError) as failed:
        connect(path, [first, second, third_fails])
    with closing(connect(path, [first, second])) as connection:
        connection.execute("INSERT INTO animals (name) VALUES ('cat')")
        assert pragma(connection, "wal_checkpoint(TRUNCATE)") == 0
    assert "no_such_table" in str(failed.value)


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_text("This is a letter to my aunt, and it is long enough to be taken for a header.\n" * 10)
    with pytest.raises(DataDirError, match=r"some\.db: file is not a database"):
        connect(path, [first])
    with pytest.raises(DataDirError, match=r"some\.db: file is not a database"):
        connect_readonly(path)


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(DataDirError, match="unable to open database file"):
        connect(tmp_path / "nowhere" / "some.db", [first])
    assert list(tmp_path.iterdir()) == []


def test_a_reader_sees_what_is_committed_and_writes_nothing(path: Path) -> None:
    with closing(connect(path, [first, second])) as writer, closing(connect_readonly(path)) as reader:
        writer.execute("INSERT INTO animals (name) VALUES ('cat')")
        assert reader.execute("SELECT count(*) FROM animals").fetchone() == (2,)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute("DELETE FROM animals")


def test_a_reader_makes_no_file(path: Path) -> None:
    with pytest.raises(DataDirError, match=r"some\.db: unable to open database file"):
        connect_readonly(path)
    assert not path.exists()


def test_a_file_of_any_name_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a b?#%41.db"
    connect(path, [first]).close()
    connect_readonly(path).close()


def test_only_the_owner_can_read_a_database(tmp_path: Path) -> None:
    connect(tmp_path / "private.db", ()).close()
    assert (tmp_path / "private.db").stat().st_mode & 0o777 == 0o600
