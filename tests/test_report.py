"""What is reported of a period."""

from __future__ import annotations

import msgspec
import pytest

from gateway.experience import Credit
from gateway.rates import ENOUGH
from gateway.report import MAX_CHANGES, Adherence, Learnt, Report, Sighted, Tokens, report
from tests.periods import DAY_S, NOW, arm, call, change, earnings, facts, held, lesson, memory, signal


def test_of_an_empty_period_there_is_nothing_to_report_and_it_says_so() -> None:
    found = report(facts())
    assert (found.calls, found.sessions, found.tokens, found.lessons) == (0, 0, None, ())
    assert found.arms.lift is None
    assert len(found.caveats) == 1


def test_calls_are_counted_with_what_memory_did_and_added() -> None:
    calls = [call(f"ex_{number}", session=f"s{number % 4}", tokens=number) for number in range(1, 201)]
    calls += [call("ex_0", status="empty", owner="bob", tokens=0)]
    found = report(facts(calls=calls))
    assert (found.calls, found.sessions) == (201, 5)
    assert found.statuses == {"hit": 200, "empty": 1}
    assert found.tokens == Tokens(calls=201, mean=100.0, p99=198)


def test_signals_are_counted_by_the_day_and_over_long_periods_by_the_week() -> None:
    seen = [
        signal("tool_error", "ex_1", at=NOW - DAY_S),
        signal("tool_error", "ex_2", at=NOW),
        signal("tool_error", "ex_3", at=NOW),
        signal("recovery", "ex_3", is_good=True, at=NOW),
        signal("rephrase", "ex_3", is_good=None, at=NOW),
    ]
    days = report(facts(signals=seen))
    assert days.by == "day"
    assert days.signals == (
        Sighted(begins="2026-11-21", name="tool_error", good=0, bad=1, neither=0),
        Sighted(begins="2026-11-22", name="recovery", good=1, bad=0, neither=0),
        Sighted(begins="2026-11-22", name="rephrase", good=0, bad=0, neither=1),
        Sighted(begins="2026-11-22", name="tool_error", good=0, bad=2, neither=0),
    )
    weeks = report(facts(signals=[signal("tool_error", "ex_0", at=NOW - 40 * DAY_S), *seen]))
    assert weeks.by == "week"
    assert [(one.begins, one.bad) for one in weeks.signals if one.name == "tool_error"] == [
        ("2026-10-12", 1),
        ("2026-11-16", 3),
    ]


def test_adherence_is_told_by_constraint_and_by_turn() -> None:
    calls = [call(f"ex_{turn}", turn=turn) for turn in range(1, 15)]
    verdicts = [
        signal("violated_constraint", f"ex_{turn}", key="m_1", is_good=turn not in (5, 12)) for turn in range(1, 15)
    ]
    verdicts += [
        signal("violated_constraint", "before the period", key="m_2", is_good=False),
        signal("violated_constraint", "ex_1", key="m_1", is_good=None),
    ]
    found = report(facts(calls=calls, signals=verdicts, memories=[memory("m_1", "Answer in German.")]))
    assert found.adherence == (
        Adherence(what="m_2", kept=0, checked=1),
        Adherence(what="Answer in German.", kept=12, checked=14),
    )
    turns = {row.what: (row.kept, row.checked) for row in found.adherence_by_turn}
    assert turns == {
        **{str(turn): (1, 1) for turn in range(1, 10)},
        "5": (0, 1),
        "10 or later": (4, 5),
    }


def of(found: Report) -> Learnt:
    (learnt,) = found.lessons
    return learnt


