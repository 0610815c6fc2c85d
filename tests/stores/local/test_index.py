from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from gateway.errors import MemoryUnavailable
from gateway.ports import Embedder
from gateway.stores.local.index import Index, translated
from gateway.stores.local.label import Label, read_label
from gateway.stores.local.truth import Entry
from gateway.stores.vectors import INDEXED_CHARS
from tests.stores.samples import AwayEmbedder, WordsEmbedder


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    index = Index.create(tmp_path / "1", WordsEmbedder())
    yield index
    index.close()


def entry(key: str, *, owner: str = "ann", kind: str = "fact", text: str | None = None) -> Entry:
    return Entry(owner=owner, kind=kind, key=key, text=key if text is None else text)


def write(index: Index, points: Mapping[int, Entry | None]) -> None:
    index.write(points, index.embed({point: one for point, one in points.items() if one is not None}))


def reopened(index: Index, embedder: Embedder | None) -> Index:
    index.flush()
    index.close()
    label = read_label(index.folder)
    assert label is not None
    loaded = Index.load(index.folder, label, embedder)
    assert loaded is not None
    return loaded


def test_points_are_added_replaced_and_removed(index: Index) -> None:
    write(index, {1: entry("tea"), 2: entry("coffee"), 3: entry("tea")})
    write(index, {2: entry("tea"), 3: None, 77: None})
    assert set(index.search("ann", "tea", ["fact"], 9)) == {1, 2}
    assert index.count() == 2


@pytest.mark.promise("P7")
def test_a_point_is_found_on_its_owners_shelf_of_its_kind_only(index: Index) -> None:
    write(index, {1: entry("tea"), 2: entry("tea", kind="rule"), 3: entry("tea", owner="bob")})
    assert set(index.search("ann", "tea", ["fact"], 9)) == {1}
    assert set(index.search("ann", "tea", ["fact", "rule"], 9)) == {1, 2}
    assert index.search("carl", "tea", ["fact", "rule"], 9) == {}
    assert index.search("ann", "tea", [], 9) == {}


def test_a_text_with_nothing_in_it_finds_nothing_and_is_found_by_nothing(index: Index) -> None:
    write(index, {1: entry(""), 2: entry("tea")})
    assert index.count() == 2
    assert set(index.search("ann", "tea", ["fact"], 9)) == {2}
    assert index.search("ann", "", ["fact"], 9) == {}


def test_words_are_found_by_their_stem(index: Index) -> None:
    write(index, {1: entry("she booked trains")})
    assert index.search("ann", "booking a train", ["fact"], 9)[1]["words"] > 0


@pytest.mark.promise("P12")
def test_the_same_search_gives_the_same_scores(index: Index) -> None:
    write(index, {1: entry("the blue bicycle is in the cellar since May"), 2: entry("bicycle lessons in May are fun")})
    found = [index.search("ann", "where is the blue bicycle since May", ["fact"], 9) for _ in range(60)]
    assert found == [found[0]] * 60


def test_a_run_of_characters_is_rare_or_common_among_the_owners_own_memories(index: Index) -> None:
    write(index, {1: entry("lemon tea"), 2: entry("lemon cake")})
    alone = index.search("ann", "tea", ["fact"], 9)[1]["chars"]
    write(index, {point: entry("green tea", owner="bob") for point in range(3, 40)})
    assert index.search("ann", "tea", ["fact"], 9)[1]["chars"] == alone


def test_what_lies_beyond_the_limit_of_a_text_is_not_read(tmp_path: Path) -> None:
    embedder = WordsEmbedder()
    index = Index.create(tmp_path / "1", embedder)
    write(index, {1: entry("tea " + "x" * INDEXED_CHARS + " lemon")})
    assert [len(text) for text in embedder.texts] == [INDEXED_CHARS]
    assert "words" in index.search("ann", "tea", ["fact"], 9)[1]
    assert "words" not in index.search("ann", "lemon", ["fact"], 9).get(1, {})
    index.close()


def test_names_and_texts_are_in_no_file_of_the_folder(index: Index, tmp_path: Path) -> None:
    write(index, {1: entry("xylophone lesson", owner="4:acmeu9:annabelle")})
    index.flush()
    files = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    assert any(b"/fact" in content for content in files)
    assert not any(word in content for content in files for word in (b"annabelle", b"acme", b"xylophone"))


