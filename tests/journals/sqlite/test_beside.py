"""Reading a journal that another process is writing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from gateway.errors import DataDirError
from gateway.journals.sqlite import (
    SqliteJournal,
    read_endings_beside,
    read_exchange_beside,
    read_order_beside,
)
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


async def test_ids_are_told_with_whether_an_answer_is_there(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    for id, changes in (("ex_1", {}), ("ex_2", {"state": "interrupted"}), ("ex_3", {"status": 500})):
        await journal.commit(msgspec.structs.replace(EXCHANGE, id=id, **changes))
    assert read_endings_beside(path) == {"ex_1": True, "ex_2": False, "ex_3": False}
    await journal.aclose()


async def test_what_was_learnt_before_an_order_was_kept_is_told_by_its_time(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    for id in ("ex_4", "ex_2", "ex_3", "ex_1"):
        await journal.commit(msgspec.structs.replace(EXCHANGE, id=id))
    await journal.lease(9)
    await journal.done(["ex_1", "ex_3", "ex_4"])
    with sqlite3.connect(path) as connection:
        connection.execute(
            "INSERT INTO learnt (at, tenant, user, session, agent, exchange, feedback, is_over)"
            " VALUES (1, 't', 'u', 's', 'default', 'ex_3', '[]', 0)"
        )
    connection.close()
    assert read_order_beside(path) == (["ex_1", "ex_4"], 1)
    await journal.aclose()


@pytest.mark.parametrize(
    "read", [lambda path: read_exchange_beside(path, "ex_1"), read_endings_beside, read_order_beside]
)
def test_a_file_that_is_no_journal_is_a_clear_error(tmp_path: Path, read: Callable[[Path], object]) -> None:
    path = tmp_path / "journal.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE other (x)")
    connection.close()
    with pytest.raises(DataDirError, match="exchanges"):
        read(path)
