"""Which index of a folder serves is in test_indexes.py, with what becomes of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.errors import MemoryUnavailable
from gateway.stores.local import folders
from gateway.stores.local.folders import Folders
from gateway.stores.local.index import Index
from gateway.stores.local.truth import Entry
from tests.stores.samples import WordsEmbedder

HOLE = 1 << 20


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[tuple[Folders, Index]]:
    made = Folders(tmp_path / "index", WordsEmbedder(), lambda _: None)
    (index,) = made.open()
    entries = {1: Entry(owner="ann", kind="fact", key="tea", text="tea")}
    index.write(entries, index.embed(entries))
    index.flush()
    yield made, index
    index.close()


def names(made: Folders) -> list[str]:
    return sorted(path.name for path in made.path.iterdir())


def taken(folder: Path) -> int:
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file())


def test_a_copy_takes_a_place_of_its_own_with_what_was_in_the_index(opened: tuple[Folders, Index]) -> None:
    made, index = opened
    copy = made.copy(index)
    assert names(made) == ["1", copy.name]
    adopted = made.adopt(index.label)
    assert names(made) == ["1", "2"]
    assert set(adopted.search("ann", "tea", ["fact"], 9)) == {1}
    assert (adopted.label.packed, index.label.packed) == (1, 0)
    adopted.close()


def test_holes_in_files_are_not_filled_in_a_copy(opened: tuple[Folders, Index]) -> None:
    made, index = opened
    with (index.shard / "holes").open("wb") as file:
        for at in (HOLE, 3 * HOLE):
            os.pwrite(file.fileno(), b"some", at)
        file.truncate(9 * HOLE)
    copy = made.copy(index)
    assert (copy / "shard" / "holes").read_bytes() == (index.shard / "holes").read_bytes()
    assert taken(copy) <= taken(index.folder) + 8_192


def test_a_long_file_is_copied_piece_by_piece(opened: tuple[Folders, Index], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "CHUNK_BYTES", 1_000)
    made, index = opened
    (index.shard / "long").write_bytes(content := os.urandom(10_001))
    assert (made.copy(index) / "shard" / "long").read_bytes() == content


def test_a_copy_that_is_not_adopted_is_removed_at_the_next_opening_or_before(opened: tuple[Folders, Index]) -> None:
    made, index = opened
    made.copy(index)
    index.close()
    (again,) = made.open()
    assert names(made) == ["1"]
    made.copy(again)
    made.discard()
    assert names(made) == ["1"]
    made.discard()
    again.close()


def test_what_another_process_packs_is_not_taken_for_ones_own_and_goes_at_the_next_opening(
    opened: tuple[Folders, Index],
) -> None:
    """Whoever packs goes on when the gateway it packs for is killed."""
    made, index = opened
    left = made.path / f"copy-{os.getpid() + 1}"
    left.mkdir()
    assert made.copy(index).name == f"copy-{os.getpid()}"
    made.discard()
    assert names(made) == ["1", left.name]
    index.close()
    (again,) = made.open()
    assert names(made) == ["1"]
    again.close()


def test_without_room_for_it_there_is_no_copy(opened: tuple[Folders, Index], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "ROOM", 1 << 40)
    made, index = opened
    with pytest.raises(MemoryUnavailable, match="no room to pack"):
        made.copy(index)
    assert names(made) == ["1"]


def test_what_cannot_be_read_after_packing_is_not_adopted(opened: tuple[Folders, Index]) -> None:
    made, index = opened
    copy = made.copy(index)
    (copy / "shard" / "edge_config.json").write_bytes(b"")
    with pytest.raises(MemoryUnavailable, match="cannot be read"):
        made.adopt(index.label)
