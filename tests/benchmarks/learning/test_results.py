"""From points to figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from benchmarks.harness import Failed
from benchmarks.learning import plots
from benchmarks.learning.__main__ import section
from benchmarks.learning.arms import Judged
from benchmarks.learning.life import Arm, Goal, Point, Suite
from benchmarks.learning.results import Results

SEEDS = range(1, 21)
GOAL = Goal(
    text="twice as good at the end",
    figure=lambda mean: mean("full", "right", slice(-1, None)) / mean("off", "right", slice(-1, None)),
    is_reached=lambda value: value >= 2,
)
SUITE = Suite(name="T", title="a test", steps=2, along="turn", metrics=("right",), lives=lambda seed: [], goals=(GOAL,))


def judged(arm: Arm, value: Callable[[int, int], float]) -> list[Judged]:
    """A point at two places for each seed."""
    return [
        Judged(arm=arm, seed=seed, point=Point(metric="right", value=value(seed, at), at=at))
        for seed in SEEDS
        for at in (1, 2)
    ]


def results(*points: Sequence[Judged]) -> Results:
    return Results(SUITE, [one for some in points for one in some])


def test_a_mean_is_of_all_points_and_its_interval_of_the_seeds() -> None:
    found = results(judged("off", lambda seed, at: seed % 2)).mean("off", "right")
    assert found.value == 0.5
    assert 0.2 < found.low < 0.35
    assert 0.65 < found.high < 0.8


def test_seeds_that_agree_leave_no_doubt() -> None:
    found = results(judged("off", lambda seed, at: at / 2)).mean("off", "right")
    assert (found.value, found.low, found.high) == (0.75, 0.75, 0.75)


def test_a_curve_has_a_figure_at_each_place() -> None:
    curve = results(judged("full", lambda seed, at: at / 2)).curve("full", "right")
    assert [(place, one.value) for place, one in curve] == [(1, 0.5), (2, 1.0)]


def test_goals_are_figures_of_means_at_places_of_the_curve() -> None:
    found = results(judged("full", lambda seed, at: at / 2), judged("off", lambda seed, at: 0.4))
    (verdict,) = found.verdicts()
    assert verdict.figure.value == pytest.approx(2.5)
    assert verdict.is_reached


def test_where_there_are_no_points_there_is_no_figure() -> None:
    (verdict,) = results(judged("full", lambda seed, at: 1.0)).verdicts()
    assert math.isnan(verdict.figure.value)
    assert not verdict.is_reached


@pytest.mark.parametrize("apart", [-0.2, 0.2])
def test_a_placebo_that_does_something_ends_the_run(apart: float) -> None:
    off, sham = judged("off", lambda seed, at: 0.5), judged("placebo", lambda seed, at: 0.5 + apart)
    with pytest.raises(Failed, match="the placebo is"):
        results(off, sham).check_placebo()


def test_a_placebo_that_does_nothing_does_not() -> None:
    noise = judged("placebo", lambda seed, at: 0.5 + 0.1 * (-1) ** (seed + at))
    results(judged("off", lambda seed, at: 0.5), noise).check_placebo()
    results(judged("full", lambda seed, at: 0.5)).check_placebo()


def test_a_section_has_the_figures_of_each_arm_and_says_what_was_not_reached() -> None:
    text = section(results(judged("full", lambda seed, at: at / 2), judged("off", lambda seed, at: 0.9)))
    assert "| full | 0.750 |        |" in text
    assert "| twice as good at the end | 1.111    | **no**  |" in text


def test_a_curve_is_drawn_as_a_picture(tmp_path: Path) -> None:
    path = plots.draw(
        results(judged("full", lambda seed, at: at / 2), judged("off", lambda seed, at: seed / 40)), tmp_path
    )
    assert path.name == "learning-t.png"
    assert path.read_bytes().startswith(b"\x89PNG")
