"""What an operator can see and do, in one value: the API, the dashboard and commands are made over it.

How each is shown is known in gateway/admin/; that only an operator gets here, too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from gateway.caches import Caches
from gateway.catalogue import Catalogue
from gateway.chronicle import Chronicle
from gateway.curation import Curator
from gateway.deadletters import Letters
from gateway.erasure import Eraser
from gateway.kinds.base import Kind
from gateway.memories import Memory, Ranked
from gateway.period import Facts
from gateway.policybook import PolicyBook
from gateway.ports import Clock, Headers
from gateway.sessions import Sessions
from gateway.types import Considered, Exchange, Note, Outcome, Scope


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """What memory would do with a call, which was not made."""

    policy: str
    scope: Scope
    outcome: Outcome
    notes: tuple[Note, ...] = ()
    """That would be added."""
    considered: tuple[Considered, ...] = ()
    body: str = ""
    """As it would go upstream; empty where it would pass untouched."""


class Breaking(msgspec.Struct, frozen=True, kw_only=True):
    """A dependency, and whether it is left alone because it fails."""

    name: str
    is_open: bool
    opened: int
    """Times since the start."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How the gateway is."""

    version: str
    started: float
    """Unix seconds."""
    memory: str
    """`on`, or why it is off."""
    journal: str
    """`ok`, or why calls are not on record."""
    stores: Mapping[str, str]
    """Which kind each is of: store, journal, embedder."""
    breakers: tuple[Breaking, ...]
    waiting: int | None
    """Exchanges to be learnt; None where that cannot be said."""
    distilling: int
    """Sessions that wait for the distilling model."""
    dead: int | None
    """Letters; None where that cannot be said."""
    indexed: float
    """Share of the memories in the index of today's embedder."""


class Console(msgspec.Struct, frozen=True, kw_only=True):
    """See the module. What is called raises `MemoryUnavailable` or `DataDirError` where it cannot be had now."""

    clock: Clock
    kinds: Mapping[str, Kind]
    catalogue: Catalogue
    curator: Curator
    eraser: Eraser
    caches: Caches
    """Whoever keeps something of what is shown joins them."""
    sessions: Sessions
    chronicle: Chronicle
    letters: Letters
    policies: PolicyBook
    read: Callable[[str], Awaitable[Exchange | None]]
    """An exchange by id, whoever's it is."""
    search: Callable[[Scope, str], Awaitable[Sequence[Ranked | Memory]]]
    """What recall finds of a scope for a question: pinned memories, then hits, best first."""
    facts: Callable[[str | None, float | None], Awaitable[Facts]]
    """What happened to a tenant, or to all, since a time in Unix seconds."""
    rehearse: Callable[[Scope, str, Headers, Mapping[str, Any]], Awaitable[Rehearsal]]
    """What memory would do with a call of somebody: to this path below `/v1`, with these headers and this body."""
    health: Callable[[], Awaitable[Health]]
    matches: Callable[[], Mapping[str, int]] = dict
    """How often each policy was matched since the start, by its name."""
    wake: Callable[[], None]
    """Says that there is something to learn."""
