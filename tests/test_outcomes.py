"""What becomes of lessons that were drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import pytest

from gateway.experience import MAX_TAKEN, Credit, Earned, Event, Evidence, Feedback, Lesson, Signal
from gateway.memories import Memory
from gateway.outcomes import Drawn, drawn, evened, outcomes, rewarded
from gateway.signals.base import Seen
from gateway.types import Exchange, Note, ToolCall, Turn
from tests.exchanges import NOW, exchange, in_session, user

BOOKED = exchange(user("Book it."), id="ex_1", answers=["On it."], setup="gpt", notes=())


def lesson(signal: str, key: str, id: str = "m_1", **changes: object) -> Memory:
    """One that was learnt from a signal."""
    evidence = Evidence(signal=signal, version=1, grade="A", exchange="ex_0", session="s0", at=NOW, span="…")
    plain = Lesson(key=key, state="active", grade="A", evidence=(evidence,), credit=Credit(setup="gpt"))
    return Memory(
        id=id,
        kind="lesson",
        text="…",
        key="…",
        origin="tool",
        exchange="ex_0",
        session="s0",
        at=NOW,
        recorded_at=NOW,
        lesson=msgspec.structs.replace(plain, **changes),
    )


TOOL = lesson("tool_error", "book|no such date")
SCHEMA = lesson("schema_violation", "book|$.date pattern")
TEST = lesson("test_change", "tests/test_a.py::test_b")
LABEL = lesson("label_corrected", "label|card_lost")


def draw(memory: Memory, exchange: str = "ex_1", *, is_told: bool = True) -> list[Drawn]:
    assert memory.lesson is not None
    return [Drawn(memory=memory, lesson=memory.lesson, is_told=is_told, propensity=0.75, exchange=exchange)]


def used(*tools: str, id: str = "ex_2") -> Exchange:
    """An exchange in which results of tools came."""
    calls = [ToolCall(id=f"call_{tool}", name=tool, arguments="{}") for tool in tools]
    results = [Turn(role="tool", text="…", answers=call.id) for call in calls]
    return exchange(*results, id=id, answers=["Done."], setup="gpt", asked=tuple(calls))


def seen(name: str, key: str = "", *, is_good: bool | None = False, about: str = "", **changes: object) -> Signal:
    """What a detector saw."""
    plain = Signal(
        name=name,
        version=1,
        grade="A",
        exchange="ex_2",
        session="s1",
        at=NOW,
        is_good=is_good,
        evidence="…",
        key=key,
        about=about,
    )
    return msgspec.structs.replace(plain, **changes)


def events(seen: Seen, signals: Sequence[Signal], draws: Iterable[Drawn]) -> list[tuple[str, float]]:
    return [(earned.event, earned.weight) for earned in outcomes(seen, signals, draws)]


RECURRED = seen("tool_error", "book|no such date", tool="book")


def test_an_error_that_comes_back_speaks_against_the_lesson_about_it() -> None:
    (earned,) = outcomes(Seen(exchange=used("book")), [RECURRED], draw(TOOL, is_told=False))
    assert earned.session != BOOKED.scope.session
    assert earned == Earned(
        memory="m_1",
        is_told=False,
        propensity=0.75,
        event="failed",
        weight=1.0,
        exchange="ex_2",
        session=earned.session,
        at=NOW - 60,
        setup="gpt",
    )
    assert not earned.is_right


def test_a_tool_that_was_used_without_the_error_speaks_for_it() -> None:
    other = seen("tool_error", "book|no seat left", tool="book")
    assert events(Seen(exchange=used("book")), [other], draw(TOOL)) == [("passed", 1.0)]


def test_what_a_tool_says_in_the_call_that_was_told_came_before_the_lesson() -> None:
    both = Seen(exchange=used("book", id="ex_1"))
    assert events(both, [RECURRED], draw(TOOL)) == []
    assert events(both, [], draw(TOOL)) == []


def test_another_tool_or_an_outage_says_nothing_of_the_lesson() -> None:
    outage = seen("tool_error", "book|timeout", tool="book", is_environment=True)
    assert events(Seen(exchange=used("search")), [], draw(TOOL)) == []
    assert events(Seen(exchange=used("book")), [outage], draw(TOOL)) == []
    outage = msgspec.structs.replace(RECURRED, is_environment=True)
    assert events(Seen(exchange=used("book")), [outage], draw(TOOL)) == []


def earned_already(memory: Memory, *events: Event, seen: Exchange = BOOKED) -> Memory:
    """As it is when it has earned these in the session of an exchange."""
    (any_outcome,) = outcomes(Seen(exchange=seen), [], draw(LABEL, seen.id))
    for event in events:
        memory = rewarded(memory, msgspec.structs.replace(any_outcome, event=event))
    return memory


@pytest.mark.parametrize(
    ("before", "again", "clean"),
    [(["passed"], ["failed"], []), (["failed"], [], []), (["passed", "failed"], [], [])],
)
def test_in_a_session_it_passes_once_and_fails_once_and_does_not_pass_after_failing(
    before: list[Event], again: list[Event], clean: list[Event]
) -> None:
    known = draw(earned_already(TOOL, *before))
    assert [event for event, _ in events(Seen(exchange=used("book")), [RECURRED], known)] == again
    assert [event for event, _ in events(Seen(exchange=used("book")), [], known)] == clean
    for scope in (in_session("s2"), msgspec.structs.replace(BOOKED.scope, user="bob")):
        elsewhere = msgspec.structs.replace(BOOKED, scope=scope)
        other = draw(earned_already(TOOL, *before, seen=elsewhere))
        assert events(Seen(exchange=used("book")), [], other) == [("passed", 1.0)]


def test_arguments_are_held_to_their_schema_in_the_very_call_that_was_told() -> None:
    held = msgspec.structs.replace(BOOKED, schemas={"book": "{}"})
    broken = seen("schema_violation", "book|$.date pattern", exchange="ex_1")
    assert events(Seen(exchange=held), [broken], draw(SCHEMA)) == [("failed", 1.0)]
    assert events(Seen(exchange=held), [], draw(SCHEMA)) == [("passed", 1.0)]
    assert events(Seen(exchange=BOOKED), [], draw(SCHEMA)) == []


def test_an_answers_own_format_has_its_lesson_too() -> None:
    held = msgspec.structs.replace(BOOKED, schemas={"": "{}"})
    assert events(Seen(exchange=held), [], draw(lesson("schema_violation", "format|$ required"))) == [("passed", 1.0)]


def test_a_task_done_by_half_speaks_against_the_lesson_in_its_answer_or_when_the_user_says_so() -> None:
    task = lesson("partial_task", "partial_task|list")
    lacking = seen("partial_task", "partial_task|list")
    assert events(Seen(exchange=BOOKED), [lacking], draw(task)) == [("failed", 1.0)]
    assert events(Seen(exchange=BOOKED), [], draw(task)) == [("silent", 0.5)]
    later = exchange(user("You forgot the hotel."), id="ex_2", answers=["Here it is."])
    told = draw(earned_already(task, "silent"))
    assert events(Seen(exchange=later), [msgspec.structs.replace(lacking, about="ex_1")], told) == [("failed", 1.0)]


def test_an_answer_that_the_user_edits_speaks_against_the_lesson_of_an_edit() -> None:
    edit = lesson("edited_answer", "edit|m_5")
    later = exchange(user("And now?"), id="ex_2", answers=["…"])
    edited = seen("edited_answer", about="ex_1")
    assert events(Seen(exchange=later), [edited], draw(edit)) == [("failed", 1.0)]
    assert events(Seen(exchange=later), [edited], draw(edit, "ex_0")) == []
    assert events(Seen(exchange=later), [edited], draw(TOOL)) == []


def test_a_test_that_fails_again_speaks_against_its_lesson_and_a_session_without_it_for_it() -> None:
    broke = seen("test_change", "tests/test_a.py::test_b")
    mended = msgspec.structs.replace(broke, is_good=True)
    ran = used("shell")
    assert events(Seen(exchange=ran), [broke], draw(TEST)) == [("failed", 1.0)]
    assert events(Seen(exchange=ran), [mended], draw(TEST)) == [("passed", 1.0)]
    assert events(Seen(exchange=ran), [], draw(TEST)) == []
    assert events(Seen(exchange=ran, is_over=True), [], draw(TEST)) == [("passed", 1.0)]


def test_a_wrong_label_speaks_against_what_was_drawn_for_that_answer() -> None:
    wrong = seen("label_corrected", "label|card_late", about="ex_1")
    later = exchange(user("No, it's card_late."), id="ex_2", answers=["Sorry."])
    assert events(Seen(exchange=later), [wrong], draw(LABEL)) == [("failed", 1.0)]
    assert events(Seen(exchange=later), [wrong], draw(LABEL, "ex_2")) == [("silent", 0.5)]
    assert events(Seen(exchange=later), [wrong], draw(TOOL)) == []


GIVEN = Feedback(id="fb_1", tenant="acme", exchange="ex_1", at=NOW, value=True)


def test_feedback_on_its_answer_says_outright_whether_it_was_right() -> None:
    looked = Seen(exchange=BOOKED, feedback=(GIVEN,))
    good, bad = (seen("feedback", is_good=verdict, about="ex_1") for verdict in (True, False))
    assert events(looked, [good], draw(LABEL)) == [("praised", 1.0)]
    assert events(looked, [bad], draw(LABEL)) == [("failed", 1.0)]
    assert events(looked, [good, bad], draw(LABEL)) == [("failed", 1.0)]
    assert events(looked, [good], draw(earned_already(LABEL, "praised"))) == []
    assert events(looked, [seen("feedback", is_good=None, about="ex_1")], draw(LABEL)) == []


def test_feedback_on_another_answer_says_nothing_of_a_label() -> None:
    looked = Seen(exchange=used(), feedback=(GIVEN,))
    assert events(looked, [seen("feedback", about="ex_2")], draw(LABEL)) == []


def test_feedback_on_the_session_counts_half_where_nothing_better_is_known() -> None:
    session = Feedback(id="fb_1", tenant="acme", exchange="ex_2", session="s1", at=NOW, value=False)
    looked = Seen(exchange=used(), feedback=(session,))
    bad = seen("feedback", about="ex_2")
    assert events(looked, [bad], draw(LABEL)) == [("failed", 0.5)]
    assert events(looked, [bad], draw(earned_already(LABEL, "silent"))) == [("failed", 0.5)]
    assert events(looked, [bad], draw(earned_already(LABEL, "praised"))) == []


def test_feedback_on_what_a_machine_checks_counts_half_where_the_machine_has_not_spoken() -> None:
    looked = Seen(exchange=used("book"), feedback=(GIVEN,))
    good = seen("feedback", is_good=True, about="ex_2")
    assert events(looked, [good], draw(TOOL)) == [("praised", 0.5)]
    assert events(looked, [good], draw(earned_already(TOOL, "passed"))) == []
    assert events(looked, [], draw(TOOL)) == []  # the tool was judged when its result came


def test_an_answer_of_which_nobody_says_anything_counts_half_for_its_lesson() -> None:
    assert events(Seen(exchange=BOOKED), [], draw(LABEL)) == [("silent", 0.5)]
    assert events(Seen(exchange=BOOKED), [], draw(earned_already(LABEL, "failed"))) == []
    assert events(Seen(exchange=used()), [], draw(LABEL)) == []
    assert events(Seen(exchange=msgspec.structs.replace(BOOKED, reply=None)), [], draw(LABEL)) == []


def test_what_was_drawn_is_read_from_the_notes_of_the_session() -> None:
    statement = msgspec.structs.replace(TOOL, id="m_9", lesson=None)
    first = Note(where="a", text="…", memories=("m_1", "m_8"), draws={"m_1": 0.95, "m_2": 0.4, "m_9": 0.5, "m_7": 0.5})
    again = Note(where="b", text="…", draws={"m_1": 0.1})
    exchanges = [
        msgspec.structs.replace(BOOKED, notes=(first,)),
        msgspec.structs.replace(BOOKED, id="ex_2", notes=(again,)),
    ]
    known = {"m_1": TOOL, "m_2": msgspec.structs.replace(LABEL, id="m_2"), "m_9": statement}
    found = [(one.memory.id, one.is_told, one.propensity, one.exchange) for one in drawn(exchanges, known)]
    assert found == [("m_1", True, 0.95, "ex_1"), ("m_2", False, 0.4, "ex_1")]


def test_an_outcome_is_credited_once_however_often_it_is_learnt() -> None:
    (earned,) = outcomes(Seen(exchange=used("book")), [RECURRED], draw(TOOL))
    once = rewarded(TOOL, earned)
    assert once.lesson is not None
    assert once.lesson.credit == Credit(wrong_with=1, at=NOW - 60, setup="gpt")
    assert once.lesson.taken == (f"failed|{earned.session}",)
    assert rewarded(once, earned) is once
    assert outcomes(Seen(exchange=used("book")), [RECURRED], draw(once)) == []
    statement = msgspec.structs.replace(TOOL, lesson=None)
    assert rewarded(statement, earned) is statement


def test_a_lesson_keeps_a_bounded_number_of_marks() -> None:
    memory = TOOL
    for number in range(MAX_TAKEN + 5):
        (earned,) = outcomes(Seen(exchange=used("book")), [], draw(memory))
        memory = rewarded(memory, msgspec.structs.replace(earned, session=f"other {number}"))
    assert memory.lesson is not None
    assert len(memory.lesson.taken) == MAX_TAKEN
    assert memory.lesson.credit.right_with == MAX_TAKEN + 5


def earnings(*those: tuple[bool, float, bool]) -> list[Earned]:
    """Outcomes by whether it was told, with which propensity, and whether it went right."""
    return [
        Earned(
            memory="m_1",
            is_told=is_told,
            propensity=propensity,
            event="passed" if is_right else "failed",
            weight=1.0,
            exchange=f"ex_{number}",
            session=f"s{number}",
            at=NOW,
            setup="gpt",
        )
        for number, (is_told, propensity, is_right) in enumerate(those)
    ]


def test_equally_likely_outcomes_count_as_many_as_they_are() -> None:
    found = evened(earnings(*[(True, 0.95, True)] * 6, *[(True, 0.95, False)] * 2))
    assert (found.right, found.wrong) == pytest.approx((6, 2))
    assert evened([]).total == 0


@pytest.mark.promise("P10")
def test_times_in_which_a_lesson_was_seldom_told_weigh_as_much_as_others() -> None:
    """At first it is told nearly always and all goes badly, later seldom and all goes well: the lesson does nothing."""
    told = earnings(*[(True, 0.9, False)] * 90, *[(True, 0.1, True)] * 10)
    withheld = earnings(*[(False, 0.9, False)] * 10, *[(False, 0.1, True)] * 90)
    for side in (told, withheld):
        found = evened(side)
        assert found.right / found.total == pytest.approx(0.5)
        assert found.total < 100
