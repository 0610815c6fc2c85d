"""What Accrue adds to a call, side by side with what people would pick instead: nginx, LiteLLM, Portkey.

Every round starts all servers anew (Accrue on fresh copies of the same memories) and goes through the cells
(benchmarks/cells.py) with the arms one after the other in each. So whatever else the machine does in between falls on
all arms alike. Figures are medians over the rounds, with the lowest and the highest.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

import msgspec

from benchmarks import arms, cells, compared, harness, peers, plots, probe, stages
from benchmarks.arms import OFF, ON, Arm, Own
from benchmarks.cells import BODY, CELLS, IDLE, LARGEST, PACE_MS, PACED, Cell, Found
from benchmarks.harness import Failed, Sample
from benchmarks.load import Plan
from benchmarks.seed import seed

WARM_UP_S = 0.5
QUESTIONS_PER_PLAN = 1_000_000
MIN_HITS_ALONE = 0.95
"""Of the calls made one at a time have to recall something in time, else the figures are not those of memory; what is
missing is a busy machine's."""

IMAGE = "overhead.png"
PACKAGES = ("accrue", "aiohttp", "httptools", "starlette", "uvicorn", "uvloop")


def main() -> None:
    """Run the benchmark and print its section; `--write` puts it into docs/benchmarks.md, with a picture."""
    arguments = _arguments()
    found, questions = Found(), count(0, QUESTIONS_PER_PLAN)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        usual, many = (_seeded(arguments.seeded or folder, size) for size in (arguments.memories, arguments.many))
        modules = arms.modules_of_a_gateway(folder, usual)
        if any(module.split(".")[0] == "litellm" for module in modules):
            raise Failed("the gateway imports litellm, which costs it seconds and 165 MB")
        for number in range(arguments.rounds):
            with (
                arms.own(folder, usual, many) as own,
                peers.others(folder, peers.named(arguments), own.upstream.port) as others,
            ):
                _round(own, {**own.arms, **others}, number, arguments.seconds, questions, found)
            print(f"round {number + 1} of {arguments.rounds} done", file=sys.stderr, flush=True)
    picture = ""
    if arguments.write:
        plots.draw(found, harness.DOCUMENT.parent / "images" / IMAGE)
        picture = f"![Requests per second and CPU per request by arm](images/{IMAGE})"
    harness.report("Overhead", _section(found, len(modules), arguments, picture), is_written=arguments.write)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="repetitions of everything")
    parser.add_argument("--seconds", type=float, default=1.5, help="load per measurement")
    parser.add_argument("--memories", type=int, default=10_000, help="of the one user who asks")
    parser.add_argument("--many", type=int, default=100_000, help="of the same where there are many")
    parser.add_argument("--seeded", type=Path, metavar="FOLDER", help="where seeded memories are kept between runs")
    parser.add_argument("--quick", action="store_true", help="one short round: to see that it works")
    parser.add_argument("--write", action="store_true", help="write the section into docs/benchmarks.md")
    peers.add_flags(parser)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.seconds, arguments.memories, arguments.many = 1, 0.4, 2_000, 4_000
    return arguments


def _seeded(folder: Path, memories: int) -> Path:
    """The folder with so many memories in it, made where it is not there yet."""
    path = folder / f"seeded-{memories}"
    if not path.exists():
        making = folder / f"making-{memories}"
        asyncio.run(seed(making, memories))
        making.rename(path)
    return path


