from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest
from structlog.testing import capture_logs

from gateway.memories import Memory
from gateway.sealing import NO_SEAL, Seal
from gateway.stores.qdrant import QdrantStore
from gateway.stores.qdrant.filling import PORTION
from tests.stores.engines import Engine, engine_store
from tests.stores.samples import ANN, BOB, WordsEmbedder, memory, query

COUNT = 2 * PORTION + 1
SAID = [memory(f"m{number}", f"tea {number}") for number in range(COUNT)]


class Watched(WordsEmbedder):
    """A new embedder that says when it is asked for a portion, before it answers."""

    def __init__(self, meanwhile: Callable[[int], object] = lambda portion: None) -> None:
        super().__init__("new")
        self.portions = 0
        self._meanwhile = meanwhile

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        if len(texts) > 1:
            self.portions += 1
            self._meanwhile(self.portions)
        return super().embed(texts)


@pytest.fixture
async def engine() -> Engine:
    """An engine with memories of another embedder."""
    engine = Engine()
    store = engine_store(engine)
    await store.put(ANN, SAID)
    await store.put(BOB, [memory("m0", "his"), memory("over", ended_at=9.0)])
    await store.aclose()
    return engine


async def turn() -> None:
    """Let the others go on."""
    await asyncio.to_thread(int)


async def filled(store: QdrantStore) -> None:
    async with asyncio.timeout(20):
        await store.wait_until_filled()


async def listed(store: QdrantStore) -> dict[str, Memory]:
    return {one.id: one for one in await store.list(ANN, [], 999)}


async def ways(store: QdrantStore) -> set[str]:
    found = await store.search(ANN, query("tea 1", limit=COUNT))
    return {way for hit in found.hits for way in hit.scores}


async def test_everything_is_there_all_the_time_and_found_by_its_meaning_once_it_is_filled(engine: Engine) -> None:
    store, before = engine_store(engine, WordsEmbedder("new")), engine_store(engine)
    assert await ways(store) == {"words", "chars"}
    assert await listed(store) == await listed(before)
    with capture_logs() as logs:
        await filled(store)
    assert await ways(store) == {"words", "chars", "dense"}
    assert await listed(store) == await listed(before)
    assert {one.id for one in await store.list(BOB, [], 9)} == {"m0", "over"}
    assert [entry["event"] for entry in logs if entry["log_level"] == "info"][-1:] == ["reindex_finished"]
    await filled(store)
    await asyncio.gather(store.aclose(), before.aclose())


async def test_what_is_written_and_forgotten_meanwhile_is_so_in_the_new_one(engine: Engine) -> None:
    loop, changed = asyncio.get_running_loop(), []

    def meanwhile(portion: int) -> None:
        changed.append(asyncio.run_coroutine_threadsafe(change(portion), loop))

    async def change(portion: int) -> None:
        if portion <= 3:
            await store.put(ANN, [memory(f"m{portion}", "coffee"), memory(f"new{portion}", "coffee")])
            await store.forget(ANN, [f"m{portion + 10}", f"m{portion + 40}"])

    store = engine_store(engine, Watched(meanwhile))
    await listed(store)
    await filled(store)
    await asyncio.gather(*map(asyncio.wrap_future, changed))
    expected = {one.id: one for one in SAID} | {f"m{n}": memory(f"m{n}", "coffee") for n in (1, 2, 3)}
    expected |= {f"new{n}": memory(f"new{n}", "coffee") for n in (1, 2, 3)}
    for gone in (11, 12, 13, 41, 42, 43):
        expected.pop(f"m{gone}")
    assert await listed(store) == expected
    await store.aclose()

    again = engine_store(engine, WordsEmbedder("new"))
    assert await listed(again) == expected
    await again.aclose()


async def test_it_goes_on_after_a_restart_and_embeds_nothing_twice(engine: Engine) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    first = engine_store(engine, Watched(lambda portion: loop.call_soon_threadsafe(stop.set)))
    await listed(first)
    await stop.wait()
    await first.aclose()

    embedder = Watched()
    second = engine_store(engine, embedder)
    await listed(second)
    await filled(second)
    assert 0 < len(embedder.texts) < COUNT
    assert "dense" in await ways(second)
    await second.aclose()


