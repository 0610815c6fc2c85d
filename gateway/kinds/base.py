"""What a kind of memory must offer; the one interface of a file in this folder.

A kind finds itself in what was said and renders its line. It is pure: storing, ranking and budgets are elsewhere.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from gateway.memories import Memory, Span
from gateway.types import Turn

DAY_S = 86_400


class Kind(Protocol):
    """One kind of memory, which is also a lane with a budget of its own."""

    @property
    def name(self) -> str:
        """Name of the file."""
        ...

    @property
    def order(self) -> int:
        """Position of its lane: lower lanes are filled first."""
        ...

    @property
    def is_pinned(self) -> bool:
        """True when its memories are recalled whatever the question."""
        ...

    @property
    def is_rule(self) -> bool:
        """True when its lines are instructions and stand in the block of rules."""
        ...

    @property
    def half_life_days(self) -> float:
        """Age at which recency counts half among its memories."""
        ...

    def find(self, turn: Turn, *, is_first: bool = False) -> Sequence[Span]:
        """Spans of the turn that are worth keeping as this kind; never raises.

        Args:
            is_first: whether the turn is the first that a user says in its session.
        """
        ...

    def line(self, memory: Memory) -> str:
        """The line a model reads."""
        ...


def day(at: float) -> str:
    """The UTC date of a moment in Unix seconds, as notes show it."""
    return _date(int(at // DAY_S))


@functools.lru_cache(maxsize=4096)
def _date(days: int) -> str:
    return datetime.fromtimestamp(days * DAY_S, UTC).date().isoformat()
