"""Two rates beside each other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rates import ENOUGH, INTERVAL, Counts, chance, difference, lift

WHOLE = st.integers(min_value=1, max_value=60)


def exact(one: Counts, other: Counts) -> float:
    """P(one > other) of Beta distributions with whole counts, in closed form."""

    def beta(a: float, b: float) -> float:
        return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)

    return sum(
        math.exp(
            beta(other.right + i, other.wrong + one.wrong)
            - math.log(one.wrong + i)
            - beta(1 + i, one.wrong)
            - beta(other.right, other.wrong)
        )
        for i in range(round(one.right))
    )


@settings(deadline=None, max_examples=60)
@given(WHOLE, WHOLE, WHOLE, WHOLE)
def test_the_chance_is_that_of_the_closed_form(right: int, wrong: int, other_right: int, other_wrong: int) -> None:
    one, other = Counts(right=right, wrong=wrong), Counts(right=other_right, wrong=other_wrong)
    assert chance(one, other) == pytest.approx(exact(one, other), abs=1e-3)
    assert chance(one, other) + chance(other, one) == pytest.approx(1)


def test_ten_thousand_outcomes_are_not_too_many_for_the_grid() -> None:
    one, other = Counts(right=5_000, wrong=5_000), Counts(right=5_100, wrong=4_900)
    assert chance(one, other) == pytest.approx(exact(one, other), abs=5e-4)


def test_a_difference_is_that_of_drawing_from_both_many_times() -> None:
    found = difference(Counts(right=30, wrong=10), Counts(right=5.5, wrong=7.25))
    generator = np.random.default_rng(1)
    drawn = generator.beta(31, 11, 400_000) - generator.beta(6.5, 8.25, 400_000)
    low, high = np.quantile(drawn, [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2])
    assert found.mean == pytest.approx(float(drawn.mean()), abs=2e-3)
    assert (found.low, found.high) == pytest.approx((float(low), float(high)), abs=4e-3)
    assert found.chance == pytest.approx(float((drawn > 0).mean()), abs=3e-3)


def test_of_nothing_at_all_nothing_is_said() -> None:
    found = difference(Counts(), Counts())
    assert found.mean == 0
    assert found.chance == pytest.approx(0.5)
    assert found.high - found.low > 1.5


@pytest.mark.promise("P10")
def test_there_is_no_lift_before_both_sides_have_enough() -> None:
    plenty, few = Counts(right=400, wrong=100), Counts(right=ENOUGH - 1, wrong=0)
    assert lift(plenty, few) is None
    assert lift(few, plenty) is None
    assert lift(plenty, Counts(right=ENOUGH, wrong=0)) is not None


def test_a_lift_that_is_sure_needs_no_more_sessions() -> None:
    for one, other in ((450, 250), (250, 450)):
        found = lift(Counts(right=one, wrong=500 - one), Counts(right=other, wrong=500 - other))
        assert found is not None
        assert found.sessions_needed == 0


def test_so_many_more_sessions_make_it_sure() -> None:
    treated, control = Counts(right=240, wrong=60), Counts(right=22, wrong=10)
    found = lift(treated, control)
    assert found is not None
    assert found.difference.low < 0 < found.difference.high
    assert found.sessions_needed is not None
    for share, is_sure in ((0.7, False), (1.1, True)):
        grown = 1 + share * found.sessions_needed / (treated.total + control.total)
        later = lift(
            Counts(right=treated.right * grown, wrong=treated.wrong * grown),
            Counts(right=control.right * grown, wrong=control.wrong * grown),
        )
        assert later is not None
        assert (later.difference.low > 0) is is_sure


def test_without_any_difference_no_number_of_sessions_would_do() -> None:
    same = Counts(right=30, wrong=30)
    found = lift(same, same)
    assert found is not None
    assert found.sessions_needed is None
