"""Lessons for a call: those of its user and those that users share, and which of them is told this time.

Lessons are few and are looked at on every call, so that they are held in process. Which a call calls for is said by
gateway/triggers.py, how likely each is told by gateway/credit.py.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import msgspec

from gateway import credit, terms, triggers
from gateway.breaker import Breaker, OnChange, unheard
from gateway.dependency import Dependency
from gateway.errors import MemoryUnavailable
from gateway.memories import MAX_TAUGHT, TAUGHT, Memory, Ranked
from gateway.ports import Clock, MemoryStore
from gateway.selftest import PROOF
from gateway.types import Call, Note, Scope, Session

DRAWN = "lesson"
"""The kind whose memories are withheld now and then, to see what they are worth; what users say is not."""

OWNERS_HELD = 512
HELD_S = 60.0
"""For how long what is held is believed: another gateway may have learnt meanwhile. Where the store cannot be asked it
is believed for longer."""

LISTINGS = 16
"""At once: two for every recall that there may be."""


class Precedents:
    """The lessons of owners."""

    def __init__(self, store: MemoryStore, clock: Clock, on_breaker: OnChange = unheard) -> None:
        self._store = store
        self._clock = clock
        breaker = Breaker("lessons", clock, on_change=on_breaker)
        self._listing = Dependency(breaker, partial(store.list, PROOF, TAUGHT, 1), limit=LISTINGS)
        self._held: OrderedDict[str, tuple[float, tuple[Memory, ...]]] = OrderedDict()
        self._news = 0

    async def of(self, scope: Scope) -> tuple[Memory, ...]:
        """Lessons that are told in a scope: its owner's, and those of the tenant that are others, or that are pinned.

        Raises `MemoryUnavailable` where the store cannot answer and none are held.
        """
        own, common = await asyncio.gather(self._of(scope), self._of(scope.common))
        keys = {memory.lesson.key for memory in own if memory.lesson is not None}
        return (*own, *(one for one in common if one.is_pinned or (one.lesson and one.lesson.key not in keys)))

    def forget(self, scope: Scope) -> None:
        """Ask the store again: something was learnt in this scope."""
        self._news += 1
        self._held.pop(scope.owner, None)
        self._held.pop(scope.common.owner, None)

    def forget_all(self) -> None:
        """Ask the store again, whosever lessons they are."""
        self._news += 1
        self._held.clear()

    async def aclose(self) -> None:
        """Look for nothing any more."""
        await self._listing.aclose()

    async def _of(self, scope: Scope) -> tuple[Memory, ...]:
        now = self._clock.now()
        until, memories = self._held.get(scope.owner, (0.0, ()))
        if until <= now:
            news = self._news
            try:
                listed = await self._listing.ask(partial(self._store.list, scope, TAUGHT, MAX_TAUGHT))
            except MemoryUnavailable:
                if scope.owner not in self._held:
                    raise
                return memories
            memories = tuple(memory for memory in listed if memory.lesson is not None and memory.ended_at is None)
            await asyncio.to_thread(triggers.prepare, memories)  # half a second for ten thousand phrasings, once
            if news != self._news:  # it may be out of date by now, or of somebody who was erased
                return memories
            self._held[scope.owner] = (now + HELD_S, memories)
        self._held.move_to_end(scope.owner)
        if len(self._held) > OWNERS_HELD:
            self._held.popitem(last=False)
        return memories


def called_for(lessons: Sequence[Memory], call: Call, question: str, session: Session) -> list[Ranked]:
    """Lessons that a call calls for, best first; those that are withheld from it say so."""
    triggered = triggers.triggered(lessons, call, question)
    if not triggered:
        return []
    drawn, setup = _drawn_before(session.ledger.values()), terms.setup(call)
    return [_drawn(one, drawn, session, setup) for one in triggered]


def _drawn_before(notes: Iterable[Note]) -> Mapping[str, bool]:
    """Whether each lesson that was drawn for in a session was told."""
    return {lesson: lesson in note.memories for note in notes for lesson in note.draws}


def _drawn(candidate: Ranked, before: Mapping[str, bool], session: Session, setup: str) -> Ranked:
    memory = candidate.memory
    if memory.kind != DRAWN or memory.lesson is None or candidate.skipped:
        return candidate
    if memory.id in before:
        return candidate if before[memory.id] else msgspec.structs.replace(candidate, skipped="withheld")
    seed = f"{session.scope.owner} {session.scope.session} {memory.id}".encode(errors="replace")
    draw = credit.draw(memory.lesson.credit, setup, seed)
    skipped = "" if draw.is_told else "withheld"
    return msgspec.structs.replace(candidate, skipped=skipped, propensity=draw.propensity)
