"""What a lesson earns, and whether it is told."""

from __future__ import annotations

import itertools
import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.credit import HALF_LIFE_S, LEAST, MOST, credited, draw, holdout, is_harmful, uplift
from gateway.experience import Credit
from gateway.rates import ENOUGH

NOW = 1_800_000_000.0
FRESH = Credit(setup="s")


def credit(told: tuple[float, float], withheld: tuple[float, float], setup: str = "s") -> Credit:
    """Right and wrong of each side."""
    return Credit(
        right_with=told[0],
        wrong_with=told[1],
        right_without=withheld[0],
        wrong_without=withheld[1],
        at=NOW,
        setup=setup,
    )


def counters(held: Credit) -> tuple[float, float, float, float]:
    return held.right_with, held.wrong_with, held.right_without, held.wrong_without


def propensity(held: Credit, setup: str = "s") -> float:
    return draw(held, setup, b"seed").propensity


@pytest.mark.parametrize("is_told", [True, False])
@pytest.mark.parametrize("is_right", [True, False])
def test_an_outcome_counts_once_on_its_side(is_told: bool, is_right: bool) -> None:
    held = credited(FRESH, setup="s", is_told=is_told, is_right=is_right, weight=0.5, at=NOW)
    place = 2 * (not is_told) + (not is_right)
    assert counters(held) == tuple(0.5 if number == place else 0 for number in range(4))
    assert (held.at, held.setup) == (NOW, "s")


def test_outcomes_count_half_after_sixty_days() -> None:
    held = credited(credit((4, 2), (2, 8)), setup="s", is_told=True, is_right=True, weight=1, at=NOW + 60 * 86_400)
    assert counters(held) == (3, 1, 1, 4)


OUTCOME = st.tuples(st.booleans(), st.booleans(), st.sampled_from([0.5, 1.0]), st.integers(0, 200))


