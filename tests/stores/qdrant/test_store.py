from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path

import msgspec
import pytest
from qdrant_client.http import models
from qdrant_client.http.exceptions import ResponseHandlingException

from gateway.errors import MemoryUnavailable
from gateway.experience import Lesson
from gateway.memories import Memory
from gateway.policy import Recall
from gateway.ports import Held
from gateway.precedents import HELD_S, Precedents
from gateway.recall import recall
from gateway.sealing import Seal
from gateway.stores.qdrant import QdrantStore, connect
from gateway.stores.qdrant.store import AT_ONCE, BATCH
from gateway.testing import ManualClock
from gateway.testing.qdrant import QdrantProcess
from gateway.wiring import KINDS
from tests.stores.engines import Engine, engine_store
from tests.stores.samples import ANN, BOB, AwayEmbedder, WordsEmbedder, memory, query

REFUSED = ResponseHandlingException(ConnectionRefusedError("nobody there"))

Call = Callable[[QdrantStore], Coroutine[None, None, object]]


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
async def store(engine: Engine) -> AsyncIterator[QdrantStore]:
    store = engine_store(engine)
    yield store
    await store.aclose()


async def trips(engine: Engine, question: Coroutine[None, None, object]) -> list[str]:
    """What was asked of the server for one call."""
    engine.asked.clear()
    await question
    return engine.asked[:]


async def test_a_search_is_one_round_trip_whatever_it_asks_for(store: QdrantStore, engine: Engine) -> None:
    await store.put(ANN, [memory("m1", "tea"), memory("m2", "green tea", kind="rule")])
    everything = query("tea", kinds=("fact", "rule"), pinned=("rule", "fact"), has_ended=True, since=0.0)
    assert await trips(engine, store.search(ANN, everything)) == ["query_batch_points"]
    assert await trips(engine, store.search(ANN, query("", kinds=(), pinned=()))) == []


async def test_other_calls_cost_as_many_round_trips_as_they_say(store: QdrantStore, engine: Engine) -> None:
    chain = [memory("m1", after="m2"), memory("m2", before="m1", after="m3"), memory("m3", before="m2")]
    await store.put(ANN, chain)
    assert await trips(engine, store.put(ANN, chain)) == ["upsert"]
    assert await trips(engine, store.put(ANN, [])) == []
    assert await trips(engine, store.list(ANN, [], 9)) == ["scroll"]
    assert await trips(engine, store.get(ANN, ["m1"])) == ["retrieve"]
    assert await trips(engine, store.get(ANN, ["m1"], reach=9)) == ["scroll"]
    assert await trips(engine, store.put(ANN, [memory("m4", before="m3")])) == ["retrieve", "upsert"]
    assert await trips(engine, store.get(ANN, [])) == []
    assert await trips(engine, store.forget(ANN, ["m1", "m2"])) == ["retrieve", "get_collections", "retrieve", "delete"]
    many = [memory(f"n{number}") for number in range(BATCH + 1)]
    assert await trips(engine, store.put(ANN, many)) == ["upsert"] * 2


