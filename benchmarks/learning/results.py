"""From points to figures: means over seeds, intervals by resampling the seeds, and whether the placebo is none.

Knows nothing of how points were come by.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from benchmarks.harness import Failed
from benchmarks.learning.arms import Judged
from benchmarks.learning.life import Arm, Goal, Mean, Suite

RESAMPLES = 2_000
LOW, HIGH = 2.5, 97.5
"""Percentiles of a 95 % interval."""

PLACEBO_MARGIN = 0.03
"""How far the placebo may be from nothing: what notes beside the point cost is less, what help is worth more."""

Numbers = npt.NDArray[np.float64]
Figure = Callable[[Mean], float]


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a goal."""

    goal: Goal
    figure: Interval

    @property
    def is_reached(self) -> bool:
        """By the figure itself, not by the ends of its interval."""
        return self.goal.is_reached(self.figure.value)


class Results:
    """The points of a suite."""

    def __init__(self, suite: Suite, judged: Sequence[Judged]) -> None:
        self.suite = suite
        self.seeds = sorted({one.seed for one in judged})
        self.arms = tuple(arm for arm in suite.arms if any(one.arm == arm for one in judged))
        self._tables = {
            (arm, metric): _Table([one for one in judged if (one.arm, one.point.metric) == (arm, metric)], self.seeds)
            for arm in self.arms
            for metric in {one.point.metric for one in judged}
        }
        self._draws = _draws(len(self.seeds))

    def interval(self, figure: Figure) -> Interval:
        """A figure over all seeds, and how far it goes when other ones might have been drawn."""
        once = np.ones(len(self.seeds))
        drawn = [figure(self._mean_of(weights)) for weights in self._draws]
        known = [value for value in drawn if not math.isnan(value)]
        low, high = np.percentile(known, [LOW, HIGH]) if known else (math.nan, math.nan)
        return Interval(value=figure(self._mean_of(once)), low=float(low), high=float(high))

    def mean(self, arm: Arm, metric: str) -> Interval:
        """The mean of all points of an arm."""
        return self.interval(lambda mean: mean(arm, metric))

    def curve(self, arm: Arm, metric: str) -> list[tuple[int, Interval]]:
        """The mean at each place of the learning curve."""
        places = self._tables[arm, metric].places
        spans = [slice(number, number + 1) for number in range(len(places))]
        return [
            (place, self.interval(lambda mean, span=span: mean(arm, metric, span)))  # type: ignore[misc]  # mypy cannot infer a default
            for place, span in zip(places, spans, strict=True)
        ]

    def verdicts(self) -> list[Verdict]:
        """What became of the suite's goals."""
        return [Verdict(goal=goal, figure=self.interval(goal.figure)) for goal in self.suite.goals]

    def check_placebo(self) -> None:
        """Raise `Failed` where notes about something else do as well as help: then help was no help."""
        if not {"off", "placebo"} <= set(self.arms):
            return
        metric = self.suite.metrics[0]
        apart = self.interval(lambda mean: mean("placebo", metric) - mean("off", metric))
        if apart.low > PLACEBO_MARGIN or apart.high < -PLACEBO_MARGIN:
            raise Failed(f"suite {self.suite.name}: the placebo is {apart.value:+.3f} from off in {metric}")

    def _mean_of(self, weights: Numbers) -> Mean:
        def mean(arm: Arm, metric: str, places: slice = slice(None)) -> float:
            table = self._tables.get((arm, metric))
            return math.nan if table is None else table.mean(weights, places)

        return mean


class _Table:
    """Sums and numbers of points, by seed and place."""

    def __init__(self, judged: Sequence[Judged], seeds: Sequence[int]) -> None:
        self.places = sorted({one.point.at for one in judged})
        shape = (len(seeds), len(self.places))
        self._sums, self._counts = np.zeros(shape), np.zeros(shape)
        for one in judged:
            where = seeds.index(one.seed), self.places.index(one.point.at)
            self._sums[where] += one.point.value
            self._counts[where] += 1

    def mean(self, weights: Numbers, places: slice) -> float:
        """Of the points at some places, each seed counted as often as it was drawn."""
        count = float(weights @ self._counts[:, places].sum(axis=1))
        return float(weights @ self._sums[:, places].sum(axis=1)) / count if count else math.nan


def _draws(seeds: int) -> Numbers:
    """How often each seed was drawn, time after time; the same in every run."""
    return np.random.default_rng(0).multinomial(seeds, [1 / seeds] * seeds, size=RESAMPLES).astype(np.float64)
