"""Where the time of one call goes, stage by stage, and what learning from it costs afterwards.

Stages are the gateway's own histograms (gateway/stages.py), read before and after a load of one call at a time over a
store with memories in it. CPU is told apart by asking three times: with memory off, with memory that only reads
(`x-accrue-memory: read`), and with memory that learns as well. Threads are known by the names that the kernel has.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks import arms, harness, stages
from benchmarks.harness import Sample, Server
from benchmarks.load import Plan
from benchmarks.seed import seed
from benchmarks.stages import Spent
from gateway.stages import STAGES

ASKED: Mapping[str, Mapping[str, str]] = {
    "off": {"x-accrue-memory": "off"},
    "read": {"x-accrue-memory": "read"},
    "on": {},
}
"""What a call asks of memory, from nothing to all."""

WARM_UP_S = 1.0
PACKAGES = ("accrue", "uvicorn", "aiohttp", "msgspec", "qdrant-edge-py")


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """Of one of those."""

    sample: Sample
    stages: dict[str, Spent]
    threads_ms: dict[str, float]
    """CPU of a call, by the name of the thread."""


def profiled(server: Server, headers: Mapping[str, str], seconds: float, messages: int, first_question: int) -> Profile:
    """Load a gateway with one call at a time."""
    plan = Plan(
        port=server.port,
        headers={**arms.CALLER, **headers},
        is_stream=False,
        concurrency=1,
        seconds=seconds,
        first_question=first_question,
        messages=messages,
    )
    harness.measure(msgspec.structs.replace(plan, seconds=WARM_UP_S), server)
    before, threads_before = stages.read(server.port), threads(server.process.pid)
    sample = harness.measure(msgspec.structs.replace(plan, first_question=first_question + 500_000), server)
    after, threads_after = stages.read(server.port), threads(server.process.pid)
    spent = {
        name: (ticks - threads_before.get(name, 0)) * 1e3 / os.sysconf("SC_CLK_TCK") / sample.load.answers
        for name, ticks in threads_after.items()
    }
    return Profile(sample=sample, stages=stages.between(before, after), threads_ms=spent)


def threads(pid: int) -> dict[str, int]:
    """Clock ticks so far by the names of a process's threads; the first thread has the event loop."""
    found: dict[str, int] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        name, ticks = thread((task / "stat").read_text())
        name = "event loop" if task.name == str(pid) else name
        found[name] = found.get(name, 0) + ticks
    return found


def thread(stat: str) -> tuple[str, int]:
    """The name in a line of the kernel's about a thread, and its clock ticks."""
    name = stat[stat.index("(") + 1 : stat.rindex(")")]
    fields = stat[stat.rindex(")") + 2 :].split()
    return name, int(fields[11]) + int(fields[12])


def section(profiles: Mapping[str, Profile], text: str) -> str:
    """The report in Markdown."""
    whole = profiles["on"]
    answers = whole.sample.load.answers
    per_call = {stage: whole.stages[stage].seconds * 1e3 / answers for stage in STAGES}
    rows = [[stage, f"{whole.stages[stage].calls / answers:.2f}", f"{per_call[stage]:.3f}"] for stage in STAGES]
    rows.append(["a call from its first byte to its last, p50", "", f"{whole.sample.load.p50_ms:.3f}"])
    return "\n\n".join(
        [
            text,
            "**Stages, memory on, one call at a time** (`place` is part of `compose`; `record` ends after the answer)",
            harness.table(["stage", "times a call", "ms a call"], rows),
            "**CPU of a call**, and what each adds to the one before: `read` recall, notes, the record; `on` learning",
            harness.table(["memory", "CPU ms", "added"], list(_steps(profiles))),
            "**CPU of a call by thread, memory on**",
            harness.table(["thread", "CPU ms"], _threads(whole.threads_ms)),
        ]
    )


def _steps(profiles: Mapping[str, Profile]) -> Iterator[list[str]]:
    before = 0.0
    for name, profile in profiles.items():
        cpu_ms = profile.sample.cpu_ms
        yield [name, f"{cpu_ms:.2f}", f"{cpu_ms - before:+.2f}"]
        before = cpu_ms


def _threads(spent: Mapping[str, float]) -> Sequence[Sequence[str]]:
    ordered = sorted(spent.items(), key=lambda pair: -pair[1])
    return [[name, f"{cpu_ms:.2f}"] for name, cpu_ms in ordered if cpu_ms > 0]


@contextmanager
def _running(memories: int) -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(seed(folder / "seeded", memories))
        with (
            arms.upstream_of(folder) as upstream,
            arms.gateway(folder / "gateway", folder / "seeded", upstream.port) as server,
        ):
            server.wait_for_status_200("/readyz")
            yield server


def main() -> None:
    """Run the profile and print its section; `--write` puts it into docs/benchmarks.md as well."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="load for each")
    parser.add_argument("--memories", type=int, default=10_000, help="of the one user who asks")
    parser.add_argument("--messages", type=int, default=0, help="of each request; 1022 is the large agent request")
    parser.add_argument("--quick", action="store_true", help="a second each over fewer memories: to see that it works")
    parser.add_argument("--write", action="store_true", help="write the section into docs/benchmarks.md")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.seconds, arguments.memories = 1.0, 1_000
    with _running(arguments.memories) as server:
        profiles = {
            name: profiled(server, headers, arguments.seconds, arguments.messages, number * 1_000_000)
            for number, (name, headers) in enumerate(ASKED.items())
        }
    text = (
        f"{harness.machine(PACKAGES)}. {arguments.seconds:g} s of one call at a time for each, over "
        f"{arguments.memories:,} memories of who asks, recording strict."
    )
    harness.report("Profile", section(profiles, text), is_written=arguments.write)


if __name__ == "__main__":
    main()