async def test_a_listing_longer_than_one_answer_comes_whole_and_in_order(
    store: QdrantStore, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.stores.qdrant.store.AT_ONCE", 10)
    await store.put(ANN, [memory(f"m{number}", at=float(number)) for number in range(25)])
    everything = [f"m{number}" for number in reversed(range(25))]
    assert [one.id for one in await store.list(ANN, [], AT_ONCE)] == everything
    assert [one.id for one in await store.list(ANN, ["fact"], 11)] == everything[:11]
    assert await store.list(ANN, [], 0) == []
    assert await store.forget(ANN, everything) == 25


async def test_memories_move_from_one_store_to_another_as_they_are(engine: Engine) -> None:
    source, target = engine_store(engine, seal=Seal(b"k" * 32)), engine_store(Engine())
    put = {(scope.owner, f"m{number}"): scope for scope in (ANN, BOB) for number in range(7)}
    for (owner, id), scope in put.items():
        await source.put(scope, [memory(id, f"tea of {owner}", ended_at=3.0 if id == "m3" else None)])
    seen: dict[tuple[str, str], Held] = {}
    after = ("", "")
    while held := await source.page(after, 3):
        await target.take(held)
        seen |= {(one.owner, one.memory.id): one for one in held}
        after = held[-1].owner, held[-1].memory.id
        await source.forget(put[after], [after[1]])  # the place to go on from may be gone
    assert set(seen) == set(put)
    assert all(one.tenant == "acme" for one in seen.values())
    for scope in (ANN, BOB):
        assert {one.id for one in await target.list(scope, [], 99)} == {f"m{number}" for number in range(7)}
    assert len((await target.search(ANN, query("tea"))).hits) == 6
    await source.aclose()
    await target.aclose()


async def test_a_page_with_a_memory_that_cannot_be_read_is_no_page(engine: Engine, store: QdrantStore) -> None:
    sealing = engine_store(engine, seal=Seal(b"k" * 32))
    await sealing.put(ANN, [memory("m1")])
    with pytest.raises(MemoryUnavailable, match="m1 cannot be read"):
        await store.page(("", ""), 9)
    assert await store.list(ANN, [], 9) == []
    await sealing.aclose()


async def test_texts_are_sealed_on_the_server_and_found_all_the_same(engine: Engine) -> None:
    store = engine_store(engine, seal=Seal(b"k" * 32))
    await store.put(ANN, [memory("m1", "peppermint tea", evidence="she said peppermint")])
    ((name,),) = [[one.name for one in (await engine.get_collections()).collections]]
    points, _ = await engine.scroll(name, limit=9, with_payload=True)
    assert "peppermint" not in json.dumps([point.payload for point in points])
    (hit,) = (await store.search(ANN, query("peppermint"))).hits
    assert hit.memory.evidence == "she said peppermint"
    await store.aclose()


CALLS: dict[str, Call] = {
    "search": lambda store: store.search(ANN, query("tea", pinned=("fact",))),
    "put": lambda store: store.put(ANN, [memory("m2", "tea")]),
    "get": lambda store: store.get(ANN, ["m1"]),
    "list": lambda store: store.list(ANN, [], 9),
    "forget": lambda store: store.forget(ANN, ["m9"]),
    "page": lambda store: store.page(("", ""), 9),
}


@pytest.mark.promise("P4")
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    "failure",
    [
        REFUSED,
        AssertionError("Search returned None"),
        KeyError("result"),
        TypeError("'NoneType' object is not iterable"),
    ],
    ids=["refused", "none", "key", "type"],
)
async def test_whatever_the_server_does_is_memory_unavailable_and_seen_and_over_when_it_is_over(
    store: QdrantStore, engine: Engine, call: Call, failure: Exception
) -> None:
    await store.put(ANN, [memory("m1", "tea")])
    engine.failure = failure
    with pytest.raises(MemoryUnavailable, match="qdrant: "):
        await call(store)
    assert store.trouble.startswith("qdrant: ")
    engine.failure = None
    await call(store)
    assert store.trouble == ""


@pytest.mark.promise("P4")
async def test_a_server_that_is_away_at_the_start_is_found_later(engine: Engine) -> None:
    engine.failure = REFUSED
    store = engine_store(engine)
    with pytest.raises(MemoryUnavailable, match="nobody there"):
        await store.put(ANN, [memory("m1", "tea")])
    engine.failure = None
    await store.put(ANN, [memory("m1", "tea")])
    assert len((await store.search(ANN, query("tea"))).hits) == 1
    await store.aclose()


@pytest.mark.promise("P4")
async def test_a_server_that_was_restarted_empty_is_written_again(store: QdrantStore, engine: Engine) -> None:
    await store.put(ANN, [memory("m1", "tea")])
    engine.restart_empty()
    with pytest.raises(MemoryUnavailable, match="not found"):
        await store.put(ANN, [memory("m1", "tea")])
    await store.put(ANN, [memory("m1", "tea")])
    assert len((await store.search(ANN, query("tea"))).hits) == 1


