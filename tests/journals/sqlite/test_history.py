"""Looking back on sessions, feedback from its acceptance until it is learnt, and the order of learning."""

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
from gateway.types import Scope
from tests.journals.lessons import DAY, NOW, at, change, feedback, signal
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


# Looking back on a session


async def test_a_session_is_looked_back_on_from_one_of_its_exchanges_newest_kept_oldest_first(record: Record) -> None:
    for number in range(1, 6):
        await record.journal.commit(at(NOW + number, f"e{number}", S1))
    await record.journal.commit(at(NOW + 3, "other", scope("s2")))
    await record.journal.commit(at(NOW + 3, "stranger", scope("s1", user="bob")))
    await record.journal.commit(at(NOW + 3, "foreign", scope("s1", tenant="rival")))
    assert [one.id for one in await record.history.session(S1, "e5", 3)] == ["e2", "e3", "e4"]
    assert [one.id for one in await record.history.session(S1, "e2", 3)] == ["e1"]
    assert await record.history.session(S1, "e1", 3) == []


async def test_what_has_not_ended_or_was_refused_is_not_looked_back_on_and_takes_no_place(record: Record) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    await record.journal.commit(at(NOW + 1, "e2", S1, status=429))
    await record.journal.commit(at(NOW + 2, "e3", S1, status=502, state="interrupted"))
    record.journal.intend(intent("e4", S1))
    await record.journal.commit(at(NOW + 4, "e5", S1))
    assert [one.id for one in await record.history.session(S1, "e5", 1)] == ["e1"]


async def test_of_two_exchanges_at_one_time_the_ids_tell_which_came_first(record: Record) -> None:
    for name in ("e2", "e1", "e3"):
        await record.journal.commit(at(NOW, name, S1))
    assert [one.id for one in await record.history.session(S1, "e3", 9)] == ["e1", "e2"]


# Feedback


async def test_feedback_is_given_once_and_comes_to_the_learner_when_its_exchange_is_learnt(record: Record) -> None:
    record.journal.intend(msgspec.structs.replace(intent("e1", S1), at=NOW))
    assert await record.history.give(S1, feedback("f1", exchange="e1")) == "new"
    assert await record.history.give(S1, feedback("f1", exchange="e1")) == "known"
    assert await record.history.given(9) == []
    await record.journal.commit(at(NOW, "e1", S1))
    assert await record.history.given(9) == []
    await record.learn_all()
    assert await record.history.given(9) == [feedback("f1", exchange="e1")]


@pytest.mark.promise("P7")
async def test_an_exchange_of_another_tenant_is_as_unknown_as_none(record: Record) -> None:
    await record.journal.commit(at(NOW, "e1", scope("s1", tenant="rival")))
    assert await record.history.give(S1, feedback("f1", exchange="e1")) == "unknown"
    assert await record.history.give(S1, feedback("f2", exchange="e0")) == "unknown"
    assert await record.history.became("acme", "f1") is None


@pytest.mark.promise("P7")
async def test_an_id_is_its_tenants_own(record: Record) -> None:
    rival = scope("s1", tenant="rival")
    await record.journal.commit(at(NOW, "e1", S1))
    await record.journal.commit(at(NOW, "e2", rival))
    assert await record.history.give(S1, feedback("f1", exchange="e1")) == "new"
    assert await record.history.give(rival, feedback("f1", exchange="e2")) == "new"
    assert await record.history.became("rival", "f1") == Became(id="f1", state="waiting", exchange="e2")


BOB = scope("s1", user="bob")
ANYBODY = scope("", user=None)


@pytest.mark.promise("P7")
async def test_who_names_a_user_judges_that_users_exchanges_alone_and_who_names_none_the_tenants(
    record: Record,
) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    assert await record.history.give(BOB, feedback("f1", exchange="e1")) == "unknown"
    assert await record.history.give(ANYBODY, feedback("f1", exchange="e1")) == "new"
    assert await record.history.became("acme", "f1", "bob") is None
    waiting = Became(id="f1", state="waiting", exchange="e1")
    assert await record.history.became("acme", "f1", "ann") == await record.history.became("acme", "f1") == waiting


async def test_the_same_id_of_two_users_is_two_feedbacks_each_learnt_for_itself(record: Record) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    await record.journal.commit(at(NOW, "e2", BOB))
    await record.learn_all()
    assert await record.history.give(S1, feedback("f1", exchange="e1")) == "new"
    assert await record.history.give(BOB, feedback("f1", exchange="e2")) == "new"
    await record.history.taught(BOB, Learnt(exchange="e2", feedback=("f1",)))
    assert ids(await record.history.given(9)) == [("f1", "e1")]
    assert await record.history.became("acme", "f1", "ann") == Became(id="f1", state="waiting", exchange="e1")
    assert await record.history.became("acme", "f1", "bob") == Became(id="f1", state="learnt", exchange="e2")
    assert await record.history.became("acme", "f1") is None  # whose is not said


async def test_an_id_is_not_taken_for_another_exchange_nor_for_something_else(record: Record) -> None:
    for name in ("e1", "e2"):
        await record.journal.commit(at(NOW, name, S1))
    given = feedback("f1", exchange="e1")
    assert await record.history.give(S1, given) == "new"
    assert await record.history.give(S1, msgspec.structs.replace(given, at=NOW + 5)) == "known"
    assert await record.history.give(S1, feedback("f1", exchange="e2")) == "other"
    assert await record.history.give(S1, msgspec.structs.replace(given, value=False)) == "other"


