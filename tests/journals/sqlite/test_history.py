"""What only a history on disk can do or suffer; what every one must is in tests/journals/test_history_contract.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from gateway.chronicle import Became, Learnt
from gateway.errors import MemoryUnavailable
from gateway.experience import Feedback
from gateway.journals.sqlite import SqliteHistory, SqliteJournal
from gateway.testing import ManualClock
from tests.journals.lessons import NOW, at, change, feedback, signal
from tests.journals.samples import exchange, intent, leased, scope

S1 = scope("s1")


class Record(msgspec.Struct):
    """A journal and its history, as one gateway has them."""

    journal: SqliteJournal
    history: SqliteHistory
    clock: ManualClock

    async def learn_all(self) -> None:
        """Mark every exchange as learnt."""
        await self.journal.done(await leased(self.journal))

    def execute(self, statement: str) -> None:
        """Run a statement on the file."""
        self.journal.writer.submit(lambda connection: connection.execute(statement)).result(10)


@asynccontextmanager
async def opened(path: Path, clock: ManualClock | None = None) -> AsyncIterator[Record]:
    clock = clock or ManualClock(NOW)
    journal = SqliteJournal(path / "journal.db")
    history = SqliteHistory(path / "journal.db", journal.writer, clock)
    yield Record(journal, history, clock)
    await history.aclose()
    await journal.aclose()


@pytest.fixture
async def record(tmp_path: Path) -> AsyncIterator[Record]:
    async with opened(tmp_path) as made:
        yield made


def ids(found: list[Feedback]) -> list[tuple[str, str]]:
    return [(one.id, one.exchange) for one in found]


@pytest.mark.parametrize("damage", ["x'00'", "x'81A26964A1FF'"])  # no exchange; an id that is no UTF-8
async def test_a_damaged_exchange_keeps_no_other_feedback_from_being_learnt(record: Record, damage: str) -> None:
    for name in ("e1", "e2"):
        await record.journal.commit(at(NOW, name, S1))
    await record.learn_all()
    for name, judged in (("f1", "e1"), ("f2", "e1"), ("f3", "e2"), ("f4", "e2")):
        await record.history.give(S1, feedback(name, exchange=judged))
    record.execute(f"UPDATE exchanges SET payload = {damage} WHERE id = 'e1'")
    record.execute(f"UPDATE feedback SET payload = {damage} WHERE id = 'f3'")
    assert ids(await record.history.given(1)) == [("f4", "e2")]
    assert await record.history.became("acme", "f1") == Became(id="f1", state="unmatched", exchange="e1")
    assert await record.history.became("acme", "f3") == Became(id="f3", state="unmatched", exchange="e2")
    assert await record.history.give(S1, feedback("f3", exchange="e2")) == "other"
    await record.history.taught(S1, Learnt(exchange="e2", feedback=("f4",)))
    assert await record.history.given(1) == []


async def test_feedback_outlives_the_process_that_took_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as before:
        before.journal.intend(msgspec.structs.replace(intent("e1", S1), at=NOW))
        await before.history.give(S1, feedback("f1", exchange="e1"))
    async with opened(tmp_path) as after:
        assert await after.history.given(9) == []  # the exchange was interrupted, and is still to be learnt
        await after.learn_all()
        assert ids(await after.history.given(9)) == [("f1", "e1")]


async def test_two_hundred_at_once_are_all_taken(record: Record) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    await record.learn_all()
    given = [feedback(f"f{number:03}", exchange="e1") for number in range(200)]
    assert set(await asyncio.gather(*(record.history.give(S1, one) for one in given))) == {"new"}
    assert await record.history.given(500) == given


async def test_nothing_is_taken_when_the_record_is_closed(tmp_path: Path) -> None:
    async with opened(tmp_path) as record:
        await record.journal.commit(at(NOW, "e1", S1))
    with pytest.raises(MemoryUnavailable, match="closed"):
        await record.history.give(S1, feedback("f1", exchange="e1"))


async def test_a_step_is_on_record_whole_or_not_at_all(record: Record) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    await record.learn_all()
    await record.history.give(S1, feedback("f1", exchange="e1"))
    bad = msgspec.structs.replace(change("m1", "f1"), at=None)
    with pytest.raises(MemoryUnavailable, match="NOT NULL"):
        await record.history.taught(
            S1, Learnt(exchange="e1", feedback=("f1",), signals=(signal("e1", "x"),), changes=(bad,))
        )
    assert ids(await record.history.given(9)) == [("f1", "e1")]
    assert await record.history.became("acme", "f1") == Became(id="f1", state="waiting", exchange="e1")


async def test_an_exchange_that_is_no_more_leaves_feedback_without_memories(tmp_path: Path) -> None:
    async with opened(tmp_path) as record:
        await record.journal.commit(exchange("e1", S1))
        await record.history.give(S1, feedback("f1", exchange="e1", at=1.0))
        record.execute("DELETE FROM exchanges")
        assert await record.history.became("acme", "f1") == Became(id="f1", state="waiting", exchange="e1")
