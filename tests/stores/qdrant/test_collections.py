from __future__ import annotations

import asyncio
from typing import Any

import pytest
from qdrant_client.http import models

from gateway.errors import MemoryUnavailable
from gateway.ports import Embedder
from gateway.stores.qdrant.collections import FORMAT, GREETING_S, Collections, Label, whole
from tests.stores.engines import Engine
from tests.stores.samples import AwayEmbedder, WordsEmbedder


def collections(engine: Engine, embedder: Embedder | None = None, prefix: str = "accrue") -> Collections:
    return Collections(engine, embedder or WordsEmbedder(), prefix, shards=None, replicas=1)


async def names(engine: Engine) -> set[str]:
    return {one.name for one in (await engine.get_collections()).collections}


async def test_the_first_collection_is_made_whole_and_later_it_is_only_looked_for() -> None:
    engine = Engine()
    first = await collections(engine).layout()
    assert await names(engine) == {first.own}
    assert (first.read, first.written, first.left, first.size) == (first.own, (first.own,), (), 16)
    assert await collections(engine).label(first.own) == Label(format=FORMAT, embedder="words", size=16, number=1)
    engine.asked.clear()
    assert await collections(engine).layout() == first
    assert not {"create_collection", "upsert"} & set(engine.asked)


async def test_a_collection_has_the_vectors_of_the_local_index_and_its_shards_and_replicas() -> None:
    engine = Engine()
    made: dict[str, Any] = {}

    async def create(name: str, **how: object) -> None:
        made.update(how)
        raise ValueError("that will do")

    engine.create_collection = create  # type: ignore[method-assign,assignment] # the in-process engine forgets them
    with pytest.raises(MemoryUnavailable, match="not found"):
        await Collections(engine, WordsEmbedder(), "accrue", shards=6, replicas=2).layout()
    assert made["vectors_config"] == {
        "dense": models.VectorParams(size=16, distance=models.Distance.DOT, datatype=models.Datatype.FLOAT16)
    }
    assert {way: params.modifier for way, params in made["sparse_vectors_config"].items()} == {
        "words": models.Modifier.IDF,
        "chars": models.Modifier.IDF,
    }
    assert (made["shard_number"], made["replication_factor"]) == (6, 2)


async def test_another_embedder_or_another_size_has_another_collection_filled_from_the_first() -> None:
    engine = Engine()
    first = await collections(engine).layout()
    for embedder in (WordsEmbedder("other"), WordsEmbedder(size=8)):
        layout = await collections(engine, embedder).layout()
        assert (layout.read, layout.source, layout.is_filling) == (first.own, first.own, True)
        assert layout.written == (first.own, layout.own)
    assert len(await names(engine)) == 3


async def test_what_was_filled_is_read_from_then_on_and_both_are_written_until_the_next_start() -> None:
    engine = Engine()
    first = await collections(engine).layout()
    filling = collections(engine, WordsEmbedder("other"))
    whole = await filling.finish(await filling.layout())
    assert (whole.read, whole.written) == (whole.own, (first.own, whole.own))
    assert await filling.layout() == whole
    again = await collections(engine, WordsEmbedder("other")).layout()
    assert (again.read, again.written, again.left) == (whole.own, (whole.own,), (first.own,))


async def test_an_embedder_that_comes_back_has_its_old_collection_filled_with_what_it_missed() -> None:
    engine = Engine()
    first = await collections(engine).layout()
    other = collections(engine, WordsEmbedder("other"))
    second = await other.finish(await other.layout())
    back = collections(engine)
    layout = await back.layout()
    assert (layout.own, layout.read, layout.is_filling) == (first.own, second.own, True)
    whole = await back.finish(layout)
    assert (await back.label(whole.own)) == Label(format=FORMAT, embedder="words", size=16, number=3)


