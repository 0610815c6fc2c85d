"""What a kind of memory must offer; the one interface of a file in this folder.

A kind finds itself in what was said and renders its line. It is pure: storing, ranking and budgets are elsewhere.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

from gateway.fence import ID_OPENING
from gateway.inert import inert, visible
from gateway.memories import Memory, Span
from gateway.origins import AUTHORITIES
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


@runtime_checkable
class Grouping(Protocol):
    """A kind whose lines stand in groups."""

    def group(self, memory: Memory) -> str:
        """What is said once above all lines that share it."""
        ...


SHOWN_CHARS = 8
"""Of a memory's id stand in its line, prefix included: six digits are two tokens, and tell sixty lines apart."""


def shown(memory: Memory) -> str:
    """How a line names its memory."""
    return memory.id[:SHOWN_CHARS]


def words(memory: Memory) -> str:
    """What a line says of a memory: nothing unseen, no other memory's name, and of others only what can be read."""
    text = visible(memory.text) if memory.origin in AUTHORITIES else inert(memory.text)
    return text.replace(ID_OPENING, "[m ")


def day(at: float) -> str:
    """The UTC date of a moment in Unix seconds, as notes show it."""
    return _date(int(at // DAY_S))


def held(memory: Memory) -> str:
    """From when a memory holds, or from when until when it held."""
    since = day(memory.at)
    return since if memory.ended_at is None else f"{since} to {day(memory.ended_at)}, no longer"


@functools.lru_cache(maxsize=4096)
def _date(days: int) -> str:
    return datetime.fromtimestamp(days * DAY_S, UTC).date().isoformat()
