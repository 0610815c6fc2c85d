"""What Accrue adds to a call: against the upstream alone, a bare pass-through, and LiteLLM's proxy where there is one.

Every round starts all servers anew (Accrue on a fresh copy of the same memories) and then goes through the cells, each
a kind of answer and a number of connections, with the arms one after the other in each cell. So whatever else the
machine does in between falls on all arms alike. Figures are medians over the rounds, with the lowest and the highest.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import msgspec

from benchmarks import harness
from benchmarks.arms import Arm, arms, modules_of_a_gateway, reset
from benchmarks.harness import Failed, Sample
from benchmarks.load import Plan
from benchmarks.seed import seed

CONCURRENCY = (1, 16, 64)
WARM_UP_S = 0.5
QUESTIONS_PER_PLAN = 1_000_000
MIN_HITS_ALONE = 0.99
"""Of the calls made one at a time have to recall something in time, else the figures are not those of memory."""

PACKAGES = ("accrue", "aiohttp", "httptools", "starlette", "uvicorn", "uvloop")


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of load."""

    is_stream: bool
    concurrency: int


CELLS = [Cell(is_stream=stream, concurrency=number) for stream in (False, True) for number in CONCURRENCY]
Samples = dict[Cell, dict[str, list[Sample]]]


def main() -> None:
    """Run the benchmark and print its section; `--write` puts it into docs/benchmarks.md as well."""
    arguments = _arguments()
    samples: Samples = {cell: {} for cell in CELLS}
    starts: list[float] = []
    questions = count(0, QUESTIONS_PER_PLAN)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seeded = folder / "seeded"
        asyncio.run(seed(seeded, arguments.memories))
        modules = modules_of_a_gateway(folder, seeded)
        if any(module.split(".")[0] == "litellm" for module in modules):
            raise Failed("the gateway imports litellm, which costs it seconds and 165 MB")
        for number in range(arguments.rounds):
            with arms(folder, seeded, arguments.litellm, starts) as started:
                _round(started, number, arguments.seconds, questions, samples)
            print(f"round {number + 1} of {arguments.rounds} done", file=sys.stderr, flush=True)
    harness.report("Overhead", _section(samples, starts, len(modules), arguments), is_written=arguments.write)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="repetitions of everything")
    parser.add_argument("--seconds", type=float, default=2.0, help="load per measurement")
    parser.add_argument("--memories", type=int, default=10_000, help="of the one user who asks")
    parser.add_argument("--litellm", metavar="PYTHON", help="an interpreter that has litellm[proxy]")
    parser.add_argument("--write", action="store_true", help="write the section into docs/benchmarks.md")
    return parser.parse_args()


def _round(started: Sequence[Arm], number: int, seconds: float, questions: Iterator[int], samples: Samples) -> None:
    """Warm every arm up, then measure every cell; the round's number decides which arm comes first."""
    for arm in started:
        for is_stream in (False, True):
            _measure(arm, Cell(is_stream=is_stream, concurrency=4), WARM_UP_S, next(questions))
    for cell in CELLS:
        turn = number % len(started)
        for arm in [*started[turn:], *started[:turn]]:
            sample = _measure(arm, cell, seconds, next(questions))
            samples[cell].setdefault(arm.name, []).append(sample)


def _measure(arm: Arm, cell: Cell, seconds: float, first_question: int) -> Sample:
    plan = Plan(
        port=arm.server.port,
        headers=arm.headers,
        is_stream=cell.is_stream,
        concurrency=cell.concurrency,
        seconds=seconds,
        first_question=first_question,
    )
    reset(arm.upstream)
    sample = harness.measure(plan, arm.server)
    said = sample.load.memory
    if arm.name == "off" and said.keys() != {"off"}:
        raise Failed(f"memory was to be off, and the answers say {said}")
    if arm.name == "on" and cell.concurrency == 1 and _hits(sample) < MIN_HITS_ALONE:
        raise Failed(f"memory was to be found on each call, and the answers say {said}")
    if arm.name == "on" and not said.keys() <= {"hit", "timeout", "breaker"}:
        raise Failed(f"memory was to be found or to be late, and the answers say {said}")
    return sample


