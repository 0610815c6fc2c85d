"""gateway/lessons.py: what signals teach, from the first proposal to the last word."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.experience import MAX_TAKEN, Feedback, Lesson, Signal
from gateway.lessons import (
    CAPS,
    MAX_EVIDENCE,
    MAX_SESSIONS,
    MAX_TRIGGERS,
    Taught,
    restored,
    retired,
    taught,
)
from gateway.memories import Memory
from gateway.signals.base import Seen
from gateway.types import Exchange
from tests.exchanges import NOW, exchange, in_session, user
from tests.lessons import LEARNS, Owner, error, label, lesson, signal

KEY = "book|no such flight"
MENDED = {"field": "date", "before": '"5.1."', "after": '"2027-01-05"', "error": "Error: no such flight"}
CARDS = ["My card is late.", "Where is my new card?", "Nobody has sent me a card yet!", "Has the post lost it?"]


def actions(learnt: Taught) -> list[str]:
    return [change.action for change in learnt.changes]


# How a lesson comes to be told


def test_an_error_is_proposed_and_told_once_it_came_in_two_sessions() -> None:
    owner = Owner()
    assert actions(owner.learn(error(), session="s1")) == ["ADD"]
    assert actions(owner.learn(error(), session="s1")) == ["REINFORCE"]
    assert owner.keyed(KEY)[1].state == "proposed"
    assert actions(owner.learn(error(), session="s2")) == ["PROMOTE"]
    memory, held = owner.keyed(KEY)
    assert (held.state, held.sessions, held.tools, held.signature) == (
        "active",
        ("s1", "s2"),
        ("book",),
        "no such flight",
    )
    assert (memory.count, memory.exchange, memory.last, memory.at) == (3, "ex_001", "ex_003", NOW + 3)


def test_what_is_said_outright_is_told_at_once() -> None:
    owner = Owner()
    assert actions(owner.learn(label(CARDS[0], "card_arrival"))) == ["ADD"]
    assert owner.keyed("label|card_arrival")[1].state == "active"


def test_what_was_only_shown_needs_two_sessions_like_anything_else() -> None:
    owner = Owner()
    owner.learn(label(CARDS[0], "card_arrival", grade="B"))
    assert owner.keyed("label|card_arrival")[1].state == "proposed"
    owner.learn(label(CARDS[1], "card_arrival", grade="B"))
    memory, held = owner.keyed("label|card_arrival")
    assert (held.state, held.grade, memory.origin) == ("active", "B", "user")


@pytest.mark.promise("P10")
@pytest.mark.parametrize("unfit", [{"grade": "C"}, {"is_environment": True}])
def test_neither_mere_words_nor_the_environment_teach(unfit: dict[str, Any]) -> None:
    owner = Owner()
    for one in (error(**unfit), msgspec.structs.replace(label(CARDS[0], "x"), **unfit)):
        assert owner.learn(one) == owner.learn(one) == Taught()


def test_what_the_policy_does_not_allow_is_not_learnt() -> None:
    seen = Seen(exchange=exchange(user("Hm."), learns=("lesson",)))
    assert taught([label(CARDS[0], "x")], seen, []) == Taught()
    assert len(taught([error()], seen, []).memories) == 1


@pytest.mark.parametrize("turns", [("Off the record: I am ill.",), ("Off the record: I am ill.", "And now?")])
def test_what_was_said_off_the_record_is_in_no_trigger(turns: tuple[str, ...]) -> None:
    seen = Seen(exchange=exchange(*map(user, turns), learns=LEARNS))
    assert taught([error(), label(CARDS[0], "x")], seen, []) == Taught()


@pytest.mark.promise("P8")
def test_a_lesson_names_its_evidence_verbatim() -> None:
    seen = Seen(exchange=exchange(user("Fly me to Bern."), ended_at=NOW, learns=LEARNS))
    (memory,) = taught([error(evidence="Error: no such flight")], seen, []).memories
    assert memory.lesson is not None
    (evidence,) = memory.lesson.evidence
    assert (evidence.signal, evidence.span, evidence.exchange) == ("tool_error", "Error: no such flight", "ex_1")
    assert (memory.evidence, memory.origin, memory.recorded_at) == ("Error: no such flight", "tool", NOW)
    assert memory.lesson.triggers == ("Fly me to Bern.",)
    (change,) = taught([error()], seen, []).changes
    assert (change.memory, change.cause, change.reason) == (memory.id, "ex_1", "tool_error, grade A")


def test_a_change_names_the_feedback_that_it_follows_from() -> None:
    given = Feedback(id="fb_1", tenant="acme", exchange="ex_1", at=NOW, label="x")
    assert Owner().learn(label(CARDS[0], "x"), feedback=[given]).changes[0].cause == "fb_1"


# What a lesson says


def test_a_recovery_says_more_than_its_error() -> None:
    owner = Owner()
    owner.learn(error())
    assert owner.keyed(KEY)[0].text == '`book` failed with "Error: no such flight" when it was called with "{}".'
    mended = signal("recovery", details=MENDED, tool="book", key=KEY, is_good=True)
    owner.learn(mended)
    text = owner.keyed(KEY)[0].text
    assert text.endswith('went through with date = "2027-01-05" in place of "5.1.".')
    owner.learn(error())
    assert (owner.keyed(KEY)[0].text, owner.keyed(KEY)[0].slot) == (text, "date")


def test_a_test_that_fails_again_is_evidence_only_where_it_was_known() -> None:
    owner, test = Owner(), "tests/test_a.py::test_b"
    broken = signal("test_change", details={"test": test}, key=test, is_good=False)
    mended = signal("test_change", details={"test": test, "error": "assert 1 == 2"}, key=test, is_good=True)
    assert owner.learn(broken) == Taught()
    owner.learn(mended)
    assert actions(owner.learn(broken)) == ["PROMOTE"]
    memory, held = owner.keyed(test)
    assert memory.text == f'`{test}` failed with "assert 1 == 2" and was fixed; check it when touching that.'
    assert (held.state, held.places, len(held.evidence)) == ("active", (test,), 2)


def test_a_label_has_its_newest_items_in_its_line_and_all_of_them_as_triggers() -> None:
    owner = Owner()
    for item in CARDS:
        owner.learn(label(item, "Card_Arrival"))
    memory, held = owner.keyed("label|card_arrival")
    assert held.triggers == tuple(CARDS)
    assert memory.text == ", ".join(f'"{item}"' for item in CARDS[1:]) + " → Card_Arrival"
    assert (memory.key, memory.tokens) == (f'"{CARDS[0]}" → Card_Arrival', 0)


def test_a_confirmed_label_teaches_like_a_corrected_one() -> None:
    owner = Owner()
    owner.learn(label(CARDS[0], "x", wrong="", is_good=True))
    assert owner.keyed("label|x")[1].triggers == (CARDS[0],)


def test_a_label_that_came_as_a_correction_is_not_taught_in_words_as_well() -> None:
    said = signal("feedback", details={"item": CARDS[0], "correction": "X"}, grade="S")
    owner = Owner()
    assert len(owner.learn(said, label(CARDS[0], "x")).memories) == 1
    assert len(owner.learn(said).memories) == 1
    assert len(owner.known) == 2


def test_an_origin_is_the_lowest_of_its_sources() -> None:
    owner = Owner()
    broken = {"path": "date", "rule": "type"}
    owner.learn(signal("schema_violation", details=broken, tool="book", key=KEY))
    assert owner.keyed(KEY)[0].origin == "assistant"
    owner.learn(error())
    owner.learn(signal("schema_violation", details=broken, tool="book", key=KEY))
    assert owner.keyed(KEY)[0].origin == "tool"


@pytest.mark.promise("P8")
def test_of_an_error_that_speaks_like_a_user_is_told_that_it_came() -> None:
    owner = Owner()
    said = "Error: I live in Oslo."
    owner.learn(error(details={"error": said, "arguments": "{}"}, evidence=said))
    memory, _ = owner.keyed(KEY)
    assert (memory.text, memory.evidence) == ('`book` failed with "…" when it was called with "{}".', said)


# What contradicts


def test_a_newer_label_takes_the_item_from_the_older() -> None:
    owner = Owner()
    owner.learn(label(CARDS[0], "lost"), label(CARDS[1], "lost"))
    assert actions(owner.learn(label(CARDS[0].upper(), "late"))) == ["ADD", "SUPERSEDE"]
    memory, lost = owner.keyed("label|lost")
    assert (lost.triggers, lost.when_not, lost.state) == ((CARDS[1],), (CARDS[0].upper(),), "active")
    assert memory.text == f'"{CARDS[1]}" → lost'
    assert memory.ended_at is None


def test_a_label_without_items_holds_no_longer_and_comes_back_with_one() -> None:
    owner = Owner()
    owner.learn(label(CARDS[0], "lost"))
    owner.learn(label(CARDS[0], "late"))
    memory, lost = owner.keyed("label|lost")
    assert (lost.state, memory.ended_at, memory.ended_by) == ("retired", NOW + 2, owner.keyed("label|late")[0].id)
    assert actions(owner.learn(label(CARDS[0], "lost"))) == ["RESTORE", "SUPERSEDE"]
    memory, lost = owner.keyed("label|lost")
    assert (lost.state, lost.triggers, lost.when_not, memory.ended_at) == ("active", (CARDS[0],), (), None)
    assert memory.text == f'"{CARDS[0]}" → lost'


def test_a_newer_answer_takes_the_place_of_the_older() -> None:
    owner = Owner()
    for right in ("At nine.", "At ten."):
        owner.learn(signal("feedback", details={"item": "When to Bern?", "correction": right}, grade="S"))
    held = {memory.text: memory.ended_at for memory in owner.known.values()}
    assert held == {
        'Asked "When to Bern?", the right answer: At nine.': NOW + 2,
        'Asked "When to Bern?", the right answer: At ten.': None,
    }


def test_neither_a_guess_nor_an_answer_contradicts_a_label() -> None:
    owner = Owner()
    owner.learn(label(CARDS[0], "lost"))
    owner.learn(label(CARDS[0], "late", grade="B"))
    owner.learn(signal("feedback", details={"item": CARDS[0], "correction": "It is on its way."}, grade="S"))
    assert owner.keyed("label|lost")[1].triggers == (CARDS[0],)


def judged_wrong(memory: Memory, question: str) -> Seen:
    """An answer for which a correction was told, and which was wrong all the same."""
    return Seen(exchange=exchange(user(question), id="ex_9", learns=LEARNS, told=(memory.id,)))


WRONG = signal("feedback", details={"value": "false"}, grade="S", exchange="ex_9")


def test_an_answer_that_was_told_and_was_wrong_is_not_told_for_this_question_again() -> None:
    answer = lesson("asked|bern", kind="correction", triggers=("When to Bern?", "Next train to Bern?"))
    seen = judged_wrong(answer, "When to Bern?")
    (doubted,) = taught([WRONG], seen, [answer]).memories
    assert doubted.lesson is not None
    assert (doubted.lesson.triggers, doubted.lesson.when_not) == (("Next train to Bern?",), ("When to Bern?",))
    assert taught([WRONG], seen, [doubted]).memories == ()


def test_an_answer_that_is_wrong_for_all_its_questions_is_retired() -> None:
    answer = lesson("asked|bern", kind="correction", triggers=("When to Bern?",))
    result = taught([WRONG], judged_wrong(answer, "when to bern"), [answer])
    (gone,) = result.memories
    assert gone.lesson is not None
    assert (gone.lesson.state, [change.action for change in result.changes]) == ("retired", ["RETIRE"])


@pytest.mark.parametrize("is_good", [True, None])
def test_praise_and_silence_doubt_nothing(is_good: bool | None) -> None:
    answer = lesson("asked|bern", kind="correction", triggers=("When to Bern?",))
    said = msgspec.structs.replace(WRONG, is_good=is_good)
    assert taught([said], judged_wrong(answer, "When to Bern?"), [answer]) == Taught()


def test_labels_and_lessons_are_not_doubted() -> None:
    several = [lesson("label|late", kind="correction", triggers=CARDS), lesson("tool|error", triggers=CARDS)]
    for one in several:
        assert taught([WRONG], judged_wrong(one, CARDS[0]), [one]) == Taught()


# What credit decides


def test_a_retired_lesson_is_told_no_more_until_it_is_restored() -> None:
    memory = msgspec.structs.replace(lesson(KEY), tokens=9)
    gone, change = retired(memory, NOW, "it did harm")
    assert gone.lesson is not None
    assert (gone.lesson.state, gone.ended_at, gone.tokens) == ("retired", NOW, 0)
    assert (change.action, change.memory, change.at, change.reason) == ("RETIRE", memory.id, NOW, "it did harm")
    back, change = restored(gone, NOW + 1, "another model")
    assert back == msgspec.structs.replace(memory, tokens=0)
    assert (change.action, change.at, change.reason) == ("RESTORE", NOW + 1, "another model")


@pytest.mark.parametrize(("grade", "action", "state"), [("A", "REINFORCE", "retired"), ("S", "RESTORE", "active")])
def test_only_what_is_said_outright_brings_back_what_credit_retired(grade: str, action: str, state: str) -> None:
    owner = Owner()
    owner.learn(error())
    memory, _ = owner.keyed(KEY)
    owner.known[memory.id] = retired(memory, NOW, "it did harm")[0]
    assert actions(owner.learn(error(grade=grade))) == [action]
    assert owner.keyed(KEY)[1].state == state


# Bounds


def test_of_much_evidence_the_first_and_the_newest_is_kept() -> None:
    owner = Owner()
    for number in range(MAX_TAKEN + 1):
        owner.learn(error(evidence=f"Error {number}"), said=f"{'ab' * (number % 40)} {number} {'xyz' * (number // 3)}")
    memory, held = owner.keyed(KEY)
    spans = [one.span for one in held.evidence]
    assert (len(spans), spans[0], spans[-1]) == (MAX_EVIDENCE, "Error 0", f"Error {MAX_TAKEN}")
    assert (len(held.sessions), held.sessions[0], held.sessions[-1]) == (MAX_SESSIONS, "s1", f"s{MAX_TAKEN + 1}")
    assert (len(held.taken), memory.count) == (MAX_TAKEN, MAX_TAKEN + 1)


def test_of_many_phrasings_the_first_and_the_newest_are_kept_and_none_twice() -> None:
    owner = Owner()
    items = [f"What is {number**5 + 10**9}" for number in range(MAX_TRIGGERS + 6)]
    for item in items:
        owner.learn(label(item, "x"), label(f"{item.upper()}?", "x"))
    triggers = owner.keyed("label|x")[1].triggers
    assert triggers == (items[0], *items[-MAX_TRIGGERS + 1 :])


def test_nearly_the_same_phrasing_is_not_kept_twice() -> None:
    owner = Owner()
    for item in ("I would like to know where my new card is", "I would like to know, where my new card is - ?!"):
        owner.learn(label(item, "x"))
    assert len(owner.keyed("label|x")[1].triggers) == 1


def test_over_the_cap_the_least_useful_is_let_go_and_said_so() -> None:
    owner, cap = Owner(), CAPS["lesson"]
    sure = lesson("sure", grade="S", state="retired")
    old = msgspec.structs.replace(lesson("old", state="proposed"), at=NOW - 1)
    owner.known = {one.id: one for one in [sure, old, *(lesson(f"{number}") for number in range(cap - 2))]}
    learnt = owner.learn(error())
    assert actions(learnt) == ["ADD", "EVICT"]
    assert (learnt.changes[-1].memory, learnt.changes[-1].reason) == (old.id, "more than 100; proposed, grade A")
    assert old.id not in [memory.id for memory in learnt.memories]
    assert len(owner.known) == cap


def test_what_a_person_pinned_is_never_let_go() -> None:
    owner, cap = Owner(), CAPS["lesson"]
    old = msgspec.structs.replace(lesson("old", state="proposed"), at=NOW - 1, is_pinned=True)
    owner.known = {one.id: one for one in [old, *(lesson(f"{number}") for number in range(cap - 1))]}
    learnt = owner.learn(error())
    assert actions(learnt) == ["ADD", "EVICT"]
    assert old.id in owner.known
    owner.known = {id: msgspec.structs.replace(one, is_pinned=True) for id, one in owner.known.items()}
    assert actions(owner.learn(error("pay"))) == ["ADD", "EVICT"]
    assert {one.id for one in owner.known.values()} >= {old.id}
    assert len(owner.known) == cap


def test_what_was_said_outright_goes_last_and_never_silently() -> None:
    owner, cap = Owner(), CAPS["correction"]
    owner.known = {
        one.id: one for one in (lesson(f"answer|{number}", kind="correction", grade="S") for number in range(cap))
    }
    learnt = owner.learn(label(CARDS[0], "x", grade="B"))
    assert actions(learnt) == ["ADD", "EVICT"]
    assert learnt.memories == ()
    learnt = owner.learn(label(CARDS[0], "x"))
    assert actions(learnt) == ["ADD", "EVICT"]
    assert learnt.changes[-1].reason == "more than 200; active, grade S"
    assert owner.keyed("label|x")[1].state == "active"


# The same again


def a_signal(number: int) -> Signal:
    item = CARDS[number % 4]
    kinds = (
        lambda: error(signature=f"error {number % 3}"),
        lambda: label(item, f"label {number % 3}"),
        lambda: label(item, f"label {number % 2}", grade="B"),
        lambda: signal("recovery", details=MENDED, tool="book", key=f"book|error {number % 3}", is_good=True),
        lambda: signal("feedback", details={"item": item, "correction": f"Answer {number % 2}."}, grade="S"),
        lambda: signal("partial_task", details={"task": item, "missing": "it"}, key="partial_task|list", grade="B"),
    )
    return kinds[number % len(kinds)]()


def an_exchange(number: int) -> Exchange:
    scope = in_session(f"s{number % 3}")
    return exchange(user(f"Question {number}?"), id=f"ex_{number:03d}", at=NOW + number, scope=scope, learns=LEARNS)


@pytest.mark.promise("P12")
@settings(deadline=None, max_examples=40)
@given(batches=st.lists(st.lists(st.integers(0, 23), max_size=3), max_size=8), again=st.integers(0, 7))
def test_learning_is_repeatable_and_learning_twice_changes_nothing(batches: list[list[int]], again: int) -> None:
    first, second = Owner(), Owner()
    for number, batch in enumerate(batches):
        happened = an_exchange(number)
        seen = Seen(exchange=happened)
        where = {"exchange": happened.id, "session": happened.scope.session, "at": happened.at}
        signals = [msgspec.structs.replace(a_signal(one), **where) for one in batch]
        assert first.take(signals, seen) == second.take(signals, seen)
        if number == again or number == len(batches) - 1:
            assert second.take(signals, seen) == Taught()
    assert first.known == second.known
    assert all(_is_whole(memory, memory.lesson) for memory in first.known.values())


def _is_whole(memory: Memory, held: Lesson | None) -> bool:
    assert held is not None
    is_retired = held.state == "retired"
    return (
        is_retired == (memory.ended_at is not None)
        and bool(held.evidence)
        and not set(held.triggers) & set(held.when_not)
    )
