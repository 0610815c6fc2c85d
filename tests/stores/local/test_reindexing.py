from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.errors import MemoryUnavailable
from gateway.stores.local.indexes import Indexes
from gateway.stores.local.reindexing import PORTION, Reindexing
from gateway.stores.local.truth import Truth
from tests.stores.samples import WordsEmbedder, memory

COUNT = 2 * PORTION + 1


class Gate(WordsEmbedder):
    """Says when it was asked for a portion, and answers once it may."""

    def __init__(self) -> None:
        super().__init__("new")
        self.asked = threading.Event()
        self.may = threading.Event()

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.asked.set()
        assert self.may.wait(30)
        return super().embed(texts)


@pytest.fixture
def writes() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.fixture
def truth(tmp_path: Path) -> Iterator[Truth]:
    """Memories that an index of another embedder holds."""
    truth = Truth(tmp_path / "memories.db", readers=2)
    indexes = opened(truth, tmp_path, WordsEmbedder())
    truth.put("ann", "acme", [memory(f"m{number}", "tea") for number in range(COUNT)])
    indexes.catch_up()
    indexes.settle()
    indexes.close()
    yield truth
    truth.close()


def opened(truth: Truth, folder: Path, embedder: WordsEmbedder) -> Indexes:
    indexes = Indexes(folder / "index", truth, embedder, lambda _: None)
    indexes.open()
    return indexes


def found(indexes: Indexes) -> int:
    """How many memories are found by their vectors."""
    return sum("dense" in ways for ways in indexes.search("ann", "tea", ["fact"], 999).values())


def test_where_there_is_nothing_to_do_it_is_done_and_says_nothing(
    truth: Truth, tmp_path: Path, writes: Executor
) -> None:
    indexes = opened(truth, tmp_path, WordsEmbedder())
    with capture_logs() as logs:
        reindexing = Reindexing(truth, indexes, writes)
        reindexing.start()
        assert reindexing.done.is_set()
        reindexing.stop()
    assert logs == []
    indexes.close()


@pytest.mark.parametrize("portions", [1, 256])
def test_the_new_index_is_made_and_serves_and_the_log_says_so(
    truth: Truth, tmp_path: Path, writes: Executor, monkeypatch: pytest.MonkeyPatch, portions: int
) -> None:
    monkeypatch.setattr("gateway.stores.local.reindexing.PORTIONS_PER_FLUSH", portions)
    indexes = opened(truth, tmp_path, WordsEmbedder("new"))
    assert found(indexes) == 0
    with capture_logs() as logs:
        reindexing = Reindexing(truth, indexes, writes)
        reindexing.start()
        assert reindexing.done.wait(30)
        reindexing.stop()
    assert [line["event"] for line in logs] == ["reindex_started", "reindex_finished"]
    assert (found(indexes), indexes.share) == (COUNT, 1.0)
    indexes.close()


def test_writes_go_on_while_a_portion_is_embedded(truth: Truth, tmp_path: Path, writes: Executor) -> None:
    gate = Gate()
    indexes = opened(truth, tmp_path, gate)
    reindexing = Reindexing(truth, indexes, writes)
    reindexing.start()
    assert gate.asked.wait(30)
    assert writes.submit(lambda: "written").result(30) == "written"
    assert not reindexing.done.is_set()
    gate.may.set()
    assert reindexing.done.wait(30)
    reindexing.stop()
    assert found(indexes) == COUNT
    indexes.close()


def test_told_to_stop_it_ends_after_the_portion_in_hand(truth: Truth, tmp_path: Path, writes: Executor) -> None:
    gate = Gate()
    indexes = opened(truth, tmp_path, gate)
    reindexing = Reindexing(truth, indexes, writes)
    reindexing.start()
    assert gate.asked.wait(30)
    stopping = threading.Thread(target=reindexing.stop)
    stopping.start()
    assert reindexing.stopping.wait(30)
    gate.may.set()
    stopping.join(30)
    assert not stopping.is_alive()
    assert not reindexing.done.is_set()
    assert indexes.reached == PORTION
    indexes.close()


def test_an_embedder_that_is_away_is_waited_for_and_that_is_said_once(
    truth: Truth, tmp_path: Path, writes: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.stores.local.reindexing.RETRY_S", 0.001)

    class Returning(WordsEmbedder):
        left = 5

        def embed(self, texts: Sequence[str]) -> list[list[float]]:
            if texts and self.left:
                self.left -= 1
                raise MemoryUnavailable("not yet")
            return super().embed(texts)

    indexes = opened(truth, tmp_path, Returning("new"))
    with capture_logs() as logs:
        reindexing = Reindexing(truth, indexes, writes)
        reindexing.start()
        assert reindexing.done.wait(30)
        reindexing.stop()
    assert [line["event"] for line in logs] == ["reindex_started", "reindex_postponed", "reindex_finished"]
    assert logs[1]["reason"] == "not yet"
    assert found(indexes) == COUNT
    indexes.close()
