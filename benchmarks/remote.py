"""What recall costs through a Qdrant server, beside the local store: round trips, and processor time on our side.

Both stores hold the same memories and are asked the same questions in turns. Where no server is at hand
(`ACCRUE_TEST_QDRANT_URL`), the stand-in of gateway/testing/qdrant.py answers: what it is asked and what it answers are
the server's, how long it takes to find it is not, so that no times are shown of it.
"""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import msgspec
from qdrant_client import AsyncQdrantClient

from benchmarks import harness
from benchmarks.corpus import question
from benchmarks.latency import percentile
from benchmarks.many import fill
from gateway.clock import SystemClock
from gateway.config import environment
from gateway.embedders.wordllama import WordLlamaEmbedder
from gateway.policy import Recall
from gateway.ports import MemoryStore
from gateway.recall import recall
from gateway.stores.local import LocalStore
from gateway.stores.qdrant import QdrantStore, connect
from gateway.testing.qdrant import QdrantProcess
from gateway.types import Scope
from gateway.wiring import KINDS

MEMORIES = 500
"""Of the persons of each size. The stand-in compares with every point it has."""

PERSONS = (5, 2)
"""Whose they are. A search finds all 100 of a person, and with them what is around those that are told; of 250 it finds
some, and what is around them is asked for."""

WARM_UP = 10
TIMEOUT_S = 60.0
MAX_OVER_LOCAL = 1.5
"""Times the local store's p50, and a round trip to that."""

LOCAL, REMOTE = "local store", "Qdrant"


class Counting:
    """A client, and how often it has asked the server: each of its methods does so once."""

    def __init__(self, client: AsyncQdrantClient) -> None:
        self._client = client
        self.trips = 0

    def __getattr__(self, name: str) -> Any:
        self.trips += 1
        return getattr(self._client, name)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One recall."""

    ms: float
    cpu_ms: float
    """Of this process, all threads together."""
    trips: int
    hits: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What both stores were asked."""

    is_real: bool
    """Whether a server was asked, and no stand-in."""
    rounds: dict[int, list[dict[str, list[Asked]]]]
    """Recalls of each round by store, for so many persons."""
    trip_ms: list[float]
    """The shortest question to the server."""


async def measured(folder: Path, rounds: int, questions: int) -> Outcome:
    """Fill both stores and ask them in turns."""
    url = environment().get("ACCRUE_TEST_QDRANT_URL")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # as in a gateway: a line for each request costs time
    with ExitStack() as stack:
        server = url or stack.enter_context(QdrantProcess(folder / "qdrant")).url
        client = Counting(connect(server, None, TIMEOUT_S))
        await client.get_collections()  # the first answer of a server that has just started may take its time
        async with _stores(folder, client) as stores:
            scopes = {persons: _scopes(persons) for persons in PERSONS}
            for store in stores.values():
                for some in scopes.values():
                    await fill(store, some, MEMORIES)
            asking = {
                persons: [
                    await _round(stores, client, some, first=number * (questions + WARM_UP), count=questions)
                    for number in range(rounds)
                ]
                for persons, some in scopes.items()
            }
            trips = [await _trip(client) for _ in range(questions)]
    return Outcome(is_real=url is not None, rounds=asking, trip_ms=trips)


def section(outcome: Outcome) -> str:
    """The report in Markdown."""
    rounds = next(iter(outcome.rounds.values()))
    server = "a Qdrant server" if outcome.is_real else "the stand-in for a Qdrant server"
    header = ["memories of a person", "store", "p50 ms", "p99 ms", "CPU ms", "round trips", "at most", "hits"]
    text = (
        f"{harness.machine(('accrue', 'qdrant-client', 'qdrant-edge-py'))}. {MEMORIES:,} memories each of "
        f"{' and of '.join(map(str, PERSONS))} persons in the local store and in {server}, "
        f"{len(rounds)} rounds of {len(rounds[0][LOCAL])} recalls of each in turns; median (lowest–highest). CPU is "
        "that of the process that asks, of the recall in the middle. "
    )
    text += _verdict(outcome) if outcome.is_real else "Times of the stand-in are not Qdrant's and are left out."
    rows = [
        [f"{MEMORIES // persons:,}", *_row(name, [round[name] for round in rounds], outcome.is_real)]
        for persons, rounds in outcome.rounds.items()
        for name in (LOCAL, REMOTE)
    ]
    over = [[f"{MEMORIES // persons:,}", _over(rounds)] for persons, rounds in outcome.rounds.items()]
    ratios = harness.table(["memories of a person", "CPU of a recall, Qdrant ÷ local store"], over)
    return f"{text}\n\n{harness.table(header, rows)}\n\n{ratios}"


