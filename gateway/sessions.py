"""Sessions as an operator leafs through them: whose there are, and what was said, done and judged in one.

Values and one port, like those of gateway/ports.py: no logic, and nothing of where the record is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from gateway.experience import Change, Feedback, Signal
from gateway.types import Exchange, Scope


class Visited(msgspec.Struct, frozen=True, kw_only=True):
    """A session, and how much there was of it."""

    scope: Scope
    began: float
    """Unix seconds of its first call on record, as is `last` of its last."""
    last: float
    calls: int


class Turned(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a session, with what was seen and said of it later."""

    exchange: Exchange
    signals: tuple[Signal, ...] = ()
    feedback: tuple[Feedback, ...] = ()
    changes: tuple[Change, ...] = ()


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """How much was heard of a person."""

    began: float
    """Unix seconds of their first call on record, as is `last` of their last."""
    last: float
    sessions: int


class Sessions(Protocol):
    """Reads the record. Raises `MemoryUnavailable` or `DataDirError` when it cannot be read.

    A place is the record's own, and of use only for the next page of the same listing; empty for the first page. One
    that is none raises `BadRequest`. Calls are on record from their beginning or, where many gateways share the
    record, from their end.
    """

    async def newest(self, tenant: str, user: str | None, place: str, limit: int) -> tuple[Sequence[Visited], str]:
        """Sessions, the one that was heard of last first, and the place of the next page; empty when there is none.

        Args:
            tenant: empty for all.
            user: None for all; `""` for those in which nobody was named.
        """
        ...

    async def visited(self, scope: Scope) -> Visited | None:
        """How much there was of one session; None for one that is not on record."""
        ...

    async def calls(self, scope: Scope, before: str, limit: int) -> tuple[Sequence[Turned], str]:
        """The newest calls of one session, oldest first, and `before` for those before them; empty when there are none.

        They are fewer than the limit where their records are large (gateway/journals/fitting.py) or damaged, and none
        where the session is not on record.

        Args:
            before: a call of the session: those that are older than it; empty for the newest.
        """
        ...

    async def called(self, name: str) -> Sequence[Scope]:
        """The sessions that are called so: of different users or tenants several may be."""
        ...

    async def people(self, tenant: str, name: str, place: str, limit: int) -> tuple[Sequence[Scope], str]:
        """Named users, in the order of tenants and names, and the place of the next page; empty when there is none.

        Args:
            tenant: empty for all.
            name: what the user's name begins with; empty for all.
        """
        ...

    async def heard(self, scope: Scope) -> Heard | None:
        """How much was heard of a scope's person; None for one who is not on record."""
        ...
