"""What is counted of a replay: errors that come back, and whether a lesson was there by then."""

from __future__ import annotations

import pytest

from benchmarks.learning import tau
from gateway.experience import Change, Evidence, Grade, Lesson, Signal
from gateway.memories import Memory
from gateway.period import Called, Facts
from tests.evaluation import data_dir

KEY = "book|error: no seat"


def error(number: int, *, key: str = KEY, is_environment: bool = False) -> Signal:
    return Signal(
        name="tool_error",
        version=1,
        grade="A",
        exchange=f"ex{number}",
        session=f"s{number}",
        at=float(number),
        is_good=False,
        evidence="Error: no seat",
        key=key,
        is_environment=is_environment,
    )


def change(action: str, number: int) -> Change:
    return Change(action=action, memory="m1", at=float(number), cause=f"ex{number}", reason="")  # type: ignore[arg-type]  # one of its names


def lesson(*grades: Grade) -> Memory:
    evidence = tuple(
        Evidence(signal="x", version=1, grade=grade, exchange="ex1", session="s1", at=1.0, span="") for grade in grades
    )
    return Memory(
        id="m1",
        kind="lesson",
        text="",
        key="",
        origin="tool",
        exchange="ex1",
        session="s1",
        at=1.0,
        recorded_at=1.0,
        lesson=Lesson(key=KEY, state="active", grade=grades[0], evidence=evidence),
    )


def facts(signals: list[Signal], changes: list[Change], *memories: Memory) -> Facts:
    calls = [
        Called(
            exchange=f"ex{number}", at=float(number), owner="u", session=f"s{number}", turn=1, status="hit", tokens=0
        )
        for number in range(1, 7)
    ]
    return Facts(since=None, until=9.0, calls=calls, signals=signals, changes=changes, memories=memories)


def test_an_error_comes_back_from_its_third_session_on() -> None:
    found = tau.tally(facts([error(1), error(2), error(3), error(4), error(5, key="other|x")], []))
    assert (found.errors, found.repeated, found.preceded) == (5, 2, 0)


def test_what_the_agent_did_not_cause_is_none_of_it() -> None:
    found = tau.tally(facts([error(1), error(2), error(3, is_environment=True)], []))
    assert (found.errors, found.environment, found.repeated) == (2, 1, 0)


def test_a_lesson_counts_from_after_the_call_that_made_it_active_until_it_is_retired() -> None:
    signals = [error(number) for number in range(1, 7)]
    changes = [change("ADD", 1), change("PROMOTE", 3), change("RETIRE", 5)]
    found = tau.tally(facts(signals, changes, lesson("A")))
    assert (found.repeated, found.preceded) == (4, 2)


def test_a_lesson_from_words_alone_is_noticed() -> None:
    assert tau.tally(facts([], [], lesson("C"))).from_talk == 1
    assert tau.tally(facts([], [], lesson("A", "C"))).from_talk == 0


def test_real_conversations_are_replayed_and_their_errors_do_not_come_back_unwarned() -> None:
    data = data_dir()
    if data is None:
        pytest.skip("ACCRUE_DATA names no folder with the evaluation data")
    found = tau.replayed(data)
    assert found.calls > 1_000
    assert found.repeated >= 20
    assert found.preceded / found.repeated >= tau.LEAST_PRECEDED
    assert found.from_talk == 0
