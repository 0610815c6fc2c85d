"""What is to be reached, beside what was measured: each goal is a bound and one figure a round, and is judged by these.

No figure is written here by hand but the bounds. A goal whose arms were not there is left out, not passed.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence

import msgspec

from benchmarks import harness
from benchmarks.arms import BARE, DIRECT, OFF, ON
from benchmarks.cells import AGENT, BODY, PACED, WHOLE, Cell, Found, rate
from benchmarks.harness import Sample
from benchmarks.peers import LITELLM, PORTKEY

BESIDE_RECALL_MS = 1.0
"""What finding the session, writing the notes and placing them may add to recall in the delay of a first token."""


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """A bound that the median of the rounds is to keep."""

    what: str
    measured: tuple[float, ...]
    bound: float
    is_most: bool = True
    """False where it is the least."""

    @property
    def is_reached(self) -> bool:
        """Whether it is."""
        middle = statistics.median(self.measured)
        return middle <= self.bound if self.is_most else middle >= self.bound


def table(goals: Iterable[Goal]) -> str:
    """The goals in Markdown."""
    rows = [
        [
            goal.what,
            harness.spread(goal.measured),
            f"{'at most' if goal.is_most else 'at least'} {goal.bound:g}",
            "yes" if goal.is_reached else "**no**",
        ]
        for goal in goals
    ]
    return harness.table(["goal", "measured", "to reach", "reached"], rows)


def of_overhead(found: Found) -> list[Goal]:
    """The goals that this benchmark can judge."""
    goals = [*_rates(found), *_costs(found), *_delays(found), *_of_the_process(found)]
    return [goal for goal in goals if goal.measured]


def _rates(found: Found) -> list[Goal]:
    at_16 = WHOLE[16]
    return [
        Goal(
            what=f"requests/s, memory {one} ÷ {other}, {at_16.name}",
            measured=_pairs(found, at_16, one, other, lambda this, that: rate(this) / rate(that)),
            bound=bound,
            is_most=False,
        )
        for one, other, bound in (
            (OFF, BARE, 0.8),
            (OFF, LITELLM, 70.0),
            (OFF, PORTKEY, 8.0),
            (ON, LITELLM, 10.0),
            (ON, PORTKEY, 1.3),
        )
    ]


def _costs(found: Found) -> list[Goal]:
    return [
        Goal(
            what=f"CPU ms of a request, all told, memory on, {cell.name}",
            measured=tuple(sample.cpu_ms for sample in found.of(cell, ON)),
            bound=bound,
        )
        for cell, bound in ((WHOLE[1], 1.5), (WHOLE[16], 1.5), (BODY[AGENT], 4.0))
    ]


def _delays(found: Found) -> list[Goal]:
    alone = WHOLE[1]
    firsts = _pairs(found, PACED, ON, OFF, lambda on, off: on.load.first_p50_ms - off.load.first_p50_ms)
    return [
        Goal(
            what=f"ms added at p50, memory on − direct, {alone.name}",
            measured=_pairs(found, alone, ON, DIRECT, lambda on, direct: on.load.p50_ms - direct.load.p50_ms),
            bound=3.0,
        ),
        Goal(
            what=f"ms added at p99, memory on − direct, {alone.name}",
            measured=_pairs(found, alone, ON, DIRECT, lambda on, direct: on.load.p99_ms - direct.load.p99_ms),
            bound=10.0,
        ),
        Goal(
            what=f"ms that the first token waits beside recall, memory on − off − recall, {PACED.name}",
            measured=tuple(first - recall for first, recall in zip(firsts, found.recall_ms, strict=False)),
            bound=BESIDE_RECALL_MS,
        ),
    ]


def _of_the_process(found: Found) -> list[Goal]:
    return [
        Goal(
            what="ms of the longest stall with bodies of 1 MB, memory on",
            measured=tuple(stall.most_ms for stall in found.stalls.get(ON, ())),
            bound=10.0,
        ),
        Goal(what="resident MB, empty", measured=tuple(total for total, _ in found.empty_mb), bound=150.0),
        Goal(what="seconds until ready", measured=tuple(found.ready_s.get(ON, ())), bound=2.0),
    ]


def _pairs(
    found: Found, cell: Cell, one: str, other: str, figure: Callable[[Sample, Sample], float]
) -> tuple[float, ...]:
    """A figure of two arms, formed within each round; none where either was not there."""
    these: Sequence[Sample] = found.of(cell, one)
    return tuple(figure(this, that) for this, that in zip(these, found.of(cell, other), strict=False))
