from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from gateway import dlq
from gateway.datadir import DataDir
from gateway.deadletters import DeadLetter
from gateway.errors import DataDirError, NotFound
from gateway.journals.sqlite import SqliteDeadLetters, SqliteJournal
from tests.journals.samples import exchange, leased, scope

UNLEARNT = DeadLetter(exchange="e1", stage="unlearnt", reason="KeyError in gateway.derive, line 7", at=1.0)
UNREADABLE = DeadLetter(exchange="e2", stage="unreadable", reason="the record is damaged", at=2.0)


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path)


@pytest.fixture
async def journal(data: DataDir) -> AsyncIterator[SqliteJournal]:
    """A gateway's, that goes on running."""
    async with aclosing(SqliteJournal(data.journal)) as opened:
        for identifier in ("e1", "e2"):
            await opened.commit(exchange(identifier, scope("s1")))
        await leased(opened)
        await opened.done(["e1", "e2"])
        for letter in (UNLEARNT, UNREADABLE):
            await SqliteDeadLetters(opened.writer).bury(letter)
        yield opened


async def test_letters_are_listed_and_shown_with_what_they_are_about(data: DataDir, journal: SqliteJournal) -> None:
    assert dlq.letters(data) == [UNLEARNT, UNREADABLE]
    first, *about = dlq.shown(data, "e1").splitlines()
    assert first == "e1  1970-01-01 00:00:01 UTC  unlearnt  KeyError in gateway.derive, line 7"
    assert about[1].startswith("exchange  e1")
    assert dlq.shown(data, "e2").splitlines() == [dlq.line(UNREADABLE)]


async def test_letters_named_or_all_of_them_are_replayed_and_dropped(data: DataDir, journal: SqliteJournal) -> None:
    assert dlq.replay(data, ["e1"]) == 1
    assert await leased(journal) == ["e1"]
    assert dlq.letters(data) == [UNREADABLE]
    assert dlq.drop(data, None) == 1
    assert dlq.letters(data) == []
    assert dlq.replay(data, None) == 0


async def test_of_letters_of_which_one_is_unknown_none_is_touched(data: DataDir, journal: SqliteJournal) -> None:
    for work in (dlq.replay, dlq.drop):
        with pytest.raises(NotFound, match="no dead letter e9"):
            work(data, ["e1", "e9"])
    with pytest.raises(NotFound):
        dlq.shown(data, "e9")
    assert len(dlq.letters(data)) == 2


def test_a_directory_without_a_record_is_not_made(data: DataDir) -> None:
    with pytest.raises(DataDirError, match="nothing is recorded"):
        dlq.letters(data)
    assert not data.journal.exists()
