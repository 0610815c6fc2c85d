from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from gateway.errors import MemoryUnavailable
from gateway.ports import Embedder
from gateway.stores.local.index import Index
from gateway.stores.local.indexes import MADE_GOOD, SETTLE_AFTER, Indexes
from gateway.stores.local.label import Label
from gateway.stores.local.packer import pack
from gateway.stores.local.truth import Truth
from gateway.stores.vectors import digest
from tests.stores.samples import AwayEmbedder, WordsEmbedder, memory

WORDS = {"words", "chars"}
ALL = {"words", "chars", "dense"}
ZOG, BIRD = "the old parrot Zog sings at night", "a small green bird eats all day long"


@pytest.fixture
def truth(tmp_path: Path) -> Iterator[Truth]:
    truth = Truth(tmp_path / "memories.db", readers=1)
    yield truth
    truth.close()


def open_indexes(truth: Truth, folder: Path, embedder: Embedder, former: Embedder | None = None) -> Indexes:
    def find(name: str) -> Embedder | None:
        return former if former is not None and former.name == name else None

    indexes = Indexes(folder / "index", truth, embedder, find)
    indexes.open()
    return indexes


def put(truth: Truth, indexes: Indexes, *names: str) -> None:
    truth.put("ann", "acme", [memory(name, "tea") for name in names])
    indexes.catch_up()


def end(indexes: Indexes) -> None:
    indexes.settle()
    indexes.close()


def walk(truth: Truth, indexes: Indexes, portion: int) -> bool:
    """One portion, read as the thread of reindexing.py reads it; whether there was anything left to walk."""
    entries = truth.holding(indexes.reached or 0, portion)
    if entries:
        indexes.walk(indexes.reached or 0, entries, indexes.embed(entries))
    return bool(entries)


def remake(truth: Truth, indexes: Indexes) -> None:
    """What reindexing.py does, without a thread."""
    if indexes.reached is None:
        indexes.begin()
    while walk(truth, indexes, 2):
        pass
    indexes.finish()


def ways(indexes: Indexes, text: str = "tea") -> dict[int, set[str]]:
    return {point: set(scores) for point, scores in indexes.search("ann", text, ["fact"], 999).items()}


def filled(truth: Truth, folder: Path, embedder: Embedder | None = None) -> None:
    """A whole index over three memories, closed in order."""
    indexes = open_indexes(truth, folder, embedder or WordsEmbedder())
    put(truth, indexes, "m1", "m2", "m3")
    end(indexes)


def folders(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "index").iterdir())


def test_the_first_index_over_nothing_is_whole_at_once_and_stays_so(truth: Truth, tmp_path: Path) -> None:
    filled(truth, tmp_path)
    again = open_indexes(truth, tmp_path, WordsEmbedder())
    assert again.is_done
    assert again.share == 1.0
    assert ways(again) == {1: ALL, 2: ALL, 3: ALL}
    assert truth.changes(0, 9) == []
    end(again)


def test_while_the_index_of_another_embedder_is_made_the_old_one_serves_with_its_own(
    truth: Truth, tmp_path: Path
) -> None:
    filled(truth, tmp_path)
    old, new = WordsEmbedder(), WordsEmbedder("new", size=8)
    indexes = open_indexes(truth, tmp_path, new, former=old)
    assert not indexes.is_done
    indexes.begin()
    assert (indexes.is_done, indexes.share) == (False, 0.0)
    walk(truth, indexes, 1)
    assert indexes.share == pytest.approx(1 / 3)
    assert ways(indexes) == {1: ALL, 2: ALL, 3: ALL}
    assert (old.texts, new.texts) == (["tea"], ["tea"])  # one searched for, the other walked
    remake(truth, indexes)
    assert indexes.is_done
    assert ways(indexes) == {1: ALL, 2: ALL, 3: ALL}
    assert indexes.newest.label == Label(embedder="new", size=8, reached=None)
    assert folders(tmp_path) == ["2"]
    end(indexes)


@pytest.mark.parametrize("former", [None, WordsEmbedder(size=5)], ids=["gone", "of another size"])
def test_without_its_embedder_the_old_index_serves_by_words_and_characters(
    truth: Truth, tmp_path: Path, former: WordsEmbedder | None
) -> None:
    filled(truth, tmp_path)
    indexes = open_indexes(truth, tmp_path, WordsEmbedder("new"), former)
    assert ways(indexes) == {1: WORDS, 2: WORDS, 3: WORDS}
    put(truth, indexes, "m4")
    assert ways(indexes)[4] == WORDS
    assert not truth.has_lacking()
    remake(truth, indexes)
    assert ways(indexes) == {1: ALL, 2: ALL, 3: ALL, 4: ALL}
    end(indexes)


