"""What recall takes inside the gateway, and how many turns it learns a second meanwhile; no HTTP, no other process.

A thousand tenants share one store, a few of them with much of it. Questions come from tenants as often as they have
memories, so the large ones ask most. Recall is the gateway's own `recall` over its own store: candidates and ranking.
Figures are medians over the rounds, with the lowest and the highest.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from benchmarks import harness
from benchmarks.corpus import memory_text, question
from gateway.clock import SystemClock
from gateway.derive import window_key
from gateway.embedders.wordllama import WordLlamaEmbedder
from gateway.journals.sqlite import SqliteJournal
from gateway.kinds.base import Kind
from gateway.learn import Learner
from gateway.memories import Memory
from gateway.policy import Recall
from gateway.recall import recall
from gateway.stores.local import LocalStore
from gateway.tokens import Tokens
from gateway.types import Exchange, Reply, Scope, Turn
from gateway.wiring import KINDS

TENANTS = 1_000
LARGE = (0.10, 0.08, 0.07, 0.05, 0.05)
"""Shares of the memories that the largest tenants have; the rest is spread evenly over the others."""

SIZES = (10_000, 100_000)
PINNED_EACH = 3
"""Preferences that each tenant has, which every recall brings along."""

PER_SESSION = 20
APART_S = 60.0
WARM_UP = 50
QUESTION_EVERY_S = 0.02
"""While learning: fifty questions a second are a busy gateway."""

PUT_AT_ONCE = 500
PACKAGES = ("accrue", "qdrant-edge-py", "wordllama", "numpy")


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """What one repetition gave; times in milliseconds."""

    quiet_ms: list[float]
    quiet_cpu_ms: float
    """Processor time per question, all threads together; what else runs on the machine leaves it nearly alone."""
    busy_ms: list[float]
    hits: float
    """Memories found per question."""
    turns_per_s: float


class Bench:
    """A store and a journal in a folder, and those who ask and speak."""

    def __init__(self, folder: Path, size: int) -> None:
        self.clock = SystemClock()
        self.store = LocalStore(folder / "memories.db", folder / "index", WordLlamaEmbedder())
        self.journal = SqliteJournal(folder / "journal.db")
        self.kinds: dict[str, Kind] = KINDS
        counter = Tokens.from_litellm()
        counter.warm()
        self.learner = Learner(self.journal, self.store, self.kinds, counter)
        self.size = size
        self._random = random.Random(size)

    async def seed(self) -> None:
        """Fill the store."""
        first = 0
        for tenant, count in enumerate(counts(self.size)):
            memories = seeded(first, count, self.clock.now())
            for start in range(0, len(memories), PUT_AT_ONCE):
                await self.store.put(scope(tenant), memories[start : start + PUT_AT_ONCE])
            first += count

    async def ask(self, number: int) -> tuple[float, int]:
        """Milliseconds of one recall, and how many memories it found."""
        who = scope(self._someone())
        started = time.perf_counter()
        recalled = await recall(self.store, who, question(number), self.kinds, Recall(), self.clock.now())
        return (time.perf_counter() - started) * 1e3, len(recalled.hits)

    async def round(self, number: int, questions: int, exchanges: int) -> Round:
        """Ask while nothing else happens, then while exchanges are learnt."""
        first = number * 1_000_000
        for warm in range(WARM_UP):
            await self.ask(first + warm)
        before_s = time.process_time()
        asked = [await self.ask(first + WARM_UP + each) for each in range(questions)]
        cpu_s = time.process_time() - before_s
        await self._record(first, exchanges)
        learnt = asyncio.Event()
        asking = asyncio.create_task(self._ask_until(learnt, first + 500_000))
        started = time.perf_counter()
        while await self.learner.step():
            pass
        seconds = time.perf_counter() - started
        learnt.set()
        return Round(
            quiet_ms=[taken for taken, _ in asked],
            quiet_cpu_ms=cpu_s * 1e3 / questions,
            busy_ms=await asking,
            hits=sum(found for _, found in asked) / questions,
            turns_per_s=2 * exchanges / seconds,
        )

    async def aclose(self) -> None:
        await self.store.aclose()
        await self.journal.aclose()

    async def _ask_until(self, end: asyncio.Event, number: int) -> list[float]:
        taken: list[float] = []
        while not end.is_set():
            taken.append((await self.ask(number + len(taken)))[0])
            with suppress(TimeoutError):
                await asyncio.wait_for(end.wait(), QUESTION_EVERY_S)
        return taken

    async def _record(self, first: int, exchanges: int) -> None:
        """Committed exchanges of a user's and an assistant's turn, in sessions that go on."""
        made = [self._exchange(first + number) for number in range(exchanges)]
        await asyncio.gather(*(self.journal.commit(exchange) for exchange in made))

    def _exchange(self, number: int) -> Exchange:
        said = [memory_text(2 * number + step) for step in range(-2, 2)]
        return Exchange(
            id=self.clock.new_id("ex"),
            scope=scope(self._someone(), session=f"new-{number}"),
            at=self.clock.now(),
            path="/v1/chat/completions",
            state="done",
            status=200,
            context=(Turn(role="user", text=said[0]), Turn(role="assistant", text=said[1])),
            turns=(Turn(role="user", text=said[2]),),
            reply=Reply(turns=(Turn(role="assistant", text=said[3]),)),
            learns=tuple(self.kinds),
        )

    def _someone(self) -> int:
        """A tenant, as likely as it has memories."""
        drawn = self._random.random()
        for tenant, share in enumerate(LARGE):
            drawn -= share
            if drawn < 0:
                return tenant
        return self._random.randrange(len(LARGE), TENANTS)


def scope(tenant: int, session: str = "asking") -> Scope:
    """One user of a tenant."""
    return Scope(tenant=f"tenant-{tenant}", user="user", session=session)


def counts(size: int) -> list[int]:
    """Memories of each tenant."""
    large = [int(size * share) for share in LARGE]
    others = TENANTS - len(LARGE)
    rest = size - sum(large)
    return large + [rest // others + (number < rest % others) for number in range(others)]


def seeded(first: int, count: int, now: float) -> list[Memory]:
    """Episodes as conversations leave them, each found by its window, and a few preferences."""
    texts = [memory_text(first + place) for place in range(count)]
    return [_memory(first, texts, place, now) for place in range(count)]


def _memory(first: int, texts: Sequence[str], place: int, now: float) -> Memory:
    opening = place - place % PER_SESSION
    session = texts[opening : opening + PER_SESSION]
    is_pinned, is_last = place < PINNED_EACH, place - opening == len(session) - 1
    speaker = ("user", "assistant")[place % 2]
    return Memory(
        id=_id(first + place),
        kind="preference" if is_pinned else "episode",
        text=texts[place],
        key=texts[place] if is_pinned else window_key(session, place - opening),
        origin="user",
        exchange=f"seed-{first + place}",
        session=f"seed-{opening}",
        at=now - (len(texts) - place) * APART_S,
        recorded_at=now,
        speaker="user" if is_pinned else speaker,
        tokens=40,
        before="" if is_pinned or place == opening else _id(first + place - 1),
        after="" if is_pinned or is_last else _id(first + place + 1),
    )


def _id(number: int) -> str:
    return f"m_{number:012d}"


async def measured(size: int, rounds: int, questions: int, exchanges: int) -> list[Round]:
    """Fill a store and repeat."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), size)
        await bench.seed()
        results = [await bench.round(number, questions, exchanges) for number in range(rounds)]
        await bench.aclose()
    return results


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def row(size: int, rounds: Sequence[Round]) -> list[str]:
    """A line of the table."""
    return [
        f"{size:,}",
        harness.spread(percentile(each.quiet_ms, 0.5) for each in rounds),
        harness.spread(percentile(each.quiet_ms, 0.99) for each in rounds),
        harness.spread(each.quiet_cpu_ms for each in rounds),
        harness.spread((each.hits for each in rounds), 1),
        harness.spread((each.turns_per_s for each in rounds), 0),
        harness.spread(percentile(each.busy_ms, 0.5) for each in rounds),
        harness.spread(percentile(each.busy_ms, 0.99) for each in rounds),
    ]


