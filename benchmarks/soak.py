"""A long run of mixed calls, half of them streams, some broken off: does anything grow that should not?

`scripts/soak` runs it for 30 minutes. People say again what they said before, and their policy keeps no episodes, of
which every call would leave one more: so memory itself does not grow, and what does is a leak. A sample is taken every
few seconds: private memory, open files, tasks, and the accounts of calls.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import aiohttp
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from benchmarks import harness
from gateway.testing import GatewayProcess, ScriptedUpstream

USERS = 50
SAYINGS = 40
"""Per user; each is said again and again."""

POLICY = "learn: {kinds: [constraint, preference, fact, lesson, correction]}\n"

ABORTED = 0.05
WARM_UP = 0.4
"""Of the time goes by before growth is measured: twelve minutes of thirty, because calls are known again for ten
(gateway/retries.py)."""

CALLS_PER_S = 60.0
"""More than 100,000 in 30 minutes."""

CONCURRENCY = 16
SAMPLE_S = 5.0

PACKAGES = ("uvicorn", "aiohttp", "msgspec", "qdrant-edge-py")

SETTLE_TRIES = 20
"""Half a second apart: so long calls may go on after the last was sent."""

MAX_MB_PER_10_MIN = 1.0
SLACK = 8
"""Files and tasks that may be open more at the end than after the warm-up: connections come and go."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway at one moment."""

    at: float
    """Seconds from the start."""
    private_mb: float
    files: int
    tasks: int


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a run."""

    calls: int
    aborted: int
    statuses: dict[int, int]
    samples: tuple[Sample, ...]
    """After the warm-up."""
    accounts: dict[str, float]
    """Of the gateway, once nothing was under way."""

    @property
    def slope(self) -> float:
        """MB of private memory that ten minutes add, by least squares."""
        times = [sample.at for sample in self.samples]
        return statistics.linear_regression(times, [sample.private_mb for sample in self.samples]).slope * 600

    @property
    def unaccounted(self) -> float:
        """Calls that came in and of which nothing is known."""
        return 2 * self.accounts["received"] - sum(self.accounts.values())

    @property
    def grown(self) -> tuple[int, int]:
        """Files and tasks more at the end than at the beginning; medians of a tenth of the samples."""
        tenth = max(1, len(self.samples) // 10)
        first, last = self.samples[:tenth], self.samples[-tenth:]
        files = statistics.median(one.files for one in last) - statistics.median(one.files for one in first)
        tasks = statistics.median(one.tasks for one in last) - statistics.median(one.tasks for one in first)
        return round(files), round(tasks)


async def run(url: str, pid: int, *, seconds: float, calls_per_s: float, seed: int = 0) -> Tally:
    """Load a gateway for some time and watch its process."""
    chance, begun, statuses = random.Random(seed), time.monotonic(), Counter[int]()
    samples: list[Sample] = []
    numbers = itertools.count()
    aborted = 0

    async def worker(http: aiohttp.ClientSession) -> None:
        nonlocal aborted
        for number in numbers:
            due = begun + number / calls_per_s
            if due > begun + seconds:
                return
            await _until(due)
            is_aborted = chance.random() < ABORTED
            aborted += is_aborted
            statuses[await _call(http, url, number, is_stream=number % 2 == 0, is_aborted=is_aborted)] += 1

    async def watch() -> None:
        while time.monotonic() < begun + seconds:
            await _until(time.monotonic() + min(SAMPLE_S, seconds / 20))
            samples.append(await _sample(http, url, pid, time.monotonic() - begun))

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as http:
        await asyncio.gather(watch(), *(worker(http) for _ in range(CONCURRENCY)))
        accounts = await _settled(http, url)
    kept = tuple(sample for sample in samples if sample.at > seconds * WARM_UP)
    calls = sum(statuses.values())
    return Tally(calls=calls, aborted=aborted, statuses=dict(statuses), samples=kept, accounts=accounts)


def accumulating_nothing(folder: Path, upstream: ScriptedUpstream) -> GatewayProcess:
    """A gateway that learns what is said, and keeps no episode of it."""
    (folder / "policies").mkdir()
    (folder / "policies" / "default.yaml").write_text(POLICY, encoding="ascii")
    return GatewayProcess(upstream.url, folder / "data", cwd=folder)


def body(number: int, *, is_stream: bool) -> dict[str, object]:
    """A call: one of the things that its user says."""
    user, saying = number % USERS, (number // USERS) % SAYINGS
    text = f"Remember that my neighbour number {saying} keeps {saying + 2} hens. What should user {user} feed them?"
    messages = [{"role": "system", "content": "You are kind."}, {"role": "user", "content": text}]
    return {"model": "gpt-4o", "user": f"user-{user}", "messages": messages, "stream": is_stream}


async def _call(http: aiohttp.ClientSession, url: str, number: int, *, is_stream: bool, is_aborted: bool) -> int:
    """The status of one call; one that is broken off is left at its first byte."""
    async with http.post(f"{url}/chat/completions", json=body(number, is_stream=is_stream)) as answer:
        if is_aborted:
            answer.close()
        else:
            await answer.read()
        return answer.status


async def _sample(http: aiohttp.ClientSession, url: str, pid: int, at: float) -> Sample:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    (anonymous,) = (int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
    files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    tasks = sum(value for name, value in await _metrics(http, url) if name == "accrue_tasks")
    return Sample(at=at, private_mb=anonymous / 1024, files=files, tasks=int(tasks))


async def _settled(http: aiohttp.ClientSession, url: str) -> dict[str, float]:
    """The accounts when they balance, or when ten seconds have not made them."""
    accounts: dict[str, float] = {}
    for _ in range(SETTLE_TRIES):
        accounts = {}
        for name, value in await _metrics(http, url):
            if name.removeprefix("accrue_") in (
                "received_total",
                "recorded_total",
                "unrecorded_total",
                "refused_total",
            ):
                key = name.removeprefix("accrue_").removesuffix("_total")
                accounts[key] = accounts.get(key, 0.0) + value
        if 2 * accounts["received"] == sum(accounts.values()):
            break
        await _until(time.monotonic() + SAMPLE_S / 10)
    return accounts


async def _metrics(http: aiohttp.ClientSession, url: str) -> Sequence[tuple[str, float]]:
    async with http.get(f"{url.removesuffix('/v1')}/metrics") as answer:
        text = await answer.text()
    return [(one.name, one.value) for family in text_string_to_metric_families(text) for one in family.samples]


async def _until(moment: float) -> None:
    """Wait for a moment of the monotonic clock: a load is a matter of time."""
    loop = asyncio.get_running_loop()
    reached = loop.create_future()
    loop.call_at(loop.time() + max(0.0, moment - time.monotonic()), reached.set_result, None)
    await reached


def faults(tally: Tally) -> Iterator[str]:
    """What is not as it should be."""
    files, tasks = tally.grown
    if any(status != 200 for status in tally.statuses):
        yield f"not every call was answered: {tally.statuses}"
    if tally.slope > MAX_MB_PER_10_MIN:
        yield f"private memory grows by {tally.slope:.2f} MB in ten minutes"
    if files > SLACK or tasks > SLACK:
        yield f"{files} files and {tasks} tasks more than before"
    if unaccounted := tally.unaccounted:
        yield f"{unaccounted:.0f} calls are not accounted for"


def section(tally: Tally, minutes: float) -> str:
    """The run as a section of docs/benchmarks.md."""
    files, tasks = tally.grown
    rows = [
        ["calls", f"{tally.calls:,}, of which {tally.aborted:,} broken off by the client", ""],
        ["private memory", f"{tally.slope:+.2f} MB in 10 minutes", f"at most {MAX_MB_PER_10_MIN:g}"],
        ["at the end", f"{tally.samples[-1].private_mb:.0f} MB", ""],
        ["files, tasks", f"{files:+d}, {tasks:+d}", "flat"],
        ["unaccounted", f"{tally.unaccounted:.0f}", "0"],
    ]
    text = (
        f"{harness.machine(PACKAGES)}. {minutes:g} minutes at {CALLS_PER_S:g} calls a second, half of them streams, "
        f"{USERS} users who say {SAYINGS} things each again and again; growth is measured after the first "
        f"{WARM_UP:.0%} of the time, by least squares over a sample every {SAMPLE_S:g} s."
    )
    return f"{text}\n\n{harness.table(['what', 'measured', 'to reach'], rows)}"


def main() -> None:
    """Run, print the section, say what is not as it should be, and exit with 1 for it."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--write", action="store_true", help="write the section into docs/benchmarks.md")
    arguments = parser.parse_args()
    seconds = arguments.minutes * 60
    with (
        tempfile.TemporaryDirectory() as folder,
        ScriptedUpstream() as upstream,
        accumulating_nothing(Path(folder), upstream) as gateway,
    ):
        tally = asyncio.run(run(gateway.url, gateway.process.pid, seconds=seconds, calls_per_s=CALLS_PER_S))
    harness.report("Soak", section(tally, arguments.minutes), is_written=arguments.write)
    if found := list(faults(tally)):
        raise SystemExit("\n".join(found))


if __name__ == "__main__":
    main()
