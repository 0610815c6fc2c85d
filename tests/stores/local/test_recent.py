from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from gateway.memories import Memory
from gateway.stores.local.recent import Recent
from gateway.stores.local.truth import Truth
from tests.stores.samples import memory


class Counted(Truth):
    """Says how many rows were asked for, and can be interrupted between reading and answering."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, readers=1)
        self.asked = 0
        self.meanwhile: Callable[[], None] = lambda: None

    def at_points(self, owner: str, points: Sequence[int]) -> dict[int, Memory]:
        """Rows, as they were before what happens meanwhile."""
        self.asked += len(points)
        found = super().at_points(owner, points)
        self.meanwhile()
        return found


@pytest.fixture
def truth(tmp_path: Path) -> Iterator[Counted]:
    truth = Counted(tmp_path / "memories.db")
    yield truth
    truth.close()


def test_what_was_found_lately_is_not_read_again(truth: Counted) -> None:
    recent = Recent(truth)
    truth.put("ann", "acme", [memory("m1", "tea"), memory("m2", "milk")])
    assert recent.at_points("ann", [1]) == {1: memory("m1", "tea")}
    assert recent.at_points("ann", [1, 2, 9]) == {1: memory("m1", "tea"), 2: memory("m2", "milk")}
    assert truth.asked == 3


@pytest.mark.promise("P7")
def test_what_is_at_hand_of_one_owner_is_no_others(truth: Counted) -> None:
    recent = Recent(truth)
    truth.put("ann", "acme", [memory("m1", "tea")])
    assert recent.at_points("ann", [1])
    assert recent.at_points("bob", [1]) == {}


@pytest.mark.promise("P11")
def test_what_is_written_ended_or_forgotten_is_seen_at_once(truth: Counted) -> None:
    recent = Recent(truth)
    truth.put("ann", "acme", [memory("m1", "tea"), memory("m2", "milk"), memory("m3", "rum")])
    recent.at_points("ann", [1, 2, 3])
    truth.put("ann", "acme", [memory("m1", "coffee"), memory("m2", "milk", ended_at=3.0)])
    truth.forget("ann", ["m3"])
    recent.drop("ann", ["m1", "m2", "m3"])
    assert recent.at_points("ann", [1, 2, 3]) == {1: memory("m1", "coffee")}


@pytest.mark.promise("P11")
def test_what_was_read_before_it_was_written_is_not_kept(truth: Counted) -> None:
    recent = Recent(truth)
    truth.put("ann", "acme", [memory("m1", "tea")])

    def written() -> None:
        truth.put("ann", "acme", [memory("m1", "coffee")])
        recent.drop("ann", ["m1"])

    truth.meanwhile = written
    assert recent.at_points("ann", [1]) == {1: memory("m1", "tea")}
    truth.meanwhile = lambda: None
    assert recent.at_points("ann", [1]) == {1: memory("m1", "coffee")}


@pytest.mark.promise("P11")
def test_what_is_stored_under_another_id_than_it_came_with_is_dropped_by_that(truth: Counted) -> None:
    recent = Recent(truth)
    truth.put("ann", "acme", [memory("m\ud800", "tea")])
    assert recent.at_points("ann", [1]) == {1: memory("m?", "tea")}
    truth.forget("ann", ["m\ud800"])
    recent.drop("ann", ["m\ud800"])
    assert recent.at_points("ann", [1]) == {}


def test_of_another_file_nothing_is_at_hand(truth: Counted, tmp_path: Path) -> None:
    recent = Recent(truth)
    truth.put("ann", "acme", [memory("m1", "tea")])
    assert recent.at_points("ann", [1])
    for file in tmp_path.glob("memories.db*"):
        file.unlink()
    truth.open()
    truth.put("ann", "acme", [memory("m9", "rum")])
    assert recent.at_points("ann", [1]) == {1: memory("m9", "rum")}


def test_only_so_many_are_kept_and_those_that_are_found_again_longest(truth: Counted) -> None:
    recent = Recent(truth, most=4)
    truth.put("ann", "acme", [memory(f"m{number}") for number in range(9)])
    for point in range(2, 9):
        recent.at_points("ann", [1])
        recent.at_points("ann", [point])
    truth.asked = 0
    assert recent.at_points("ann", [1, 2]).keys() == {1, 2}
    assert truth.asked == 1
    assert len(recent) == 4


def test_no_more_are_kept_where_all_of_them_are_found_again_and_again(truth: Counted) -> None:
    recent = Recent(truth, most=4)
    truth.put("ann", "acme", [memory(f"m{number}") for number in range(40)])
    for last in range(1, 41):
        assert len(recent.at_points("ann", range(1, last + 1))) == last
        assert len(recent) <= 4


@pytest.mark.promise("P11")
def test_what_two_read_at_once_is_forgotten_whatever_was_read_since(truth: Counted) -> None:
    recent = Recent(truth, most=4)
    truth.put("ann", "acme", [memory(f"m{number}") for number in range(1, 5)])

    def another() -> None:
        truth.meanwhile = lambda: None
        recent.at_points("ann", [1, 2])

    truth.meanwhile = another
    recent.at_points("ann", [1])
    recent.at_points("ann", [3, 4])
    truth.forget("ann", ["m1"])
    recent.drop("ann", ["m1"])
    assert recent.at_points("ann", [1]) == {}
