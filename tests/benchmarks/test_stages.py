from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from benchmarks.stages import Spent, between, parsed
from gateway.stages import STAGES, Stages


def test_what_a_load_took_is_the_difference_of_two_pages_of_metrics() -> None:
    registry = CollectorRegistry()
    stages = Stages(registry, lambda: 0.0)
    stages.took("recall", 10.0, 10.5)
    before = parsed(generate_latest(registry).decode())
    stages.took("recall", 20.0, 20.25)
    stages.took("record", 30.0, 30.125)
    spent = between(before, parsed(generate_latest(registry).decode()))
    assert list(spent) == list(STAGES)
    assert spent["recall"] == Spent(calls=1, seconds=0.25)
    assert (spent["recall"].mean_ms, spent["record"].mean_ms, spent["read"].mean_ms) == (250.0, 125.0, 0.0)


def test_a_stage_that_was_not_there_before_counts_from_nothing() -> None:
    assert between({}, {"recall": Spent(calls=2, seconds=1.0)}) == {"recall": Spent(calls=2, seconds=1.0)}