def test_only_its_owner_may_look_into_the_folder(index: Index) -> None:
    assert {path.stat().st_mode & 0o777 for path in (index.folder, index.folder / "shard")} == {0o700}


def test_flushed_points_are_there_when_opened_again(tmp_path: Path) -> None:
    first = Index.create(tmp_path / "1", WordsEmbedder())
    write(first, {1: entry("tea")})
    second = reopened(first, WordsEmbedder())
    assert set(second.search("ann", "tea", ["fact"], 9)[1]) == {"words", "chars", "dense"}
    second.close()


def test_the_label_says_what_an_index_was_made_for_and_how_far_it_is(index: Index) -> None:
    assert read_label(index.folder) == index.label == Label(embedder="words", size=16, reached=0)
    index.mark(7)
    assert read_label(index.folder) == index.label == Label(embedder="words", size=16, reached=7)
    index.mark(None)
    assert read_label(index.folder) == index.label == Label(embedder="words", size=16, reached=None)


def test_without_its_embedder_an_index_finds_by_words_and_characters(index: Index) -> None:
    write(index, {1: entry("tea")})
    bare = reopened(index, None)
    assert bare.embed({2: entry("tea")}) == {}
    write(bare, {2: entry("tea")})
    assert {point: set(ways) for point, ways in bare.search("ann", "tea", ["fact"], 9).items()} == {
        1: {"words", "chars"},
        2: {"words", "chars"},
    }


def test_an_embedder_that_is_away_lets_a_search_go_on_by_words_and_characters(tmp_path: Path) -> None:
    embedder = WordsEmbedder()
    index = Index.create(tmp_path / "1", embedder)
    write(index, {1: entry("tea")})
    embedder.is_broken = True
    assert set(index.search("ann", "tea", ["fact"], 9)[1]) == {"words", "chars"}
    with pytest.raises(MemoryUnavailable, match="out of reach"):
        index.embed({1: entry("tea")})
    index.close()


def test_a_point_may_lack_its_vector_and_get_it_later(index: Index) -> None:
    index.write({1: entry("tea")}, {})
    assert set(index.search("ann", "tea", ["fact"], 9)[1]) == {"words", "chars"}
    write(index, {1: entry("tea")})
    assert set(index.search("ann", "tea", ["fact"], 9)[1]) == {"words", "chars", "dense"}


def test_an_index_for_no_embedder_has_room_for_no_vectors(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "1", None)
    write(index, {1: entry("tea")})
    assert set(index.search("ann", "tea", ["fact"], 9)[1]) == {"words", "chars"}
    assert index.label == Label(embedder="", size=0, reached=0)
    index.close()


def test_none_is_made_for_an_embedder_that_does_not_say_how_large_its_vectors_are(tmp_path: Path) -> None:
    with pytest.raises(MemoryUnavailable, match="not answered"):
        Index.create(tmp_path / "1", AwayEmbedder())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["edge_config.json", "segment.json", "deleted/status.dat", "version.info"])
def test_an_unreadable_shard_is_none(tmp_path: Path, name: str) -> None:
    index = Index.create(tmp_path / "1", WordsEmbedder())
    write(index, {1: entry("tea")})
    index.flush()
    index.close()
    broken = [file for file in tmp_path.rglob("*") if file.as_posix().endswith(name)]
    assert broken
    for file in broken:
        file.write_bytes(b"")
    assert Index.load(index.folder, index.label, WordsEmbedder()) is None


def test_a_folder_that_cannot_be_made_is_an_unavailable_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(MemoryUnavailable, match="search index"):
        Index.create(tmp_path / "file" / "1", WordsEmbedder())


def test_a_closed_shard_is_unavailable(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "1", WordsEmbedder())
    index.close()
    for call in (index.count, index.flush, lambda: index.search("ann", "tea", ["fact"], 9)):
        with pytest.raises(MemoryUnavailable, match="search index"):
            call()


def test_a_vector_of_the_wrong_size_is_an_unavailable_memory_not_a_crash(index: Index) -> None:
    with pytest.raises(MemoryUnavailable, match="dimension"):
        index.write({1: entry("tea")}, {1: [1.0, 0.0, 0.0]})


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_being_told_to_stop_is_not_taken_for_a_broken_index(stop: type[BaseException]) -> None:
    with pytest.raises(stop), translated():
        raise stop
