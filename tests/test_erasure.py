"""gateway/erasure.py: everything of a person goes, everything of others stays, and nothing comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import msgspec
import pytest

from gateway import erasure
from gateway.archive import Keeping, Outdated, Record
from gateway.backlog import Backlog
from gateway.erasure import Eraser, Guarded, erased_elsewhere
from gateway.erasures import Erasures, Person, Tombstone
from gateway.errors import BadRequest, Conflict, NotFound
from gateway.memories import Memory, Query
from gateway.stores.local import LocalStore
from gateway.stores.local.catalogue import LocalCatalogue
from gateway.testing import ManualClock
from gateway.types import Exchange, Scope
from tests.exchanges import exchange
from tests.lessons import lesson
from tests.stores.samples import ANN, BOB, WordsEmbedder, memory

NOW = 1_000.0
PERSON = Person(tenant=ANN.tenant, user=ANN.user)


class Records:
    """An archive that remembers what it was asked."""

    def __init__(self) -> None:
        self.erased: list[tuple[Person, Tombstone]] = []
        self.known: tuple[str, ...] = ("acme",)

    async def tombstones(self) -> Sequence[Tombstone]:
        return [stone for _, stone in self.erased]

    async def tenants(self, user: str | None, session: str) -> Sequence[str]:
        return self.known

    async def records(self, person: Person) -> AsyncIterator[tuple[str, Record]]:
        yield "exchange", Exchange(id="ex_1", scope=person.scope, at=1.0, path="/chat/completions")

    async def erase(self, person: Person, tombstone: Tombstone) -> Mapping[str, int]:
        self.erased.append((person, tombstone))
        return {"exchanges": 3}

    async def outdated(self, keeping: Keeping, limit: int) -> Sequence[Outdated]:
        return []

    async def drop(self, exchanges: Sequence[str]) -> None:
        return None


class Desk:
    """An eraser with real stores."""

    def __init__(self, folder: Path, records: Records | None = None) -> None:
        self.store = LocalStore(folder / "memories.db", folder / "index", WordsEmbedder())
        self.catalogue = LocalCatalogue(folder / "memories.db")
        self.erasures = Erasures(b"s" * 32)
        self.records = records or Records()
        self.backlog = Backlog(folder / "distil.json")
        self.copy = folder / "journal.db.v5.bak"
        self.forgot: list[Scope] = []
        self.guarded = Guarded(self.store, self.erasures)
        self.eraser = Eraser(
            self.records,
            self.store,
            self.catalogue,
            self.backlog,
            self.erasures,
            ManualClock(NOW),
            renew=self.store.renew,
            copies=lambda: [self.copy] if self.copy.exists() else [],
            forgetting=[self.forgot.append],
        )

    async def kept(self, scope: Scope) -> list[str]:
        return [one.id for one in await self.store.list(scope, (), 100)]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    yield made
    await made.catalogue.aclose()
    await made.store.aclose()


def shared_by(*users: str, text: str = "`book` failed for several users.") -> Memory:
    made = lesson("book|error", text=text)
    assert made.lesson is not None
    return msgspec.structs.replace(made, lesson=msgspec.structs.replace(made.lesson, users=users))


@pytest.mark.promise("P11")
async def test_everything_of_a_person_goes_and_everything_of_others_stays(desk: Desk) -> None:
    desk.copy.write_bytes(b"what Ann said")
    for scope in (ANN, BOB):
        await desk.store.put(scope, [memory("m1", "tea"), memory("m2", "green tea", ended_at=3.0)])
        exchange = Exchange(id=f"ex_{scope.user}", scope=scope, at=1.0, path="/chat/completions", policy="default")
        desk.backlog.add(exchange, 1)
    erased = await desk.eraser.erase(PERSON)
    assert (erased.at, erased.memories, erased.files) == (NOW, 2, (desk.copy.name,))
    assert erased.rows == {"exchanges": 3}
    assert erased.is_index_renewed
    assert [(person, stone.at) for person, stone in desk.records.erased] == [(PERSON, NOW)]
    assert (await desk.kept(ANN), sorted(await desk.kept(BOB))) == ([], ["m1", "m2"])
    assert [waiting.scope.user for waiting in Backlog(desk.copy.parent / "distil.json")] == [BOB.user]
    assert desk.forgot == [PERSON.scope]
    assert not desk.copy.exists()


@pytest.mark.promise("P11")
async def test_what_is_learnt_meanwhile_of_what_they_said_before_does_not_stay(desk: Desk) -> None:
    await desk.eraser.erase(PERSON)
    old, new = memory("m1", "tea", at=NOW), memory("m2", "coffee", at=NOW + 1)
    await desk.guarded.put(ANN, [old])
    await desk.guarded.put(ANN, [old, new])
    assert await desk.kept(ANN) == ["m2"]
    await desk.guarded.put(BOB, [old])
    assert await desk.kept(BOB) == ["m1"]


@pytest.mark.promise("P11")
async def test_what_is_being_written_at_that_moment_does_not_stay_either(desk: Desk) -> None:
    class Slow(LocalStore):
        """Writes, and says so only when it may."""

        async def put(self, scope: Scope, memories: Sequence[Memory]) -> None:
            await super().put(scope, memories)
            begun.set()
            await erased.wait()

    begun, erased = asyncio.Event(), asyncio.Event()
    store = Slow(desk.copy.parent / "slow.db", desk.copy.parent / "slow", WordsEmbedder())
    guarded = Guarded(store, desk.erasures)
    writing = asyncio.create_task(guarded.put(ANN, [memory("m1", "tea", at=1.0), memory("m2", "now", at=NOW + 1)]))
    await begun.wait()
    desk.erasures.tombstone(PERSON, NOW, is_out=False)
    erased.set()
    await writing
    assert [one.id for one in await guarded.list(ANN, (), 9)] == ["m2"]
    assert [one.id for one in await guarded.get(ANN, ["m1", "m2"])] == ["m2"]
    found = await guarded.search(ANN, Query(text="tea", kinds=("fact",), pinned=(), limit=9))
    assert [hit.memory.id for hit in found.hits] == ["m2"]
    assert await guarded.forget(ANN, ["m2"]) == 1
    await guarded.aclose()


@pytest.mark.promise("P11")
async def test_a_shared_lesson_loses_a_user_and_goes_when_too_few_are_left(desk: Desk) -> None:
    many = shared_by("ann", "bob", "cy", "dan")
    few = msgspec.structs.replace(shared_by("ann", "bob", "cy"), id="m_2")
    counted = msgspec.structs.replace(shared_by("ann", "bob", text=""), id="m_3")
    others = msgspec.structs.replace(shared_by("bob", "cy", "dan"), id="m_4")
    await desk.store.put(ANN.common, [many, few, counted, others])
    assert (await desk.eraser.erase(PERSON)).shared == 1
    left = {one.id: one.lesson.users for one in await desk.store.list(ANN.common, (), 9) if one.lesson is not None}
    assert left == {many.id: ("bob", "cy", "dan"), "m_3": ("bob",), "m_4": ("bob", "cy", "dan")}


@pytest.mark.promise("P11")
async def test_a_shared_lesson_does_not_name_them_again(desk: Desk) -> None:
    desk.erasures.tombstone(PERSON, NOW, is_out=True)
    alone = msgspec.structs.replace(shared_by("ann"), id="m_2")
    await desk.guarded.put(ANN.common, [shared_by("ann", "bob", "cy"), alone])
    (kept,) = await desk.store.list(ANN.common, (), 9)
    assert kept.lesson is not None
    assert kept.lesson.users == ("bob", "cy")


async def test_a_session_of_nobodys_shares_no_lesson_and_can_be_erased_too(desk: Desk) -> None:
    nobody = Person(tenant=ANN.tenant, user=None, session="s7")
    await desk.store.put(nobody.scope, [memory("m1", "tea")])
    erased = await desk.eraser.erase(nobody, is_out=True)
    assert (erased.memories, erased.shared) == (1, 0)
    assert desk.erasures.is_out(nobody.scope)


async def test_what_is_known_of_a_person_can_be_read_out(desk: Desk) -> None:
    await desk.store.put(ANN, [memory("m1", "tea")])
    await desk.store.put(BOB, [memory("m2", "tea")])
    known = [(what, record) async for what, record in desk.eraser.known(PERSON)]
    assert [what for what, _ in known] == ["exchange", "memory"]
    assert [record.id for _, record in known if isinstance(record, Memory)] == ["m1"]


async def test_a_person_is_looked_for_in_all_tenants_and_must_be_one(desk: Desk) -> None:
    assert await desk.eraser.person("ann", "", "") == PERSON
    assert await desk.eraser.person(None, "s1", "other") == Person(tenant="other", user=None, session="s1")
    for user, session in ((None, ""), ("ann", "s1"), ("", "")):
        with pytest.raises(BadRequest):
            await desk.eraser.person(user, session, "")
    desk.records.known = ("acme", "other")
    with pytest.raises(Conflict, match="acme, other"):
        await desk.eraser.person("ann", "", "")
    desk.records.known = ()
    with pytest.raises(NotFound):
        await desk.eraser.person("ann", "", "")


async def test_who_has_memories_and_no_record_is_known_by_them(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Imported ones, or some that were added by hand; those whose names begin alike are others."""
    monkeypatch.setattr(erasure, "HOLDERS_AT_ONCE", 1)
    desk.records.known = ()
    nobody = Scope(tenant="acme", user=None, session="ann")
    for scope in (nobody, msgspec.structs.replace(ANN, user="anna"), ANN.common, BOB):
        await desk.store.put(scope, [memory("m1", "tea")])
    with pytest.raises(NotFound):
        await desk.eraser.person("ann", "", "")
    assert (await desk.eraser.person(None, "ann", "")).scope == nobody
    await desk.store.put(ANN, [memory("m1", "tea")])
    assert await desk.eraser.person("ann", "", "") == PERSON
    desk.records.known = ("acme",)
    assert await desk.eraser.person("ann", "", "") == PERSON
    await desk.store.put(msgspec.structs.replace(ANN, tenant="other"), [memory("m1", "tea")])
    with pytest.raises(Conflict, match="acme, other"):
        await desk.eraser.person("ann", "", "")