def test_a_lesson_is_told_with_its_evidence_and_what_it_earned() -> None:
    earned = [
        *earnings("m_1", is_told=True, right=40, wrong=10),
        *earnings("m_1", is_told=False, right=10, wrong=20),
        *earnings("another", is_told=True, right=9, wrong=0),
    ]
    known = memory("m_1", "Dates as ISO.", lesson(credit=Credit(right_with=3.5, at=NOW)))
    learnt = of(report(facts(memories=[known], earned=earned)))
    assert (learnt.state, learnt.grade, learnt.evidence, learnt.sessions) == ("active", "A", 2, 2)
    assert (learnt.told.right, learnt.told.outcomes, learnt.told.sessions) == (40, 50, 50)
    assert (learnt.withheld.right, learnt.withheld.outcomes, learnt.withheld.sessions) == (10, 30, 30)
    assert learnt.credit == Credit(right_with=3.5, at=NOW)
    assert learnt.uplift is not None
    assert learnt.uplift.mean == pytest.approx(41 / 52 - 11 / 32)
    assert learnt.uplift.low > 0


def test_a_lesson_that_two_users_learnt_is_told_of_each_with_what_it_earned_there() -> None:
    known = memory("m_1", "Dates as ISO.", lesson())
    lessons = [
        held(known, *earnings("m_1", is_told=True, right=3, wrong=1), owner="ann"),
        held(known, *earnings("m_1", is_told=True, right=0, wrong=9), owner="bob"),
    ]
    found = report(facts(lessons=lessons)).lessons
    assert [(one.owner, one.id, one.told.right, one.told.outcomes) for one in found] == [
        ("ann", "m_1", 3, 4),
        ("bob", "m_1", 0, 9),
    ]


@pytest.mark.promise("P10")
def test_of_a_lesson_with_too_few_sessions_on_one_side_no_uplift_is_told() -> None:
    told = earnings("m_1", is_told=True, right=400, wrong=0)
    few = earnings("m_1", is_told=False, right=0, wrong=ENOUGH - 1)
    same_session = [*few, msgspec.structs.replace(few[0], event="passed")]
    for withheld in (few, same_session):
        found = report(facts(memories=[memory("m_1", "…", lesson())], earned=[*told, *withheld]))
        assert of(found).uplift is None
        assert any("1 of 1 lessons have not enough data" in caveat for caveat in found.caveats)


def test_active_lessons_come_first_and_what_was_replaced_does_not_come() -> None:
    known = [
        memory("retired", "…", lesson(state="retired", evidence=9), ended_at=NOW),
        memory("few", "…", lesson(evidence=1)),
        memory("replaced", "…", lesson(evidence=5), ended_at=NOW),
        memory("many", "…", lesson(evidence=5)),
        memory("rule", "Never."),
    ]
    assert [learnt.id for learnt in report(facts(memories=known)).lessons] == ["many", "few", "retired"]


def test_many_intervals_are_read_with_care() -> None:
    known = [memory(f"m_{number}", "…", lesson()) for number in range(10)]
    earned = [
        one
        for known_one in known
        for is_told in (True, False)
        for one in earnings(known_one.id, is_told=is_told, right=15, wrong=15)
    ]
    assert any("about one in twenty" in caveat for caveat in report(facts(memories=known, earned=earned)).caveats)
    fewer = report(facts(memories=known[1:], earned=earned))
    assert not any("about one in twenty" in caveat for caveat in fewer.caveats)


def test_the_newest_changes_come_with_the_count_of_all() -> None:
    changes = [change("REINFORCE", number) for number in range(MAX_CHANGES + 5)] + [change("ADD", 99)]
    found = report(facts(changes=changes))
    assert found.changes_by_action == {"REINFORCE": MAX_CHANGES + 5, "ADD": 1}
    assert len(found.changes) == MAX_CHANGES
    assert [one.reason for one in found.changes[:2]] == ["reason 99", f"reason {MAX_CHANGES + 4}"]


def test_what_was_cut_off_is_said_to_be() -> None:
    assert any("newest 100,000" in caveat for caveat in report(facts(is_cut=True)).caveats)
    assert not any("newest" in caveat for caveat in report(facts()).caveats)


def test_it_goes_into_json_and_back() -> None:
    sessions = [*arm("with", 90, 10), *arm("without", 40, 20, status="holdout")]
    found = report(facts(sessions, memories=[memory("m_1", "…", lesson())], changes=[change("ADD", 1)]))
    assert msgspec.json.decode(msgspec.json.encode(found), type=Report) == found