async def test_a_write_goes_where_gateways_with_another_embedder_read_or_will(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = Engine()
    old, new = collections(engine), collections(engine, WordsEmbedder("new"))
    read = await old.layout()
    assert await old.written(read) == (read.own,)
    filling = await new.layout()
    assert await old.written(read) == (read.own,)  # what was just seen is believed, and who fills waits for as long
    monkeypatch.setattr("gateway.stores.qdrant.collections.LOOK_S", 0.0)
    assert await old.written(read) == (read.own, filling.own)
    whole = await new.finish(filling)
    assert await old.written(read) == (read.own, whole.own)
    assert await new.written(whole) == (read.own, whole.own)
    restarted = collections(engine, WordsEmbedder("new"))
    assert await restarted.written(await restarted.layout()) == (whole.own,)


async def test_what_is_forgotten_is_looked_for_in_every_collection_there_is_by_now() -> None:
    engine = Engine()
    old = collections(engine)
    read = await old.layout()
    others = [await collections(engine, WordsEmbedder(name)).layout() for name in ("new", "newer")]
    assert set(await old.all(read)) == {read.own, *(other.own for other in others)}
    foreign = await collections(engine, WordsEmbedder("new"), "accrue-test").layout()
    assert foreign.own not in await old.all(read)


async def test_another_gateway_may_have_finished_it_first() -> None:
    engine = Engine()
    await collections(engine).layout()
    ours, theirs = (collections(engine, WordsEmbedder("other")) for _ in range(2))
    layout = await ours.layout()
    await theirs.finish(await theirs.layout())
    assert (await ours.finish(layout)).read == layout.own
    assert await ours.label(layout.own) == Label(format=FORMAT, embedder="other", size=16, number=2)


def test_of_several_that_were_whole_the_last_is_the_truth_and_of_none_that_was_none_is() -> None:
    labels = [Label(format=FORMAT, embedder="words", size=16, number=number) for number in (1, 2, 0)]
    assert whole(dict(zip("abc", labels, strict=True))) == "b"
    assert whole({"c": labels[2]}) == ""


async def test_collections_of_other_names_are_none_of_ours() -> None:
    engine = Engine()
    theirs = await collections(engine, WordsEmbedder("other"), "accrue-test").layout()
    await engine.create_collection("accrue-0123456789abcdef")  # with no label
    layout = await collections(engine).layout()
    assert not layout.is_filling
    assert theirs.own not in (layout.own, *layout.left)


@pytest.mark.parametrize(
    "vectors",
    [
        {},
        models.VectorParams(size=16, distance=models.Distance.DOT),
        {"dense": models.VectorParams(size=8, distance=models.Distance.DOT)},
        {"dense": models.VectorParams(size=16, distance=models.Distance.DOT)},  # and no words
    ],
)
async def test_a_collection_that_somebody_else_made_under_our_name_is_left_alone_and_said(vectors: Any) -> None:
    engine = Engine()
    own = (await collections(Engine()).layout()).own
    await engine.create_collection(own, vectors_config=vectors)
    with pytest.raises(MemoryUnavailable, match=f"the collection {own} has a schema that is not ours"):
        await collections(engine).layout()
    assert await engine.count(own) == models.CountResult(count=0)


async def test_while_the_embedder_is_away_the_collection_made_for_its_name_is_found() -> None:
    engine, embedder = Engine(), AwayEmbedder()
    with pytest.raises(MemoryUnavailable, match="has not answered yet"):
        await collections(engine, embedder).layout()
    embedder.is_broken = False
    made = await collections(engine, embedder).layout()
    embedder.is_broken = True
    assert await collections(engine, embedder).layout() == made
    with pytest.raises(MemoryUnavailable):
        await collections(Engine(), embedder).layout()


async def test_a_label_that_cannot_be_read_is_none() -> None:
    engine = Engine()
    known = collections(engine)
    layout = await known.layout()
    await engine.clear_payload(layout.own, models.FilterSelector(filter=models.Filter()))
    assert await known.label(layout.own) is None
    with pytest.raises(MemoryUnavailable, match="has lost its label"):
        await known.finish(layout)
    known.doubt()
    assert await known.layout() == layout
    assert await known.label(layout.own) is not None


async def test_one_search_for_collections_serves_all_who_wait_and_goes_on_when_one_gives_up() -> None:
    engine = Engine()
    engine.thawed.clear()
    known = collections(engine)
    waiting = [asyncio.create_task(known.layout()) for _ in range(3)]
    while "get_collections" not in engine.asked:
        await asyncio.wait(waiting, timeout=0)
    waiting[0].cancel()
    engine.thawed.set()
    _, second, third = await asyncio.gather(*waiting, return_exceptions=True)
    assert second == third == await known.layout()
    assert engine.asked.count("get_collections") == 1


async def test_a_server_that_does_not_answer_is_no_memory_before_the_gateway_must_be_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert GREETING_S <= 1.0
    monkeypatch.setattr("gateway.stores.qdrant.collections.GREETING_S", 0.01)
    engine = Engine()
    engine.thawed.clear()
    with pytest.raises(MemoryUnavailable, match="qdrant: no answer"):
        await collections(engine).layout()
    engine.thawed.set()
    await collections(engine).layout()


async def test_closing_ends_the_search_for_collections() -> None:
    engine = Engine()
    engine.thawed.clear()
    known = collections(engine)
    await known.aclose()
    waiting = asyncio.create_task(known.layout())
    while "get_collections" not in engine.asked:
        await asyncio.wait([waiting], timeout=0)
    await known.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiting
