"""What a call costs in a fleet: two gateways with Redis, one with Redis, and one by itself, side by side.

Every round starts all of them anew. Memories lie in each gateway's own store, because the stand-in for Qdrant would be
slower than what is measured: so this says what sharing the record costs, and not the store. Persons call over two
connections; with two gateways one goes to each, so that who learns a person does not answer half of that one's calls.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from time import perf_counter

import msgspec

from benchmarks import harness
from benchmarks.fleets import CREDENTIAL, IDLE_LOOK_S, Fleet, Size, seed, started
from benchmarks.harness import Failed
from benchmarks.latency import percentile
from benchmarks.load import Connection, Plan
from gateway.testing import ScriptedUpstream

ANSWER = "{said} It is still there."
CONNECTIONS = (4, 32)
"""With few, memories are told in time; with many, gateways are saturated and most recalls come too late."""

PER_PERSON = 2
PERSONS = [f"person-{number}" for number in range(16)]
MEMORIES_EACH = 200

WARM_UP_S = 1.0
QUESTIONS = 1_000_000
"""Numbers that one load may use."""

EMBEDDED, ONE, TWO = "embedded", "one with Redis", "two with Redis"
SIZES = {
    EMBEDDED: Size(gateways=1, has_redis=False),
    ONE: Size(gateways=1, has_redis=True),
    TWO: Size(gateways=2, has_redis=True),
}

LEAST_SPEED_UP, MOST_CPU = 1.7, 1.25


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """Answers, all of them 200."""

    seconds: float
    whole_ms: list[float]
    memory: dict[str, int]
    """By the first word of `x-accrue-memory`."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What one load gave, and what each call of it cost, learning included."""

    load: Load
    cpu_ms: float
    """Of all gateways together."""
    redis_cpu_ms: float
    redis_bytes: float
    """By which it grew."""
    round_trips: float
    """To Redis, of all gateways together: like bytes, the same on a busy machine."""
    idle: float
    """Share of a core that a gateway uses without calls."""

    @property
    def calls_per_s(self) -> float:
        """Answered; what they said is learnt partly later."""
        return len(self.load.whole_ms) / self.load.seconds


Round = dict[str, Sample]


def measured(folder: Path, rounds: int, seconds: float, connections: Sequence[int]) -> dict[int, list[Round]]:
    """Load all fleets in turns over so many connections; the round's number decides which comes first."""
    seeded, questions = folder / "seeded", count(0, QUESTIONS)
    asyncio.run(seed(seeded, PERSONS, MEMORIES_EACH * len(PERSONS)))
    found: dict[int, list[Round]] = {each: [] for each in connections}
    for number in range(rounds):
        turn = number % len(SIZES)
        order = [*SIZES][turn:] + [*SIZES][:turn]
        with ScriptedUpstream() as upstream, started(folder / str(number), seeded, upstream.url, SIZES) as fleets:
            upstream.respond(ANSWER)
            for each, samples in found.items():
                samples.append({name: _sample(fleets[name], each, seconds, questions) for name in order})
        print(f"round {number + 1} of {rounds} done", file=sys.stderr, flush=True)
    return found


def section(found: Mapping[int, Sequence[Round]], seconds: float) -> str:
    """The report in Markdown."""
    count = len(next(iter(found.values())))
    text = (
        f"{harness.machine(('accrue', 'redis', 'uvicorn', 'aiohttp', 'msgspec'))}. {count} rounds of {seconds:g} s for "
        f"each; median (lowest–highest). Persons have {MEMORIES_EACH} memories and {PER_PERSON} connections each, and "
        "every call is a new question in a new session; journals strict, Redis with its log. Memories lie in each "
        "gateway's own store. Gateways, Redis, upstream and load share all cores, so that calls per second are no "
        "capacity: CPU per call is. It is that of all gateways, learning included; `hits` are calls told memories in "
        "time."
    )
    return "\n\n".join([text, *(_tables(connections, rounds) for connections, rounds in found.items())])