@pytest.mark.promise("P4")
async def test_who_gives_up_on_a_frozen_server_is_free_and_it_is_seen(store: QdrantStore, engine: Engine) -> None:
    await store.put(ANN, [memory("m1", "tea")])
    engine.thawed.clear()
    searching = asyncio.create_task(store.search(ANN, query("tea")))
    engine.asked.clear()
    while not engine.asked:
        await asyncio.wait([searching], timeout=0.001)
    searching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await searching
    assert store.trouble == "qdrant: no answer in time"
    engine.thawed.set()
    assert len((await store.search(ANN, query("tea"))).hits) == 1
    assert store.trouble == ""


async def test_reading_again_does_not_hide_that_nothing_can_be_written(store: QdrantStore, engine: Engine) -> None:
    await store.put(ANN, [memory("m1", "tea")])
    engine.failure, engine.broken = REFUSED, {"upsert"}
    with pytest.raises(MemoryUnavailable):
        await store.put(ANN, [memory("m2", "tea")])
    assert len((await store.search(ANN, query("tea"))).hits) == 1
    assert "nobody there" in store.trouble


async def test_an_answer_that_lacks_some_of_what_was_asked_is_none(store: QdrantStore, engine: Engine) -> None:
    async def half(*_: object, **__: object) -> list[models.QueryResponse]:
        return [models.QueryResponse(points=[])]

    engine.query_batch_points = half  # type: ignore[method-assign] # as a proxy may cut an answer short
    with pytest.raises(MemoryUnavailable, match="qdrant: zip"):
        await store.search(ANN, query("tea"))


@pytest.mark.promise("P4")
async def test_an_embedder_whose_vectors_have_another_size_is_seen_and_words_still_find(engine: Engine) -> None:
    class Other(WordsEmbedder):
        """Says one size and gives another."""

        def _embed(self, text: str) -> list[float]:
            return [*super()._embed(text), 0.0]

    before = engine_store(engine)
    await before.put(ANN, [memory("m1", "tea")])
    store = engine_store(engine, Other())
    (hit,) = (await store.search(ANN, query("tea"))).hits
    assert set(hit.scores) == {"words", "chars"}
    with pytest.raises(MemoryUnavailable, match="qdrant: "):
        await store.put(ANN, [memory("m2", "tea")])
    assert store.trouble
    await asyncio.gather(before.aclose(), store.aclose())


@pytest.mark.promise("P4")
async def test_a_question_is_searched_by_its_words_while_the_embedder_is_away(engine: Engine) -> None:
    embedder = AwayEmbedder()
    store = engine_store(engine, embedder)
    with pytest.raises(MemoryUnavailable, match="has not answered yet"):
        await store.search(ANN, query("tea"))
    embedder.is_broken = False
    await store.put(ANN, [memory("m1", "tea", kind="rule")])
    embedder.is_broken = True
    found = await store.search(ANN, query("tea", kinds=("rule",), pinned=("rule",)))
    assert ([one.id for one in found.pinned], [set(hit.scores) for hit in found.hits]) == (["m1"], [{"words", "chars"}])
    await store.aclose()