def _verdict(outcome: Outcome) -> str:
    trip = statistics.median(outcome.trip_ms)
    said = []
    for persons, rounds in outcome.rounds.items():
        local, remote = (_p50(name, rounds) for name in (LOCAL, REMOTE))
        said.append(
            f"With {MEMORIES // persons:,} memories of a person {remote:.2f} ms; to reach: "
            f"{MAX_OVER_LOCAL * local + trip:.2f}, which are {MAX_OVER_LOCAL:g} × {local:.2f} and the round trip."
        )
    return f"A round trip takes {trip:.2f} ms. {' '.join(said)}"


def _p50(name: str, rounds: Sequence[Mapping[str, Sequence[Asked]]]) -> float:
    return statistics.median(percentile([one.ms for one in round[name]], 0.5) for round in rounds)


def _over(rounds: Sequence[Mapping[str, Sequence[Asked]]]) -> str:
    remote, local = ([_cpu_ms(round[name]) for round in rounds] for name in (REMOTE, LOCAL))
    return harness.spread(theirs / ours for theirs, ours in zip(remote, local, strict=True))


def _cpu_ms(asked: Sequence[Asked]) -> float:
    """Of a recall in the middle: with others on the same cores a few take many times as long, in both stores."""
    return statistics.median(one.cpu_ms for one in asked)


def _row(name: str, rounds: Sequence[Sequence[Asked]], is_timed: bool) -> list[str]:
    times = [
        harness.spread(percentile([one.ms for one in asked], share) for asked in rounds)
        if is_timed or name == LOCAL
        else ""
        for share in (0.5, 0.99)
    ]
    return [
        name,
        *times,
        harness.spread(_cpu_ms(asked) for asked in rounds),
        harness.spread((statistics.mean(one.trips for one in asked) for asked in rounds), 1),
        str(max(one.trips for asked in rounds for one in asked)),
        harness.spread((statistics.mean(one.hits for one in asked) for asked in rounds), 1),
    ]


def _scopes(persons: int) -> list[Scope]:
    return [Scope(tenant=f"{persons} persons", user=f"person-{n}", session="asking") for n in range(persons)]


@asynccontextmanager
async def _stores(folder: Path, client: Counting) -> AsyncIterator[dict[str, LocalStore | QdrantStore]]:
    embedder = WordLlamaEmbedder()
    name = f"scale-{uuid4().hex[:8]}"
    stores: dict[str, LocalStore | QdrantStore] = {
        LOCAL: LocalStore(folder / "memories.db", folder / "index", embedder),
        REMOTE: QdrantStore(cast("AsyncQdrantClient", client), embedder, collection=name),
    }
    try:
        yield stores
    finally:
        for listed in (await client.get_collections()).collections:
            if listed.name.startswith(name):
                await client.delete_collection(listed.name)
        for store in stores.values():
            await store.aclose()


async def _round(
    stores: Mapping[str, MemoryStore], client: Counting, scopes: Sequence[Scope], first: int, count: int
) -> dict[str, list[Asked]]:
    asking: dict[str, list[Asked]] = {name: [] for name in stores}
    for number in range(first, first + WARM_UP + count):
        for name, store in stores.items():
            asking[name].append(await _asked(store, client, scopes[number % len(scopes)], number))
    return {name: asked[WARM_UP:] for name, asked in asking.items()}


async def _asked(store: MemoryStore, client: Counting, scope: Scope, number: int) -> Asked:
    trips, cpu_s, started = client.trips, time.process_time(), time.perf_counter()
    recalled = await recall(store, scope, question(number), KINDS, Recall(), SystemClock().now())
    return Asked(
        ms=(time.perf_counter() - started) * 1e3,
        cpu_ms=(time.process_time() - cpu_s) * 1e3,
        trips=client.trips - trips,
        hits=len(recalled.hits),
    )


async def _trip(client: Counting) -> float:
    started = time.perf_counter()
    await client.collection_exists("none")
    return (time.perf_counter() - started) * 1e3