@pytest.mark.promise("P11")
def test_what_is_written_and_forgotten_meanwhile_is_so_in_both_indexes(truth: Truth, tmp_path: Path) -> None:
    filled(truth, tmp_path)
    indexes = open_indexes(truth, tmp_path, WordsEmbedder("new"), former=WordsEmbedder())
    indexes.begin()
    walk(truth, indexes, 2)
    truth.forget("ann", ["m1", "m3"])  # one that was walked, one that was not
    truth.put("ann", "acme", [memory("m4", "tea"), memory("m2", "coffee")])
    indexes.catch_up()
    assert {point for point, found in ways(indexes).items() if "words" in found} == {4}
    remake(truth, indexes)
    assert {point for point, found in ways(indexes).items() if "words" in found} == {4}
    assert {point for point, found in ways(indexes, "coffee").items() if "words" in found} == {2}
    assert indexes.newest.count() == truth.count_holding() == 2
    end(indexes)


def test_what_changes_between_reading_and_writing_a_portion_is_not_overwritten(truth: Truth, tmp_path: Path) -> None:
    filled(truth, tmp_path)
    indexes = open_indexes(truth, tmp_path, WordsEmbedder("new"))
    indexes.begin()
    entries = truth.holding(0, 9)
    stale = indexes.newest.embed(entries)
    truth.put("ann", "acme", [memory("m1", "coffee")])
    truth.forget("ann", ["m2"])
    indexes.catch_up()
    indexes.walk(0, entries, stale)
    indexes.finish()
    assert {point for point, found in ways(indexes).items() if "words" in found} == {3}
    assert {point for point, found in ways(indexes, "coffee").items() if "words" in found} == {1}
    assert indexes.newest.count() == 2
    end(indexes)


def test_a_restart_midway_goes_on_and_serves_the_old_index(truth: Truth, tmp_path: Path) -> None:
    filled(truth, tmp_path)
    first = open_indexes(truth, tmp_path, WordsEmbedder("new"), former=WordsEmbedder())
    first.begin()
    walk(truth, first, 2)
    put(truth, first, "m4", "m1")  # both are in the new index too when it goes on
    end(first)

    new = WordsEmbedder("new")
    second = open_indexes(truth, tmp_path, new, former=WordsEmbedder())
    assert second.reached == 2
    assert ways(second) == dict.fromkeys(range(1, 5), ALL)
    remake(truth, second)
    assert new.texts == ["tea", "tea"]  # m3, and m4 once more
    assert ways(second) == dict.fromkeys(range(1, 5), ALL)
    end(second)


def test_a_crash_midway_loses_nothing_that_was_written_meanwhile(truth: Truth, tmp_path: Path) -> None:
    filled(truth, tmp_path)
    first = open_indexes(truth, tmp_path, WordsEmbedder("new"))
    first.begin()
    walk(truth, first, 2)
    first.settle()
    walk(truth, first, 1)
    put(truth, first, "m4", "m1")
    shutil.copytree(tmp_path / "index", tmp_path / "crashed" / "index")  # as it lies on the disk, without a flush
    first.close()
    second = open_indexes(truth, tmp_path / "crashed", WordsEmbedder("new"))
    assert second.reached == 2
    remake(truth, second)
    assert ways(second) == dict.fromkeys(range(1, 5), ALL)
    assert second.newest.count() == 4
    end(second)


def test_changing_back_midway_keeps_the_old_index_and_drops_the_half_one(truth: Truth, tmp_path: Path) -> None:
    filled(truth, tmp_path)
    changed = open_indexes(truth, tmp_path, WordsEmbedder("new"), former=WordsEmbedder())
    changed.begin()
    put(truth, changed, "m4")
    end(changed)
    assert folders(tmp_path) == ["1", "2"]
    back = open_indexes(truth, tmp_path, WordsEmbedder())
    assert back.is_done
    assert folders(tmp_path) == ["1"]
    assert ways(back) == dict.fromkeys(range(1, 5), ALL)
    end(back)


