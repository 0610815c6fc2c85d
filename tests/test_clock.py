"""The machine's clock: real time, and ids that sort by it and that nobody guesses."""

from __future__ import annotations

import re
import time

from gateway.clock import RANDOM_BYTES, SystemClock


def test_now_is_the_time_of_the_machine() -> None:
    before = time.time()
    assert before <= SystemClock().now() <= time.time()


def test_ids_say_what_they_are_of_and_never_repeat() -> None:
    ids = {SystemClock().new_id("ex") for _ in range(1_000)}
    assert len(ids) == 1_000
    assert all(re.fullmatch(rf"ex_[0-9a-f]{{{12 + 2 * RANDOM_BYTES}}}", id) for id in ids)


def test_an_id_made_later_sorts_later() -> None:
    clock = SystemClock()
    first = clock.new_id("ex")
    made = first
    while _milliseconds(made) == _milliseconds(first):
        made = clock.new_id("ex")
    assert made > first


def _milliseconds(id: str) -> int:
    return int(id.removeprefix("ex_")[:12], 16)
