"""Recall over stores of several sizes, of one tenant, of some and of many: what it grows with.

It should be the memories of who asks and not those of the store. Each store is filled, asked and opened by a gateway as
in benchmarks/many.py; a million memories take about half an hour, and are not among the usual sizes.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import goals, harness, many
from benchmarks.goals import Goal
from benchmarks.latency import percentile
from benchmarks.many import MAX_P99_MS, MAX_RESIDENT_GB, Outcome

MEMORIES = (10_000, 100_000)
TENANTS = (1, 100, 10_000)
GOAL_MEMORIES, GOAL_TENANTS = 1_000_000, 10_000
PACKAGES = ("accrue", "qdrant-edge-py", "wordllama", "numpy")


def section(outcomes: Sequence[Outcome], questions: int) -> str:
    """The report in Markdown."""
    judged = [
        goal
        for outcome in outcomes
        if (outcome.memories, outcome.tenants) == (GOAL_MEMORIES, GOAL_TENANTS)
        for goal in _goals(outcome)
    ]
    header = ["memories", "tenants", "p50 ms", "p99 ms", "hits", "resident MB", "of these its own", "filled/s"]
    parts = [
        f"{harness.machine(PACKAGES)}. Rounds of {questions:,} recalls of tenants by chance, one after the other, by "
        "the gateway's own recall over its own store; median (lowest–highest). Memory is that of a gateway over the "
        "store that has answered as many calls.",
        goals.table(judged) if judged else "",
        harness.table(header, map(row, outcomes)),
    ]
    return "\n\n".join(part for part in parts if part)


def row(outcome: Outcome) -> list[str]:
    """A line of the table."""
    return [
        f"{outcome.memories:,}",
        f"{outcome.tenants:,}",
        harness.spread(percentile(each, 0.5) for each in outcome.rounds_ms),
        harness.spread(percentile(each, 0.99) for each in outcome.rounds_ms),
        f"{outcome.hits:.1f}",
        f"{outcome.memory.total:.0f}",
        f"{outcome.memory.own:.0f}",
        f"{outcome.memories / outcome.fill_s:.0f}",
    ]


def _goals(outcome: Outcome) -> list[Goal]:
    what = f"{outcome.memories:,} memories of {outcome.tenants:,} tenants"
    p99 = tuple(percentile(each, 0.99) for each in outcome.rounds_ms)
    return [
        Goal(what=f"recall p99 ms, {what}", measured=p99, bound=MAX_P99_MS),
        Goal(what=f"resident MB, {what}", measured=(outcome.memory.total,), bound=MAX_RESIDENT_GB * 1024),
    ]


def main() -> None:
    """Run the benchmark and print its section; `--write` puts it into docs/benchmarks.md as well."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--memories", type=int, nargs="+", default=MEMORIES, help="in each store")
    parser.add_argument("--tenants", type=int, nargs="+", default=TENANTS, help="among how many")
    parser.add_argument("--rounds", type=int, default=3, help="repetitions on each store")
    parser.add_argument("--questions", type=int, default=500, help="recalls per round")
    parser.add_argument("--quick", action="store_true", help="two small stores: to see that it works")
    parser.add_argument("--write", action="store_true", help="write the section into docs/benchmarks.md")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.memories, arguments.tenants, arguments.rounds, arguments.questions = [2_000], [1, 100], 1, 50
    outcomes = []
    for memories in arguments.memories:
        for tenants in arguments.tenants:
            with tempfile.TemporaryDirectory() as folder:
                outcomes.append(many.measured(Path(folder), memories, tenants, arguments.rounds, arguments.questions))
    harness.report("Recall by size", section(outcomes, arguments.questions), is_written=arguments.write)


if __name__ == "__main__":
    main()
