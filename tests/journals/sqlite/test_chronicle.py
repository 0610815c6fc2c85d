"""What only a chronicle on disk can suffer; what every one must do is in tests/journals/test_chronicle_contract.py."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.chronicle import Learnt
from gateway.database import connect
from gateway.errors import DataDirError
from gateway.journals.sqlite import SqliteChronicle
from gateway.journals.sqlite.chronicle import NEWEST
from gateway.journals.sqlite.schema import MIGRATIONS
from gateway.types import Operator
from tests.journals.lessons import NOW, at, change, feedback, signal
from tests.journals.samples import scope
from tests.journals.sqlite.test_history import Record, opened
from tests.periods import earnings

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


@pytest.mark.parametrize("damage", ["x'c1'", "x'81A46E616D65A1FF'"])  # no record; a name that is no UTF-8
async def test_damage_to_what_was_learnt_hides_nothing_else(
    record: Record, chronicle: SqliteChronicle, damage: str
) -> None:
    for name in ("e1", "e2"):
        await record.journal.commit(at(NOW, name, ANN))
        learnt = Learnt(
            exchange=name,
            signals=(signal(name, name),),
            changes=(change(name, name),),
            earned=tuple(earnings(name, is_told=True, right=1, wrong=0)),
        )
        await record.history.taught(ANN, learnt)
        await record.history.give(ANN, feedback(name, exchange=name))
    await record.history.taught(ANN, Learnt(exchange="e1", feedback=("e1",)))
    await record.history.taught(ANN, Learnt(exchange="e2", feedback=("e2",)))
    await record.history.taught(ANN, Learnt(exchange="", changes=(change("by hand", ""),)))
    for table in ("signals", "changes", "earned"):
        record.execute(f"UPDATE {table} SET payload = {damage} WHERE event IN (SELECT min(event) FROM {table})")
    record.execute(f"UPDATE changes SET payload = {damage} WHERE memory = 'by hand'")
    record.execute(f"UPDATE feedback SET payload = {damage} WHERE id = 'e1'")
    assert [one.signal.evidence for one in await chronicle.signals(ALL, 0, 9)] == ["e2"]
    assert [one.change.memory for one in await chronicle.changes(ALL, 0, 9)] == ["e2"]
    assert [one.earned.memory for one in await chronicle.earned(ALL, 0, 9)] == ["e2"]
    steps = await chronicle.steps(ALL, 0, 9)
    assert [(one.exchange, [given.id for given in one.feedback], one.changes) for one in steps] == [
        ("e1", [], ()), ("e2", [], ()), ("e1", [], ()), ("e2", ["e2"], ()), ("", [], ()),
    ]  # fmt: skip


async def test_the_newest_that_can_be_read_are_as_many_as_were_asked_for(
    record: Record, chronicle: SqliteChronicle
) -> None:
    for number in range(5):
        await record.journal.commit(at(NOW + number, f"e{number}", ANN))
    record.execute("UPDATE exchanges SET payload = x'c1' WHERE id = 'e4'")
    assert [one.id for one in await chronicle.exchanges(ALL, 0, 2)] == ["e2", "e3"]


def test_which_exchanges_are_read_is_told_by_indexes_alone(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "journal.db", MIGRATIONS)) as connection:
        for within, names in (("", ()), ("AND (tenant, user) = (?, ?)", ("acme", "ann"))):
            plan = connection.execute(f"EXPLAIN QUERY PLAN {NEWEST.format(within=within)}", (0.0, *names)).fetchall()
            touched = [step[-1] for step in plan if "exchanges" in step[-1]]
            assert [step for step in touched if "COVERING INDEX" not in step and "INDEX intents" not in step] == []


async def test_feedback_that_was_erased_is_missing_from_its_step(record: Record, chronicle: SqliteChronicle) -> None:
    await record.journal.commit(at(NOW, "e1", ANN))
    await record.history.give(ANN, feedback("f1", exchange="e1"))
    await record.history.taught(ANN, Learnt(exchange="e1", feedback=("f1",)))
    record.journal.writer.submit(lambda connection: connection.execute("DELETE FROM feedback")).result(10)
    assert [step.feedback for step in await chronicle.steps(ALL, 0, 9)] == [()]


def test_a_directory_without_a_journal_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataDirError, match=r"journal\.db"):
        SqliteChronicle(tmp_path / "journal.db")