def test_a_half_index_for_a_third_embedder_is_started_anew(truth: Truth, tmp_path: Path) -> None:
    filled(truth, tmp_path)
    second = open_indexes(truth, tmp_path, WordsEmbedder("second"))
    second.begin()
    walk(truth, second, 2)
    end(second)
    third = open_indexes(truth, tmp_path, WordsEmbedder("third"))
    assert folders(tmp_path) == ["1"]
    remake(truth, third)
    assert third.newest.label.embedder == "third"
    assert ways(third) == {1: ALL, 2: ALL, 3: ALL}
    end(third)


def delete_folder(index: Path) -> None:
    shutil.rmtree(index)


def delete_label(index: Path) -> None:
    (index / "1" / "label.json").unlink()


def spoil_label(index: Path) -> None:
    (index / "1" / "label.json").write_bytes(b"\xff\xfe")


def delete_shard(index: Path) -> None:
    shutil.rmtree(index / "1" / "shard")


def empty_every_file(index: Path) -> None:
    for file in index.rglob("*.*"):
        if file.is_file():
            file.write_bytes(b"")


def leave_what_the_first_version_left(index: Path) -> None:
    shutil.rmtree(index)
    (index / "shard").mkdir(parents=True)
    (index / "made-for").write_text("2 16 words")


