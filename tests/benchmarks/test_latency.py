from __future__ import annotations

import pytest

from benchmarks import latency
from benchmarks.latency import LARGE, TENANTS, Round, counts, measured, percentile, row, seeded


def test_a_few_tenants_have_much_and_nothing_is_lost() -> None:
    each = counts(100_000)
    assert (len(each), sum(each)) == (TENANTS, 100_000)
    assert each[: len(LARGE)] == [10_000, 8_000, 7_000, 5_000, 5_000]
    assert set(each[len(LARGE) :]) == {65, 66}


def test_seeded_memories_are_what_conversations_leave() -> None:
    memories = seeded(100, 45, now=10_000.0)
    assert [memory.kind for memory in memories[:4]] == ["preference"] * 3 + ["episode"]
    assert len({memory.id for memory in memories}) == 45
    assert memories[10].before == memories[9].id
    assert memories[10].after == memories[11].id
    assert memories[9].text in memories[10].key
    assert memories[20].before == memories[19].after == memories[44].after == ""
    assert sorted(memories, key=lambda memory: memory.at) == memories


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([7.0], 0.99)) == (51.0, 100.0, 7.0)


def test_a_line_of_the_table_says_the_median_of_the_rounds() -> None:
    rounds = [
        Round(quiet_ms=[ms], quiet_cpu_ms=ms / 2, busy_ms=[2 * ms], hits=9.0, turns_per_s=600.0)
        for ms in (1.0, 2.0, 3.0)
    ]
    middle, busy, cpu = "2.00 (1.00–3.00)", "4.00 (2.00–6.00)", "1.00 (0.50–1.50)"
    assert row(10_000, rounds) == ["10,000", middle, middle, cpu, "9.0", "600", busy, busy]


async def test_a_small_run_finds_memories_and_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "TENANTS", 8)
    monkeypatch.setattr(latency, "WARM_UP", 1)
    (only,) = await measured(400, rounds=1, questions=5, exchanges=3)
    assert (len(only.quiet_ms), only.hits > 0, only.turns_per_s > 0) == (5, True, True)
    assert only.busy_ms
    assert only.quiet_cpu_ms > 0
