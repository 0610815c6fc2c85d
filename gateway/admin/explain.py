"""`GET /accrue/explain/{exchange}`: what memory did on one call, and why.

The same values in words are in gateway/explain.py.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.admin.operations import Operation
from gateway.anchors import HEAD
from gateway.console import Console
from gateway.errors import NotFound
from gateway.types import Considered, Exchange, ExchangeState, MemoryMode, Outcome, Usage


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """Text that memory put into a call; later calls of its session have it too, at the same place."""

    place: Literal["system", "user"]
    """Behind the client's system text, or behind what the user said."""
    text: str
    tokens: int
    memories: tuple[Considered, ...]
    """That it tells, and how each was found."""


class Handled(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one call."""

    id: str
    """The exchange."""
    at: float
    """Unix seconds at which it was read."""
    path: str
    model: str
    agent: str
    parent: str
    """The session or agent whose sub-agent made it."""
    policy: str
    mode: MemoryMode
    is_aside: bool
    """True for a call about a conversation (a title, a summary), which is none of it."""
    state: ExchangeState
    status: int | None
    """HTTP status of the answer; null while there is none."""
    attempts: int
    memory: str
    """The answer's header `x-accrue-memory`."""
    outcome: Outcome
    """The same in parts."""
    usage: Usage | None
    """Tokens as the provider counted them."""
    added: tuple[Added, ...]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What memory did on one call, and why."""

    tenant: str
    user: str | None
    """Null where nobody was named: then memory is confined to the session."""
    session: str
    call: Handled
    considered: tuple[Considered, ...]
    """All that recall looked at, and what became of each."""


class ExplainAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which call is meant."""

    exchange: Annotated[str, Meta(min_length=1, max_length=256)]
    """As its answer's header `x-accrue-exchange` says."""


def handled(exchange: Exchange) -> Handled:
    """What became of a call on record."""
    told = {entry.memory: entry for entry in exchange.considered if entry.decision == "injected"}
    return Handled(
        id=exchange.id,
        at=exchange.at,
        path=exchange.path,
        model=exchange.model,
        agent=exchange.scope.agent,
        parent=exchange.parent,
        policy=exchange.policy,
        mode=exchange.mode,
        is_aside=exchange.is_aside,
        state=exchange.state,
        status=exchange.status,
        attempts=exchange.attempts,
        memory=exchange.outcome.header,
        outcome=exchange.outcome,
        usage=None if exchange.reply is None else exchange.reply.usage,
        added=tuple(
            Added(
                place="system" if note.where.startswith(HEAD) else "user",
                text=note.text,
                tokens=note.tokens,
                memories=tuple(told.get(memory) or _unexplained(memory) for memory in note.memories),
            )
            for note in exchange.notes
            if note.text
        ),
    )


def explanation(exchange: Exchange) -> Explanation:
    """What memory did on a call on record, and why."""
    scope = exchange.scope
    return Explanation(
        tenant=scope.tenant,
        user=scope.user,
        session=scope.session,
        call=handled(exchange),
        considered=exchange.considered,
    )


async def explain(console: Console, asked: ExplainAsked) -> Explanation:
    """The explanation of one call."""
    exchange = await console.read(asked.exchange)
    if exchange is None:
        raise NotFound("no such exchange is on record", code="not_found", param="exchange")
    return explanation(exchange)


def _unexplained(memory: str) -> Considered:
    """One that a call tells of which it is not on record yet why: it is under way."""
    return Considered(memory=memory, lane="", text="", decision="injected")


OPERATIONS = (
    Operation(
        name="explainExchange",
        method="GET",
        path="/accrue/explain/{exchange}",
        summary="What memory did on one call, and why.",
        tag="sessions",
        asked=ExplainAsked,
        answer=Explanation,
        work=explain,
    ),
)