async def test_what_the_old_embedders_gateway_forgot_while_nobody_filled_is_not_brought_back(
    engine: Engine,
) -> None:
    before = engine_store(engine)
    await listed(before)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    first = engine_store(engine, Watched(lambda portion: loop.call_soon_threadsafe(stop.set)))
    await listed(first)
    await stop.wait()
    await first.aclose()
    points, _ = await engine.scroll((await first._collections.layout()).own, limit=9)
    copied = next(point.payload["id"] for point in points if point.payload and point.payload.get("owner") == ANN.owner)
    await before.forget(ANN, [copied])

    second = engine_store(engine, WordsEmbedder("new"))
    await listed(second)
    await filled(second)
    assert set(await listed(second)) == {one.id for one in SAID} - {copied}
    await asyncio.gather(before.aclose(), second.aclose())


async def test_an_embedder_that_comes_back_finds_what_was_changed_and_not_what_was_forgotten(engine: Engine) -> None:
    other = engine_store(engine, WordsEmbedder("new"))
    await listed(other)
    await filled(other)
    await other.aclose()
    other = engine_store(engine, WordsEmbedder("new"))
    await other.put(ANN, [memory("m1", "coffee"), memory("more", "coffee")])
    await other.forget(ANN, ["m2"])
    expected = await listed(other)
    await other.aclose()

    embedder = WordsEmbedder()
    store = engine_store(engine, embedder)
    assert await listed(store) == expected
    await filled(store)
    assert await listed(store) == expected
    assert sorted(embedder.texts) == ["coffee", "coffee"]
    await store.aclose()


@pytest.mark.promise("P11")
async def test_what_is_forgotten_is_gone_from_collections_that_were_left_behind(engine: Engine) -> None:
    store = engine_store(engine, WordsEmbedder("new"))
    await listed(store)
    await filled(store)
    await store.aclose()
    store = engine_store(engine, WordsEmbedder("new"))
    assert await store.forget(ANN, ["m0", "m1"]) == 2
    for one in (await engine.get_collections()).collections:
        points, _ = await engine.scroll(one.name, limit=999)
        ids = [(point.payload or {}).get("id") for point in points]
        assert (ids.count("m0"), ids.count("m1")) == (1, 0)  # his is still there
    await store.aclose()


async def test_several_gateways_fill_it_at_once(engine: Engine) -> None:
    stores = [engine_store(engine, WordsEmbedder("new")) for _ in range(3)]
    for store in stores:
        await listed(store)
    await asyncio.gather(*map(filled, stores))
    for store in stores:
        assert "dense" in await ways(store)
        assert set(await listed(store)) == {one.id for one in SAID}
    await asyncio.gather(*(store.aclose() for store in stores))


async def test_what_goes_wrong_is_waited_out_and_said_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.stores.qdrant.filling.RETRY_S", 0.001)
    embedder = WordsEmbedder("new")
    embedder.is_broken = True
    store = engine_store(engine, embedder)
    with capture_logs() as logs:
        assert len(await listed(store)) == COUNT
        engine.asked.clear()
        while engine.asked.count("scroll") < 4:
            await turn()
        embedder.is_broken = False
        await filled(store)
    assert [entry["event"] for entry in logs].count("reindex_postponed") == 1
    assert "dense" in await ways(store)
    await store.aclose()


async def test_what_is_sealed_with_another_key_is_not_left_behind(engine: Engine) -> None:
    sealing = engine_store(engine, seal=Seal(b"k" * 32))
    await sealing.put(ANN, [memory("sealed", "tea")])
    for seal in (Seal(b"w" * 32), NO_SEAL):
        store = engine_store(engine, WordsEmbedder("new"), seal)
        with capture_logs() as logs:
            await store.list(BOB, [], 9)
            while not logs or logs[-1]["event"] != "reindex_postponed":
                await turn()
        assert "memory sealed cannot be read" in logs[-1]["reason"]
        await store.aclose()
    store = engine_store(engine, WordsEmbedder("new"), Seal(b"k" * 32))
    await filled(store)
    assert "sealed" in await listed(store)
    await asyncio.gather(store.aclose(), sealing.aclose())


async def test_a_server_that_was_restarted_empty_meanwhile_has_nothing_to_fill(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.stores.qdrant.filling.RETRY_S", 0.001)
    loop = asyncio.get_running_loop()
    lost = asyncio.Event()

    def lose(_: int) -> None:
        loop.call_soon_threadsafe(engine.restart_empty)
        loop.call_soon_threadsafe(lost.set)

    store = engine_store(engine, Watched(lose))
    await listed(store)
    await lost.wait()
    async with asyncio.timeout(20):
        await store._filling.done.wait()
    await store.put(ANN, [memory("m1", "tea")])
    assert await ways(store) == {"words", "chars", "dense"}
    await store.aclose()
