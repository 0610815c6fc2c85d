"""The record as one person's: to be read out to them, and to be removed. One port, like those of gateway/ports.py."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

import msgspec

from gateway.erasures import Person, Tombstone
from gateway.experience import Change, Earned, Feedback, Signal
from gateway.types import Exchange, Scope

Record = Exchange | Feedback | Signal | Change | Earned


class Outdated(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange whose time is over."""

    scope: Scope
    exchange: str


class Keeping(msgspec.Struct, frozen=True, kw_only=True):
    """How long the exchanges of a policy are kept."""

    policy: str
    before: float | None = None
    """Unix seconds: older ones go."""
    newest: int | None = None
    """So many of each user stay."""


class Archive(Protocol):
    """Removes and reads out. Raises `MemoryUnavailable` when the record cannot be reached."""

    async def tombstones(self) -> Sequence[Tombstone]:
        """All that stand on record."""
        ...

    async def tenants(self, user: str | None, session: str) -> Sequence[str]:
        """Tenants in which there is such a user, or such a session in which nobody was named."""
        ...

    def records(self, person: Person) -> AsyncIterator[tuple[str, Record]]:
        """Everything on record of a person, each with what it is: `exchange`, `feedback` or `learnt`."""
        ...

    async def erase(self, person: Person, tombstone: Tombstone) -> Mapping[str, int]:
        """Set the tombstone and remove what is on record of a person; how many rows, by table.

        When it returns no byte of them is in the files, and what is queued for them will not be written.
        """
        ...

    async def outdated(self, keeping: Keeping, limit: int) -> Sequence[Outdated]:
        """Exchanges that are not to be kept, oldest first; none that is under way or not learnt yet."""
        ...

    async def drop(self, exchanges: Sequence[str]) -> None:
        """Remove exchanges and what hangs on them; when it returns no byte of them is in the files."""
        ...
