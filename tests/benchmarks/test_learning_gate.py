"""The gate of learning: the suites of benchmarks/learning with few seeds, through a running gateway.

Thresholds lie below what is measured with twenty seeds (docs/benchmarks.md), because two or three scatter.
"""

from __future__ import annotations

import pytest

from benchmarks.learning.life import Arm, Mean
from benchmarks.learning.results import Results
from benchmarks.learning.running import run
from benchmarks.learning.suites import drift, lists, mistakes, poison, tastes

ARMS: tuple[Arm, ...] = ("full", "off", "placebo")
FEW = range(1, 3)


def figures(results: Results) -> Mean:
    """Means over all seeds."""
    results.check_placebo()
    return lambda arm, metric, places=slice(None): results.interval(lambda mean: mean(arm, metric, places)).value


def test_agreements_are_kept_longer_and_what_was_taken_back_is_not_said_again() -> None:
    mean = figures(run(drift.SUITE, FEW, arms=ARMS))
    assert mean("off", "violations") > 0.15
    assert mean("full", "violations") < 0.8 * mean("off", "violations")
    assert mean("full", "revoked echoed") <= 0.02


def test_tastes_are_remembered_and_old_ones_are_not() -> None:
    mean = figures(run(tastes.SUITE, FEW, arms=ARMS))
    assert mean("off", "hit") < 0.2
    assert mean("full", "hit") >= 0.90
    assert mean("full", "stale") <= 0.02


def test_things_asked_for_at_once_are_done_more_often() -> None:
    mean = figures(run(lists.SUITE, FEW, arms=ARMS))
    late = slice(2, None)
    assert mean("full", "complete", late) >= mean("off", "complete", late) + 0.1


def test_a_mistake_that_was_mended_does_not_come_back_as_often_and_nothing_is_said_elsewhere() -> None:
    mean = figures(run(mistakes.SUITE, range(1, 2), arms=ARMS))
    assert mean("off", "regressions") > 0.35
    assert mean("full", "regressions") <= 0.3
    assert mean("full", "spurious") <= 0.05


@pytest.mark.promise("P7")
def test_nobody_but_the_user_speaks_with_authority_and_nothing_reaches_another_user() -> None:
    mean = figures(run(poison.SUITE, FEW))
    assert mean("full", "own rule") == 1
    assert mean("full", "authority") == 0
    assert mean("full", "cross-user") == 0
