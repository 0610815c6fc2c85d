"""What exchanges say about how things went, and what is kept of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import structlog

from gateway.embedders.wordllama import WordLlamaEmbedder
from gateway.experience import Credit, Feedback, Grade, Signal
from gateway.journals.sqlite import SqliteHistory, SqliteJournal
from gateway.learn import Learner
from gateway.memories import TAUGHT, Memory
from gateway.precedents import Precedents
from gateway.signals.base import Detector, Seen
from gateway.stores.local import LocalStore
from gateway.study import QUIET_S, Study, studied
from gateway.telemetry import Telemetry
from gateway.testing import ManualClock
from gateway.tokens import Tokens
from gateway.types import Exchange, Note, Operator, Scope, ToolCall, Turn
from gateway.wiring import DETECTORS, KINDS
from tests.exchanges import ANN, NOW, exchange, user

EMBEDDER = WordLlamaEmbedder()
TOKENS = Tokens.from_litellm()

LEARNS = ("constraint", "lesson", "correction")
FAILED = '{"error": "date must be written as YYYY-MM-DD"}'


class Faulty:
    """A detector with a fault."""

    name = "faulty"
    version = 1
    grade: Grade = "A"

    def find(self, seen: Seen) -> Sequence[Signal]:
        raise ZeroDivisionError("a fault of ours")


class Leaving:
    """A detector during whose first look others begin to learn from everybody."""

    name = "leaving"
    version = 1
    grade: Grade = "A"
    study: Study | None = None

    def find(self, seen: Seen) -> Sequence[Signal]:
        if self.study is not None:
            self.study.leave(lambda scope: True)
            self.study = None
        return ()


class School(msgspec.Struct, frozen=True, kw_only=True):
    """A learner that studies, and what it stands between."""

    clock: ManualClock
    journal: SqliteJournal
    history: SqliteHistory
    store: LocalStore
    learner: Learner
    told: list[Scope]

    async def happened(self, *exchanges: Exchange) -> None:
        for one in exchanges:
            await self.journal.commit(msgspec.structs.replace(one, learns=LEARNS))
        await self.catch_up()

    async def catch_up(self) -> None:
        while await self.learner.step():
            pass

    async def labelled(self, exchange: str, label: str) -> None:
        feedback = Feedback(id=f"fb_{exchange}", tenant=ANN.tenant, exchange=exchange, at=NOW, value=False, label=label)
        assert await self.history.give(ANN, feedback) == "new"

    async def lessons(self, scope: Scope = ANN) -> list[Memory]:
        return await self.store.list(scope, TAUGHT, 100)


@asynccontextmanager
async def opened(folder: Path, detectors: dict[str, Detector] = DETECTORS) -> AsyncIterator[School]:
    folder.mkdir(exist_ok=True)
    async with AsyncExitStack() as stack:
        clock, told = ManualClock(NOW), list[Scope]()
        journal = await stack.enter_async_context(aclosing(SqliteJournal(folder / "journal.db")))
        history = await stack.enter_async_context(aclosing(SqliteHistory(folder / "journal.db", journal.writer, clock)))
        store = LocalStore(folder / "memories.db", folder / "index", EMBEDDER)
        await stack.enter_async_context(aclosing(store))
        study = Study(journal, history, store, KINDS, detectors, TOKENS, clock, Telemetry(), told.append)
        learner = Learner(journal, store, KINDS, TOKENS, study)
        yield School(clock=clock, journal=journal, history=history, store=store, learner=learner, told=told)


@pytest.fixture
async def school(tmp_path: Path) -> AsyncIterator[School]:
    async with opened(tmp_path) as school:
        yield school


def booking(session: str, scope: Scope = ANN) -> list[Exchange]:
    """An agent that books, fails, and books with the date written otherwise."""

    def step(number: int, *turns: Turn, asked: tuple[ToolCall, ...] = (), calls: tuple[ToolCall, ...] = ()) -> Exchange:
        plain = exchange(*turns, id=f"ex_{session}_{number}", answers=[""], asked=asked, setup="gpt")
        assert plain.reply is not None
        reply = msgspec.structs.replace(plain.reply, turns=(Turn(role="assistant", text="", calls=calls),))
        where = msgspec.structs.replace(scope, session=session)
        return msgspec.structs.replace(
            plain, scope=where, reply=reply, at=NOW - 600 + number, ended_at=NOW - 599 + number
        )

    first = ToolCall(id="call_1", name="book_flight", arguments='{"to": "Bern", "date": "3 May"}')
    second = ToolCall(id="call_2", name="book_flight", arguments='{"to": "Bern", "date": "2027-05-03"}')
    return [
        step(1, user("Book me a flight to Bern on 3 May."), calls=(first,)),
        step(2, Turn(role="tool", text=FAILED, answers="call_1"), asked=(first,), calls=(second,)),
        step(3, Turn(role="tool", text='{"booked": true}', answers="call_2"), asked=(second,)),
    ]


async def test_an_error_that_was_mended_in_two_sessions_is_a_lesson(school: School) -> None:
    await school.happened(*booking("s1"))
    (proposed,) = await school.lessons()
    assert proposed.lesson is not None
    assert (proposed.kind, proposed.lesson.state) == ("lesson", "proposed")
    await school.happened(*booking("s2"))
    (active,) = await school.lessons()
    assert active.lesson is not None
    assert (active.id, active.lesson.state) == (proposed.id, "active")
    assert "date" in active.text
    assert active.tokens
    assert school.told[-1].owner == ANN.owner


async def test_what_is_learnt_again_after_a_crash_changes_nothing(school: School, tmp_path: Path) -> None:
    exchanges = booking("s1") + booking("s2")
    await school.happened(*exchanges)
    before = await school.lessons()
    for one in await _leased_again(school, exchanges):
        await school.learner.take(one)
    assert await school.lessons() == before


async def test_a_label_that_is_given_as_feedback_is_learnt_when_the_answer_is(school: School) -> None:
    await school.journal.commit(exchange(user("Where is my card?"), answers=["card_lost"], learns=LEARNS))
    await school.labelled("ex_1", "card_arrival")
    assert await school.lessons() == []
    await school.catch_up()
    (correction,) = await school.lessons()
    assert correction.lesson is not None
    assert (correction.kind, correction.lesson.state, correction.lesson.grade) == ("correction", "active", "S")
    became = await school.history.became(ANN.tenant, "fb_ex_1")
    assert became is not None
    assert became.state == "learnt"
    assert [change.memory for change in became.changes] == [correction.id]


@pytest.mark.promise("P7")
async def test_what_one_user_taught_is_nothing_to_another(school: School) -> None:
    bob = Scope(tenant=ANN.tenant, user="bob", session="s1")
    await school.happened(*booking("s1"), *booking("s2"))
    assert await school.lessons(bob) == []


async def test_kinds_that_a_policy_does_not_learn_are_not_kept(school: School) -> None:
    for one in booking("s1") + booking("s2"):
        await school.journal.commit(msgspec.structs.replace(one, learns=("constraint",)))
    await school.catch_up()
    assert await school.lessons() == []


async def test_a_detector_with_a_fault_keeps_no_other_from_seeing(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logs:
        async with opened(tmp_path, {"faulty": Faulty(), **DETECTORS}) as school:
            await school.happened(*booking("s1"))
            assert len(await school.lessons()) == 1
    assert {"detector_failed"} == {entry["event"] for entry in logs if entry["log_level"] == "error"}


async def test_a_session_that_has_been_quiet_for_long_is_looked_at_once_more(school: School) -> None:
    failed = booking("s1")[:2]
    await school.happened(*failed)
    assert await school.learner.step() == 0
    school.clock.advance(QUIET_S)
    assert await school.learner.step() == 1
    assert await school.learner.step() == 0


async def test_a_session_that_others_learn_from_now_on_is_theirs_to_look_at(school: School) -> None:
    await school.happened(*booking("s1")[:2], *(booking("s2", msgspec.structs.replace(ANN, user="bob"))[:2]))
    study = school.learner._study
    assert study is not None
    study.leave(lambda scope: scope.user == "bob")
    school.clock.advance(QUIET_S)
    assert await school.learner.step() == 1
    assert await school.learner.step() == 0


async def test_a_session_that_is_left_while_a_step_looks_at_it_is_not_kept_by_that_step(tmp_path: Path) -> None:
    leaving = Leaving()
    async with opened(tmp_path, {"leaving": leaving}) as school:
        first, second, _ = booking("s1")
        study = leaving.study = school.learner._study
        assert study is not None
        await school.happened(first)
        school.clock.advance(2 * QUIET_S)
        assert (leaving.study, await school.learner.step()) == (None, 0)
        await study.learn(msgspec.structs.replace(second, learns=LEARNS))  # they are this gateway's again
        assert await school.learner.step() == 1


async def test_of_calls_under_way_together_none_is_lost_to_those_that_follow(school: School) -> None:
    first, second, third = booking("s1")
    study = school.learner._study
    assert study is not None
    for one in (first, third, second):
        await study.learn(msgspec.structs.replace(one, learns=LEARNS))
    assert [one.id for one in study._sessions[ANN.owner, "s1"]] == [first.id, second.id, third.id]


async def test_long_texts_are_kept_at_hand_by_their_ends(school: School) -> None:
    text = f"begin {'x' * 1_000_000} end"
    await school.happened(exchange(Turn(role="tool", text=text, answers="call_1"), user("And?"), answers=["Fine."]))
    study = school.learner._study
    assert study is not None
    ((kept,),) = study._sessions.values()
    assert len(kept.turns[0].text) < 20_000
    assert (kept.turns[0].text[:5], kept.turns[0].text[-3:], kept.turns[1].text) == ("begin", "end", "And?")


async def test_feedback_does_not_wait_for_everything_else_to_be_learnt(school: School) -> None:
    await school.journal.commit(exchange(user("Where is my card?"), answers=["card_lost"], learns=LEARNS))
    await school.learner.step()
    await school.labelled("ex_1", "card_arrival")
    await school.journal.commit(exchange(user("Hello!"), id="ex_2", answers=["Hi."], learns=LEARNS))
    assert await school.learner.step() == 2
    assert [memory.kind for memory in await school.lessons()] == ["correction"]


async def test_a_lesson_without_which_things_go_better_is_told_no_more(school: School) -> None:
    await school.happened(*booking("s1"), *booking("s2"))
    (memory,) = await school.lessons()
    assert memory.lesson is not None
    bad = Credit(right_with=2, wrong_with=40, right_without=40, wrong_without=2, at=NOW, setup="gpt")
    worn = msgspec.structs.replace(memory, lesson=msgspec.structs.replace(memory.lesson, credit=bad))
    note = Note(where="u", text="…", memories=(memory.id,), draws={memory.id: 0.9})
    first, failed, _ = booking("s3")
    told = msgspec.structs.replace(first, notes=(note,))
    seen = Seen(exchange=failed, earlier=(told,))
    signals = [signal for detector in DETECTORS.values() for signal in detector.find(seen)]
    result = studied(seen, signals, [worn])
    (gone,) = result.memories
    assert gone.lesson is not None
    assert gone.lesson.state == "retired"
    assert [change.action for change in result.changes] == ["RETIRE"]


async def test_what_an_exchange_came_to_is_known_to_the_call_that_follows(school: School) -> None:
    precedents = Precedents(school.store, school.clock)
    assert await precedents.of(ANN) == ()
    await school.happened(*booking("s1"), *booking("s2"))
    assert await precedents.of(ANN) == ()
    precedents.forget(ANN)
    assert [memory.kind for memory in await precedents.of(ANN)] == ["lesson"]


async def _leased_again(school: School, exchanges: Sequence[Exchange]) -> list[Exchange]:
    """The exchanges as a crash before they were marked would have them learnt once more."""
    read = await asyncio.gather(*(school.journal.read(Operator(), one.id) for one in exchanges))
    return [one for one in read if one is not None]


async def test_what_goes_wrong_for_three_users_alike_is_told_to_all_without_a_word_of_theirs(school: School) -> None:
    for number, name in enumerate(("ann", "bob", "cyd")):
        scope = Scope(tenant=ANN.tenant, user=name, session="s")
        (counting,) = await school.lessons(ANN.common) if number else [None]
        assert counting is None or (counting.text, counting.lesson and counting.lesson.state) == ("", "proposed")
        await school.happened(*booking(f"{name}1", scope), *booking(f"{name}2", scope))
    (told,) = await school.lessons(ANN.common)
    assert told.lesson is not None
    assert (told.lesson.state, told.lesson.users) == ("active", ("ann", "bob", "cyd"))
    assert "Bern" not in f"{told.text} {told.key} {told.lesson.triggers} {told.lesson.evidence}"
    assert "book_flight" in told.text
    stranger = Scope(tenant=ANN.tenant, user="dan", session="s")
    assert await Precedents(school.store, school.clock).of(stranger) == (told,)
