"""Two success rates beside each other: how far they are apart, how sure that is, and how much more would make it sure.

Rates are Beta distributions, compared on a grid; counts may be fractions, because they fade and are weighted. This file
knows nothing of what succeeds.
"""

from __future__ import annotations

import functools
import math

import msgspec
import numpy as np
from numpy.typing import NDArray

GRID = 1000
"""Points between 0 and 1. With 10,000 outcomes on each side the probability is off by .0004; a comparison takes some
20 µs, a whole distribution of differences 100 µs."""

INTERVAL = 0.95
Z = 1.96
"""Standard deviations to each side that hold `INTERVAL` of a normal distribution."""

ENOUGH = 20
"""Outcomes that each side needs before anything is said of their difference."""

_AT = (np.arange(GRID) + 0.5) / GRID
_LOG, _LOG_REST = np.log(_AT), np.log1p(-_AT)
_APART = np.arange(1 - GRID, GRID) / GRID


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How often something went right and wrong."""

    right: float = 0.0
    wrong: float = 0.0

    @property
    def total(self) -> float:
        """All of them."""
        return self.right + self.wrong


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """How much higher one rate is than another, from -1 to 1."""

    mean: float
    low: float
    """Of the 95 % credible interval."""
    high: float
    chance: float
    """The probability that it is above zero."""


class Lift(msgspec.Struct, frozen=True, kw_only=True):
    """A difference, and what it would take to be sure of it."""

    difference: Difference
    sessions_needed: int | None
    """Further ones, shared out as those so far, until the interval would leave out zero if the difference stayed as it
    is; 0 when it does so now, None when there is no difference."""


@functools.lru_cache(maxsize=4096)
def chance(one: Counts, other: Counts) -> float:
    """The probability that the rate of `one` is higher; counts have the prior in them and are at least 1."""
    density, below = _density(one), _density(other)
    return float(density @ (np.cumsum(below) - below / 2))


def difference(one: Counts, other: Counts) -> Difference:
    """How much higher the rate of `one` is, when nothing was known of either before (Beta(1, 1))."""
    one, other = _with_prior(one), _with_prior(other)
    apart = np.convolve(_density(one), _density(other)[::-1])
    below = np.cumsum(apart)
    tail = (1 - INTERVAL) / 2
    return Difference(
        mean=one.right / one.total - other.right / other.total,
        low=float(_APART[np.searchsorted(below, tail)]),
        high=float(_APART[np.searchsorted(below, 1 - tail)]),
        chance=chance(one, other),
    )


def lift(treated: Counts, control: Counts) -> Lift | None:
    """How much better the treated sessions went; None when either side has fewer than `ENOUGH`."""
    if min(treated.total, control.total) < ENOUGH:
        return None
    return Lift(difference=difference(treated, control), sessions_needed=_needed(treated, control))


def _needed(treated: Counts, control: Counts) -> int | None:
    """By the normal approximation: the interval leaves out zero from so many sessions on."""
    found = difference(treated, control)
    if found.low > 0 or found.high < 0:
        return 0
    if found.mean == 0:
        return None
    total = treated.total + control.total
    spread = sum(_variance(side) * total / side.total for side in (treated, control))
    return max(1, math.ceil(spread * (Z / found.mean) ** 2 - total))


def _variance(counts: Counts) -> float:
    """Of a single outcome."""
    held = _with_prior(counts)
    return held.right * held.wrong / held.total**2


def _with_prior(counts: Counts) -> Counts:
    return Counts(right=counts.right + 1, wrong=counts.wrong + 1)


def _density(counts: Counts) -> NDArray[np.float64]:
    """Of the rate at each point of the grid; it sums to 1."""
    exponent = (counts.right - 1) * _LOG + (counts.wrong - 1) * _LOG_REST
    density = np.exp(exponent - exponent.max())
    scaled: NDArray[np.float64] = density / density.sum()
    return scaled