@settings(deadline=None, max_examples=50)
@given(st.lists(OUTCOME, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_the_order_in_which_outcomes_come_makes_no_difference(
    outcomes: list[tuple[bool, bool, float, int]], order: random.Random
) -> None:
    def earned(those: list[tuple[bool, bool, float, int]]) -> tuple[float, ...]:
        held = FRESH
        for is_told, is_right, weight, day in those:
            at = NOW + day * 86_400
            held = credited(held, setup="s", is_told=is_told, is_right=is_right, weight=weight, at=at)
        return (*counters(held), held.at)

    assert earned(order.sample(outcomes, len(outcomes))) == pytest.approx(earned(outcomes))


def test_with_another_model_prompt_or_tools_it_begins_anew() -> None:
    held = credited(credit((40, 2), (2, 8)), setup="other", is_told=False, is_right=True, weight=1, at=NOW + 1)
    assert counters(held) == (0, 0, 1, 0)
    assert held.setup == "other"


def test_a_late_outcome_of_a_setup_that_is_gone_is_passed_over() -> None:
    held = credit((4, 2), (2, 8), setup="new")
    assert credited(held, setup="old", is_told=True, is_right=True, weight=1, at=NOW - 1) == held


def test_a_fresh_lesson_is_told_nearly_always() -> None:
    assert propensity(FRESH) == pytest.approx(0.95, abs=1e-3)


def test_what_was_earned_under_another_setup_says_nothing() -> None:
    harmful = credit((0, 100), (100, 0))
    assert propensity(harmful) == LEAST
    assert propensity(harmful, "other") == propensity(FRESH)


def test_both_sides_go_on_being_tried_whatever_is_known() -> None:
    assert propensity(credit((900, 100), (10, 90))) == MOST
    assert propensity(credit((10, 90), (900, 100))) == LEAST


def test_the_chance_to_be_told_rises_with_what_it_earns() -> None:
    chances = [propensity(credit((right, 20 - right), (10, 10))) for right in range(0, 21, 2)]
    assert chances == sorted(chances)
    assert chances[0] < 0.2 < 0.9 < chances[-1]


@pytest.mark.promise("P12")
def test_a_session_draws_the_same_every_time_and_sessions_draw_by_chance() -> None:
    held = credit((5, 5), (5, 6))
    seeds = [f"session {number}".encode() for number in range(4_000)]
    told = [draw(held, "s", seed).is_told for seed in seeds]
    assert told == [draw(held, "s", seed).is_told for seed in seeds]
    assert sum(told) / len(told) == pytest.approx(propensity(held), abs=0.03)


def test_uplift_is_of_both_sides_and_never_of_success_alone() -> None:
    often_wrong_and_helpful, often_right_and_harmful = credit((30, 70), (10, 90)), credit((70, 30), (95, 5))
    assert uplift(often_wrong_and_helpful).low > 0
    assert uplift(often_right_and_harmful).high < 0
    assert not is_harmful(often_wrong_and_helpful)
    assert is_harmful(often_right_and_harmful)


def test_nothing_is_harmful_before_both_sides_have_enough() -> None:
    enough, less = ENOUGH / 2, ENOUGH / 2 - 0.5
    assert is_harmful(credit((0, ENOUGH), (ENOUGH, 0)))
    assert not is_harmful(credit((0, 400), (less, less)))
    assert not is_harmful(credit((less, less), (400, 0)))
    assert not is_harmful(credit((enough - 2, enough + 2), (enough, enough)))


def test_the_control_arm_is_a_share_of_the_owners_and_sticky() -> None:
    owners = [f"4:acmeu{number}" for number in range(5_000)]
    held = [owner for owner in owners if holdout(b"secret", owner, 0.05)]
    assert len(held) / len(owners) == pytest.approx(0.05, abs=0.01)
    assert all(holdout(b"secret", owner, 0.2) for owner in held)
    assert {owner for owner in owners if holdout(b"other", owner, 0.05)} != set(held)
    assert not any(holdout(b"secret", owner, 0) for owner in owners)
    assert all(holdout(b"secret", owner, 1) for owner in owners)


class Learnt(msgspec.Struct, frozen=True):
    """What became of the lessons of one kind in a simulation."""

    told: int
    drawn: int
    retired: int
    lessons: int


def simulated(seed: int, effect: float, lessons: int, sessions: int) -> Learnt:
    """Lessons in sessions that go right with a probability of their own, changed by `effect` where one is told."""
    told = retired = 0
    generator = random.Random(f"{seed} {effect}")
    for lesson in range(lessons):
        held = FRESH
        base = generator.uniform(0.3, 0.7)
        for session in range(sessions):
            is_told = draw(held, "s", f"{seed} {effect} {lesson} {session}".encode()).is_told
            is_right = generator.random() < base + effect * is_told
            held = credited(held, setup="s", is_told=is_told, is_right=is_right, weight=1, at=NOW)
            told += is_told
            if is_harmful(held):
                retired += 1
                break
    return Learnt(told=told, drawn=lessons * sessions, retired=retired, lessons=lessons)


@pytest.mark.promise("P10")
def test_most_of_the_attainable_lift_is_had_and_hardly_a_good_lesson_is_retired() -> None:
    """Half of the lessons help, a third does nothing, a fifth harms; what is attainable is to tell those that help."""
    sessions = 200
    helpful = [simulated(seed, +0.25, 5, sessions) for seed in range(20)]
    harmful = [simulated(seed, -0.25, 2, sessions) for seed in range(20)]
    attained = sum(one.told for one in helpful) - sum(one.told for one in harmful)
    assert attained / sum(one.drawn for one in helpful) >= 0.8
    assert sum(one.retired for one in helpful) / sum(one.lessons for one in helpful) <= 0.02
    assert sum(one.retired for one in harmful) / sum(one.lessons for one in harmful) >= 0.8


def test_a_lesson_of_which_only_good_comes_stays_told() -> None:
    """Where nobody ever says anything both sides look right, and the lesson must not wear off."""
    for count in itertools.chain(range(0, 100, 10), (1_000, 5_000)):
        assert propensity(credit((count * 0.95, 0), (count * 0.05, 0))) > 0.9


def test_days_fade_into_one_another() -> None:
    once = credited(credit((8, 0), (0, 0)), setup="s", is_told=False, is_right=True, weight=1, at=NOW + HALF_LIFE_S)
    steps = credit((8, 0), (0, 0))
    for day in range(1, 60):
        steps = credited(steps, setup="s", is_told=True, is_right=True, weight=0, at=NOW + day * 86_400)
    steps = credited(steps, setup="s", is_told=False, is_right=True, weight=1, at=NOW + HALF_LIFE_S)
    assert counters(steps) == pytest.approx(counters(once))
