"""What only a chronicle on disk can suffer; what every one must do is in tests/journals/test_chronicle_contract.py."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.chronicle import Learnt
from gateway.errors import DataDirError
from gateway.journals.sqlite import SqliteChronicle
from gateway.types import Operator
from tests.journals.lessons import NOW, at, feedback
from tests.journals.samples import scope
from tests.journals.sqlite.test_history import Record, opened

ANN = scope("s1")
ALL = Operator()


@pytest.fixture
async def record(tmp_path: Path) -> AsyncIterator[Record]:
    async with opened(tmp_path) as made:
        yield made


@pytest.fixture
async def chronicle(record: Record, tmp_path: Path) -> AsyncIterator[SqliteChronicle]:
    reading = SqliteChronicle(tmp_path / "journal.db")
    yield reading
    await reading.aclose()


@pytest.mark.parametrize("damage", ["x'c1'", "x'81A26964A1FF'"])  # no record; an id that is no UTF-8
async def test_a_damaged_record_hides_no_other(record: Record, chronicle: SqliteChronicle, damage: str) -> None:
    await record.journal.commit(at(NOW, "e1", ANN))
    await record.journal.commit(at(NOW, "e2", ANN))
    record.execute(f"UPDATE exchanges SET payload = {damage} WHERE id = 'e1'")
    assert [one.id for one in await chronicle.exchanges(ALL, 0, 9)] == ["e2"]


async def test_feedback_that_was_erased_is_missing_from_its_step(record: Record, chronicle: SqliteChronicle) -> None:
    await record.journal.commit(at(NOW, "e1", ANN))
    await record.history.give(ANN, feedback("f1", exchange="e1"))
    await record.history.taught(ANN, Learnt(exchange="e1", feedback=("f1",)))
    record.journal.writer.submit(lambda connection: connection.execute("DELETE FROM feedback")).result(10)
    assert [step.feedback for step in await chronicle.steps(ALL, 0, 9)] == [()]


def test_a_directory_without_a_journal_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataDirError, match=r"journal\.db"):
        SqliteChronicle(tmp_path / "journal.db")