async def test_gateways_with_different_embedders_tell_and_forget_the_same(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.stores.qdrant.collections.LOOK_S", 0.0)
    old, new = engine_store(engine), engine_store(engine, WordsEmbedder("new"))
    await old.put(ANN, [memory("m1", "green tea")])
    async with asyncio.timeout(20):
        await new.wait_until_filled()
    await old.put(ANN, [memory("m2", "black tea")])
    await new.put(ANN, [memory("m3", "white tea")])
    for store in (old, new):
        assert {hit.memory.id for hit in (await store.search(ANN, query("tea"))).hits} == {"m1", "m2", "m3"}
    await new.put(ANN, [memory("m4", "oolong tea")])  # and what lacked its embedder's vector is made good
    hits = (await new.search(ANN, query("tea"))).hits
    assert [set(hit.scores) for hit in hits] == [{"words", "chars", "dense"}] * 4
    assert await old.forget(ANN, ["m1", "m4"]) == 2
    assert await new.forget(ANN, ["m2"]) == 1
    for store in (old, new):
        assert [hit.memory.id for hit in (await store.search(ANN, query("tea"))).hits] == ["m3"]
    again = engine_store(engine, WordsEmbedder("new"))
    assert [one.id for one in await again.list(ANN, [], 9)] == ["m3"]
    await asyncio.gather(old.aclose(), new.aclose(), again.aclose())


@pytest.mark.promise("P7")
async def test_what_ends_through_one_gateway_is_not_told_by_another_which_has_just_told_it(engine: Engine) -> None:
    ours, theirs = engine_store(engine), engine_store(engine)
    said = [
        memory("rule", "Always answer in French.", kind="constraint"),
        memory("walk", "We walked along the harbour.", kind="episode", after="rest"),
        memory("rest", "Then we sat down.", kind="episode", before="walk"),
    ]
    await ours.put(ANN, said)

    async def told() -> set[str]:
        recalled = await recall(theirs, ANN, "What of the harbour?", KINDS, Recall(), 9.0)
        return {one.id for one in recalled.pinned} | {one.memory.id for one in recalled.hits if not one.skipped}

    assert await told() == {"rule", "walk", "rest"}
    await ours.put(ANN, [msgspec.structs.replace(said[0], ended_at=8.0)])
    await ours.forget(ANN, ["rest"])
    assert await told() == {"walk"}
    await asyncio.gather(ours.aclose(), theirs.aclose())


async def test_a_lesson_that_ends_through_one_gateway_is_not_told_by_another_after_a_minute(engine: Engine) -> None:
    assert HELD_S <= 60.0
    clock = ManualClock()
    ours, theirs = engine_store(engine), engine_store(engine)
    taught = [
        memory(id, kind="lesson", lesson=Lesson(key=id, state="active", grade="A", triggers=("parcel",)))
        for id in ("ended", "forgotten", "kept")
    ]
    await ours.put(ANN, taught)
    precedents = Precedents(theirs, clock)
    assert {one.id for one in await precedents.of(ANN)} == {"ended", "forgotten", "kept"}
    await ours.put(ANN, [msgspec.structs.replace(taught[0], ended_at=8.0)])
    await ours.forget(ANN, ["forgotten"])
    clock.advance(HELD_S)
    assert {one.id for one in await precedents.of(ANN)} == {"kept"}
    await precedents.aclose()
    await asyncio.gather(ours.aclose(), theirs.aclose())


async def test_there_is_no_index_to_renew(store: QdrantStore) -> None:
    assert await store.renew()


async def test_over_the_wire_a_process_is_frozen_and_found_again_and_lost(tmp_path: Path) -> None:
    async def until(call: Callable[[], Coroutine[None, None, object]], fails: bool) -> None:
        async with asyncio.timeout(20):
            while await _fails(call) is not fails:
                pass

    with QdrantProcess(tmp_path) as process:
        store = QdrantStore(connect(process.url, None, 1.0), WordsEmbedder())
        said = [memory("m1", "green tea"), memory("m2", "coffee", kind="rule", at=5.0)]
        await store.put(ANN, said)

        async def recalled() -> tuple[Memory, ...]:
            found = await store.search(ANN, query("tea", pinned=("rule",)))
            return (*found.pinned, *(hit.memory for hit in found.hits))

        assert await recalled() == (said[1], said[0])
        process.freeze()
        await until(recalled, fails=True)
        assert store.trouble
        process.thaw()
        await until(recalled, fails=False)
        assert await store.forget(ANN, ["m1"]) == 1
        assert await recalled() == (said[1],)
        process.kill()
        await until(recalled, fails=True)
        assert store.trouble
        await store.aclose()


async def _fails(call: Callable[[], Coroutine[None, None, object]]) -> bool:
    try:
        await call()
    except MemoryUnavailable:
        return True
    return False
