"""gateway/stores/qdrant/chains.py: what is around a memory is asked for once, and never told otherwise than it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine
from typing import TypeVar

import pytest

from gateway.memories import Memory
from gateway.recall import REACH
from gateway.stores.qdrant import QdrantStore
from gateway.stores.qdrant.chains import FRESH_OWNERS, NOTED
from gateway.stores.qdrant.points import EARLIER, point_id
from gateway.types import Scope
from tests.stores.engines import Engine, engine_store
from tests.stores.samples import ANN, BOB, memory, query

Answer = TypeVar("Answer")

TALK = ["harbour", "fog", "ferry", "lamp", "gull", "rope", "tide", "anchor", "buoy"]


def talk() -> list[Memory]:
    """Episodes of one session, each of another word and named by it."""
    ids = ["", *TALK, ""]
    return [memory(one, one, kind="episode", before=ids[n], after=ids[n + 2]) for n, one in enumerate(TALK)]


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
async def store(engine: Engine) -> AsyncIterator[QdrantStore]:
    store = engine_store(engine)
    yield store
    await store.aclose()


async def asked(engine: Engine, question: Coroutine[None, None, Answer]) -> tuple[list[str], Answer]:
    engine.asked.clear()
    answer = await question
    return engine.asked[:], answer


async def recalled(store: QdrantStore, *words: str, limit: int = 1) -> list[str]:
    """Ids found by words and around them, as recall asks for them."""
    found = await store.search(ANN, query(" ".join(words), kinds=("episode",), limit=limit))
    best = [hit.memory.id for hit in found.hits if hit.scores.get("words", 0) > 0]
    near = await store.get(ANN, best, reach=REACH)
    return sorted({one.id for one in near})


async def noted(engine: Engine, id: str) -> list[str]:
    ((name,),) = [[one.name for one in (await engine.get_collections()).collections]]
    (point,) = await engine.retrieve(name, [point_id(ANN.owner, id)])
    names = {point_id(ANN.owner, one): one for one in TALK}
    return [names[one] for one in (point.payload or {}).get(EARLIER, ())]


def test_as_much_is_noted_as_recall_takes() -> None:
    assert NOTED == REACH


async def test_a_recall_with_what_is_around_it_is_two_round_trips(store: QdrantStore, engine: Engine) -> None:
    await store.put(ANN, talk())
    trips, near = await asked(engine, recalled(store, "gull"))
    assert near == sorted(TALK[1:8])
    assert trips == ["query_batch_points", "scroll"]


async def test_where_all_that_is_around_was_found_it_is_one(store: QdrantStore, engine: Engine) -> None:
    await store.put(ANN, talk())
    trips, near = await asked(engine, recalled(store, "gull", limit=99))
    assert near == sorted(TALK[1:8])
    assert trips == ["query_batch_points"]


async def test_what_is_written_later_notes_what_was_written_before(store: QdrantStore, engine: Engine) -> None:
    for one in talk():
        await store.put(ANN, [one])
    assert [await noted(engine, one) for one in ("harbour", "fog", "lamp", "buoy")] == [
        [],
        ["harbour"],
        ["ferry", "fog", "harbour"],
        ["anchor", "tide", "rope"],
    ]
    trips, near = await asked(engine, recalled(store, "gull"))
    assert (trips, near) == (["query_batch_points", "scroll"], sorted(TALK[1:8]))


async def test_what_is_not_noted_is_asked_for_step_by_step(store: QdrantStore, engine: Engine) -> None:
    for one in reversed(talk()):
        await store.put(ANN, [one])
    assert await noted(engine, "gull") == ["lamp"]
    trips, near = await asked(engine, recalled(store, "gull"))
    assert near == sorted(TALK[1:8])
    assert trips == ["query_batch_points", "scroll", "retrieve", "retrieve"]


async def test_a_memory_that_has_other_neighbours_by_now_is_told_with_those(store: QdrantStore) -> None:
    await store.put(ANN, talk())
    moved = [memory("gull", "gull", kind="episode", before="crane"), memory("crane", "crane", kind="episode")]
    await store.put(ANN, moved)
    assert await recalled(store, "gull") == ["crane", "gull"]


async def test_a_neighbour_that_was_forgotten_is_looked_for_and_not_told(store: QdrantStore, engine: Engine) -> None:
    await store.put(ANN, talk())
    await store.forget(ANN, ["rope"])
    trips, near = await asked(engine, recalled(store, "gull"))
    assert near == sorted(TALK[1:5])
    assert trips == ["query_batch_points", "scroll"]


async def test_what_ended_is_still_on_the_way_to_what_lies_beyond(store: QdrantStore) -> None:
    await store.put(ANN, talk())
    (rope,) = await store.get(ANN, ["rope"])
    await store.put(ANN, [memory("rope", "rope", kind="episode", before=rope.before, after=rope.after, ended_at=9.0)])
    assert await recalled(store, "gull") == sorted(TALK[1:8])


@pytest.mark.promise("P7")
async def test_the_same_ids_of_another_owner_are_nobodys_neighbours(store: QdrantStore) -> None:
    await store.put(BOB, talk())
    await store.put(ANN, talk()[3:6])
    await store.search(BOB, query("gull", kinds=("episode",), limit=99))
    assert await recalled(store, "gull") == sorted(TALK[3:6])


async def test_what_was_just_found_is_not_believed_any_more_when_it_is_written(store: QdrantStore) -> None:
    await store.put(ANN, talk())
    everything = query("gull", kinds=("episode",), limit=99)
    await store.search(ANN, everything)
    await store.put(ANN, [memory("gull", "a white gull", kind="episode", before="lamp", after="rope")])
    assert "a white gull" in [one.text for one in await store.get(ANN, ["gull"], reach=1)]
    await store.search(ANN, everything)
    await store.forget(ANN, ["gull"])
    assert await store.get(ANN, ["gull"], reach=1) == []


async def test_what_was_found_is_not_believed_for_long_nor_held_of_many(
    store: QdrantStore, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.put(ANN, talk())
    everything = query("gull", kinds=("episode",), limit=99)
    await store.search(ANN, everything)
    for number in range(FRESH_OWNERS):
        await store.search(Scope(tenant="acme", user=f"user {number}"), everything)
    assert (await asked(engine, store.get(ANN, ["gull"], reach=1)))[0] != []
    await store.search(ANN, everything)
    assert (await asked(engine, store.get(ANN, ["gull"], reach=1)))[0] == []
    monkeypatch.setattr("gateway.stores.qdrant.chains.FRESH_S", 0.0)
    await store.search(ANN, everything)
    assert (await asked(engine, store.get(ANN, ["gull"], reach=1)))[0] != []
