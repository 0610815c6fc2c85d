"""What only sessions on disk can suffer; what every record must tell of them is in tests/journals/test_sessions.py."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, closing
from pathlib import Path

import pytest

from gateway.chronicle import Learnt
from gateway.database import connect
from gateway.errors import MemoryUnavailable
from gateway.journals.sqlite import SqliteJournal, SqliteSessions
from gateway.journals.sqlite.schema import MIGRATIONS
from gateway.sealing import Seal
from tests.journals.lessons import NOW, at, change, feedback, signal
from tests.journals.samples import intent, scope
from tests.journals.sqlite.test_history import Record, opened

ANN = scope("s1")


@pytest.fixture
async def record(tmp_path: Path) -> AsyncIterator[Record]:
    async with opened(tmp_path) as made:
        yield made


@pytest.fixture
async def sessions(record: Record, tmp_path: Path) -> AsyncIterator[SqliteSessions]:
    async with aclosing(SqliteSessions(tmp_path / "journal.db")) as reading:
        yield reading


async def test_a_call_under_way_is_part_of_its_session(record: Record, sessions: SqliteSessions) -> None:
    record.journal.intend(intent("e1", ANN)).result(10)
    (found,) = (await sessions.newest("", None, "", 9))[0]
    assert (found.scope, found.calls) == (ANN, 1)
    assert [one.exchange.state for one in (await sessions.calls(ANN, "", 9))[0]] == ["intent"]


@pytest.mark.parametrize("damage", ["x'c1'", "x'81A26964A1FF'"])  # no record; an id that is no UTF-8
async def test_a_damaged_record_hides_no_other(record: Record, sessions: SqliteSessions, damage: str) -> None:
    for name in ("e1", "e2"):
        await record.journal.commit(at(NOW, name, ANN))
        await record.history.give(ANN, feedback(f"f{name}", exchange=name))
        learnt = Learnt(exchange=name, signals=(signal(name, name),), changes=(change("m1", name),))
        await record.history.taught(ANN, learnt)
    record.execute(f"UPDATE exchanges SET payload = {damage} WHERE id = 'e1'")
    for table in ("feedback", "signals", "changes"):
        record.execute(f"UPDATE {table} SET payload = {damage}")
    (left,) = (await sessions.calls(ANN, "", 9))[0]
    assert (left.exchange.id, left.signals, left.feedback, left.changes) == ("e2", (), (), ())


async def test_what_is_under_a_seal_is_read_by_who_has_the_key(tmp_path: Path) -> None:
    path, seal = tmp_path / "journal.db", Seal(b"k" * 32)
    async with aclosing(SqliteJournal(path, seal)) as journal, aclosing(SqliteSessions(path, seal)) as sessions:
        await journal.commit(at(NOW, "e1", ANN))
        assert [one.exchange for one in (await sessions.calls(ANN, "", 9))[0]] == [at(NOW, "e1", ANN)]
        async with aclosing(SqliteSessions(path)) as without:
            assert (await without.calls(ANN, "", 9))[0] == []


async def test_a_record_that_is_not_there_yet_can_be_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with aclosing(SqliteSessions(path)) as sessions:
        with pytest.raises(MemoryUnavailable, match=r"journal\.db"):
            await sessions.newest("", None, "", 9)
        async with aclosing(SqliteJournal(path)) as journal:
            await journal.commit(at(NOW, "e1", ANN))
            assert len((await sessions.newest("", None, "", 9))[0]) == 1


def test_feedback_of_an_exchange_is_found_without_a_look_at_all_the_rest(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "journal.db", MIGRATIONS)) as connection:
        for statement in ("SELECT payload", "DELETE"):
            plan = connection.execute(f"EXPLAIN QUERY PLAN {statement} FROM feedback WHERE exchange = 'e1'").fetchall()
            assert [step[-1] for step in plan] == ["SEARCH feedback USING INDEX feedback_by_exchange (exchange=?)"]
