from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.errors import MemoryUnavailable
from gateway.stores.local import packer, packing
from gateway.stores.local.indexes import Indexes
from gateway.stores.local.packing import Packing
from gateway.stores.local.truth import Truth
from tests.stores.samples import WordsEmbedder, memory

COUNT = 30
LOOK_S = 0.01


class Watched(Indexes):
    """Says when it was forked, adopted and abandoned, and holds a fork back until it may be given out."""

    def __init__(self, folder: Path, truth: Truth) -> None:
        super().__init__(folder / "index", truth, WordsEmbedder(), lambda _: None)
        self.forked, self.adopted, self.abandoned = threading.Event(), threading.Event(), threading.Event()

    def fork(self) -> Path:
        copy = super().fork()
        self.forked.set()
        return copy

    def adopt(self) -> None:
        super().adopt()
        self.adopted.set()

    def abandon(self) -> None:
        super().abandon()
        self.abandoned.set()


@pytest.fixture
def writes() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.fixture
def indexes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """Over so many memories that they should be packed."""
    monkeypatch.setattr("gateway.stores.local.index.LOOSE", COUNT)
    truth = Truth(tmp_path / "memories.db", readers=1)
    indexes = Watched(tmp_path, truth)
    indexes.open()
    truth.put("ann", "acme", [memory(f"m{number}", "tea") for number in range(COUNT)])
    indexes.catch_up()
    yield indexes
    indexes.close()
    truth.close()


def slow(path: Path) -> str:
    """A program that packs nothing for a minute."""
    program = path / "slow.py"
    program.write_text("import threading; threading.Event().wait(60)")
    return str(program)


def broken(path: Path) -> str:
    program = path / "broken.py"
    program.write_text("raise SystemExit('out of memory')")
    return str(program)


def packed_files(folder: Path) -> list[Path]:
    return list((folder / "index").rglob("inverted_index.dat"))


def test_a_crowded_index_is_packed_by_another_process_and_serves_again(
    indexes: Watched, tmp_path: Path, writes: Executor
) -> None:
    assert indexes.is_crowded
    with capture_logs() as logs:
        packing = Packing(indexes, writes, LOOK_S)
        packing.start()
        assert indexes.adopted.wait(60)
        packing.stop()
    assert [line["event"] for line in logs] == ["memories_packed"]
    assert packed_files(tmp_path)
    assert not indexes.is_crowded
    assert len(indexes.search("ann", "tea", ["fact"], 99)) == COUNT


def test_nothing_is_packed_without_need(indexes: Watched, writes: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.stores.local.index.LOOSE", COUNT + 1)
    looked = threading.Semaphore(0)
    monkeypatch.setattr(Indexes, "is_crowded", property(lambda _: looked.release()))
    packing = Packing(indexes, writes, LOOK_S)
    packing.start()
    assert all(looked.acquire(timeout=30) for _ in range(5))
    packing.stop()
    assert not indexes.forked.is_set()


@pytest.fixture
def stained(indexes: Watched, writes: Executor, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """With something forgotten in it that is packed, and nothing else to be packed."""
    monkeypatch.setattr("gateway.stores.local.index.LOOSE", 10 * COUNT)
    for work in (indexes.fork, indexes.adopt, indexes.stain):
        writes.submit(work).result()
    indexes.adopted.clear()
    return indexes


def test_what_was_forgotten_before_a_start_is_packed_anew_at_once(stained: Watched, writes: Executor) -> None:
    assert stained.is_stained
    with capture_logs():
        cleaning = Packing(stained, writes, LOOK_S)
        cleaning.start()
        assert stained.adopted.wait(60)
        cleaning.stop()
    assert not stained.is_stained


def test_what_is_forgotten_later_is_packed_anew_after_its_time(
    stained: Watched, writes: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "CLEAN_S", 3 * LOOK_S)
    with capture_logs():
        cleaning = Packing(stained, writes, LOOK_S)
        cleaning.start()
        for _ in range(2):
            assert stained.adopted.wait(60)
            writes.submit(stained.adopted.clear).result()
            writes.submit(stained.stain).result()
        assert stained.adopted.wait(60)
        cleaning.stop()


@pytest.mark.parametrize("program", [broken, lambda path: str(path / "missing.py")], ids=["broken", "missing"])
def test_what_cannot_be_packed_serves_as_it_is_and_is_not_tried_again_at_once(
    indexes: Watched, tmp_path: Path, writes: Executor, monkeypatch: pytest.MonkeyPatch, program: Callable[[Path], str]
) -> None:
    monkeypatch.setattr(packer, "__file__", program(tmp_path))
    with capture_logs() as logs:
        packing = Packing(indexes, writes, LOOK_S)
        packing.start()
        assert indexes.abandoned.wait(60)
        packing.stop()
    assert [line["event"] for line in logs] == ["packing_postponed"]
    assert "packing ended with" in logs[0]["reason"]
    assert len(indexes.search("ann", "tea", ["fact"], 99)) == COUNT
    assert [path.name for path in (tmp_path / "index").iterdir()] == ["1"]


def test_told_to_stop_it_ends_the_other_process(
    indexes: Watched, tmp_path: Path, writes: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packer, "__file__", slow(tmp_path))
    with capture_logs() as logs:
        packing = Packing(indexes, writes, LOOK_S)
        packing.start()
        assert indexes.forked.wait(30)
        packing.stop()
    assert logs == []
    assert not indexes.is_forked
    assert not indexes.adopted.is_set()


def test_while_it_is_packed_searches_and_writes_go_on(
    indexes: Watched, tmp_path: Path, writes: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packer, "__file__", slow(tmp_path))
    with capture_logs():
        packing = Packing(indexes, writes, LOOK_S)
        packing.start()
        assert indexes.forked.wait(30)
        assert writes.submit(lambda: "written").result(30) == "written"
        assert len(indexes.search("ann", "tea", ["fact"], 99)) == COUNT
        packing.stop()


def test_one_that_was_never_started_stops(indexes: Watched, writes: Executor) -> None:
    Packing(indexes, writes).stop()
    with pytest.raises(MemoryUnavailable, match="another was opened"):
        indexes.adopt()
