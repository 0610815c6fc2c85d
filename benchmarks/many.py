"""Many memories of many tenants in one local store: what recall takes, and what they take of memory and of the disk.

Every tenant has as many. Recall is the gateway's own over a store that was just opened, as in benchmarks/latency.py.
Memory is that of a gateway, a process of its own that has answered calls of many of the tenants. Pages of the index are
told apart: they are mapped from its files, and the kernel takes them back when something else needs the room.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection
from pathlib import Path

import msgspec

from benchmarks import harness
from benchmarks.corpus import question
from benchmarks.harness import Failed
from benchmarks.latency import PER_SESSION, PUT_AT_ONCE, percentile, seeded
from gateway.clock import SystemClock
from gateway.credentials import credential, tenant
from gateway.datadir import DataDir
from gateway.embedders.wordllama import WordLlamaEmbedder
from gateway.policy import Recall
from gateway.ports import Held, Movable
from gateway.recall import recall
from gateway.stores.local import LocalStore
from gateway.testing import GatewayProcess, ScriptedUpstream
from gateway.types import Scope
from gateway.wiring import KINDS

USER = "user"
WARM_UP = 50
MAX_P99_MS, MAX_RESIDENT_GB = 20.0, 2.0

_MAPPING = re.compile(
    r"^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+ *(?P<path>.*)\n(?P<figures>(?:[A-Z]\w+:.*\n)+)", re.MULTILINE
)
_RSS = re.compile(r"^Rss: +(\d+) kB", re.MULTILINE)


class Resident(msgspec.Struct, frozen=True, kw_only=True):
    """Memory of a process, in MB."""

    total: float
    own: float
    """Nobody else's, and on no disk (`RssAnon`)."""
    index: float
    """Pages of the index's files."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What so many memories came to."""

    memories: int
    tenants: int
    fill_s: float
    rounds_ms: list[list[float]]
    """Recalls of each round."""
    hits: float
    """Memories found per recall."""
    database_bytes: int
    index_bytes: int
    calls: int
    """Made of a gateway before its memory was looked at."""
    recalled: int
    """Of these, those that memories were told in."""
    memory: Resident


def owners(count: int, secret: bytes) -> list[Scope]:
    """One user of each of so many tenants."""
    return [
        Scope(tenant=tenant(credential(_headers(each)), secret), user=USER, session="asking") for each in range(count)
    ]


async def fill(store: Movable, scopes: Sequence[Scope], memories: int) -> None:
    """Put memories into a store, as many of each of these, a session of one after a session of another."""
    waiting: list[Held] = []
    for held in _by_turns(scopes, memories):
        waiting.append(held)
        if len(waiting) == PUT_AT_ONCE:
            await store.take(waiting)
            waiting.clear()
    await store.take(waiting)


