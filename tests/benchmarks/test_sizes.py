from __future__ import annotations

from benchmarks.many import Outcome, Resident
from benchmarks.sizes import section


def outcome(memories: int, tenants: int) -> Outcome:
    return Outcome(
        memories=memories,
        tenants=tenants,
        fill_s=100.0,
        rounds_ms=[[1.0, 2.0, 30.0], [1.0, 4.0, 10.0]],
        hits=60.0,
        database_bytes=1,
        index_bytes=1,
        calls=3,
        recalled=3,
        memory=Resident(total=3_000.0, own=700.0, index=2_000.0),
    )


def test_a_store_has_a_line_and_goals_only_where_it_is_the_one_they_are_of() -> None:
    text = section([outcome(10_000, 100)], 3)
    assert "| 10,000   | 100     | 3.00 (2.00–4.00) | 20.00 (10.00–30.00) | 60.0 | 3000        |" in text
    assert "to reach" not in text


def test_a_million_memories_of_many_tenants_are_held_against_the_goals() -> None:
    text = section([outcome(1_000_000, 10_000)], 3)
    assert (
        "| recall p99 ms, 1,000,000 memories of 10,000 tenants | 20.00 (10.00–30.00) | at most 20   | yes     |" in text
    )
    assert "| at most 2048 | **no**  |" in text
