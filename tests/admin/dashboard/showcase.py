"""A month of a small team, for pages that are looked at: by tests, by people, and in the pictures of the docs."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from gateway.caches import Caches
from gateway.catalogue import Counted, Holder, Selection
from gateway.console import Breaking, Console, Health
from gateway.deadletters import DeadLetter
from gateway.experience import Signal
from gateway.memories import Memory
from gateway.period import Called, Facts
from gateway.policybook import PolicyBook
from gateway.ports import Held
from gateway.sessions import Visited
from gateway.types import Scope
from gateway.wiring import KINDS
from tests.periods import DAY_S, NOW, call, memory, signal

DAYS = 30
RULES = ("Answer in British English.", "Never more than three sentences.", "Prices with VAT, in euros.")
FAULTS = ("tool_error", "correction", "rephrase", "schema_violation", "regenerate", "refusal")


def facts(since: float | None = None, until: float = NOW) -> Facts:
    """What happened until a moment, as figures are counted from it."""
    lots = random.Random(8)
    rules = [memory(f"m_{number}", text) for number, text in enumerate(RULES)]
    calls, signals = list[Called](), list[Signal]()
    for day in range(DAYS):
        for number in range(2 + lots.randrange(6)):
            for one, found in _session(lots, rules, until - (DAYS - day) * DAY_S + 3_600 * number, f"s{day}-{number}"):
                calls.append(one)
                signals += found
    start = since or 0.0
    return Facts(
        since=since,
        until=until,
        calls=[one for one in calls if one.at >= start],
        signals=[one for one in signals if one.at >= start],
        memories=rules,
    )


def _session(
    lots: random.Random, rules: Sequence[Memory], at: float, name: str
) -> Iterator[tuple[Called, list[Signal]]]:
    owner = f"owner {lots.randrange(24)}"
    is_control = int(owner.split()[1]) < 8
    is_right = lots.random() < (0.62 if is_control else 0.86)
    for turn in range(1, 2 + lots.randrange(5)):
        status = "holdout" if is_control else lots.choices(("hit", "empty", "timeout", "off"), (12, 4, 1, 2))[0]
        exchange = f"ex_{name}-{turn}"
        tokens = 60 + lots.randrange(200) if status == "hit" else 0
        is_kept = lots.random() < (0.7 if is_control else 0.93)
        seen = [_seen("violated_constraint", exchange, at, is_good=is_kept, key=lots.choice(rules).id)]
        if not is_right and turn == 1:
            seen.append(_seen(lots.choices(FAULTS, (6, 4, 3, 2, 1, 1))[0], exchange, at, is_good=False))
        yield call(exchange, at=at, owner=owner, session=name, turn=turn, status=status, tokens=tokens), seen


def _seen(name: str, exchange: str, at: float, **changes: object) -> Signal:
    grade = "A" if name in ("tool_error", "schema_violation") else "C"
    return msgspec.structs.replace(signal(name, exchange), **{"at": at, "grade": grade, **changes})


COUNTS = (
    Counted(kind="episode", is_holding=True, count=1_204),
    Counted(kind="preference", is_holding=True, count=41),
    Counted(kind="constraint", is_holding=True, count=17),
    Counted(kind="constraint", is_holding=False, count=4),
    Counted(kind="lesson", is_holding=True, count=12),
)

LETTERS = tuple(
    DeadLetter(
        exchange=f"ex_0199f3a2b4c{number:04d}", stage="unlearnt", reason=f"OverflowError at times.py:{number + 90}",
        at=NOW - number * 3_600,
    )
    for number in range(3)
)  # fmt: skip

HEALTH = Health(
    version="0.9.0",
    started=NOW - 2 * DAY_S,
    memory="on",
    journal="ok",
    stores={"store": "local", "journal": "sqlite", "embedder": "wordllama"},
    breakers=(
        Breaking(name="store", is_open=False, opened=0),
        Breaking(name="embedder", is_open=True, opened=2),
    ),
    waiting=7,
    distilling=2,
    dead=len(LETTERS),
    indexed=0.98,
)


class Letters:
    """Dead letters of which none is ever found again."""

    def __init__(self) -> None:
        self.held = list(LETTERS)
        self.done: list[tuple[str, tuple[str, ...]]] = []

    async def all(self) -> list[DeadLetter]:
        return self.held

    async def count(self) -> int:
        return len(self.held)

    async def replay(self, exchanges: Sequence[str]) -> None:
        self._leave("replay", exchanges)

    async def drop(self, exchanges: Sequence[str]) -> None:
        self._leave("drop", exchanges)

    def _leave(self, what: str, exchanges: Sequence[str]) -> None:
        self.done.append((what, tuple(exchanges)))
        self.held = [letter for letter in self.held if letter.exchange not in exchanges]


class Shelves:
    """A catalogue that only counts: none of its memories can be had."""

    def __init__(self, counts: Sequence[Counted] = COUNTS) -> None:
        self._counts = counts

    async def counts(self, tenant: str) -> Sequence[Counted]:
        return self._counts

    async def browse(self, selection: Selection, place: str, limit: int) -> tuple[Sequence[Held], str]:
        return (), ""

    async def find(self, id: str) -> Sequence[Held]:
        return ()

    async def holders(self, tenant: str, name: str, place: str, limit: int) -> tuple[Sequence[Holder], str]:
        return (), ""


class Visits:
    """A record in which there are no sessions."""

    async def newest(self, tenant: str, user: str | None, place: str, limit: int) -> tuple[Sequence[Visited], str]:
        return (), ""

    async def called(self, name: str) -> Sequence[Scope]:
        return ()

    async def people(self, tenant: str, name: str, place: str, limit: int) -> tuple[Sequence[Scope], str]:
        return (), ""


async def _facts(tenant: str | None, since: float | None) -> Facts:
    return facts(since)


async def _health() -> Health:
    return HEALTH


def console_of(**given: object) -> Console:
    """A console of doubles; what no test gives and no page asks is not there."""
    nothing = dict.fromkeys(Console.__struct_fields__)
    shown = {
        "kinds": KINDS,
        "caches": Caches(),
        "catalogue": Shelves(),
        "sessions": Visits(),
        "letters": Letters(),
        "facts": _facts,
        "health": _health,
        "wake": lambda: None,
        "policies": PolicyBook(Path("nowhere"), KINDS),
        "matches": dict,
    }
    return Console(**nothing | shown | given)  # type: ignore[arg-type] # doubles for what is asked