async def test_feedback_on_a_session_that_has_gone_on_may_be_sent_again(record: Record) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    assert await record.history.give(S1, feedback("f1", session="s1")) == "new"
    await record.journal.commit(at(NOW + 1, "e2", S1))
    assert await record.history.give(S1, feedback("f1", session="s1", at=NOW + 2)) == "known"
    assert await record.history.became("acme", "f1") == Became(id="f1", state="waiting", exchange="e1")


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


async def test_feedback_on_a_session_means_the_last_thing_said_in_it(record: Record) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    await record.journal.commit(at(NOW + 1, "e2", S1))
    await record.journal.commit(at(NOW + 2, "e3", S1, status=500))
    await record.journal.commit(at(NOW + 3, "e4", S1, is_aside=True))
    await record.learn_all()
    assert await record.history.give(S1, feedback("f1", session="s1")) == "new"
    await record.journal.commit(at(NOW + 4, "e5", S1))
    assert ids(await record.history.given(9)) == [("f1", "e2")]


@pytest.mark.parametrize("who", [scope("s2"), scope("s1", user="bob"), scope("s1", user=None)])
async def test_a_session_is_its_users_own(record: Record, who: Scope) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    assert await record.history.give(who, feedback("f1", session=who.session)) == "unknown"


async def test_feedback_is_taken_for_seven_days_and_what_was_taken_stays_taken(record: Record) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    assert await record.history.give(S1, feedback("f1", exchange="e1", at=NOW + 7 * DAY)) == "new"
    assert await record.history.give(S1, feedback("f2", exchange="e1", at=NOW + 7 * DAY + 1)) == "late"
    assert await record.history.give(S1, feedback("f3", session="s1", at=NOW + 7 * DAY + 1)) == "late"
    assert await record.history.give(S1, feedback("f1", exchange="e1", at=NOW + 8 * DAY)) == "known"


async def test_what_its_exchange_keeps_waiting_for_seven_days_waits_no_longer(record: Record) -> None:
    record.journal.intend(msgspec.structs.replace(intent("e1", S1), at=NOW))
    await record.journal.commit(at(NOW, "e2", S1))
    await record.history.give(S1, feedback("f1", exchange="e1"))
    await record.learn_all()
    await record.history.give(S1, feedback("f2", exchange="e2"))
    record.clock.advance(7 * DAY + 1)
    assert ids(await record.history.given(9)) == [("f2", "e2")]
    assert await record.history.became("acme", "f1") == Became(id="f1", state="unmatched", exchange="e1")
    await record.journal.commit(at(NOW, "e1", S1))
    await record.learn_all()
    assert ids(await record.history.given(9)) == [("f2", "e2")]


async def test_the_oldest_feedback_comes_first_and_no_more_than_asked_for(record: Record) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    await record.learn_all()
    for name in ("f3", "f1", "f2"):
        await record.history.give(S1, feedback(name, exchange="e1"))
    assert ids(await record.history.given(2)) == [("f3", "e1"), ("f1", "e1")]


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


async def test_torn_text_is_made_whole(record: Record) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    await record.learn_all()
    torn = msgspec.structs.replace(feedback("f\ud83d", exchange="e1"), comment="good \ud83d")
    assert await record.history.give(S1, torn) == "new"
    (found,) = await record.history.given(9)
    assert (found.id, found.comment) == ("f\ufffd", "good \ufffd")
    await record.history.taught(S1, Learnt(exchange="e1", feedback=("f\ud83d",)))
    assert await record.history.became("acme", "f\ud83d") == Became(id="f\ufffd", state="learnt", exchange="e1")


async def test_nothing_is_taken_when_the_record_is_closed(tmp_path: Path) -> None:
    async with opened(tmp_path) as record:
        await record.journal.commit(at(NOW, "e1", S1))
    with pytest.raises(MemoryUnavailable, match="closed"):
        await record.history.give(S1, feedback("f1", exchange="e1"))


# What was learnt


async def test_it_is_told_what_became_of_feedback(record: Record) -> None:
    await record.journal.commit(at(NOW, "e1", S1, told=("m1", "m2")))
    await record.learn_all()
    await record.history.give(S1, feedback("f1", exchange="e1"))
    waiting = Became(id="f1", state="waiting", exchange="e1", memories=("m1", "m2"))
    assert await record.history.became("acme", "f1") == waiting
    steps = (change("m3", "f1"), change("m2", "f1"))
    await record.history.taught(S1, Learnt(exchange="e1", changes=(change("m9", "e1"),)))
    await record.history.taught(S1, Learnt(exchange="e1", feedback=("f1",), changes=steps))
    learnt = msgspec.structs.replace(waiting, state="learnt", changes=steps)
    assert await record.history.became("acme", "f1") == learnt
    assert await record.history.given(9) == []


async def test_feedback_that_is_learnt_leaves_that_of_another_tenant_with_its_id_waiting(record: Record) -> None:
    rival = scope("s1", tenant="rival")
    await record.journal.commit(at(NOW, "e1", S1))
    await record.journal.commit(at(NOW, "e2", rival))
    await record.learn_all()
    await record.history.give(S1, feedback("f1", exchange="e1"))
    await record.history.give(rival, msgspec.structs.replace(feedback("f1", exchange="e2"), tenant="rival"))
    await record.history.taught(S1, Learnt(exchange="e1", feedback=("f1",)))
    assert ids(await record.history.given(9)) == [("f1", "e2")]


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
