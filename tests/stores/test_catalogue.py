"""What every `Catalogue` must do, whatever it reads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from gateway.catalogue import Catalogue, Counted, Holder, Selection
from gateway.errors import BadRequest
from gateway.experience import Lesson, LessonState
from gateway.memories import Memory
from gateway.ports import Held, MemoryStore
from gateway.sealing import Seal
from gateway.stores.local import LocalStore
from gateway.stores.local.catalogue import LocalCatalogue
from gateway.stores.qdrant.catalogue import QdrantCatalogue
from gateway.types import Scope
from tests.stores.engines import Engine, engine_store
from tests.stores.samples import ANN, BOB, WordsEmbedder, memory
from tests.stores.test_contract import TRICKY_OWNERS

SEALED = Seal(b"k" * 32)
EVERYTHING = Selection()


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """A store, and what leafs through it."""

    store: MemoryStore
    catalogue: Catalogue

    async def all(self, selection: Selection = EVERYTHING, limit: int = 2) -> list[str]:
        """Ids of what is meant, read page by page."""
        return [held.memory.id for held in await self.held(selection, limit)]

    async def held(self, selection: Selection = EVERYTHING, limit: int = 2) -> list[Held]:
        place, found = "", list[Held]()
        while True:
            page, place = await self.catalogue.browse(selection, place, limit)
            assert len(page) <= limit
            found += page
            if not place:
                return found

    async def owners(self, tenant: str = "", name: str = "") -> list[Holder]:
        """Who has memories, read page by page."""
        place, found = "", list[Holder]()
        while True:
            page, place = await self.catalogue.holders(tenant, name, place, 3)
            found += page
            if not place:
                return found


@asynccontextmanager
async def local(folder: Path) -> AsyncIterator[Shelf]:
    store = LocalStore(folder / "memories.db", folder / "index", WordsEmbedder(), seal=SEALED)
    catalogue = LocalCatalogue(folder / "memories.db", SEALED)
    yield Shelf(store=store, catalogue=catalogue)
    await catalogue.aclose()
    await store.aclose()


@asynccontextmanager
async def qdrant(folder: Path) -> AsyncIterator[Shelf]:
    engine = Engine()
    store = engine_store(engine, seal=SEALED)
    yield Shelf(store=store, catalogue=QdrantCatalogue(engine, "accrue", SEALED))
    await store.aclose()


SHELVES: dict[str, Callable[[Path], AbstractAsyncContextManager[Shelf]]] = {"local": local, "qdrant": qdrant}


@pytest.fixture(params=SHELVES)
async def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shelf]:
    async with SHELVES[request.param](tmp_path) as opened:
        await opened.store.put(ANN, [])
        yield opened


def lesson(id: str, state: LessonState, **changes: object) -> Memory:
    held = Lesson(key=id, state=state, grade="A")
    return memory(
        id, f"about {id}", kind="lesson", lesson=held, ended_at=9.0 if state == "retired" else None, **changes
    )


async def test_of_nothing_there_is_nothing(shelf: Shelf) -> None:
    assert (await shelf.all(), await shelf.owners(), await shelf.catalogue.find("m1")) == ([], [], [])
    assert await shelf.catalogue.counts("") == []


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 99])
async def test_everybodys_memories_are_read_page_by_page_those_first_that_were_said_last(
    shelf: Shelf, limit: int
) -> None:
    made = [memory(f"m{number}", f"tea {number}", kind="fact" if number % 3 else "episode", at=float(number // 2))
            for number in range(9)]  # fmt: skip
    for place, one in enumerate(made):
        await shelf.store.put(ANN if place % 2 else BOB, [one])
    found = await shelf.held(limit=limit)
    assert sorted(one.memory.id for one in found) == [one.id for one in made]
    times = [one.memory.at for one in found]
    assert times == sorted(times, reverse=True)
    assert {one.memory.id: one for one in found}["m3"] == Held(owner=ANN.owner, tenant="acme", memory=made[3])


@pytest.mark.parametrize("limit", [1, 3, 7])
async def test_what_was_said_at_the_same_time_is_read_once_each(shelf: Shelf, limit: int) -> None:
    await shelf.store.put(ANN, [memory(f"m{number}", f"tea {number}", at=5.0) for number in range(7)])
    await shelf.store.put(ANN, [memory("older", at=4.0), memory("newer", at=6.0)])
    found = await shelf.all(limit=limit)
    assert (found[0], found[-1], len(found), len(set(found))) == ("newer", "older", 9, 9)


async def test_what_is_put_while_a_listing_is_read_repeats_nothing_and_hides_nothing(shelf: Shelf) -> None:
    await shelf.store.put(ANN, [memory(f"m{number}", at=float(number)) for number in range(4)])
    page, place = await shelf.catalogue.browse(EVERYTHING, "", 2)
    await shelf.store.put(BOB, [memory("later", at=9.0)])
    await shelf.store.forget(ANN, [page[-1].memory.id])
    rest, end = await shelf.catalogue.browse(EVERYTHING, place, 9)
    assert ([one.memory.id for one in (*page, *rest)], end) == (["m3", "m2", "m1", "m0"], "")


async def test_what_is_meant_is_chosen_by_whose_it_is_and_what(shelf: Shelf) -> None:
    other = Scope(tenant="other", user="ann")
    for scope in (ANN, BOB, other):
        name = scope.tenant[0] + (scope.user or "")[0]
        await shelf.store.put(
            scope,
            [memory(f"{name}1"), memory(f"{name}2", kind="rule", at=2.0), memory(f"{name}3", at=3.0, ended_at=4.0)],
        )
    assert await shelf.all(Selection(owner=ANN.owner)) == ["aa3", "aa2", "aa1"]
    assert await shelf.all(Selection(tenant="other")) == ["oa3", "oa2", "oa1"]
    assert await shelf.all(Selection(tenant="acme", kind="rule")) in (["aa2", "ab2"], ["ab2", "aa2"])
    assert await shelf.all(Selection(owner=BOB.owner, state="holding")) == ["ab2", "ab1"]
    assert await shelf.all(Selection(owner=BOB.owner, state="ended")) == ["ab3"]
    assert await shelf.all(Selection(owner=BOB.owner, kind="fact", state="holding")) == ["ab1"]
    assert await shelf.all(Selection(kind="none")) == []
    assert await shelf.all(Selection(kind="rule", state="ended")) == []
    assert await shelf.all(Selection(tenant="none")) == []


async def test_lessons_are_chosen_by_how_far_they_have_come(shelf: Shelf) -> None:
    superseded = lesson("e1", "active", at=9.0)
    await shelf.store.put(ANN, [lesson("p1", "proposed"), lesson("p2", "proposed", at=2.0), lesson("r1", "retired")])
    await shelf.store.put(BOB, [lesson("a1", "active", at=3.0), msgspec.structs.replace(superseded, ended_at=9.5)])
    await shelf.store.put(BOB, [memory("f1"), memory("f2", ended_at=5.0)])
    assert await shelf.all(Selection(state="proposed"), limit=1) == ["p2", "p1"]
    assert await shelf.all(Selection(state="active")) == ["a1"]
    assert await shelf.all(Selection(state="retired", kind="lesson")) == ["r1"]
    assert await shelf.all(Selection(state="active", kind="fact")) == []
    assert sorted(await shelf.all(Selection(state="ended"))) == ["e1", "f2", "r1"]


async def test_a_page_of_lessons_ends_where_too_many_were_looked_through(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    for adapter in ("local", "qdrant"):
        monkeypatch.setattr(f"gateway.stores.{adapter}.catalogue.LOOKED_THROUGH", 4)
    monkeypatch.setattr("gateway.stores.qdrant.catalogue.PORTION", 2)
    await shelf.store.put(ANN, [lesson(f"l{at}", "active" if at < 2 else "proposed", at=float(at)) for at in range(9)])
    page, place = await shelf.catalogue.browse(Selection(state="active"), "", 5)
    assert page == []
    assert place
    assert await shelf.all(Selection(state="active")) == ["l1", "l0"]


async def test_an_id_is_found_whoever_has_it(shelf: Shelf) -> None:
    for scope in (ANN, BOB):
        await shelf.store.put(scope, [memory("m1", f"tea for {scope.user}"), memory("m2")])
    found = await shelf.catalogue.find("m1")
    assert {one.owner: one.memory.text for one in found} == {ANN.owner: "tea for ann", BOB.owner: "tea for bob"}
    assert await shelf.catalogue.find("m3") == []


async def test_who_has_memories_is_read_page_by_page_in_the_order_of_owners(shelf: Shelf) -> None:
    owners = [*TRICKY_OWNERS, ANN.common]
    for scope in owners:
        await shelf.store.put(scope, [memory("m1", at=1.0), memory("m2", at=7.0, ended_at=8.0)])
    found = await shelf.owners()
    assert [one.owner for one in found] == sorted(scope.owner for scope in owners)
    assert {(one.memories, one.newest) for one in found} == {(2, 7.0)}
    assert {one.tenant for one in found} == {scope.tenant for scope in owners}
    assert {one.owner for one in await shelf.owners("a")} == {one.owner for one in owners if one.tenant == "a"}
    assert await shelf.owners("nobody") == []


async def test_who_has_memories_is_looked_for_by_the_beginning_of_a_name(shelf: Shelf) -> None:
    people = ["ann", "anna", "bob", "an"]
    for name in people:
        await shelf.store.put(Scope(tenant="acme", user=name), [memory("m1")])
    await shelf.store.put(Scope(tenant="acme", user=None, session="annex"), [memory("m1")])
    found = await shelf.owners(name="ann")
    assert {one.owner for one in found} == {"4:acmeu3:ann", "4:acmeu4:anna", "4:acmes5:annex"}
    assert {one.owner for one in await shelf.owners("acme", "anna")} == {"4:acmeu4:anna"}


async def test_memories_are_counted_by_kind_and_whether_they_hold(shelf: Shelf) -> None:
    await shelf.store.put(ANN, [memory("m1"), memory("m2"), memory("m3", ended_at=3.0), memory("m4", kind="rule")])
    await shelf.store.put(Scope(tenant="other", user="ann"), [memory("m1", kind="rule", ended_at=3.0)])
    assert sorted(await shelf.catalogue.counts(""), key=lambda one: (one.kind, -one.is_holding)) == [
        Counted(kind="fact", is_holding=True, count=2),
        Counted(kind="fact", is_holding=False, count=1),
        Counted(kind="rule", is_holding=True, count=1),
        Counted(kind="rule", is_holding=False, count=1),
    ]
    assert list(await shelf.catalogue.counts("other")) == [Counted(kind="rule", is_holding=False, count=1)]


FOREIGN = (
    "x", "0x1.8p+1", "é", "/", "0x1p+99999999.1", f"0x1p+1.{1 << 63}", f"0x1p+1.-{1 << 63}", "nan.1", "inf.1",
    f"0x1p+1.{'9' * 5_000}", "0x1p+1/x", "nan/6ba7b810-9dad-11d1-80b4-00c04fd430c8",
)  # fmt: skip


@pytest.mark.parametrize("place", FOREIGN, ids=range(len(FOREIGN)))
async def test_a_place_of_no_listing_is_refused(shelf: Shelf, place: str) -> None:
    await shelf.store.put(ANN, [memory("m1")])
    with pytest.raises(BadRequest, match="place: this is none of this listing's"):
        await shelf.catalogue.browse(EVERYTHING, place, 9)
