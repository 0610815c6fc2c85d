from __future__ import annotations

import os

from benchmarks.harness import Sample
from benchmarks.load import Result
from benchmarks.profile import Profile, section, thread, threads
from benchmarks.stages import Spent
from gateway.stages import STAGES


def profile(cpu_ms: float) -> Profile:
    load = Result(
        answers=10,
        seconds=1.0,
        p50_ms=4.0,
        p99_ms=9.0,
        first_p50_ms=3.0,
        gap_p99_ms=0.0,
        statuses={200: 10},
        memory={"hit": 10},
    )
    return Profile(
        sample=Sample(load=load, cpu_ms=cpu_ms),
        stages={stage: Spent(calls=10, seconds=0.01 * place) for place, stage in enumerate(STAGES)},
        threads_ms={"python": 1.0, "event loop": 2.0, "idle": 0.0},
    )


def test_stages_are_told_by_the_call_and_each_step_by_what_it_adds() -> None:
    text = section({"off": profile(0.25), "read": profile(2.0), "on": profile(3.5)}, "a machine")
    assert "| identify                                    | 1.00         | 1.000     |" in text
    assert "| off    | 0.25   | +0.25 |\n| read   | 2.00   | +1.75 |\n| on     | 3.50   | +1.50 |" in text
    assert "| event loop | 2.00   |\n| python     | 1.00   |" in text
    assert "idle" not in text


def test_a_threads_name_may_hold_anything() -> None:
    stat = "77 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 31 11 0 0 20 0 5 0"
    assert thread(stat) == ("a (b) c", 42)


def test_the_first_thread_of_a_process_is_its_event_loop() -> None:
    assert threads(os.getpid())["event loop"] > 0
