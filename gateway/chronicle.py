"""The record as it is looked back on: by the learner, with feedback and what was learnt; by a report, in its order.

Values and two ports, like those of gateway/ports.py: no logic, and nothing of where the record is kept.

What a report reads a hundred thousand of is without `gc`, which those cannot need that refer to nothing but values:
the collector looked at all of them again and again, which kept every call waiting for 150 ms.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from gateway.experience import Change, Earned, Feedback, Signal
from gateway.types import Exchange, Operator, Outcome, Scope, Usage


class Observed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A signal, and where."""

    scope: Scope
    signal: Signal


class Evolved(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A step in the evolution of a lesson, and in whose exchange it was taken."""

    scope: Scope
    change: Change


class Credited(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An outcome of a lesson, and in whose exchange it was seen."""

    scope: Scope
    earned: Earned


class Counted(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is counted of an answer."""

    usage: Usage | None = None


class Glance(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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
    """Empty for what was done by hand."""
    feedback: tuple[Feedback, ...] = ()
    is_over: bool = False
    changes: tuple[Change, ...] = ()
    """What was done by hand; what an exchange changed follows from learning it again."""


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
        """The newest exchanges that have ended, of sessions that were heard of since a time, oldest first.

        A session that was heard of is had from its beginning, so that each call's place in it can be told.
        """
        ...

    async def steps(self, operator: Operator, after: int, limit: int) -> list[Step]:
        """What was learnt from after a position, in that order; positions begin at 1."""
        ...


FEEDBACK_S = 7 * 86_400.0
"""Feedback is taken up to so long after its exchange, and waits as long for it to be learnt."""

Taken = Literal["new", "known", "other", "unknown", "late"]
"""Of feedback: on record now, or before, or not taken: its id is other feedback's, no such exchange, one too old."""


class Learnt(msgspec.Struct, frozen=True, kw_only=True):
    """What one step of learning came to."""

    exchange: str
    """That was looked at; empty for what was done by hand."""
    feedback: tuple[str, ...] = ()
    """On it, looked at in this step; empty where the exchange was looked at for itself."""
    is_over: bool = False
    """True where it was looked at once more, as the last of its session."""
    signals: tuple[Signal, ...] = ()
    changes: tuple[Change, ...] = ()
    earned: tuple[Earned, ...] = ()


class Became(msgspec.Struct, frozen=True, kw_only=True):
    """What became of feedback."""

    id: str
    state: Literal["waiting", "learnt", "unmatched"]
    """`unmatched`: its exchange was never learnt, or cannot be read."""
    exchange: str
    memories: tuple[str, ...] = ()
    """That stood in this exchange: it can reach no other."""
    changes: tuple[Change, ...] = ()


class History(Protocol):
    """The record as the learner looks back on it: what came before, what was said of it, what was learnt from it."""

    async def session(self, scope: Scope, before: str, limit: int) -> list[Exchange]:
        """Of a person's session the newest exchanges before one, oldest first: ended ones that were not refused."""
        ...

    async def give(self, scope: Scope, feedback: Feedback) -> Taken:
        """Return when feedback is durable, or not taken; an exchange that was intended just before it is known.

        Feedback on a session means that person's session, and the last exchange in it in which something was said; on
        an exchange one of the scope's user, without a user any of the tenant's. An id is that user's, and taken once.
        """
        ...

    async def given(self, limit: int) -> list[Feedback]:
        """Feedback, oldest first, that is not learnt yet and whose exchange is and can be read; it is filled in."""
        ...

    async def taught(self, scope: Scope, learnt: Learnt) -> None:
        """Put on record what a step of learning came to; the same step again takes the place of itself."""
        ...

    async def became(self, tenant: str, feedback: str, user: str | None = None) -> Became | None:
        """What became of feedback on a user's exchange, or the tenant's only one of this id; None for no such one."""
        ...