DAMAGES = [
    delete_folder,
    delete_label,
    spoil_label,
    delete_shard,
    empty_every_file,
    leave_what_the_first_version_left,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_where_there_is_no_index_the_one_that_is_made_serves_as_far_as_it_has_come(
    truth: Truth, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    filled(truth, tmp_path)
    damage(tmp_path / "index")
    indexes = open_indexes(truth, tmp_path, WordsEmbedder())
    assert (indexes.reached, ways(indexes)) == (0, {})
    put(truth, indexes, "m4")
    walk(truth, indexes, 1)
    assert ways(indexes) == {1: ALL, 4: ALL}
    remake(truth, indexes)
    assert indexes.is_done
    assert ways(indexes) == dict.fromkeys(range(1, 5), ALL)
    assert len(folders(tmp_path)) == 1
    end(indexes)


def test_an_index_that_lost_points_serves_until_a_new_one_is_whole(truth: Truth, tmp_path: Path) -> None:
    filled(truth, tmp_path)
    (mappings,) = (tmp_path / "index").rglob("mutable_id_tracker.mappings")
    os.truncate(mappings, mappings.stat().st_size // 2)
    indexes = open_indexes(truth, tmp_path, WordsEmbedder())
    assert not indexes.is_done
    assert 0 < len(ways(indexes)) < 3
    remake(truth, indexes)
    assert indexes.is_done
    assert ways(indexes) == {1: ALL, 2: ALL, 3: ALL}
    end(indexes)


def test_until_the_size_of_vectors_is_known_an_index_without_any_serves(truth: Truth, tmp_path: Path) -> None:
    away = AwayEmbedder()
    indexes = open_indexes(truth, tmp_path, away)
    put(truth, indexes, "m1")
    assert ways(indexes) == {1: WORDS}
    assert not indexes.is_done
    with pytest.raises(MemoryUnavailable, match="not answered"):
        indexes.begin()
    end(indexes)
    again = open_indexes(truth, tmp_path, away)
    assert ways(again) == {1: WORDS}
    away.is_broken = False
    remake(truth, again)
    assert again.is_done
    assert ways(again) == {1: ALL}
    end(again)


def test_an_embedder_that_is_away_keeps_the_index_that_it_made(truth: Truth, tmp_path: Path) -> None:
    away = AwayEmbedder()
    away.is_broken = False
    filled(truth, tmp_path, away)
    away.is_broken = True
    indexes = open_indexes(truth, tmp_path, away)
    assert indexes.is_done
    assert ways(indexes) == {1: WORDS, 2: WORDS, 3: WORDS}
    away.is_broken = False
    assert ways(indexes) == {1: ALL, 2: ALL, 3: ALL}
    end(indexes)


def test_what_was_written_without_the_embedder_is_made_good_when_it_answers(truth: Truth, tmp_path: Path) -> None:
    embedder = WordsEmbedder()
    indexes = open_indexes(truth, tmp_path, embedder)
    embedder.is_broken = True
    put(truth, indexes, *(f"m{number}" for number in range(MADE_GOOD + 9)))
    indexes.make_good()
    end(indexes)
    embedder.is_broken = False
    again = open_indexes(truth, tmp_path, embedder)  # it is known after a restart, too
    assert set(map(frozenset, ways(again).values())) == {frozenset(WORDS)}

    put(truth, again, "next")
    again.make_good()
    assert truth.has_lacking()
    again.make_good()
    assert not truth.has_lacking()
    assert list(ways(again).values()) == [ALL] * (MADE_GOOD + 10)
    asked = len(embedder.texts)
    again.make_good()
    assert len(embedder.texts) == asked
    end(again)


def test_an_embedder_that_is_away_is_asked_once_a_write(truth: Truth, tmp_path: Path) -> None:
    class Counting(WordsEmbedder):
        asked = 0

        def embed(self, texts: Sequence[str]) -> list[list[float]]:
            self.asked += 1
            return super().embed(texts)

    embedder = Counting()
    indexes = open_indexes(truth, tmp_path, embedder)
    embedder.is_broken = True
    before = embedder.asked
    put(truth, indexes, *(f"m{number}" for number in range(300)))
    indexes.make_good()
    assert embedder.asked == before + 1
    end(indexes)


def test_the_log_is_cut_while_writing_and_at_the_end(truth: Truth, tmp_path: Path) -> None:
    indexes = open_indexes(truth, tmp_path, WordsEmbedder())
    put(truth, indexes, "m1")
    assert len(truth.changes(0, 9)) == 1
    put(truth, indexes, *(f"m{number}" for number in range(SETTLE_AFTER + 99)))
    assert len(truth.changes(0, 9_999)) < SETTLE_AFTER
    end(indexes)
    assert truth.changes(0, 9) == []


def test_a_search_that_finds_its_index_replaced_asks_the_new_one(truth: Truth, tmp_path: Path) -> None:
    class Finishing(WordsEmbedder):
        """While it makes the vector of a question, the new index takes the place of its own."""

        def query(self, text: str) -> list[float]:
            remake(truth, indexes)
            return super().query(text)

    filled(truth, tmp_path)
    indexes = open_indexes(truth, tmp_path, WordsEmbedder("new"), former=Finishing())
    assert ways(indexes) == {1: ALL, 2: ALL, 3: ALL}
    end(indexes)


def test_a_search_of_a_broken_index_is_unavailable(truth: Truth, tmp_path: Path) -> None:
    indexes = open_indexes(truth, tmp_path, WordsEmbedder())
    indexes.close()
    with pytest.raises(MemoryUnavailable, match="search index"):
        ways(indexes)


def test_a_folder_that_cannot_be_is_an_unavailable_memory(truth: Truth, tmp_path: Path) -> None:
    (tmp_path / "index").write_text("no folder")
    with pytest.raises(MemoryUnavailable, match="search index"):
        open_indexes(truth, tmp_path, WordsEmbedder())


@pytest.mark.promise("P11")
def test_a_vector_is_overwritten_when_its_memory_goes(truth: Truth, tmp_path: Path) -> None:
    indexes = open_indexes(truth, tmp_path, WordsEmbedder())
    truth.put("ann", "acme", [memory("m1", ZOG), memory("m2", BIRD)])
    indexes.catch_up()
    assert (traces(tmp_path, ZOG), traces(tmp_path, BIRD)) == ({"vector", "owner"}, {"vector", "owner"})
    truth.forget("ann", ["m1"])
    indexes.catch_up()
    assert (traces(tmp_path, ZOG), traces(tmp_path, BIRD)) == ({"owner"}, {"vector", "owner"})
    end(indexes)


@pytest.mark.promise("P11")
def test_an_index_that_is_renewed_has_no_trace_of_who_was_forgotten_and_asks_no_model_again(
    truth: Truth, tmp_path: Path
) -> None:
    indexes = open_indexes(truth, tmp_path, embedder := WordsEmbedder())
    truth.put("ann", "acme", [memory("m1", ZOG)])
    truth.put("bob", "acme", [memory("b1", BIRD)])
    indexes.catch_up()
    truth.forget("ann", ["m1"])
    indexes.catch_up()
    asked = len(embedder.texts)
    indexes.renew()
    assert not indexes.is_done
    remake(truth, indexes)
    assert (indexes.is_done, len(embedder.texts), traces(tmp_path, ZOG)) == (True, asked, set())
    assert traces(tmp_path, BIRD, owner="bob") == {"vector", "owner"}
    assert set(next(iter(indexes.search("bob", BIRD, ["fact"], 9).values()))) == ALL
    end(indexes)


@pytest.mark.promise("P11")
def test_a_renewal_that_was_cut_off_goes_on_at_the_next_start(truth: Truth, tmp_path: Path) -> None:
    filled(truth, tmp_path)
    indexes = open_indexes(truth, tmp_path, WordsEmbedder())
    indexes.renew()
    indexes.begin()
    walk(truth, indexes, 2)
    end(indexes)
    again = open_indexes(truth, tmp_path, WordsEmbedder())
    assert (again.reached, again.is_done, len(folders(tmp_path))) == (2, False, 2)
    remake(truth, again)
    assert (again.is_done, folders(tmp_path)) == (True, ["2"])
    assert ways(again) == {1: ALL, 2: ALL, 3: ALL}
    end(again)


def test_what_had_no_vector_in_the_old_index_is_embedded_after_a_renewal(truth: Truth, tmp_path: Path) -> None:
    indexes = open_indexes(truth, tmp_path, embedder := WordsEmbedder())
    embedder.is_broken = True
    put(truth, indexes, "m1")
    embedder.is_broken = False
    indexes.renew()
    remake(truth, indexes)
    assert ways(indexes) == {1: WORDS}
    indexes.catch_up()
    indexes.make_good()
    assert ways(indexes) == {1: ALL}
    end(indexes)


def test_what_changes_while_an_index_is_packed_is_in_the_packed_one_and_no_model_is_asked_again(
    truth: Truth, tmp_path: Path
) -> None:
    indexes = open_indexes(truth, tmp_path, embedder := WordsEmbedder())
    put(truth, indexes, "m1", "m2")
    copy = indexes.fork()
    assert (indexes.is_forked, indexes.is_done) == (True, True)
    put(truth, indexes, *(f"n{number}" for number in range(SETTLE_AFTER)))
    truth.forget("ann", ["m1"])
    indexes.catch_up()
    indexes.settle()
    asked = len(embedder.texts)
    pack(str(copy / "shard"))
    indexes.adopt()
    assert len(embedder.texts) == asked
    assert (indexes.is_forked, folders(tmp_path), truth.changes(0, 9)) == (False, ["2"], [])
    found = indexes.search("ann", "tea", ["fact"], 2 * SETTLE_AFTER)
    assert (len(found), truth.count_holding()) == (SETTLE_AFTER + 1, SETTLE_AFTER + 1)
    assert all(set(scores) == ALL for scores in found.values())
    end(indexes)


def test_packing_that_a_crash_cut_off_loses_nothing(truth: Truth, tmp_path: Path) -> None:
    indexes = open_indexes(truth, tmp_path, WordsEmbedder())
    put(truth, indexes, "m1")
    copy = indexes.fork()
    put(truth, indexes, "m2")
    pack(str(copy / "shard"))
    indexes.close()
    again = open_indexes(truth, tmp_path, WordsEmbedder())
    assert (ways(again), folders(tmp_path)) == ({1: ALL, 2: ALL}, ["1"])
    end(again)


@pytest.mark.parametrize("step", ["rename", "load", "changes"])
def test_packing_that_fails_as_the_packed_index_takes_its_place_loses_nothing(
    truth: Truth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    indexes = open_indexes(truth, tmp_path, WordsEmbedder())
    put(truth, indexes, "m1")
    copy = indexes.fork()
    put(truth, indexes, "m2")
    with monkeypatch.context() as failing:
        if step == "rename":
            shutil.rmtree(copy)
        elif step == "load":
            (copy / "shard" / "edge_config.json").write_bytes(b"")
        else:
            failing.setattr(Index, "vectors", lambda *_: 1 / 0)
        with pytest.raises((MemoryUnavailable, ZeroDivisionError)):
            indexes.adopt()
        indexes.abandon()
    if indexes.trouble:
        indexes.open()
    put(truth, indexes, "m3")
    assert ways(indexes) == {1: ALL, 2: ALL, 3: ALL}
    end(indexes)


def test_an_index_that_is_being_made_is_packed_as_far_as_it_is(truth: Truth, tmp_path: Path) -> None:
    filled(truth, tmp_path)
    indexes = open_indexes(truth, tmp_path, WordsEmbedder("new"), former=WordsEmbedder())
    indexes.begin()
    walk(truth, indexes, 2)
    copy = indexes.fork()
    pack(str(copy / "shard"))
    indexes.adopt()
    assert (indexes.reached, indexes.newest.label.packed, len(folders(tmp_path))) == (2, 2, 2)
    remake(truth, indexes)
    assert (indexes.is_done, ways(indexes), len(folders(tmp_path))) == (True, {1: ALL, 2: ALL, 3: ALL}, 1)
    end(indexes)


@pytest.mark.promise("P11")
def test_what_is_worn_out_while_it_is_packed_is_still_to_be_renewed(truth: Truth, tmp_path: Path) -> None:
    filled(truth, tmp_path)
    indexes = open_indexes(truth, tmp_path, WordsEmbedder())
    copy = indexes.fork()
    indexes.renew()
    pack(str(copy / "shard"))
    indexes.adopt()
    assert not indexes.is_done
    remake(truth, indexes)
    assert indexes.is_done
    end(indexes)


def test_only_what_is_packed_is_stained_and_a_restart_knows(
    truth: Truth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexes = open_indexes(truth, tmp_path, WordsEmbedder())
    put(truth, indexes, "m1", "m2")
    indexes.stain()
    assert not indexes.is_stained
    indexes.fork()
    indexes.adopt()
    indexes.stain()
    indexes.stain()
    put(truth, indexes, "m3")
    end(indexes)
    monkeypatch.setattr("gateway.stores.local.index.LOOSE", 1)
    again = open_indexes(truth, tmp_path, WordsEmbedder())
    assert (again.is_stained, again.is_crowded) == (True, True)
    again.fork()
    again.adopt()
    assert (again.is_stained, again.is_crowded) == (False, False)
    end(again)


def test_a_portion_that_was_read_before_the_fork_is_walked_after_the_packed_index_took_its_place(
    truth: Truth, tmp_path: Path
) -> None:
    filled(truth, tmp_path)
    indexes = open_indexes(truth, tmp_path, WordsEmbedder("new"), former=WordsEmbedder())
    indexes.begin()
    walk(truth, indexes, 1)
    entries = truth.holding(1, 1)
    dense = indexes.embed(entries)
    copy = indexes.fork()
    indexes.walk(1, entries, dense)
    pack(str(copy / "shard"))
    indexes.adopt()
    remake(truth, indexes)
    assert (indexes.is_done, ways(indexes)) == (True, {1: ALL, 2: ALL, 3: ALL})
    end(indexes)


@pytest.mark.promise("P11")
def test_what_is_forgotten_while_it_is_packed_stains_the_packed_index(truth: Truth, tmp_path: Path) -> None:
    indexes = open_indexes(truth, tmp_path, WordsEmbedder())
    truth.put("ann", "acme", [memory("m1", ZOG), *(memory(f"f{number}", BIRD) for number in range(400))])
    indexes.catch_up()
    copy = indexes.fork()
    truth.forget("ann", ["m1"])
    indexes.catch_up()
    pack(str(copy / "shard"))
    indexes.adopt()
    assert (indexes.is_stained, traces(tmp_path, ZOG)) == (True, {"vector", "owner"})
    pack(str(indexes.fork() / "shard"))
    indexes.adopt()
    assert (indexes.is_stained, traces(tmp_path, ZOG)) == (False, {"owner"})
    end(indexes)


def test_a_disk_that_is_full_as_the_packed_index_takes_its_place_leaves_none_that_is_out_of_date(
    truth: Truth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path) -> None:
        raise MemoryUnavailable("full")

    indexes = open_indexes(truth, tmp_path, WordsEmbedder())
    put(truth, indexes, "m1")
    indexes.fork()
    with monkeypatch.context() as filling:
        filling.setattr("gateway.stores.local.indexes.require_room", full)
        with pytest.raises(MemoryUnavailable, match="full"):
            indexes.adopt()
    indexes.abandon()
    truth.forget("ann", ["m1"])
    put(truth, indexes, "m2")
    end(indexes)
    again = open_indexes(truth, tmp_path, WordsEmbedder())
    assert (again.is_done, ways(again), folders(tmp_path)) == (True, {2: ALL}, ["1"])
    end(again)


def traces(folder: Path, text: str, owner: str = "ann") -> set[str]:
    """What the files of the indexes hold of a text that somebody said."""
    content = b"".join(file.read_bytes() for file in (folder / "index").rglob("*") if file.is_file())
    vector = np.array(WordsEmbedder().query(text), "<f2").tobytes()
    return {what for what, trace in (("vector", vector), ("owner", digest(owner).encode())) if trace in content}
