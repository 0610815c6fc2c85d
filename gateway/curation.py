"""What a person does to memories by hand: adds, edits, pins, retires, restores and forgets one.

Nothing is rewritten in place: an edited memory is superseded by one of the operator's. What a user stated and a person
ends or forgets is struck out of the conversations in which it was said, as gateway/merge.py does when a statement ends
by itself. What is done is put on record before it is done, so that who asks once more after a failure finds it undone;
and memories made anew from the record (gateway/rebuild.py) come out as the person left them, because both go by
gateway/byhand.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

import msgspec

from gateway.byhand import BY_HAND, LEFT, after, again, change, reworded, worded
from gateway.chronicle import History, Learnt
from gateway.errors import BadRequest, Conflict, NotFound
from gateway.experience import Change, HandAction
from gateway.filling import counted
from gateway.kinds.base import Kind
from gateway.memories import EPISODE, TAUGHT, Memory, Reach
from gateway.merge import Merger
from gateway.owners import scope_of
from gateway.ports import Clock, Held, MemoryStore, TokenCounter
from gateway.telling import telling
from gateway.types import Scope

MAX_TEXT_CHARS = 2_000
"""Of a text by hand: a memory is a sentence or a few, and each costs tokens with every call that it is told in."""

TAKEN_AT_ONCE = 256
"""Memories of an owner that are imported between two looks at whether the learner wants its turn."""

MAX_LOOKED = 10_000
"""Newest episodes of an owner that are looked through for a statement that a person ends: seconds at the worst."""

TELLING_WORDS = 2
"""Of a quotation from which on it states something, wherever it is said."""


class Curator:
    """Changes memories by hand. Only an operator's request may reach it.

    Methods raise `NotFound` for a memory that this owner does not have, `BadRequest` for what cannot be done to it,
    `Conflict` for who is not to be remembered, and `MemoryUnavailable`.
    """

    def __init__(
        self,
        store: MemoryStore,
        history: History,
        kinds: Mapping[str, Kind],
        counter: TokenCounter,
        clock: Clock,
        *,
        turn: asyncio.Lock | None = None,
        is_gone: Callable[[Scope, float], bool] = lambda scope, at: False,
        on_changed: Sequence[Callable[[Scope], None]] = (),
    ) -> None:
        """Change what a store holds.

        Args:
            store: with its guard: what was said before somebody was erased does not come back by an import either.
            turn: taken around each change, as the learner takes it around each of its steps.
            is_gone: whether what is known of a scope since a time must not be (`Erasures.is_gone`).
            on_changed: told of each scope whose memories are not what they were.
        """
        self._store = store
        self._history = history
        self._kinds = kinds
        self._counter = counter
        self._clock = clock
        self._turn = turn or asyncio.Lock()
        self._is_gone = is_gone
        self._on_changed = on_changed

    async def add(self, scope: Scope, kind: str, text: str, *, is_pinned: bool = False) -> Memory:
        """Remember a text, in the operator's words; the memory, which is the one that says so already if there is.

        All users of a tenant share lessons and corrections, and are told nothing else; so nothing else is taken.
        """
        async with self._turn:
            now = self._now(scope)
            if scope.is_shared and kind not in TAUGHT:
                wanted = (
                    f"all users of a tenant share what is learnt, which is a {' or a '.join(TAUGHT)}; {kind!r} is not"
                )
                raise BadRequest(wanted, code="invalid_kind", param="kind")
            made = self._written(kind, text, now)
            known = next(iter(await self._store.get(scope, [made.id])), made)
            changes = [change("ADD", made.id, now)] if known is made else list(again(known, now))
            if is_pinned:
                changes.append(change("PIN", made.id, now))
            return (await self._settled(scope, [known], changes))[made.id]

    async def edit(self, scope: Scope, id: str, text: str) -> Memory:
        """Put another text in the place of a memory's, which ends; the memory that took its place."""
        async with self._turn:
            now = self._now(scope)
            old = await self._held(scope, id)
            made = self._written(old.kind, text, now, instead=old)
            if text.strip() == old.text:
                return old
            if old.ended_at is not None:
                raise BadRequest("it has ended: restore it first", code="memory_ended")
            known = next(iter(await self._store.get(scope, [made.id])), made)
            if known.text != made.text:  # the same in other words, which are not the ones that were asked for
                made = reworded(made, old)
                known = next(iter(await self._store.get(scope, [made.id])), made)
            changes = [change("ADD", made.id, now)] if known is made else list(again(known, now))
            changes.append(change("SUPERSEDE", id, now, by=made.id))
            if old.is_pinned and known is not made:
                changes.append(change("PIN", made.id, now))
            told, struck = await self._struck(scope, old, change("RETIRE", id, now, by=made.id))
            return (await self._settled(scope, [old, known, *told], [*changes, *struck]))[made.id]

    async def pin(self, scope: Scope, id: str, *, is_pinned: bool) -> Memory:
        """Tell it on every call, whatever is asked; or as others of its kind."""
        async with self._turn:
            now = self._now(scope)
            memory = await self._held(scope, id)
            if is_pinned and memory.ended_at is not None:
                raise BadRequest("it has ended: restore it first", code="memory_ended")
            action: HandAction = "PIN" if is_pinned else "UNPIN"
            return (await self._settled(scope, [memory], [change(action, id, now)]))[id]

    async def retire(self, scope: Scope, id: str, *, reason: str = BY_HAND) -> Memory:
        """Tell it no more; what has ended stays as it ended."""
        async with self._turn:
            done = change("RETIRE", id, self._now(scope), reason=reason)
            memory = await self._held(scope, id)
            told, struck = await self._struck(scope, memory, done)
            return (await self._settled(scope, [memory, *told], [done, *struck]))[id]

    async def restore(self, scope: Scope, id: str) -> Memory:
        """Tell again what had ended or was retired, and a lesson that is only proposed.

        The conversations out of which it was struck stay in pieces.
        """
        async with self._turn:
            now = self._now(scope)
            return (await self._settled(scope, [await self._held(scope, id)], [change("RESTORE", id, now)]))[id]

    async def forget(self, scope: Scope, id: str) -> None:
        """Remove it for good, and the episodes in which it was said but for what else was said in them.

        The exchanges stay on record.
        """
        async with self._turn:
            done = change("FORGET", id, self._clock.now())
            memory = await self._held(scope, id)
            told, struck = await self._struck(scope, memory, done)
            await self._settled(scope, [memory, *told], [done, *struck])

    async def take(self, held: Sequence[Held]) -> int:
        """Put in memories as they were exported; how many were not there before.

        Those of whom nothing may be known are left out. Raises `BadRequest` for a kind that is not known, and then
        nothing was taken; `MemoryUnavailable` after some were: taking them all once more puts in the rest.
        """
        if unknown := {one.memory.kind for one in held} - set(self._kinds):
            raise BadRequest(f"there is no kind {min(unknown)!r} of memory here", code="invalid_kind", param="kind")
        count = 0
        for owner, theirs in groupby(sorted(held, key=lambda one: one.owner), key=lambda one: one.owner):
            memories, scope = [one.memory for one in theirs], scope_of(owner)
            lasting = [one for one in memories if not self._is_gone(scope, one.at)]
            for start in range(0, len(lasting), TAKEN_AT_ONCE):
                count += await self._take(scope, lasting[start : start + TAKEN_AT_ONCE])
        return count

    async def _take(self, scope: Scope, memories: Sequence[Memory]) -> int:
        now = self._clock.now()
        async with self._turn:
            known = {one.id for one in await self._store.get(scope, [one.id for one in memories])}
            await self._noted(scope, [change("IMPORT", one.id, now) for one in memories])
            await self._store.put(scope, memories)
            self._tell(scope)
        return len({one.id for one in memories} - known)

    def _now(self, scope: Scope) -> float:
        now = self._clock.now()
        if self._is_gone(scope, now):
            raise Conflict("nothing is to be remembered of them: they opted out", code="opted_out")
        return now

    def _written(self, kind: str, text: str, now: float, instead: Memory | None = None) -> Memory:
        """A text as a memory. Raises `BadRequest` for one that is none."""
        if kind not in self._kinds:
            known = ", ".join(self._kinds)
            raise BadRequest(f"there is no kind {kind!r}; there are {known}", code="invalid_kind", param="kind")
        text = text.strip()
        if not text or len(text) > MAX_TEXT_CHARS:
            wanted = f"a memory has a text of 1 to {MAX_TEXT_CHARS} characters"
            raise BadRequest(wanted, code="invalid_text", param="text")
        return worded(self._kinds[kind], text, now, instead)

    async def _held(self, scope: Scope, id: str) -> Memory:
        for memory in await self._store.get(scope, [id]):
            return memory
        raise NotFound("they have no such memory", code="not_found", param="id")

    async def _struck(self, scope: Scope, gone: Memory, done: Change) -> tuple[list[Memory], list[Change]]:
        """The episodes in which a user stated what ends by a change, with the pieces that are left; what strikes it."""
        is_over = gone.ended_at is not None and done.action != "FORGET"
        if is_over or gone.kind in (EPISODE, *TAUGHT) or not gone.exchange:
            return [], []
        told = await self._store.list(scope, [EPISODE], MAX_LOOKED)
        return await asyncio.to_thread(_traces, gone, done, told)

    async def _settled(self, scope: Scope, known: Iterable[Memory], changes: Sequence[Change]) -> dict[str, Memory]:
        """Memories as they are after changes, on record and stored."""
        table = after(changes, {one.id: one for one in known})
        if changes:
            gone = [one.memory for one in changes if one.action == "FORGET"]
            kept = [one for one in table.values() if one.id not in gone]
            lines = await asyncio.to_thread(lambda: [self._line(one) for one in kept])
            await self._noted(scope, changes)
            if lines:
                await self._store.put(scope, lines)
            if gone:
                await self._store.forget(scope, gone)
            self._tell(scope)
            table = {one.id: one for one in lines}
        return table

    def _line(self, memory: Memory) -> Memory:
        return counted(memory, self._kinds, self._counter)

    async def _noted(self, scope: Scope, changes: Sequence[Change]) -> None:
        await self._history.taught(scope, Learnt(exchange="", changes=tuple(changes)))

    def _tell(self, scope: Scope) -> None:
        for tell in self._on_changed:
            tell(scope)


