"""A store as an operator leafs through it: everybody's memories, one page after the other.

Values and one port, like those of gateway/ports.py: no logic, and nothing of where memories are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from gateway.ports import Held

State = Literal["holding", "ended", "proposed", "active", "retired"]
"""Of any memory the first two; of lessons and corrections the last three as well, which say more."""


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which memories are meant; an empty member rules nothing out."""

    tenant: str = ""
    owner: str = ""
    """`Scope.owner`."""
    kind: str = ""
    state: State | None = None


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """How many memories there are of a sort."""

    kind: str
    is_holding: bool
    count: int


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who has memories: a user, a session in which nobody was named, or all users of a tenant."""

    owner: str
    """`Scope.owner`."""
    tenant: str
    memories: int
    newest: float
    """Unix seconds at which the newest of them was recorded, or said again."""


class Catalogue(Protocol):
    """Reads pages. Raises `MemoryUnavailable`.

    A place is the store's own, and of use only for the next page of the same listing; empty for the first page.
    """

    async def browse(self, selection: Selection, place: str, limit: int) -> tuple[Sequence[Held], str]:
        """Memories, those that were recorded last first, and the place of the next page; empty when there is none."""
        ...

    async def find(self, id: str, owner: str = "") -> Sequence[Held]:
        """The memories of an id: an owner's (`Scope.owner`), or some of those who have said or learnt the same."""
        ...

    async def holders(self, tenant: str, name: str, place: str, limit: int) -> tuple[Sequence[Holder], str]:
        """Who has memories, in the order of owners, and the place of the next page.

        Args:
            tenant: empty for all.
            name: what the user's or session's name begins with; empty for all.
        """
        ...

    async def counts(self, tenant: str) -> Sequence[Counted]:
        """How many memories there are, of a tenant or, where that is empty, of all."""
        ...
