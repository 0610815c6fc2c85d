from __future__ import annotations

from benchmarks.arms import BARE, DIRECT, OFF, ON
from benchmarks.cells import AGENT, BODY, PACED, WHOLE, Found
from benchmarks.goals import Goal, of_overhead, table
from benchmarks.harness import Sample
from benchmarks.load import Result
from benchmarks.peers import LITELLM
from benchmarks.probe import Stall


def sample(*, rate: float = 100.0, cpu_ms: float = 1.0, p50_ms: float = 1.0, p99_ms: float = 2.0) -> Sample:
    load = Result(
        answers=int(rate),
        seconds=1.0,
        p50_ms=p50_ms,
        p99_ms=p99_ms,
        first_p50_ms=p50_ms,
        gap_p99_ms=0.0,
        statuses={200: int(rate)},
        memory={"hit": int(rate)},
    )
    return Sample(load=load, cpu_ms=cpu_ms)


def test_a_bound_is_kept_by_the_median_of_the_rounds() -> None:
    goals = [
        Goal(what="few", measured=(1.0, 3.0, 9.0), bound=3.0),
        Goal(what="many", measured=(1.0, 3.0, 9.0), bound=3.5, is_most=False),
    ]
    assert table(goals).splitlines()[2:] == [
        "| few  | 3.00 (1.00–9.00) | at most 3    | yes     |",
        "| many | 3.00 (1.00–9.00) | at least 3.5 | **no**  |",
    ]


def test_ratios_are_formed_within_each_round() -> None:
    arms = {
        BARE: [sample(rate=100), sample(rate=1000)],
        OFF: [sample(rate=90), sample(rate=700)],
        LITELLM: [sample(rate=1), sample(rate=10)],
    }
    found = {goal.what: goal for goal in of_overhead(Found(samples={WHOLE[16]: arms}))}
    bare = found["requests/s, memory off ÷ bare, whole, 16 at a time"]
    assert (bare.measured, bare.is_reached) == ((0.9, 0.7), True)
    litellm = found["requests/s, memory off ÷ litellm, whole, 16 at a time"]
    assert (litellm.measured, litellm.is_reached) == ((90.0, 70.0), True)


def test_a_goal_whose_arms_were_not_there_is_left_out() -> None:
    assert of_overhead(Found()) == []


def test_delays_are_over_the_upstream_alone_and_recall_is_taken_from_the_first_token() -> None:
    found = Found(
        samples={
            WHOLE[1]: {DIRECT: [sample(p50_ms=1.0, p99_ms=2.0)], ON: [sample(p50_ms=3.5, p99_ms=14.0, cpu_ms=1.25)]},
            BODY[AGENT]: {ON: [sample(cpu_ms=5.0)]},
            PACED: {OFF: [sample(p50_ms=2.0)], ON: [sample(p50_ms=8.0)]},
        },
        recall_ms=[4.5],
        stalls={ON: [Stall(p50_ms=0.1, p99_ms=2.0, most_ms=9.0)]},
        empty_mb=[(151.0, 80.0)],
        ready_s={ON: [1.5]},
    )
    assert [(goal.measured, goal.is_reached) for goal in of_overhead(found)] == [
        ((1.25,), True),
        ((5.0,), False),
        ((2.5,), True),
        ((12.0,), False),
        ((1.5,), False),
        ((9.0,), True),
        ((151.0,), False),
        ((1.5,), True),
    ]
