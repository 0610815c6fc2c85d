"""The record as a report reads it: what was seen, how lessons evolved, what memory did, and in which order it learnt.

Values and one port, like those of gateway/ports.py: no logic, and nothing of where the record is kept.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from gateway.experience import Change, Earned, Feedback, Signal
from gateway.types import Operator, Outcome, Scope, Usage


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """A signal, and where."""

    scope: Scope
    signal: Signal


class Evolved(msgspec.Struct, frozen=True, kw_only=True):
    """A step in the evolution of a lesson, and in whose exchange it was taken."""

    scope: Scope
    change: Change


class Credited(msgspec.Struct, frozen=True, kw_only=True):
    """An outcome of a lesson, and in whose exchange it was seen."""

    scope: Scope
    earned: Earned


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What is counted of an answer."""

    usage: Usage | None = None


class Glance(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange without a word of what was said in it; the members are those of `Exchange`."""

    id: str
    scope: Scope
    at: float
    path: str
    model: str = ""
    is_aside: bool = False
    status: int | None = None
    outcome: Outcome = Outcome(status="empty")
    reply: Counted | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What was learnt from at one time; learning from all of them in order makes the same lessons again."""

    position: int
    at: float
    """Unix seconds at which it was learnt."""
    scope: Scope
    exchange: str
    """Empty for upkeep."""
    feedback: tuple[Feedback, ...] = ()
    is_over: bool = False


class Chronicle(Protocol):
    """Reads the record; beside a gateway that writes it, too. Raises `MemoryUnavailable` when it cannot be read.

    A scope is an authority over its own user, and without a user over its own session.
    """

    async def signals(self, authority: Scope | Operator, since: float, limit: int) -> list[Observed]:
        """The newest signals of exchanges since a time, oldest first."""
        ...

    async def changes(self, authority: Scope | Operator, since: float, limit: int) -> list[Evolved]:
        """The newest steps in the evolution of lessons since a time, in their order."""
        ...

    async def earned(self, operator: Operator, since: float, limit: int) -> list[Credited]:
        """The newest outcomes of lessons since a time, in their order."""
        ...

    async def exchanges(self, authority: Scope | Operator, since: float, limit: int) -> list[Glance]:
        """The newest exchanges since a time that have ended, oldest first."""
        ...

    async def steps(self, operator: Operator, after: int, limit: int) -> list[Step]:
        """What was learnt from after a position, in that order; positions begin at 1."""
        ...