def _tables(connections: int, rounds: Sequence[Round]) -> str:
    header = ["gateways", "calls/s", "p50 ms", "p99 ms", "hits %", "CPU ms/call", "idle, % of a core"]
    rows = [_row(name, [samples[name] for samples in rounds]) for name in SIZES]
    measured = harness.table([*header, "Redis CPU ms/call", "Redis kB/call", "round trips/call"], rows)
    ratios = harness.table(["ratio", "measured", "to reach"], _ratios(rounds))
    return f"**{connections} connections**\n\n{measured}\n\n{ratios}"


def _row(name: str, samples: Sequence[Sample]) -> list[str]:
    of_redis = ["", "", ""]
    if SIZES[name].has_redis:
        of_redis = [
            harness.spread(one.redis_cpu_ms for one in samples),
            harness.spread((one.redis_bytes / 1e3 for one in samples), 1),
            harness.spread((one.round_trips for one in samples), 1),
        ]
    return [
        name,
        harness.spread((one.calls_per_s for one in samples), 0),
        harness.spread((percentile(one.load.whole_ms, 0.5) for one in samples), 0),
        harness.spread((percentile(one.load.whole_ms, 0.99) for one in samples), 0),
        harness.spread((100 * one.load.memory.get("hit", 0) / len(one.load.whole_ms) for one in samples), 1),
        harness.spread(one.cpu_ms for one in samples),
        harness.spread((one.idle * 100 for one in samples), 1),
        *of_redis,
    ]


def _ratios(rounds: Sequence[Round]) -> Iterator[list[str]]:
    """Each is formed within a round, then the median is taken."""
    speed_up = [samples[TWO].calls_per_s / samples[ONE].calls_per_s for samples in rounds]
    yield ["calls/s, two ÷ one with Redis", harness.spread(speed_up), f"{LEAST_SPEED_UP:g}, where cores allow; else:"]
    for name in (ONE, TWO):
        over = [samples[name].cpu_ms / samples[EMBEDDED].cpu_ms for samples in rounds]
        yield [f"CPU per call, {name} ÷ embedded", harness.spread(over), f"at most {MOST_CPU:g}"]


def _sample(fleet: Fleet, connections: int, seconds: float, questions: Iterator[int]) -> Sample:
    """Warm a fleet up, load it, and wait until it is idle again."""
    asyncio.run(_loaded(fleet.ports, connections, WARM_UP_S, next(questions)))
    fleet.settle()
    idle, before = fleet.busy(IDLE_LOOK_S), fleet.used()
    load = asyncio.run(_loaded(fleet.ports, connections, seconds, next(questions)))
    fleet.settle()
    after, calls = fleet.used(), len(load.whole_ms)
    return Sample(
        load=load,
        cpu_ms=(after.cpu_ms - before.cpu_ms) / calls,
        redis_cpu_ms=(after.redis_cpu_ms - before.redis_cpu_ms) / calls,
        redis_bytes=(after.redis_bytes - before.redis_bytes) / calls,
        round_trips=(after.redis_reads - before.redis_reads) / calls,
        idle=idle,
    )


async def _loaded(ports: Sequence[int], connections: int, seconds: float, first_question: int) -> Load:
    """Call over so many connections at once. Raises `Failed` on any answer but 200."""
    loop, questions = asyncio.get_running_loop(), count(first_question)
    plans = [
        Plan(
            port=ports[number % len(ports)],
            headers={"authorization": CREDENTIAL, "x-accrue-user": PERSONS[number // PER_PERSON % len(PERSONS)]},
            is_stream=False,
            concurrency=1,
            seconds=seconds,
            first_question=first_question,
        )
        for number in range(connections)
    ]
    opened = [
        await loop.create_connection(partial(Connection, plan, questions), "127.0.0.1", plan.port) for plan in plans
    ]
    begun = perf_counter()
    for transport, connection in opened:
        connection.run(transport, begun + seconds)
    try:
        async with asyncio.timeout(seconds + 60):
            await asyncio.gather(*(connection.finished for _, connection in opened))
    finally:
        for transport, _ in opened:
            transport.close()
    statuses = sum((connection.statuses for _, connection in opened), Counter[int]())
    if statuses.keys() != {200}:
        raise Failed(f"answers by status {dict(statuses)}")
    return Load(
        seconds=perf_counter() - begun,
        whole_ms=[ms for _, connection in opened for ms in connection.whole_ms],
        memory=dict(sum((connection.memory for _, connection in opened), Counter[str]())),
    )
