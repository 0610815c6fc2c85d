"""`/accrue/memories`: what is remembered of whom, page by page or by a question, and what a person does to a memory.

It knows how a memory is shown and asked for. What becomes of one is known by gateway/curation.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.admin import carrying
from gateway.admin.erasing import Named
from gateway.admin.names import Name
from gateway.admin.operations import Operation
from gateway.catalogue import Selection, State
from gateway.console import Console
from gateway.errors import BadRequest, NotFound
from gateway.experience import Change
from gateway.memories import Memory, Ranked
from gateway.owners import scope_of
from gateway.ports import Held
from gateway.types import Scope

MAX_CHANGES, MAX_CHAIN = 10_000, 20
"""Newest changes of an owner that are looked through for those of one memory; memories that took each other's place."""

Id = Annotated[str, Meta(min_length=1, max_length=256)]
Text = Annotated[str, Meta(max_length=64_000)]


class MemoriesAsked(Named, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which memories; without a user and a session those of everybody."""

    kind: Name = ""
    """Empty for all, as is `state`."""
    state: State | Literal[""] = ""
    q: Annotated[str, Meta(max_length=8_000)] = ""
    """What recall would find for these words, best first; then it must be said whose memories are meant."""
    place: Annotated[str, Meta(max_length=8_192)] = ""
    """`place` of the page before."""
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class MemoryAsked(Named, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which memory; whose need not be said where only one has it."""

    id: Id


class Adding(Named, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text to be remembered of somebody; without a user and a session a lesson or a correction, of all users of the
    tenant."""

    kind: Name
    text: Text
    is_pinned: bool = False


class Changing(MemoryAsked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be done to a memory; what is not given stays."""

    text: Text | None = None
    """Takes the place of what it says: the memory ends, and the answer is the one that follows it."""
    is_pinned: bool | None = None
    """Told on every call, whatever is asked."""
    state: Literal["holding", "retired"] | None = None


class MemoryShown(msgspec.Struct, frozen=True, kw_only=True):
    """A memory, and whose it is."""

    tenant: str
    user: str | None
    session: str
    is_shared: bool
    state: State
    memory: Memory
    score: float | None = None
    """How well it fits a question; null where none was asked, and for what is told whatever is asked."""
    skipped: str = ""
    """Why it would not be told all the same."""


class MemoriesShown(msgspec.Struct, frozen=True, kw_only=True):
    """A page of memories, those first that were said last, or that fit best."""

    memories: tuple[MemoryShown, ...]
    """Perhaps fewer than were asked for, though there are more."""
    place: str
    """Asks for the next page; empty when there is none."""


class MemoryRead(msgspec.Struct, frozen=True, kw_only=True):
    """A memory with its history."""

    shown: MemoryShown
    changes: tuple[Change, ...]
    """Oldest first; for lessons, and for what was done by hand."""
    followed: tuple[MemoryShown, ...]
    """What took its place, and what took the place of that."""
    exchanges: tuple[str, ...]
    """In which it was said or learnt, as far as it knows."""


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered no more."""

    id: str
    tenant: str


async def memories(console: Console, asked: MemoriesAsked) -> MemoriesShown:
    """A page of memories, or what a question finds."""
    state = asked.state or None
    if asked.q:
        scope = await _scope(console, asked)
        found = [_found(scope, one) for one in await console.search(scope, asked.q)]
        kept = (one for one in found if asked.kind in ("", one.memory.kind) and _is_in(one.memory, state))
        return MemoriesShown(memories=tuple(kept)[: asked.limit], place="")
    owner = (await _scope(console, asked)).owner if asked.user or asked.session else ""
    selection = Selection(tenant=asked.tenant, owner=owner, kind=asked.kind, state=state)
    page, place = await console.catalogue.browse(selection, asked.place, asked.limit)
    return MemoriesShown(memories=tuple(map(_held, page)), place=place)


async def memory(console: Console, asked: MemoryAsked) -> MemoryRead:
    """A memory with its history."""
    held = await _one(console, asked)
    scope = scope_of(held.owner)
    evolved = await console.chronicle.changes(scope, 0.0, MAX_CHANGES)
    changes = (one.change for one in evolved if held.memory.id in (one.change.memory, one.change.by))
    return MemoryRead(
        shown=_held(held),
        changes=tuple(changes),
        followed=tuple(await _followed(console, held)),
        exchanges=_exchanges(held.memory),
    )


async def add(console: Console, asked: Adding) -> MemoryShown:
    """Remember a text."""
    scope = await _scope(console, asked)
    return _shown(scope, await console.curator.add(scope, asked.kind, asked.text, is_pinned=asked.is_pinned))


async def change(console: Console, asked: Changing) -> MemoryShown:
    """Do what is asked, one after the other: restore, edit, pin, retire."""
    if (asked.text, asked.is_pinned, asked.state) == (None, None, None):
        raise BadRequest("say what is to change: text, is_pinned or state", code="invalid_request")
    held = await _one(console, asked)
    scope, became, curator = scope_of(held.owner), held.memory, console.curator
    if asked.state == "holding":
        became = await curator.restore(scope, became.id)
    if asked.text is not None:
        became = await curator.edit(scope, became.id, asked.text)
    if asked.is_pinned is not None:
        became = await curator.pin(scope, became.id, is_pinned=asked.is_pinned)
    if asked.state == "retired":
        became = await curator.retire(scope, became.id)
    return _shown(scope, became)


async def forget(console: Console, asked: MemoryAsked) -> Forgotten:
    """Remove a memory for good."""
    held = await _one(console, asked)
    await console.curator.forget(scope_of(held.owner), held.memory.id)
    return Forgotten(id=held.memory.id, tenant=held.tenant)


def state_of(memory: Memory) -> State:
    """What a memory is by now: of a lesson, how far it has come."""
    if memory.lesson is not None and (memory.ended_at is None or memory.lesson.state == "retired"):
        return memory.lesson.state
    return "holding" if memory.ended_at is None else "ended"


async def _scope(console: Console, asked: Named) -> Scope:
    """Whose memories are meant. Raises `RequestError`."""
    if asked.tenant and not asked.user and not asked.session:
        return Scope(tenant=asked.tenant, user=None, is_shared=True)
    return (await console.eraser.person(asked.user, asked.session, asked.tenant)).scope


async def _one(console: Console, asked: MemoryAsked) -> Held:
    """The one memory that is meant. Raises `RequestError`."""
    found: Sequence[Held] = ()
    if asked.tenant or asked.user or asked.session:
        scope = await _scope(console, asked)
        for owner in dict.fromkeys((scope.owner, scope.common.owner)):  # they are told what all share
            found = found or await console.catalogue.find(asked.id, owner)
    if not (asked.user or asked.session or found):
        found = [one for one in await console.catalogue.find(asked.id) if asked.tenant in ("", one.tenant)]
    if not found:
        raise NotFound("there is no such memory", code="not_found", param="id")
    if len(found) > 1:
        raise BadRequest(f"{len(found)} have a memory of this id; say whose is meant", code="ambiguous", param="user")
    return found[0]


async def _followed(console: Console, held: Held) -> Sequence[MemoryShown]:
    chain: list[MemoryShown] = []
    seen, successor = {held.memory.id}, held.memory.ended_by
    while successor and successor not in seen and len(chain) < MAX_CHAIN:
        seen.add(successor)
        found = await console.catalogue.find(successor, held.owner)
        chain += map(_held, found)
        successor = found[0].memory.ended_by if found else ""
    return chain


def _exchanges(memory: Memory) -> tuple[str, ...]:
    evidence = memory.lesson.evidence if memory.lesson is not None else ()
    said = (memory.exchange, *(one.exchange for one in evidence), memory.last)
    return tuple(dict.fromkeys(filter(None, said)))


def _is_in(memory: Memory, state: State | None) -> bool:
    if state in ("holding", "ended"):
        return (memory.ended_at is None) is (state == "holding")
    return state in (None, state_of(memory))


def _found(scope: Scope, found: Ranked | Memory) -> MemoryShown:
    if isinstance(found, Memory):
        return _shown(scope, found)
    return msgspec.structs.replace(_shown(scope, found.memory), score=found.score, skipped=found.skipped)


def _held(held: Held) -> MemoryShown:
    return _shown(scope_of(held.owner), held.memory)


def _shown(scope: Scope, memory: Memory) -> MemoryShown:
    return MemoryShown(
        tenant=scope.tenant,
        user=scope.user,
        session=scope.session if scope.user is None else "",
        is_shared=scope.is_shared,
        state=state_of(memory),
        memory=memory,
    )


OPERATIONS = (
    *carrying.OPERATIONS,  # before what has an id in the same place
    Operation(
        name="listMemories",
        method="GET",
        path="/accrue/memories",
        summary="Memories, those that were said last first, or what recall finds for a question.",
        tag="memories",
        asked=MemoriesAsked,
        answer=MemoriesShown,
        work=memories,
    ),
    Operation(
        name="readMemory",
        method="GET",
        path="/accrue/memories/{id}",
        summary="A memory with its history: what changed, what took its place, and where it was said.",
        tag="memories",
        asked=MemoryAsked,
        answer=MemoryRead,
        work=memory,
    ),
    Operation(
        name="addMemory",
        method="POST",
        path="/accrue/memories",
        summary="Remember a text, in an operator's words.",
        tag="memories",
        asked=Adding,
        answer=MemoryShown,
        work=add,
    ),
    Operation(
        name="changeMemory",
        method="PATCH",
        path="/accrue/memories/{id}",
        summary="Edit, pin, retire or restore a memory; what ends is struck out of conversations, too.",
        tag="memories",
        asked=Changing,
        answer=MemoryShown,
        work=change,
    ),
    Operation(
        name="forgetMemory",
        method="DELETE",
        path="/accrue/memories/{id}",
        summary="Remove a memory for good, out of conversations, too; the exchange stays on record.",
        tag="memories",
        asked=MemoryAsked,
        answer=Forgotten,
        work=forget,
    ),
)
