from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gateway.stores.local.index import Index
from gateway.stores.local.label import read_label
from gateway.stores.local.packer import pack
from gateway.stores.local.truth import Entry
from tests.stores.samples import WordsEmbedder

COUNT = 40
SEARCHED = "where is the blue bicycle of number 7"


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    index = Index.create(tmp_path / "1", WordsEmbedder())
    yield index
    index.close()


def write(index: Index, *points: int) -> None:
    entries = {point: Entry(owner="ann", kind="fact", key=said(point), text=said(point)) for point in points}
    index.write(entries, index.embed(entries))


def said(point: int) -> str:
    return f"bicycle number {point} is {('red', 'blue', 'green')[point % 3]}"


def packed(index: Index) -> Index:
    """The same, opened after it was packed."""
    index.flush()
    index.close()
    pack(str(index.shard))
    label = read_label(index.folder)
    assert label is not None
    opened = Index.load(index.folder, label, WordsEmbedder())
    assert opened is not None
    opened.clean()
    return opened


def files(index: Index, name: str) -> list[Path]:
    return sorted(index.shard.rglob(name))


def test_what_is_packed_is_found_as_before_with_the_same_scores(index: Index) -> None:
    write(index, *range(COUNT))
    before = index.search("ann", SEARCHED, ["fact"], 99)
    again = packed(index)
    assert len(before) == COUNT
    assert again.search("ann", SEARCHED, ["fact"], 99) == before
    assert again.count() == COUNT
    again.close()


def test_all_of_it_is_on_the_disk_afterwards(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: set[int] = set()
    sync = os.fsync

    def watched(file: int) -> None:
        synced.add(os.fstat(file).st_ino)
        sync(file)

    write(index, *range(COUNT))
    index.flush()
    index.close()
    monkeypatch.setattr(os, "fsync", watched)
    pack(str(index.shard))
    assert {path.stat().st_ino for path in (index.shard, *index.shard.rglob("*"))} <= synced


def test_lists_of_words_are_in_files_afterwards(index: Index) -> None:
    write(index, *range(COUNT))
    index.flush()
    assert files(index, "inverted_index.dat") == []
    again = packed(index)
    assert {file.parent.name for file in files(again, "inverted_index.dat")} == {
        "vector_index-words",
        "vector_index-chars",
    }
    again.close()


def test_a_packed_index_is_written_as_any_other(index: Index) -> None:
    write(index, *range(COUNT))
    again = packed(index)
    write(again, 7, COUNT)
    again.write({8: None}, {})
    assert again.count() == COUNT
    found = again.search("ann", SEARCHED, ["fact"], 99)
    assert 8 not in found
    assert {7, COUNT} <= set(found)
    again.close()


@pytest.mark.promise("P11")
def test_what_was_forgotten_after_it_was_packed_is_gone_once_it_is_packed_anew(index: Index) -> None:
    vector = np.array(WordsEmbedder().query(said(8)), "<f2").tobytes()
    write(index, *range(COUNT))
    again = packed(index)
    again.write(dict.fromkeys(range(8, COUNT, 30)), {})
    assert any(vector in file.read_bytes() for file in files(again, "*.dat"))
    last = packed(again)
    assert not any(vector in file.read_bytes() for file in last.folder.rglob("*") if file.is_file())
    assert last.count() == COUNT - 2
    last.close()
