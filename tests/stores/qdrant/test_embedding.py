from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from gateway.errors import MemoryUnavailable
from gateway.ports import Held
from gateway.sealing import NO_SEAL
from gateway.stores.qdrant.embedding import Embedding
from gateway.stores.qdrant.points import payload_of
from tests.stores.samples import ANN, WordsEmbedder, memory


class Threads(WordsEmbedder):
    """Remembers on which threads it worked."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[str] = set()

    def _embed(self, text: str) -> list[float]:
        self.threads.add(threading.current_thread().name.rpartition("_")[0])
        return super()._embed(text)


@pytest.fixture
def embedder() -> Threads:
    return Threads()


@pytest.fixture
def embedding(embedder: Threads) -> Iterator[Embedding]:
    embedding = Embedding(embedder)
    yield embedding
    embedding.close()


def held(*texts: str) -> list[Held]:
    return [Held(owner=ANN.owner, tenant="acme", memory=memory(text, text)) for text in texts]


async def test_a_question_never_waits_behind_what_is_written(embedder: Threads, embedding: Embedding) -> None:
    await embedding.of_question(ANN.owner, "tea", 16)
    assert embedder.threads == {"memories-search"}
    await embedding.of_memories(held("tea"))
    assert embedder.threads == {"memories-search", "memories-write"}


async def test_a_question_has_only_vectors_that_can_be_compared(embedder: Threads, embedding: Embedding) -> None:
    assert set(await embedding.of_question(ANN.owner, "tea", 16)) == {"words", "chars", "dense"}
    for size in (0, 8):
        assert set(await embedding.of_question(ANN.owner, "tea", size)) == {"words", "chars"}
    embedder.is_broken = True
    assert set(await embedding.of_question(ANN.owner, "tea", 16)) == {"words", "chars"}


async def test_what_holds_no_longer_is_not_embedded(embedder: Threads, embedding: Embedding) -> None:
    over = Held(owner=ANN.owner, tenant="acme", memory=memory("m1", "coffee", ended_at=2.0))
    first, gone, second = await embedding.of_memories([*held("tea"), over, *held("cake")])
    assert (list(gone), embedder.texts) == ([], ["tea", "cake"])
    assert first != second
    assert await embedding.of_memories([over]) == [()]
    embedder.is_broken = True
    with pytest.raises(MemoryUnavailable):
        await embedding.of_memories(held("tea"))


async def test_points_come_in_the_order_of_their_memories(embedding: Embedding) -> None:
    said = held("tea", "coffee")
    payloads = [payload_of(one, NO_SEAL) for one in said]
    points = await embedding.points(said, payloads, [[1.0] * 16, None])
    assert [point.payload for point in points] == [payloads[0], {**payloads[1], "lacks": True}]