def main() -> None:
    """Run the benchmark and print its section; `--write` puts it into docs/benchmarks.md as well."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="memories in the store")
    parser.add_argument("--rounds", type=int, default=3, help="repetitions on each store")
    parser.add_argument("--questions", type=int, default=400, help="per round, after a warm-up")
    parser.add_argument("--exchanges", type=int, default=1_000, help="learnt per round")
    parser.add_argument("--write", action="store_true", help="write the section into docs/benchmarks.md")
    arguments = parser.parse_args()
    rows = [
        row(size, asyncio.run(measured(size, arguments.rounds, arguments.questions, arguments.exchanges)))
        for size in arguments.sizes
    ]
    header = [
        "memories",
        "p50 ms",
        "p99 ms",
        "CPU ms",
        "hits",
        "turns/s learnt",
        "p50 ms meanwhile",
        "p99 ms meanwhile",
    ]
    section = (
        f"{harness.machine(PACKAGES)}. {arguments.rounds} rounds of {arguments.questions} questions; median "
        f"(lowest–highest). {TENANTS:,} tenants, the five largest with {', '.join(f'{share:.0%}' for share in LARGE)} "
        "of the memories and as many of the questions. Recall is candidates and ranking, without HTTP. Learning is of "
        f"{arguments.exchanges:,} recorded exchanges of two turns each in as many sessions, with a question every "
        f"{QUESTION_EVERY_S * 1e3:.0f} ms.\n\n{harness.table(header, rows)}"
    )
    harness.report("Latency", section, is_written=arguments.write)


if __name__ == "__main__":
    main()