def _by_turns(scopes: Sequence[Scope], memories: int) -> Iterator[Held]:
    now = SystemClock().now()
    for opening in range(0, -(-memories // len(scopes)), PER_SESSION):
        for number, scope in enumerate(scopes):
            first, end = (memories * place // len(scopes) for place in (number, number + 1))
            for memory in seeded(first, end - first, now)[opening : opening + PER_SESSION]:
                yield Held(owner=scope.owner, tenant=scope.tenant, memory=memory)


async def asked(store: LocalStore, scopes: Sequence[Scope], numbers: Iterator[int]) -> tuple[list[float], int]:
    """Milliseconds of a recall for each of these, and how many memories they found together."""
    taken: list[float] = []
    hits = 0
    for scope, number in zip(scopes, numbers, strict=False):
        started = time.perf_counter()
        recalled = await recall(store, scope, question(number), KINDS, Recall(), SystemClock().now())
        taken.append((time.perf_counter() - started) * 1e3)
        hits += len(recalled.hits)
    return taken, hits


def resident(pid: int, index: Path) -> Resident:
    """Memory of a process that has the index in a folder open."""
    process = Path(f"/proc/{pid}")
    own = re.search(r"^RssAnon:\s+(\d+) kB", (process / "status").read_text(), re.MULTILINE)
    mapped = [(found["path"], int(rss[1])) for found, rss in _mappings((process / "smaps").read_text())]
    if own is None:
        raise Failed("the kernel does not say what memory is a process's own")
    return Resident(
        total=sum(kb for _, kb in mapped) / 1024,
        own=int(own[1]) / 1024,
        index=sum(kb for path, kb in mapped if path.startswith(f"{index.resolve()}/")) / 1024,
    )


def on_disk(*paths: Path) -> int:
    """Bytes that files, and those in folders, take: what is a hole in them takes nothing."""
    files = [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file()]
    return sum(file.stat().st_blocks * 512 for file in files)


def measured(folder: Path, memories: int, tenants: int, rounds: int, questions: int) -> Outcome:
    """Fill a data directory, ask the store in it, then a gateway over it."""
    data = DataDir(folder)
    data.hold()
    scopes = owners(tenants, data.secret())
    started = time.perf_counter()
    asyncio.run(_filled(data, scopes, memories))
    fill_s = time.perf_counter() - started
    rounds_ms, hits = asyncio.run(_recalled(data, scopes, rounds, questions))
    data.release()
    recalled, memory = _of_a_gateway(data, tenants, questions)
    return Outcome(
        memories=memories,
        tenants=tenants,
        fill_s=fill_s,
        rounds_ms=rounds_ms,
        hits=hits,
        database_bytes=on_disk(*folder.glob("memories.db*")),
        index_bytes=on_disk(data.index),
        calls=questions,
        recalled=recalled,
        memory=memory,
    )


def section(outcome: Outcome) -> str:
    """The report in Markdown."""
    size, memory = outcome.memories, outcome.memory
    p50, p99 = ([percentile(each, share) for each in outcome.rounds_ms] for share in (0.5, 0.99))
    rows = [
        ["recall p50 ms", harness.spread(p50), ""],
        ["recall p99 ms", harness.spread(p99), f"at most {MAX_P99_MS:g}"],
        ["hits", f"{outcome.hits:.1f}", ""],
        ["resident MB", f"{memory.total:.0f}", f"at most {MAX_RESIDENT_GB * 1024:.0f}"],
        ["… of these its own (RssAnon)", f"{memory.own:.0f}", ""],
        ["… pages of the index's files", f"{memory.index:.0f}", ""],
        ["on disk, bytes a memory: memories.db", f"{outcome.database_bytes / size:.0f}", ""],
        ["on disk, bytes a memory: index/", f"{outcome.index_bytes / size:.0f}", ""],
        ["filled, memories a second", f"{size / outcome.fill_s:.0f}", ""],
    ]
    count = len(outcome.rounds_ms[0])
    return (
        f"{harness.machine(('accrue', 'qdrant-edge-py', 'wordllama', 'numpy'))}. {size:,} memories of "
        f"{outcome.tenants:,} tenants in the local store, {len(outcome.rounds_ms)} rounds of {count:,} recalls of "
        "tenants by chance, one after the other; median (lowest–highest). Memory is that of a gateway over them that "
        f"has answered {outcome.calls:,} calls of tenants by chance, {outcome.recalled:,} of them with memories.\n\n"
        f"{harness.table(['what', 'measured', 'to reach with 1,000,000'], rows)}"
    )


async def _filled(data: DataDir, scopes: Sequence[Scope], memories: int) -> None:
    store = LocalStore(data.memories, data.index, WordLlamaEmbedder())
    await fill(store, scopes, memories)
    await store.aclose()


async def _recalled(
    data: DataDir, scopes: Sequence[Scope], rounds: int, questions: int
) -> tuple[list[list[float]], float]:
    """Milliseconds of each recall, by round, and hits per recall."""
    store = LocalStore(data.memories, data.index, WordLlamaEmbedder())
    chance = random.Random(len(scopes))
    numbers = iter(range(rounds * questions + WARM_UP))
    await asked(store, chance.choices(scopes, k=WARM_UP), numbers)
    found = [await asked(store, chance.choices(scopes, k=questions), numbers) for _ in range(rounds)]
    await store.aclose()
    return [taken for taken, _ in found], sum(hits for _, hits in found) / (rounds * questions)


def _of_a_gateway(data: DataDir, tenants: int, calls: int) -> tuple[int, Resident]:
    """How many calls of tenants by chance were told memories by a gateway over the directory, and its memory then."""
    chance, recalled = random.Random(tenants), 0
    with ScriptedUpstream() as upstream, GatewayProcess(upstream.url, data.path) as gateway:
        host = gateway.url.removeprefix("http://").removesuffix("/v1")
        connection = HTTPConnection(host, timeout=30)
        for number in range(calls):
            call = {"model": "gpt-4o", "messages": [{"role": "user", "content": question(number)}]}
            headers = {name.decode(): value.decode() for name, value in _headers(chance.randrange(tenants))}
            connection.request(
                "POST", "/v1/chat/completions", msgspec.json.encode(call), headers | {"x-accrue-user": USER}
            )
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise Failed(f"a call was answered by {answer.status}")
            recalled += (answer.getheader("x-accrue-memory") or "").startswith("hit")
        connection.close()
        return recalled, resident(gateway.process.pid, data.index)


def _headers(number: int) -> list[tuple[bytes, bytes]]:
    """A tenant's credential."""
    return [(b"authorization", f"Bearer tenant-{number}".encode())]


def _mappings(smaps: str) -> Iterator[tuple[re.Match[str], re.Match[str]]]:
    for found in _MAPPING.finditer(smaps):
        if rss := _RSS.search(found["figures"]):
            yield found, rss
