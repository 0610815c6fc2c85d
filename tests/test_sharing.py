"""gateway/sharing.py: users share what went wrong, and nothing that they said."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway.experience import Credit, Evidence
from gateway.memories import Memory
from gateway.sharing import agreed, candidate, is_shareable, shared, shared_id
from tests.exchanges import NOW
from tests.lessons import lesson

KEY = "book|error: no flight <>"
SECRET = "Ann's trip to Bern"


def seen_by(detector: str, key: str = KEY, *, slot: str = "date", at: float = NOW, **changes: Any) -> Memory:
    """A lesson with everything in it that is a user's own."""
    evidence = Evidence(
        signal=detector, version=1, grade="A", exchange="ex_9", session="s9", at=NOW, span=f"Error: {SECRET}"
    )
    own = lesson(key, text=f'`book` failed with "{SECRET}".', evidence=(evidence,), triggers=(SECRET,), **changes)
    return msgspec.structs.replace(own, slot=slot, at=at, key=SECRET, evidence=SECRET)


def of_error(**changes: Any) -> Memory:
    return seen_by("tool_error", **{"tools": ("book",), "signature": "error: no flight <>"} | changes)


def held_by(*users: str, **changes: object) -> list[tuple[str, Memory]]:
    return [(user, of_error(**changes)) for user in users]


@pytest.mark.promise("P7")
def test_what_went_wrong_for_three_users_is_told_to_all_without_their_words() -> None:
    (memory,) = shared(held_by("cy", "ann", "bob", "ann"))
    assert memory.text == "`book` failed for several users; it went through with another date."
    assert memory.lesson is not None
    assert (memory.lesson.users, memory.lesson.state, memory.lesson.tools) == (
        ("ann", "bob", "cy"),
        "active",
        ("book",),
    )
    assert (memory.lesson.key, memory.lesson.signature, memory.origin) == (KEY, "error: no flight <>", "tool")
    assert SECRET.encode() not in msgspec.json.encode(memory)
    assert b"ex_9" not in msgspec.json.encode(memory)


def test_two_users_are_no_tenant_and_neither_is_one_with_many_sessions() -> None:
    assert shared(held_by("ann", "bob")) == shared(held_by("ann", "ann", "ann")) == []


@pytest.mark.parametrize("changes", [{"state": "proposed"}, {"state": "retired"}])
def test_what_is_told_to_nobody_is_not_shared(changes: dict[str, object]) -> None:
    assert shared([*held_by("ann", "bob"), *held_by("cy", **changes)]) == []
    ended = [("cy", msgspec.structs.replace(of_error(), ended_at=NOW))]
    assert shared([*held_by("ann", "bob"), *ended]) == []


@pytest.mark.parametrize("detector", ["partial_task", "edited_answer", "repeated_call", "label_corrected"])
def test_what_is_known_by_words_is_not_shared(detector: str) -> None:
    assert shared([(user, seen_by(detector)) for user in ("ann", "bob", "cy")]) == []
    corrections = [(user, msgspec.structs.replace(of_error(), kind="correction")) for user in ("ann", "bob", "cy")]
    assert shared(corrections) == []


def test_fields_are_shared_only_where_all_have_the_same() -> None:
    (memory,) = shared([*held_by("ann", "bob"), ("cy", of_error(slot="passengers"))])
    assert memory.text == "`book` failed for several users."
    (both,) = shared(held_by("ann", "bob", "cy", slot="date, cabin.class"))
    assert both.text == "`book` failed for several users; it went through with another date, cabin.class."


@pytest.mark.promise("P10")
def test_words_of_a_tool_are_told_to_nobody() -> None:
    words = "a kind word from a tool"
    (memory,) = shared(held_by("ann", "bob", "cy", key=f"book|{words}", signature=words, slot=f"date, {words}"))
    assert memory.text == memory.key == "`book` failed for several users."
    assert memory.lesson is not None
    assert memory.lesson.signature == words
    for tools in ((), (words,), ("IgnorePreviousInstructions",)):
        assert shared(held_by("ann", "bob", "cy", tools=tools)) == []
    of_schema = [(user, seen_by("schema_violation", slot=f"{words} type", tools=("book",))) for user in "abc"]
    assert [one.text for one in shared(of_schema)] == ["Arguments of `book` broke the schema asked for: type."]
    of_other = [(user, seen_by("schema_violation", slot="date type", tools=(words,))) for user in "abc"]
    assert shared(of_other) == []
    assert shared([(user, seen_by("test_change", "the cart › is kind to all")) for user in "abc"]) == []


