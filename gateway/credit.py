"""What a lesson has earned, and whether it is told: two counters, a lot, and a verdict.

A lesson is judged by the difference between the sessions in which it was told and those in which it was withheld, never
by how things went where it was told: what is told in hard cases goes wrong often and helps all the same. What counts as
right or wrong is said by gateway/outcomes.py; the reasons for each figure are in docs/decisions/0016-credit.md.
"""

from __future__ import annotations

import hashlib

import msgspec

from gateway.experience import Credit
from gateway.rates import ENOUGH, Counts, Difference, chance, difference

HALF_LIFE_S = 60 * 86_400.0
"""After which an outcome counts half: models and code change under a lesson."""

PRIOR_TOLD, PRIOR_WITHHELD = Counts(right=3, wrong=1), Counts(right=1, wrong=3)
"""What is believed of a lesson on which there are no outcomes: that it helps, so that it is told with 95 %."""

LEAST, MOST = 0.1, 0.95
"""Between which the chance of being told stays, so that both sides go on being tried."""

HARMFUL = 0.1
"""Chance of helping below which a lesson is taken to harm."""

LOT_BYTES = 6
LOTS = 1 << (8 * LOT_BYTES)
"""Of a digest make a lot: as many as a float holds exactly."""


class Draw(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a lesson is told in a session."""

    is_told: bool
    propensity: float
    """How likely it was to be told."""


def draw(credit: Credit, setup: str, seed: bytes) -> Draw:
    """Tell a lesson as often as it is likely to help (Thompson sampling); the same seed draws the same.

    Args:
        setup: `Exchange.setup` of the call; credit that was earned under another says nothing here.
        seed: of the session and the lesson.
    """
    known = credit if credit.setup == setup else Credit()
    told, withheld = _sides(known)
    helps = chance(_sum(told, PRIOR_TOLD), _sum(withheld, PRIOR_WITHHELD))
    propensity = min(max(helps, LEAST), MOST)
    return Draw(is_told=_lot(seed, b"draw") < propensity, propensity=propensity)


def credited(credit: Credit, *, setup: str, is_told: bool, is_right: bool, weight: float, at: float) -> Credit:
    """One outcome more; outcomes may come in any order of time.

    Under another setup it begins anew, unless the outcome is older than what the other has earned.
    """
    if setup != credit.setup:
        if at < credit.at:
            return credit
        credit = Credit(setup=setup, at=at)
    now = max(at, credit.at)
    fade, gain = _faded(now - credit.at), weight * _faded(now - at)
    return Credit(
        right_with=credit.right_with * fade + gain * (is_told and is_right),
        wrong_with=credit.wrong_with * fade + gain * (is_told and not is_right),
        right_without=credit.right_without * fade + gain * (not is_told and is_right),
        wrong_without=credit.wrong_without * fade + gain * (not is_told and not is_right),
        at=now,
        setup=setup,
    )


def uplift(credit: Credit) -> Difference:
    """How much more often things go right where the lesson is told."""
    return difference(*_sides(credit))


def is_harmful(credit: Credit) -> bool:
    """Whether telling it makes things worse, as far as can be known; False while either side has too few outcomes."""
    told, withheld = _sides(credit)
    return min(told.total, withheld.total) >= ENOUGH and uplift(credit).chance < HARMFUL


def holdout(seed: bytes, owner: str, share: float) -> bool:
    """Whether an owner is in the control arm, which is told nothing at all; they stay in it while the share is no less.

    Args:
        seed: keeps owners from choosing their side.
    """
    return _lot(hashlib.blake2b(owner.encode(), key=seed).digest(), b"holdout") < share


def _sides(credit: Credit) -> tuple[Counts, Counts]:
    """Told and withheld."""
    return (
        Counts(right=credit.right_with, wrong=credit.wrong_with),
        Counts(right=credit.right_without, wrong=credit.wrong_without),
    )


def _sum(one: Counts, other: Counts) -> Counts:
    return Counts(right=one.right + other.right, wrong=one.wrong + other.wrong)


def _faded(seconds: float) -> float:
    return float(0.5 ** (seconds / HALF_LIFE_S))


def _lot(seed: bytes, purpose: bytes) -> float:
    """A number from 0 to below 1 that follows from the seed."""
    digest = hashlib.blake2b(seed, digest_size=LOT_BYTES, person=purpose).digest()
    return int.from_bytes(digest) / LOTS
