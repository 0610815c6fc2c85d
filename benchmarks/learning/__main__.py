"""Do agents with a memory get better, at what cost, and is it the memory? `python -m benchmarks.learning --seeds 20`.

The same lives are lived under several arms (benchmarks/learning/arms.py) with the same simulated model
(benchmarks/learning/model), and compared. What is lived is in benchmarks/learning/suites.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

from benchmarks import harness
from benchmarks.learning import plots, tau
from benchmarks.learning.life import Suite
from benchmarks.learning.results import Interval, Results
from benchmarks.learning.running import run
from benchmarks.learning.suites import advice, drift, labels, lists, mistakes, poison, sums, tastes
from benchmarks.recall import DATA

PACKAGES = ("accrue", "numpy", "matplotlib")
SEEDS = 20
STREAM_SEEDS = 5
ITEMS = 3_080
"""Of the stream of suite E: all that the test file has."""

SUITES: Mapping[str, Suite] = {
    suite.name: suite
    for suite in (drift.SUITE, tastes.SUITE, lists.SUITE, mistakes.SUITE, poison.SUITE, advice.SUITE, sums.SUITE)
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the suites and print their section; `--write` puts it and its pictures into docs."""
    given = _arguments(arguments)
    data = given.data if given.data.is_dir() else None
    parts = [_preamble(given.seeds, given.stream_seeds)]
    if "tau" in given.suite or (not given.suite and data is not None):
        parts.append(tau.section(given.data))
    for suite in _chosen(given.suite, data, given.items):
        seeds = min(given.seeds, given.stream_seeds) if suite.name.startswith("E") else given.seeds
        results = run(suite, range(1, seeds + 1), data)
        results.check_placebo()
        parts.append(section(results))
        if given.write:
            folder = harness.DOCUMENT.parent / "learning"
            folder.mkdir(exist_ok=True)
            picture = plots.draw(results, folder)
            parts.append(f"![{suite.title}]({folder.name}/{picture.name})")
        print(parts[-1 - given.write], file=sys.stderr, flush=True)
    title = f"Learning, suites {' '.join(given.suite)}" if given.suite else "Learning"
    harness.report(title, "\n\n".join(parts), is_written=given.write)


def section(results: Results) -> str:
    """The tables of a suite: figures by arm, and what became of its goals."""
    suite = results.suite
    metrics = (*suite.metrics, "tokens")
    rows = [[arm, *(_shown(results.mean(arm, metric), metric) for metric in metrics)] for arm in results.arms]
    goals = [
        [verdict.goal.text, _shown(verdict.figure), "yes" if verdict.is_reached else "**no**"]
        for verdict in results.verdicts()
    ]
    parts = [f"**{suite.name}: {suite.title}**", harness.table([suite.name, *metrics], rows)]
    return "\n\n".join([*parts, harness.table(["to reach", "measured", "reached"], goals)])


def _shown(interval: Interval, metric: str = "") -> str:
    digits = 0 if metric == "tokens" else 3
    if interval.value != interval.value:
        return ""
    value, low, high = (f"{number:.{digits}f}" for number in (interval.value, interval.low, interval.high))
    return value if low == high else f"{value} ({low}–{high})"


def _chosen(names: Sequence[str], data: Path | None, items: int) -> Iterator[Suite]:
    known = dict(SUITES)
    if data is not None:
        sorting = (labels.suite(data, items, only_errors=only_errors) for only_errors in (False, True))
        known |= {suite.name: suite for suite in sorting}
    for name, suite in sorted(known.items()):
        if not names or name in names or name.partition(" ")[0] in names:
            yield suite


def _preamble(seeds: int, stream_seeds: int) -> str:
    return (
        f"{harness.machine(PACKAGES)}, {date.today().isoformat()}. {seeds} seeds, of E at most {stream_seeds}, 95 % "
        "intervals by resampling them. "
        "The model is simulated, a process of its own that sees request bodies alone (benchmarks/learning/model): how "
        "well it follows, forgets and sorts is chosen, not measured on a model, so the figures compare arms and are no "
        "forecast. `full` goes through a running gateway; in the other arms the client adds nothing (`off`), as many "
        "tokens of unrelated memories (`placebo`), the person's newest ten notes (`recent`), or what is right "
        "(`oracle`). `tokens` are those added to a call. The run fails where `placebo` and `off` are apart."
    )


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning", description=str(__doc__).splitlines()[0])
    parser.add_argument("--suite", action="append", default=[], metavar="A", help="only this one; may be repeated")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--stream-seeds", type=int, default=STREAM_SEEDS, help="of suite E, which takes minutes each")
    parser.add_argument("--items", type=int, default=ITEMS, help="of the stream of suite E")
    parser.add_argument("--data", type=Path, default=_data(), help="folder with the labelled texts of suite E")
    parser.add_argument("--write", action="store_true", help="write the section into docs/benchmarks.md")
    return parser.parse_args(arguments)


def _data() -> Path:
    return Path(os.environ.get("ACCRUE_DATA") or DATA)  # noqa: TID251 - no setting of the gateway


if __name__ == "__main__":
    main()
