from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from gateway import dlq
from gateway.config import Config
from gateway.deadletters import DeadLetter
from gateway.errors import DataDirError, NotFound
from gateway.journals.sqlite import SqliteDeadLetters, SqliteJournal
from tests.journals.samples import exchange, leased, scope

UNLEARNT = DeadLetter(exchange="e1", stage="unlearnt", reason="KeyError in gateway.derive, line 7", at=1.0)
UNREADABLE = DeadLetter(exchange="e2", stage="unreadable", reason="the record is damaged", at=2.0)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data_dir=str(tmp_path))


@pytest.fixture
async def journal(config: Config) -> AsyncIterator[SqliteJournal]:
    """A gateway's, that goes on running."""
    async with aclosing(SqliteJournal(Path(config.data_dir) / "journal.db")) as opened:
        for identifier in ("e1", "e2"):
            await opened.commit(exchange(identifier, scope("s1")))
        await leased(opened)
        await opened.done(["e1", "e2"])
        for letter in (UNLEARNT, UNREADABLE):
            await SqliteDeadLetters(opened.writer).bury(letter)
        yield opened


async def test_letters_are_listed_and_shown_with_what_they_are_about(config: Config, journal: SqliteJournal) -> None:
    assert await dlq.letters(config) == [UNLEARNT, UNREADABLE]
    first, *about = (await dlq.shown(config, "e1")).splitlines()
    assert first == "e1  1970-01-01 00:00:01 UTC  unlearnt  KeyError in gateway.derive, line 7"
    assert about[1].startswith("exchange  e1")
    assert (await dlq.shown(config, "e2")).splitlines() == [dlq.line(UNREADABLE)]


async def test_letters_named_or_all_of_them_are_replayed_and_dropped(config: Config, journal: SqliteJournal) -> None:
    assert await dlq.replay(config, ["e1"]) == 1
    assert await leased(journal) == ["e1"]
    assert await dlq.letters(config) == [UNREADABLE]
    assert await dlq.drop(config, None) == 1
    assert await dlq.letters(config) == []
    assert await dlq.replay(config, None) == 0


async def test_of_letters_of_which_one_is_unknown_none_is_touched(config: Config, journal: SqliteJournal) -> None:
    for work in (dlq.replay, dlq.drop):
        with pytest.raises(NotFound, match="no dead letter e9"):
            await work(config, ["e1", "e9"])
    with pytest.raises(NotFound):
        await dlq.shown(config, "e9")
    assert len(await dlq.letters(config)) == 2


async def test_a_directory_without_a_record_is_not_made(config: Config) -> None:
    with pytest.raises(DataDirError, match="nothing is recorded"):
        await dlq.letters(config)
    assert not (Path(config.data_dir) / "journal.db").exists()
