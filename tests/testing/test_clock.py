from __future__ import annotations

from gateway.ports import Clock
from gateway.testing import ManualClock


def test_time_stands_still_until_it_is_told() -> None:
    clock = ManualClock(100.0)
    assert (clock.now(), clock.now()) == (100.0, 100.0)
    clock.advance(2.5)
    assert clock.now() == 102.5


def test_ids_count_and_sort_by_time_of_making() -> None:
    clock: Clock = ManualClock()
    ids = [clock.new_id("ex") for _ in range(11)]
    assert ids[0] == "ex_000000000001"
    assert ids == sorted(set(ids))
