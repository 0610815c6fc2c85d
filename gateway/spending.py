"""What keys have spent of the tokens they may: per minute, per day and per month, each begun anew in UTC.

What a call costs is known when it has ended, so calls under way at the same time may together go beyond. Where it is
kept is known by gateway/keys.py.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from gateway.keys import Key, Spent
from gateway.ports import Clock

Length = Literal["minute", "day", "month"]

_NAMES: dict[Length, str] = {"minute": "%Y-%m-%dT%H:%M", "day": "%Y-%m-%d", "month": "%Y-%m"}

KEPT: tuple[Length, ...] = ("day", "month")
"""Lengths that outlive a restart."""


class Exhausted(msgspec.Struct, frozen=True, kw_only=True):
    """A limit that has been reached."""

    length: Length
    limit: int
    wait_s: int
    """Until it begins anew."""


class Spending:
    """Counts in process; `take` hands out what has come since, to be kept."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._total: Counter[tuple[str, str]] = Counter()
        self._new: Counter[tuple[str, str]] = Counter()

    def begin(self, spent: Spent) -> None:
        """Go on from what was kept."""
        self._total.update(spent)

    def periods(self) -> tuple[str, ...]:
        """Names of those under way that are kept."""
        return tuple(self._now().strftime(_NAMES[length]) for length in KEPT)

    def spend(self, key: Key, tokens: int) -> None:
        """Count what a call cost."""
        now = self._now()
        names = {length: now.strftime(name) for length, name in _NAMES.items()}
        for length, name in names.items():
            self._total[key.id, name] += tokens
            if length in KEPT:
                self._new[key.id, name] += tokens
        for over in [place for place in self._total if place[1] not in names.values()]:
            del self._total[over]

    def exhausted(self, key: Key) -> Exhausted | None:
        """The limit of a key that is reached, the longest first; None while there is none."""
        limits: dict[Length, int | None] = {
            "month": key.tokens_per_month,
            "day": key.tokens_per_day,
            "minute": key.tokens_per_minute,
        }
        now = self._now()
        for length, limit in limits.items():
            if limit is not None and self._total[key.id, now.strftime(_NAMES[length])] >= limit:
                return Exhausted(length=length, limit=limit, wait_s=_wait_s(now, length))
        return None

    def take(self) -> Spent:
        """What was spent since it was last asked."""
        taken, self._new = self._new, Counter()
        return taken

    def give_back(self, taken: Spent) -> None:
        """It could not be kept, and is to be taken again."""
        self._new.update(taken)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)


def _wait_s(now: datetime, length: Length) -> int:
    """Whole seconds, so that it is over when they are."""
    minute = now.replace(second=0, microsecond=0)
    today = minute.replace(hour=0, minute=0)
    ends: dict[Length, datetime] = {
        "minute": minute + timedelta(minutes=1),
        "day": today + timedelta(days=1),
        "month": (today.replace(day=1) + timedelta(days=32)).replace(day=1),
    }
    return int((ends[length] - now).total_seconds()) + 1
