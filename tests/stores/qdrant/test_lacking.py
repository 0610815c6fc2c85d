from __future__ import annotations

from collections.abc import Sequence

from gateway.stores.qdrant import QdrantStore
from gateway.stores.qdrant.lacking import MADE_GOOD
from tests.stores.engines import Engine, engine_store
from tests.stores.samples import ANN, BOB, WordsEmbedder, memory, query


async def found_by_meaning(store: QdrantStore) -> set[str]:
    hits = (await store.search(ANN, query("tea", limit=999))).hits
    return {hit.memory.id for hit in hits if "dense" in hit.scores}


async def test_what_was_written_without_a_vector_is_found_by_its_words_and_gets_one_with_a_later_write() -> None:
    engine, embedder = Engine(), WordsEmbedder()
    store = engine_store(engine, embedder)
    embedder.is_broken = True
    await store.put(ANN, [memory("m1", "green tea"), memory("nothing", "")])
    (hit,) = (await store.search(ANN, query("tea"))).hits
    assert set(hit.scores) == {"words", "chars"}
    embedder.is_broken = False
    assert await found_by_meaning(store) == set()
    await store.put(BOB, [memory("his", "tea")])
    assert await found_by_meaning(store) == {"m1"}
    engine.asked.clear()
    await store.put(BOB, [memory("his", "coffee")])
    assert engine.asked == ["upsert"]
    await store.aclose()


async def test_another_gateway_makes_it_good_and_more_than_a_portion_in_several() -> None:
    engine, away = Engine(), WordsEmbedder()
    away.is_broken = True
    first, second = engine_store(engine, away), engine_store(engine)
    await first.put(ANN, [memory(f"m{number}", "tea") for number in range(MADE_GOOD + 2)])
    await second.put(BOB, [memory("his")])
    assert len(await found_by_meaning(second)) == MADE_GOOD
    await second.put(BOB, [memory("his")])
    assert len(await found_by_meaning(second)) == MADE_GOOD + 2
    await first.aclose()
    await second.aclose()


async def test_an_embedder_that_answers_once_and_not_again_leaves_it_for_later() -> None:
    class Tired(WordsEmbedder):
        answers = 0

        def embed(self, texts: Sequence[str]) -> list[list[float]]:
            self.is_broken = self.answers == 0
            self.answers -= 1
            return super().embed(texts)

    embedder = Tired()
    store = engine_store(Engine(), embedder)
    await store.put(ANN, [memory("m1", "tea")])
    embedder.answers = 1
    await store.put(ANN, [memory("m2", "tea")])
    assert store.trouble == ""
    embedder.answers = 9
    assert await found_by_meaning(store) == {"m2"}
    await store.put(ANN, [memory("m3", "tea")])
    assert await found_by_meaning(store) == {"m1", "m2", "m3"}
    await store.aclose()
