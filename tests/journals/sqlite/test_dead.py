from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest

from gateway.database import connect
from gateway.deadletters import DeadLetter
from gateway.errors import DataDirError, MemoryUnavailable
from gateway.journals.sqlite import (
    SqliteDeadLetters,
    SqliteJournal,
    drop_beside,
    read_letters_beside,
    replay_beside,
)
from gateway.journals.sqlite.schema import MIGRATIONS
from tests.journals.samples import exchange, leased, scope

LETTER = DeadLetter(exchange="e1", stage="unlearnt", reason="KeyError in gateway.derive, line 7", at=1.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[SqliteJournal]:
    async with aclosing(SqliteJournal(path)) as opened:
        for name in ("e1", "e2"):
            await opened.commit(exchange(name, scope("s1")))
        assert await leased(opened) == ["e1", "e2"]
        await opened.done(["e1", "e2"])
        yield opened


async def test_letters_are_kept_one_for_each_exchange(journal: SqliteJournal, path: Path) -> None:
    letters = SqliteDeadLetters(journal.writer)
    unstudied = msgspec.structs.replace(LETTER, stage="unstudied")
    for letter in (LETTER, msgspec.structs.replace(LETTER, exchange="e2"), unstudied):
        await letters.bury(letter)
    assert read_letters_beside(path) == [unstudied, msgspec.structs.replace(LETTER, exchange="e2")]


async def test_what_is_replayed_beside_a_running_journal_is_leased_once_more(
    journal: SqliteJournal, path: Path
) -> None:
    await SqliteDeadLetters(journal.writer).bury(LETTER)
    await asyncio.to_thread(replay_beside, path, ["e1"])
    assert await leased(journal) == ["e1"]
    assert read_letters_beside(path) == []


async def test_of_what_there_is_no_letter_nothing_is_learnt_once_more(journal: SqliteJournal, path: Path) -> None:
    await SqliteDeadLetters(journal.writer).bury(LETTER)
    await asyncio.to_thread(replay_beside, path, ["e2", "unknown"])
    assert (await leased(journal), read_letters_beside(path)) == ([], [LETTER])


async def test_what_is_dropped_is_not_learnt_and_stays_on_record(journal: SqliteJournal, path: Path) -> None:
    await SqliteDeadLetters(journal.writer).bury(LETTER)
    await asyncio.to_thread(drop_beside, path, ["e1"])
    assert (await leased(journal), read_letters_beside(path)) == ([], [])
    assert await journal.read(scope("s1"), "e1") is not None


async def test_a_call_that_ends_once_more_is_no_dead_letter_any_more(journal: SqliteJournal, path: Path) -> None:
    await SqliteDeadLetters(journal.writer).bury(LETTER)
    await journal.commit(exchange("e1", scope("s1"), text="said otherwise"))
    assert (await leased(journal), read_letters_beside(path)) == (["e1"], [])


async def test_a_closed_journal_buries_nothing(path: Path) -> None:
    journal = SqliteJournal(path)
    await journal.aclose()
    with pytest.raises(MemoryUnavailable):
        await SqliteDeadLetters(journal.writer).bury(LETTER)


def test_an_older_or_missing_journal_has_none_to_look_at_and_stays_as_it_is(path: Path) -> None:
    with pytest.raises(DataDirError):
        read_letters_beside(path)
    assert not path.exists()
    connect(path, MIGRATIONS[:5]).close()
    with pytest.raises(DataDirError, match="no such table"):
        read_letters_beside(path)
    connect(path, MIGRATIONS[:5]).close()
