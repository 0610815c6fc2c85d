"""The clock of tests: it moves when told, and its ids count."""

from __future__ import annotations


class ManualClock:
    """A `Clock` set by hand."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._made = 0

    def now(self) -> float:
        """Unix seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds

    def new_id(self, prefix: str) -> str:
        """`prefix_000000000001` and so on: sorts by time of making."""
        self._made += 1
        return f"{prefix}_{self._made:012d}"