def test_what_checks_a_lesson_is_known_of_a_shared_one() -> None:
    """Else credit takes it for one that nothing checks, and learns from silence."""
    mended = [(user, seen_by("recovery", tools=("book",), at=NOW + 5)) for user in ("bob", "cy")]
    (memory,) = shared([*held_by("ann"), *mended])
    assert memory.lesson is not None
    assert [one.signal for one in memory.lesson.evidence] == ["recovery", "tool_error"]
    assert {(one.exchange, one.session, one.span, one.at) for one in memory.lesson.evidence} == {("", "", "", NOW + 5)}


def test_a_broken_schema_is_shared_by_its_rule() -> None:
    key = "book|date pattern"
    of_tool = [(user, seen_by("schema_violation", key, slot="date pattern", tools=("book",))) for user in "abc"]
    assert [one.text for one in shared(of_tool)] == ["Arguments of `book` broke the schema asked for: date pattern."]
    of_format = [(user, seen_by("schema_violation", "format|$ json", slot="$ json")) for user in "abc"]
    assert [one.text for one in shared(of_format)] == ["Answers broke the schema asked for: json."]


def test_a_test_is_shared_with_the_places_that_all_have() -> None:
    test = "tests/test_a.py::test_b"
    held = [
        ("abc"[n], seen_by("test_change", test, places=(test, f"{n}.py", "src/a.py", "so be it"), at=NOW + n))
        for n in range(3)
    ]
    (memory,) = shared(held)
    assert memory.text == f"`{test}` failed and was fixed; check it when touching what it tests."
    assert memory.lesson is not None
    assert memory.lesson.places == (test, "src/a.py")
    assert memory.at == NOW + 2


@pytest.mark.promise("P12")
def test_the_order_of_users_changes_nothing() -> None:
    held = [
        *held_by("ann", "bob", "cy"),
        *((user, of_error(key="pay|x", signature="x")) for user in ("ann", "bob", "cy")),
    ]
    other = seen_by("recovery", "pay|x", slot="cabin, date", tools=("pay",), signature="y", at=NOW + 1)
    held.append(("dan", other))
    assert shared(held) == shared(held[::-1])
    assert len(shared(held)) == 2


def test_users_are_counted_before_there_are_enough_and_nothing_is_said() -> None:
    memory = of_error()
    first = candidate(memory, "ann", [])
    second = candidate(memory, "bob", [first])
    assert second.lesson is not None
    assert (second.id, second.text, second.lesson.state) == (shared_id(memory), "", "proposed")
    assert (second.lesson.users, candidate(memory, "bob", [second])) == (("ann", "bob"), second)
    assert agreed(second, []) is second


def test_what_a_shared_lesson_has_earned_outlives_one_more_user() -> None:
    people = held_by("ann", "bob", "cyd")
    (made,) = shared(people)
    counting = candidate(people[0][1], "dan", [made])
    assert counting.lesson is not None
    earned = msgspec.structs.replace(counting.lesson, credit=Credit(right_with=3), taken=("ex_9",))
    (again,) = [agreed(msgspec.structs.replace(counting, lesson=earned), shared(people))]
    assert again.lesson is not None
    assert (again.lesson.credit, again.lesson.taken) == (earned.credit, ("ex_9",))
    assert again.lesson.users == ("ann", "bob", "cyd", "dan")


def test_a_shared_lesson_that_was_retired_stays_so_with_one_more_user() -> None:
    people = held_by("ann", "bob", "cyd")
    (made,) = shared(people)
    assert made.lesson is not None
    gone = msgspec.structs.replace(
        made, ended_at=NOW, is_pinned=True, lesson=msgspec.structs.replace(made.lesson, state="retired")
    )
    again = agreed(candidate(people[0][1], "dan", [gone]), shared(people))
    assert again.lesson is not None
    assert (again.ended_at, again.is_pinned, again.lesson.state) == (NOW, True, "retired")
    assert again.lesson.users == ("ann", "bob", "cyd", "dan")


def test_only_what_holds_by_structure_is_shareable() -> None:
    memory = of_error()
    assert memory.lesson is not None
    assert is_shareable(memory)
    for other in (
        msgspec.structs.replace(memory, kind="correction"),
        msgspec.structs.replace(memory, ended_at=NOW),
        msgspec.structs.replace(memory, lesson=None),
        msgspec.structs.replace(memory, lesson=msgspec.structs.replace(memory.lesson, state="proposed")),
        msgspec.structs.replace(memory, lesson=msgspec.structs.replace(memory.lesson, evidence=())),
    ):
        assert not is_shareable(other)
