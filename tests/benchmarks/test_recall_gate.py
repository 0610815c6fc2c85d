"""The gate of recall: the suite of our own, told to a running gateway and asked of it, as benchmarks/recall.py does.

It takes as long as 1,800 calls, 375 questions asked twice, and three starts of a gateway.
"""

from __future__ import annotations

import pytest

from benchmarks import sets
from benchmarks.recall import AS_IT_IS, THREE, measure
from benchmarks.tables import Row
from benchmarks.trials import figures

LEAST_PRESENT = {"dev": 0.95, "heldout": 0.85}
"""Measured at .98 and .88. Rules were written with the dev half in view; the other one shows what that is worth."""

LEAST_ABSENT = {"dev": 0.88, "heldout": 0.68}
"""Measured at .92 and .73."""

MOST_TOKENS = 180
"""On average: measured at 150. Who adds everything recalls everything."""

LEAST_PRESENT_OF_THREE = 0.88
"""Of all: measured at .92 with three memories found by relevance. A case has so short a past that with more of them the
order in which they are ranked tells nothing."""


@pytest.fixture(scope="module")
def row() -> Row:
    (row,) = measure(sets.of_suite(), [AS_IT_IS], THREE)
    return row


@pytest.mark.parametrize("half", sets.HALVES)
def test_what_matters_is_there_and_what_does_harm_is_not(row: Row, half: str) -> None:
    of = figures([result for result in row.results if result.trial.half == half])
    assert of.questions >= 100
    assert of.complete is not None
    assert of.clean is not None
    assert of.complete >= LEAST_PRESENT[half]
    assert of.clean >= LEAST_ABSENT[half]


def test_the_best_of_what_is_found_comes_first(row: Row) -> None:
    of = figures(row.few)
    assert of.complete is not None
    assert of.complete >= LEAST_PRESENT_OF_THREE


def test_it_is_not_bought_with_tokens(row: Row) -> None:
    assert figures(row.results).tokens <= MOST_TOKENS


def test_nothing_that_another_user_said_is_ever_there(row: Row) -> None:
    distracted = [result for result in row.results if result.trial.group == "distractor"]
    assert distracted
    assert not any(result.stale for result in distracted)
