"""Erasing a person: every store, index, queue and cache, with a tombstone that outlives them all (promise P11).

The tombstone counts in process before anything is removed, so that what is under way does not come back: an answer that
ends later is not recorded, and what is learnt meanwhile does not stay (`Guarded`). What the process has in memory only
(vectors of what was asked, words split into terms) is not looked for: it is on no disk, and ends with the process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from gateway.archive import Archive, Record
from gateway.backlog import Backlog
from gateway.catalogue import Catalogue
from gateway.erasures import Erasures, Person
from gateway.errors import BadRequest, Conflict, NotFound
from gateway.memories import TAUGHT, Memory
from gateway.ports import Clock, MemoryStore
from gateway.sharing import SHARED_BY
from gateway.types import Scope
from gateway.wrapped import Wrapped

AT_ONCE = 1_000
"""Memories listed and removed together."""

HOLDERS_AT_ONCE = 100
"""Of those whose names begin alike."""

MAX_LISTED = 1_000_000
"""More than anybody has."""

WRITES_KEPT = 1_024
"""Looked at again when somebody was erased elsewhere: more than are made in the second until that is heard of."""


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """What was removed."""

    at: float
    """Unix seconds up to which nothing of theirs is known any more."""
    rows: Mapping[str, int]
    """By table of the record."""
    memories: int
    shared: int
    """Lessons that are shared no more, because too few of those who taught them are left."""
    files: tuple[str, ...]
    """Copies of whole databases that were removed, because they held these things too."""
    is_index_renewed: bool
    """False while the search index, in which there are no words, still has traces and is being made anew."""


class Eraser:
    """Erases and reads out what is known of persons. Only an operator's request may reach it."""

    def __init__(
        self,
        archive: Archive,
        store: MemoryStore,
        catalogue: Catalogue,
        backlog: Backlog,
        erasures: Erasures,
        clock: Clock,
        *,
        renew: Callable[[], Awaitable[bool]],
        copies: Callable[[], Sequence[Path]],
        forgetting: Sequence[Callable[[Scope], None]],
    ) -> None:
        """Erase from all of these.

        Args:
            store: without its guard.
            catalogue: of what is in the store.
            renew: makes the store's index anew; whether that is done.
            copies: files beside the databases that hold what they held once.
            forgetting: told a scope of which caches must hold nothing any more.
        """
        self._archive = archive
        self._store = store
        self._catalogue = catalogue
        self._backlog = backlog
        self._erasures = erasures
        self._clock = clock
        self._renew = renew
        self._copies = copies
        self._forgetting = forgetting

    async def person(self, user: str | None, session: str, tenant: str) -> Person:
        """The one person who is called so. Raises `RequestError` for none and for several, and `MemoryUnavailable`.

        Args:
            session: one in which nobody was named, where there is no user.
            tenant: empty for the only one in which there is such a person.
        """
        if bool(user) == bool(session):
            wanted = "say who is meant: a user, by the name that a list of memories has, or a session, and not both"
            raise BadRequest(wanted, code="invalid_person")
        tenants = [tenant] if tenant else await self._tenants(user or None, session)
        if not tenants:
            raise NotFound("nothing is known of such a person", code="not_found")
        if len(tenants) > 1:
            known = ", ".join(tenants)
            raise Conflict(f"several tenants know such a person; say which: {known}", code="ambiguous", param="tenant")
        return Person(tenant=tenants[0], user=user or None, session=session)

    async def erase(self, person: Person, *, is_out: bool | None = None) -> Erased:
        """Remove everything of a person.

        Raises `MemoryUnavailable` when something cannot be reached; then it is to be asked for again.

        Args:
            is_out: whether nothing is to be remembered of them from now on; None: as before.
        """
        tombstone = self._erasures.tombstone(person, self._clock.now(), is_out=is_out)
        rows = await self._archive.erase(person, tombstone)
        memories = await self._forget(person.scope)
        shared = await self._unshare(person)
        self._backlog.remove(person.scope)
        await self._backlog.save()
        for forget in self._forgetting:
            forget(person.scope)
        files = self._remove_copies()
        is_renewed = await self._renew()
        return Erased(
            at=tombstone.at, rows=rows, memories=memories, shared=shared, files=files, is_index_renewed=is_renewed
        )

    def is_gone(self, scope: Scope, at: float | None) -> bool:
        """Whether what was said in a scope at a time must not be known any more; None: at a time that nobody knows."""
        return self._erasures.is_gone(scope, at)

    async def known(self, person: Person) -> AsyncIterator[tuple[str, Record | Memory]]:
        """Everything that is known of a person, each with what it is. Raises `MemoryUnavailable`."""
        async for what, record in self._archive.records(person):
            yield what, record
        for memory in await self._store.list(person.scope, (), MAX_LISTED):
            yield "memory", memory

    async def _tenants(self, user: str | None, session: str) -> list[str]:
        """In which there is such a person: on record, or with memories that were imported or added by hand alone."""
        tenants, place, is_more = set(await self._archive.tenants(user, session)), "", True
        while is_more:
            page, place = await self._catalogue.holders("", user or session, place, HOLDERS_AT_ONCE)
            meant = ((one, Person(tenant=one.tenant, user=user, session=session)) for one in page)
            tenants.update(one.tenant for one, person in meant if one.owner == person.scope.owner)
            is_more = bool(place)
        return sorted(tenants)

    async def _forget(self, scope: Scope) -> int:
        count = 0
        while memories := await self._store.list(scope, (), AT_ONCE):
            count += await self._store.forget(scope, [memory.id for memory in memories])
        return count

    async def _unshare(self, person: Person) -> int:
        """Take a person out of those whose lessons are shared; a lesson that too few are left of goes."""
        if person.user is None:
            return 0
        common = person.scope.common
        theirs = [one for one in await self._store.list(common, TAUGHT, MAX_LISTED) if person.user in users_of(one)]
        left = [without(memory, person.user) for memory in theirs]
        changed = [memory for memory in left if len(users_of(memory)) >= (SHARED_BY if memory.text else 1)]
        gone = [memory for memory in left if memory not in changed]
        if changed:
            await self._store.put(common, changed)
        if gone:
            await self._store.forget(common, [memory.id for memory in gone])
        return len(gone)

    def _remove_copies(self) -> tuple[str, ...]:
        removed = []
        for file in self._copies():
            file.unlink(missing_ok=True)
            removed.append(file.name)
        return tuple(removed)


