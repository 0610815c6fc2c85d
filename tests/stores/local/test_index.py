from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.errors import MemoryUnavailable
from gateway.stores.local.index import INDEXED_CHARS, Index, translated
from gateway.stores.local.truth import Change, Entry
from tests.stores.samples import WordsEmbedder


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    index = Index(tmp_path, WordsEmbedder())
    yield index
    index.close()


def change(point: int, key: str, *, owner: str = "ann", kind: str = "fact") -> Change:
    return Change(number=point, point=point, entry=Entry(owner=owner, kind=kind, key=key))


def gone(point: int) -> Change:
    return Change(number=99, point=point, entry=None)


def test_points_are_added_replaced_and_removed(index: Index) -> None:
    index.apply([change(1, "tea"), change(2, "coffee"), change(3, "tea")])
    index.apply([change(2, "tea"), gone(3), gone(77)])
    assert set(index.search("ann", "tea", ["fact"], 9)) == {1, 2}
    assert index.count() == 2


def test_of_two_changes_of_a_point_the_later_counts(index: Index) -> None:
    index.apply([change(1, "tea"), gone(1), gone(2), change(2, "tea")])
    assert set(index.search("ann", "tea", ["fact"], 9)) == {2}


@pytest.mark.promise("P7")
def test_a_point_is_found_on_its_owners_shelf_of_its_kind_only(index: Index) -> None:
    index.apply([change(1, "tea"), change(2, "tea", kind="rule"), change(3, "tea", owner="bob")])
    assert set(index.search("ann", "tea", ["fact"], 9)) == {1}
    assert set(index.search("ann", "tea", ["fact", "rule"], 9)) == {1, 2}
    assert index.search("carl", "tea", ["fact", "rule"], 9) == {}
    assert index.search("ann", "tea", [], 9) == {}


def test_a_text_with_nothing_in_it_finds_nothing_and_is_found_by_nothing(index: Index) -> None:
    index.apply([change(1, ""), change(2, "tea")])
    assert index.count() == 2
    assert set(index.search("ann", "tea", ["fact"], 9)) == {2}
    assert index.search("ann", "", ["fact"], 9) == {}


def test_words_are_found_by_their_stem(index: Index) -> None:
    index.apply([change(1, "she booked trains")])
    assert index.search("ann", "booking a train", ["fact"], 9)[1]["words"] > 0


def test_what_lies_beyond_the_limit_of_a_text_is_not_read(tmp_path: Path) -> None:
    embedder = WordsEmbedder()
    index = Index(tmp_path, embedder)
    index.apply([change(1, "tea " + "x" * INDEXED_CHARS + " lemon")])
    assert [len(text) for text in embedder.texts] == [INDEXED_CHARS]
    assert "words" in index.search("ann", "tea", ["fact"], 9)[1]
    assert "words" not in index.search("ann", "lemon", ["fact"], 9).get(1, {})
    index.close()


def test_names_and_texts_are_in_no_file_of_the_folder(index: Index, tmp_path: Path) -> None:
    index.apply([change(1, "xylophone lesson", owner="4:acmeu9:annabelle")])
    index.flush()
    files = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    assert any(b"/fact" in content for content in files)
    assert not any(word in content for content in files for word in (b"annabelle", b"acme", b"xylophone"))


def test_flushed_points_are_there_when_opened_again(tmp_path: Path) -> None:
    first = Index(tmp_path, WordsEmbedder())
    first.apply([change(1, "tea")])
    first.flush()
    first.close()
    second = Index(tmp_path, WordsEmbedder())
    assert set(second.search("ann", "tea", ["fact"], 9)) == {1}
    second.close()


@pytest.mark.parametrize("embedder", [WordsEmbedder(name="other"), WordsEmbedder(size=8)])
def test_the_index_of_another_embedder_is_made_anew(tmp_path: Path, embedder: WordsEmbedder) -> None:
    first = Index(tmp_path, WordsEmbedder())
    first.apply([change(1, "tea")])
    first.close()
    second = Index(tmp_path, embedder)
    assert second.count() == 0
    second.apply([change(1, "tea")])
    assert set(second.search("ann", "tea", ["fact"], 9)) == {1}
    second.close()


@pytest.mark.parametrize("name", ["edge_config.json", "segment.json", "deleted/status.dat", "version.info"])
def test_an_unreadable_shard_is_made_anew(tmp_path: Path, name: str) -> None:
    first = Index(tmp_path, WordsEmbedder())
    first.apply([change(1, "tea")])
    first.flush()
    first.close()
    broken = [file for file in tmp_path.rglob("*") if file.as_posix().endswith(name)]
    assert broken
    for file in broken:
        file.write_bytes(b"")
    second = Index(tmp_path, WordsEmbedder())
    assert second.count() == 0
    second.close()


def test_a_folder_that_cannot_be_made_is_an_unavailable_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(MemoryUnavailable, match="search index"):
        Index(tmp_path / "file", WordsEmbedder())


def test_clearing_leaves_an_empty_index_that_works(index: Index) -> None:
    index.apply([change(1, "tea")])
    index.clear()
    assert index.count() == 0
    index.apply([change(2, "tea")])
    assert set(index.search("ann", "tea", ["fact"], 9)) == {2}


def test_a_closed_shard_is_unavailable(tmp_path: Path) -> None:
    index = Index(tmp_path, WordsEmbedder())
    index.close()
    for call in (index.count, index.flush, lambda: index.search("ann", "tea", ["fact"], 9)):
        with pytest.raises(MemoryUnavailable, match="search index"):
            call()


def test_a_vector_of_the_wrong_size_is_an_unavailable_memory_not_a_crash(tmp_path: Path) -> None:
    embedder = WordsEmbedder()
    index = Index(tmp_path, embedder)
    embedder.size = 3
    with pytest.raises(MemoryUnavailable, match="dimension"):
        index.apply([change(1, "tea")])
    index.close()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_being_told_to_stop_is_not_taken_for_a_broken_index(stop: type[BaseException]) -> None:
    with pytest.raises(stop), translated():
        raise stop