def _import_seconds(module: str, times: int = 5) -> list[float]:
    script = f"import time; start = time.perf_counter(); import {module}; print(time.perf_counter() - start)"
    command = [sys.executable, "-c", script]
    return [float(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout) for _ in range(times)]


def _section(samples: Samples, starts: list[float], modules: int, arguments: argparse.Namespace) -> str:
    """The whole report in Markdown."""
    skipped = "" if arguments.litellm else " LiteLLM was skipped: no interpreter that has it was named (`--litellm`)."
    return "\n\n".join(
        [
            f"{harness.machine(PACKAGES)}. {arguments.rounds} rounds of {arguments.seconds:g} s per measurement; "
            "median (lowest–highest). Upstream, proxy and load share all cores, pinned to none, so requests per "
            "second are no capacity: CPU per request is. It is the proxy's, with what it does after the answer "
            f"(recording, learning). `on` recalls from {arguments.memories:,} memories of one user, each call a new "
            f"question in a new session; `hits` is the share of answers that say `hit`.{skipped}",
            *(_cell_table(cell, samples[cell]) for cell in CELLS),
            _ratios(samples),
            _start_up(starts, modules),
        ]
    )


def _cell_table(cell: Cell, arms: dict[str, list[Sample]]) -> str:
    kind = "Stream" if cell.is_stream else "Whole answer"
    rows = [
        [
            name,
            harness.spread((sample.load.answers / sample.load.seconds for sample in repeated), 0),
            harness.spread(sample.load.p50_ms for sample in repeated),
            harness.spread(sample.load.p99_ms for sample in repeated),
            harness.spread(sample.load.first_p50_ms for sample in repeated) if cell.is_stream else "",
            "" if name == "direct" else harness.spread(sample.cpu_ms for sample in repeated),
            harness.spread((_hits(sample) * 100 for sample in repeated), 1) if name == "on" else "",
        ]
        for name, repeated in arms.items()
    ]
    header = ["arm", "requests/s", "p50 ms", "p99 ms", "first chunk p50 ms", "CPU ms/request", "hits %"]
    return f"**{kind}, {cell.concurrency} at a time**\n\n{harness.table(header, rows)}"


def _ratios(samples: Samples) -> str:
    """What the promises on speed are about; each is formed within a round, then the median is taken."""
    rows = []
    for cell in CELLS:
        arms = samples[cell]
        pairs = list(zip(arms["bare"], arms["off"], arms["on"], strict=True))
        kind = "stream" if cell.is_stream else "whole"
        rows.append(
            [
                f"{kind}, {cell.concurrency}",
                harness.spread(off.cpu_ms / bare.cpu_ms for bare, off, _ in pairs),
                harness.spread(on.load.p50_ms - off.load.p50_ms for _, off, on in pairs),
                harness.spread(on.load.first_p50_ms - off.load.first_p50_ms for _, off, on in pairs),
            ]
        )
    header = ["cell", "CPU off ÷ bare", "p50 on - off ms", "first chunk on - off ms"]
    return f"**Ratios**\n\n{harness.table(header, rows)}"


def _start_up(starts: list[float], modules: int) -> str:
    rows = [
        ["`import gateway`", harness.spread(_import_seconds("gateway"), 3)],
        ["`import gateway.__main__`", harness.spread(_import_seconds("gateway.__main__"))],
        ["`accrue serve` to `/readyz`", harness.spread(starts)],
    ]
    text = f"A gateway that has answered with memory has imported {modules} modules; litellm is not among them."
    return f"**Start-up**\n\n{harness.table(['step', 'seconds'], rows)}\n\n{text}"


def _hits(sample: Sample) -> float:
    return sample.load.memory.get("hit", 0) / sample.load.answers


if __name__ == "__main__":
    main()
