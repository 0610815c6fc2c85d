"""gateway/journals/sqlite/spool.py: a journal's file as what waits until it is learnt elsewhere."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, closing
from pathlib import Path

from gateway.journals.sqlite import SqliteJournal, read_letters_beside, rows
from gateway.journals.sqlite.spool import SqliteSpool
from gateway.types import Operator
from tests.journals.samples import exchange, intent, ledger_found, scope


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[tuple[SqliteJournal, SqliteSpool]]:
    journal = SqliteJournal(path, queues=rows.has_ended)
    async with aclosing(journal), aclosing(SqliteSpool(path, journal.writer)) as spool:
        yield journal, spool


async def waiting(spool: SqliteSpool, after: int = 0, limit: int = 9) -> list[str]:
    return [each.place.exchange for each in await spool.after(after, limit)]


async def test_all_that_has_ended_waits_in_its_order_whether_it_teaches_or_not(tmp_path: Path) -> None:
    async with opened(tmp_path / "journal.db") as (journal, spool):
        journal.intend(intent("e0", scope("s1")))
        for name, mode in [("e3", "on"), ("e1", "read"), ("e2", "write")]:
            await journal.commit(exchange(name, scope("s1"), mode=mode))  # type: ignore[arg-type] # each is a mode
        assert await waiting(spool) == ["e3", "e1", "e2"]
        places = [each.place for each in await spool.after(0, 2)]
        assert await waiting(spool, after=places[-1].position) == ["e2"]
        assert await spool.places(0, places[-1].position, 9) == places
    async with opened(tmp_path / "journal.db") as (_, spool):
        assert await waiting(spool) == ["e3", "e1", "e2", "e0"]


async def test_what_is_forgotten_leaves_nothing_and_what_ended_once_more_stays(tmp_path: Path) -> None:
    async with opened(tmp_path / "journal.db") as (journal, spool):
        await journal.commit(exchange("e1", scope("s1"), notes={"head": "note"}))
        await journal.commit(exchange("e2", scope("s2"), state="interrupted"))
        places = [each.place for each in await spool.after(0, 9)]
        await journal.commit(exchange("e2", scope("s2"), text="all of it"))
        await spool.forget(places)
        assert await waiting(spool) == ["e2"]
        assert await journal.read(Operator(), "e1") is None
    async with opened(tmp_path / "journal.db") as (journal, spool):
        assert await ledger_found(journal, scope("s1")) is None
        assert await ledger_found(journal, scope("s2")) == {}


async def test_a_damaged_record_is_a_dead_letter_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with opened(path) as (journal, spool):
        await journal.commit(exchange("e1", scope("s1")))
        await journal.commit(exchange("e2", scope("s1")))
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("UPDATE exchanges SET payload = x'c1' WHERE id = 'e1'")
        assert await waiting(spool) == ["e2"]
        assert [letter.exchange for letter in read_letters_beside(path)] == ["e1"]
        assert [place.exchange for place in await spool.places(0, 9, 9)] == ["e2"]


async def test_a_file_that_was_begun_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    async with opened(tmp_path / "journal.db") as (journal, spool):
        assert await waiting(spool, after=9) == []
        await journal.commit(exchange("e1", scope("s1")))
        assert await waiting(spool, after=9) == ["e1"]
        assert await waiting(spool, after=1) == []