def _round(
    own: Own, started: Mapping[str, Arm], number: int, seconds: float, questions: Iterator[int], found: Found
) -> None:
    """Warm every arm up, then measure every cell; the round's number decides which arm comes first."""
    for name, ready_s in own.ready_s.items():
        found.ready_s.setdefault(name, []).append(ready_s)
    found.empty_mb.append(own.empty_mb)
    for arm in started.values():
        for cell in (cells.WHOLE[16], cells.STREAM[16]):
            if arm.is_streaming or cell.kind == "whole":
                _measure(arm, cell, WARM_UP_S, next(questions))
    for cell, names in CELLS.items():
        able = {name: arm for name, arm in started.items() if arm.is_streaming or cell.kind == "whole"}
        there = [able[name] for name in names if name in able]
        turn = number % len(there)
        arms.set_pace(own.upstream, PACE_MS if cell == PACED else 0.0)
        before = stages.read(started[ON].server.port)
        for arm in [*there[turn:], *there[:turn]]:
            sample = _measure(arm, cell, seconds, next(questions))
            found.samples.setdefault(cell, {}).setdefault(arm.name, []).append(sample)
        if cell == PACED:
            spent = stages.between(before, stages.read(started[ON].server.port))
            found.recall_ms.append(spent["recall"].mean_ms)
    arms.set_pace(own.upstream, 0.0)
    _stalls(started, seconds, questions, found)
    for name, arm in started.items():
        found.resident_mb.setdefault(name, []).append(arm.server.resident_mb())


def _measure(arm: Arm, cell: Cell, seconds: float, first_question: int) -> Sample:
    plan = Plan(
        port=arm.server.port,
        headers=arm.headers,
        is_stream=cell.kind != "whole",
        concurrency=cell.concurrency,
        seconds=seconds,
        first_question=first_question,
        messages=cell.messages,
    )
    sample = harness.measure(plan, arm.server)
    said = sample.load.memory
    if arm.name == OFF and said.keys() != {"off"}:
        raise Failed(f"memory was to be off, and the answers say {said}")
    if arm.name == ON and cell == cells.WHOLE[1] and cells.hits(sample) < MIN_HITS_ALONE:
        raise Failed(f"memory was to be found on each call, and the answers say {said}")
    if arm.name in arms.WITH_MEMORY and not said.keys() <= {"hit", "empty", "timeout", "breaker"}:
        raise Failed(f"memory was to be found or to be late, and the answers say {said}")
    return sample


def _stalls(started: Mapping[str, Arm], seconds: float, questions: Iterator[int], found: Found) -> None:
    """What a second connection waits for while bodies of 1 MB come in, and while nothing does."""
    for name in cells.STALL_ARMS:
        arm = started[ON if name == IDLE else name]
        plan = probe.Plan(port=arm.server.port, path="/livez", seconds=seconds)
        command = [sys.executable, "-m", "benchmarks.probe"]  # which ends by itself
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as probing:
            assert probing.stdin is not None
            probing.stdin.write(msgspec.json.encode(plan))
            probing.stdin.close()
            if name != IDLE:
                _measure(arm, BODY[LARGEST], seconds, next(questions))
            assert probing.stdout is not None
            stall = msgspec.json.decode(probing.stdout.read(), type=probe.Stall)
        found.stalls.setdefault(name, []).append(stall)


def _import_seconds(module: str, times: int = 5) -> list[float]:
    script = f"import time; start = time.perf_counter(); import {module}; print(time.perf_counter() - start)"
    command = [sys.executable, "-c", script]
    return [float(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout) for _ in range(times)]


def _section(found: Found, modules: int, arguments: argparse.Namespace, picture: str) -> str:
    """The whole report in Markdown."""
    parts = [
        f"{harness.machine(PACKAGES)}. {arguments.rounds} rounds of {arguments.seconds:g} s per measurement; median "
        "(lowest–highest). Upstream, proxy and load share all cores, pinned to none, so requests per second are no "
        "capacity: CPU per request is. It is the proxy's, with what it does after the answer (recording, learning). "
        f"{compared.names(arguments.memories, arguments.many)} agent-cli's memory proxy is not among the others: it "
        "downloads a model that ranks when it starts, and cannot run without a network. What stands in no table of "
        f"streams did not answer one with 200. {peers.named(arguments).missing}".rstrip(),
        picture,
        *compared.tables(found),
        f"A gateway that has answered with memory has imported {modules} modules, and litellm is not among them; "
        f"`import gateway.__main__` takes {harness.spread(_import_seconds('gateway.__main__'))} s.",
    ]
    return "\n\n".join(part for part in parts if part)


if __name__ == "__main__":
    main()