@pytest.mark.promise("P11")
async def test_what_was_learnt_before_it_was_heard_that_they_were_erased_elsewhere_is_withdrawn(desk: Desk) -> None:
    await desk.guarded.put(ANN, [memory("m1", "tea", at=NOW), memory("m2", "coffee", at=NOW + 1)])
    await desk.guarded.put(BOB, [memory("m3", "tea", at=NOW)])
    desk.erasures.add([Erasures(b"s" * 32).tombstone(PERSON, NOW)])
    await desk.guarded.withdraw()
    assert (await desk.kept(ANN), await desk.kept(BOB)) == (["m2"], ["m3"])


async def test_what_others_have_written_since_is_not_withdrawn(desk: Desk) -> None:
    await desk.guarded.put(ANN, [memory("m1", "tea", at=NOW)])
    await desk.guarded.put(ANN.common, [lesson("l1", users=("ann",))])
    await desk.store.put(ANN, [memory("m1", "tea", at=NOW + 1)])  # said again, and learnt at another gateway
    await desk.store.put(ANN.common, [lesson("l1", users=("bob", "cid", "dora"))])
    desk.erasures.add([Erasures(b"s" * 32).tombstone(PERSON, max(NOW, lesson("l1").at))])
    await desk.store.put(ANN, [memory("m1", "tea", at=max(NOW, lesson("l1").at) + 1)])
    await desk.guarded.withdraw()
    assert (await desk.kept(ANN), await desk.kept(ANN.common)) == (["m1"], ["m_l1"])


@pytest.mark.promise("P11")
async def test_nothing_waits_or_is_held_of_those_who_were_erased_elsewhere(tmp_path: Path) -> None:
    backlog, erasures, forgotten = Backlog(tmp_path / "distil.json"), Erasures(b"s" * 32), list[str]()
    for one in (ANN, BOB):
        backlog.add(msgspec.structs.replace(exchange(), scope=one, at=NOW), 1)
    erasures.tombstone(PERSON, NOW)
    await erased_elsewhere(erasures, backlog, [lambda: forgotten.append("all")])
    assert [waiting.scope for waiting in Backlog(tmp_path / "distil.json")] == [BOB]
    assert forgotten == ["all"]
