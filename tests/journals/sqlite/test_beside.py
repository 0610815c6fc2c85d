"""Reading a journal that another process is writing."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from gateway.errors import DataDirError
from gateway.journals.sqlite import SqliteJournal, read_exchange_beside
from gateway.types import Exchange, Scope

EXCHANGE = Exchange(
    id="ex_1", scope=Scope(tenant="t", user="u", session="s"), at=1.0, path="/c", state="done", status=200
)


async def test_what_a_running_gateway_has_committed_is_there(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    await journal.commit(EXCHANGE)
    assert read_exchange_beside(path, "ex_1") == EXCHANGE
    assert read_exchange_beside(path, "ex_2") is None
    await journal.aclose()


def test_a_directory_without_a_journal_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataDirError, match=r"journal\.db"):
        read_exchange_beside(tmp_path / "journal.db", "ex_1")


def test_a_file_that_is_no_journal_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE other (x)")
    connection.close()
    with pytest.raises(DataDirError, match="exchanges"):
        read_exchange_beside(path, "ex_1")