class Guarded(Wrapped):
    """A `MemoryStore` in which nothing appears of somebody who was erased meanwhile."""

    def __init__(self, store: MemoryStore, erasures: Erasures) -> None:
        super().__init__(store)
        self._erasures = erasures
        self._lately: deque[tuple[Scope, Sequence[Memory]]] = deque(maxlen=WRITES_KEPT)

    async def put(self, scope: Scope, memories: Sequence[Memory]) -> None:
        """Write what may be known; and remove it again if its person was erased while it was being written."""
        kept = self._lasting(scope, memories)
        if not kept:
            return
        self._lately.append((scope, kept))
        await self._store.put(scope, kept)
        await self._withdraw(scope, kept)

    async def withdraw(self) -> None:
        """Remove what was written lately of somebody of whom it is heard only now that they were erased elsewhere.

        Raises `MemoryUnavailable`.
        """
        for scope, kept in tuple(self._lately):
            if list(self._lasting(scope, kept)) != list(kept):  # others may have written since
                await self._withdraw(scope, await self._store.get(scope, [memory.id for memory in kept]))

    async def _withdraw(self, scope: Scope, kept: Sequence[Memory]) -> None:
        """Remove of what was written what may not be known any more."""
        lasting = {memory.id: memory for memory in self._lasting(scope, kept)}
        if gone := [memory.id for memory in kept if memory.id not in lasting]:
            await self._store.forget(scope, gone)
        if changed := [memory for memory in kept if lasting.get(memory.id, memory) is not memory]:
            await self._store.put(scope, [lasting[memory.id] for memory in changed])

    def _lasting(self, scope: Scope, memories: Sequence[Memory]) -> Sequence[Memory]:
        """What may be known by now."""
        if not scope.is_shared:
            return [memory for memory in memories if not self._erasures.is_gone(scope, memory.at)]
        return [kept for kept in (self._unnamed(scope, memory) for memory in memories) if kept is not None]

    def _unnamed(self, scope: Scope, memory: Memory) -> Memory | None:
        """A shared lesson without those who were erased; None when nobody is left."""
        for user in users_of(memory):
            if self._erasures.is_gone(Person(tenant=scope.tenant, user=user).scope, memory.at):
                memory = without(memory, user)
                if not users_of(memory):
                    return None
        return memory


async def erased_elsewhere(erasures: Erasures, backlog: Backlog, forgetting: Sequence[Callable[[], None]]) -> None:
    """Keep nothing of those who were erased at another gateway, and are known here by their digests alone.

    Args:
        forgetting: empties what is held of anybody.
    """
    for waiting in backlog:
        if erasures.is_gone(waiting.scope, waiting.at):
            backlog.remove(waiting.scope)
    await backlog.save()
    for forget in forgetting:
        forget()


def users_of(memory: Memory) -> tuple[str, ...]:
    """Whose a shared lesson was."""
    return memory.lesson.users if memory.lesson is not None else ()


def without(memory: Memory, user: str) -> Memory:
    """A shared lesson as if one of its users had not taught it."""
    if memory.lesson is None:
        return memory
    users = tuple(one for one in memory.lesson.users if one != user)
    return msgspec.structs.replace(memory, lesson=msgspec.structs.replace(memory.lesson, users=users))
