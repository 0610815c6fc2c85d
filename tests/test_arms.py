"""Sessions with memory beside sessions without."""

from __future__ import annotations

import pytest

from gateway.arms import Arms, arms
from gateway.experience import Signal
from gateway.period import Called
from tests.periods import DAY_S, NOW, arm, call, signal


def compared(*sides: list[tuple[Called, list[Signal]]]) -> Arms:
    sessions = [session for side in sides for session in side]
    return arms([call for call, _ in sessions], [one for _, found in sessions for one in found])


@pytest.mark.promise("P10")
def test_without_a_control_arm_nothing_is_said_of_what_memory_changed() -> None:
    found = compared(arm("with", 400, 10))
    assert found.lift is None
    assert found.control.owners == found.treated.sessions.total == 0
    assert found.caveats[0].startswith("No session was held out")


@pytest.mark.promise("P10")
def test_too_few_sessions_are_not_compared() -> None:
    found = compared(arm("with", 90, 10), arm("without", 10, 9, status="holdout"))
    assert found.lift is None
    assert (found.control.sessions.right, found.control.sessions.wrong) == (10, 9)
    assert any("Not enough data" in caveat and "20 sessions" in caveat for caveat in found.caveats)


def test_enough_sessions_give_a_difference_with_its_interval() -> None:
    found = compared(arm("with", 90, 10), arm("without", 40, 20, status="holdout"))
    assert found.lift is not None
    assert found.lift.difference.mean == pytest.approx(0.9 - 40 / 60, abs=0.02)
    assert 0 < found.lift.difference.low < found.lift.difference.high
    assert found.lift.sessions_needed == 0
    assert found.treated.owners == 20
    assert not any("owners" in caveat for caveat in found.caveats)


def test_few_owners_are_pointed_out() -> None:
    found = compared(arm("with", 90, 10), arm("without", 40, 20, owners=3, status="holdout"))
    assert found.lift is not None
    assert found.control.owners == 3
    assert any("too narrow" in caveat for caveat in found.caveats)


def test_what_was_before_the_first_session_of_the_control_arm_is_not_compared() -> None:
    before, after = arm("old", 0, 50, at=NOW - DAY_S), arm("new", 30, 0)
    found = compared(before, arm("without", 20, 0, status="holdout"), after)
    assert found.treated.sessions.total == 30


def test_a_session_is_of_the_control_arm_by_any_of_its_calls_and_none_by_calls_aside() -> None:
    calls = [call("ex_1", status="off"), call("ex_2", status="holdout"), call("ex_3", session="s2", status="off")]
    found = arms(calls, [signal("tool_error", "ex_3")])
    assert found.control.sessions.total == 1
    assert found.treated.sessions.total == 0


def test_sessions_of_the_same_name_are_their_owners_own() -> None:
    found = arms([call("ex_1", owner="ann", status="holdout"), call("ex_2", owner="bob", status="holdout")], [])
    assert found.control.sessions.total == 2


@pytest.mark.parametrize(
    ("signals", "is_right"),
    [
        ([], True),
        ([signal("tool_error", "ex_1")], False),
        ([signal("tool_error", "ex_1", is_environment=True)], True),
        ([signal("recovery", "ex_1", is_good=True)], True),
        ([signal("truncation", "ex_1", is_good=None)], True),
        ([signal("rephrase", "ex_1", grade="C")], True),
        ([signal("regenerate", "ex_1", grade="B")], True),
        ([signal("tool_error", "of nobody")], True),
        ([signal("tool_error", "ex_1"), signal("feedback", "ex_1", is_good=True, grade="S")], True),
        ([signal("feedback", "ex_1", grade="S")], False),
        ([signal("feedback", "ex_1", grade="S"), signal("feedback", "ex_1", is_good=True, grade="S")], True),
        ([signal("feedback", "ex_1", is_good=None, grade="S")], True),
    ],
)
def test_a_session_is_judged_by_its_last_feedback_and_else_by_verified_faults(
    signals: list[Signal], is_right: bool
) -> None:
    found = arms([call("ex_1", status="holdout")], signals)
    assert found.control.sessions.right == is_right
