"""Memories read from a server beside the stores that write them."""

from __future__ import annotations

import pytest

from gateway.errors import MemoryUnavailable
from gateway.sealing import Seal
from gateway.stores.qdrant import beside, read_memories_beside
from gateway.stores.qdrant.points import point_id
from gateway.types import Scope
from tests.periods import lesson
from tests.stores.engines import Engine, engine_store
from tests.stores.samples import ANN, BOB, WordsEmbedder, memory

RIVAL = Scope(tenant="rival", user="ann")
KINDS = ("lesson", "constraint")
SEAL = Seal.of("a long enough phrase for a test", b"s" * 32)
TAUGHT = memory("m_2", "of ann", kind="lesson", at=2.0, ended_at=9.0, lesson=lesson())


async def filled(embedder: WordsEmbedder | None = None) -> Engine:
    """A server on which a store has been."""
    engine = Engine()
    store = engine_store(engine, embedder, SEAL)
    await store.put(ANN, [TAUGHT, memory("m_3", "a fact")])
    await store.put(BOB, [memory("m_1", "of bob", kind="constraint")])
    await store.put(RIVAL, [memory("m_4", "of the rival", kind="lesson", at=3.0)])
    await store.aclose()
    engine.asked.clear()
    return engine


@pytest.mark.promise("P7")
async def test_memories_of_a_tenant_or_of_all_are_read_oldest_first_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(beside, "PORTION", 2)
    engine = await filled()
    own = await read_memories_beside(engine, "accrue", KINDS, "acme", SEAL)
    everybodys = await read_memories_beside(engine, "accrue", KINDS, None, SEAL)
    assert [(owner, one.id) for owner, one in own] == [(BOB.owner, "m_1"), (ANN.owner, "m_2")]
    assert own[1][1] == TAUGHT
    assert [one.id for _, one in everybodys] == ["m_1", "m_2", "m_4"]
    assert set(engine.asked) == {"get_collections", "retrieve", "scroll"}


async def test_what_cannot_be_read_hides_nothing_else() -> None:
    engine = await filled()
    (name,) = [one.name for one in (await engine.get_collections()).collections]
    await engine.set_payload(name, {"memory": "damage"}, points=[point_id(BOB.owner, "m_1")])
    assert [one.id for _, one in await read_memories_beside(engine, "accrue", KINDS, "acme", SEAL)] == ["m_2"]


async def test_while_another_embedder_takes_over_what_is_whole_is_read() -> None:
    engine = await filled()
    store = engine_store(engine, WordsEmbedder("other"), SEAL)
    engine.broken, engine.failure = {"upsert"}, ValueError("no room")
    with pytest.raises(MemoryUnavailable):
        await store.put(ANN, [memory("m_5", kind="lesson")])
    await store.aclose()
    assert len(await read_memories_beside(engine, "accrue", KINDS, None, SEAL)) == 3


async def test_a_server_without_our_memories_or_without_an_answer_is_said() -> None:
    engine = await filled()
    with pytest.raises(MemoryUnavailable, match="no memories in collections named elsewhere-"):
        await read_memories_beside(engine, "elsewhere", KINDS, None)
    engine.failure = ValueError("gone")
    with pytest.raises(MemoryUnavailable, match="gone"):
        await read_memories_beside(engine, "accrue", KINDS, None)