def _traces(gone: Memory, done: Change, told: Sequence[Memory]) -> tuple[list[Memory], list[Change]]:
    """Episodes with the pieces that are left of them, and what is done to each.

    Of what is forgotten no episode is kept; not one out of which it was struck before, either.
    """
    ended = msgspec.structs.replace(gone, ended_at=done.at, ended_by=done.by)
    said = [ended, *_quoted(ended)]
    became = _cut(said, told)
    left = [one for one in became if one.ended_at is None]
    over = {one.id for one in became if one.ended_at is not None}
    if done.action == "FORGET":
        past = [msgspec.structs.replace(one, ended_at=None) for one in told if one.ended_at is not None]
        over |= {one.id for one in _cut(said, past) if one.ended_at is not None}
    cut = [one for one in told if one.id in over]
    struck = [msgspec.structs.replace(done, memory=one.id) for one in cut]
    return [*cut, *left], [*struck, *(change("IMPORT", one.id, done.at, reason=LEFT) for one in left)]


def _quoted(gone: Memory) -> list[Memory]:
    """The user's own words that prove what ended, as a statement; a name alone is struck only where it was quoted from,
    because all else that is said of Bern has not ended with "Ann lives in Bern"."""
    if not gone.evidence:
        return []
    reach: Reach = gone.reach if len(telling(gone.evidence)) >= TELLING_WORDS else "session"
    return [msgspec.structs.replace(gone, text=gone.evidence, reach=reach)]


def _cut(said: Sequence[Memory], told: Sequence[Memory]) -> list[Memory]:
    """What becomes of episodes out of which statements are struck, and the pieces that are left."""
    merger = Merger(told, ())
    merger.strike(said, ())
    return merger.changed()
