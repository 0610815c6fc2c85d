"""What `overhead` measures: kinds of load, which arms stand in each, and what was found. Knows no server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from benchmarks.arms import BARE, DIRECT, EMPTY, MANY, OFF, ON, RELAXED
from benchmarks.harness import Sample
from benchmarks.peers import LITELLM, NGINX, PORTKEY
from benchmarks.probe import Stall

CONCURRENCY = (1, 16, 64)
PACE_MS = 10.0
"""Between the events of a paced stream: a hundred tokens a second, as a fast model gives them."""

BODIES: Mapping[int, str] = {6: "1 KB", 374: "64 KB", 1022: "178 KB", 6022: "1 MB"}
"""Messages of a request, and about how large that is; the third is the large agent request of the goals."""

AGENT, LARGEST = 1022, 6022
IDLE = "idle"
"""Stands among the arms for the gateway that nobody loads."""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of load."""

    kind: Literal["whole", "stream", "paced"]
    concurrency: int
    messages: int = 0
    """Of each request; 0 for a system text and a question."""

    @property
    def name(self) -> str:
        """As tables call it."""
        size = f"{BODIES[self.messages]} " if self.messages else ""
        return f"{size}{self.kind}, {self.concurrency} at a time"


WHOLE = {number: Cell(kind="whole", concurrency=number) for number in CONCURRENCY}
STREAM = {number: Cell(kind="stream", concurrency=number) for number in CONCURRENCY}
BODY = {messages: Cell(kind="whole", concurrency=1, messages=messages) for messages in BODIES}
PACED = Cell(kind="paced", concurrency=4)

GRID_ARMS = (DIRECT, BARE, NGINX, OFF, ON, LITELLM, PORTKEY)
STORE_ARMS = (EMPTY, ON, MANY, RELAXED)
STORE_CELLS = (WHOLE[1], WHOLE[16])
STALL_ARMS = (IDLE, BARE, OFF, ON)

CELLS: Mapping[Cell, tuple[str, ...]] = {
    **dict.fromkeys((*WHOLE.values(), *STREAM.values(), *BODY.values(), PACED), GRID_ARMS),
    **dict.fromkeys(STORE_CELLS, (*GRID_ARMS, EMPTY, MANY, RELAXED)),
}
"""Each cell with the arms that are measured in it, where they are there."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What all rounds gave; the lists grow by one figure a round."""

    samples: dict[Cell, dict[str, list[Sample]]] = {}
    stalls: dict[str, list[Stall]] = {}
    resident_mb: dict[str, list[tuple[float, float]]] = {}
    """Of each arm's server after the load: in all, and its own."""
    empty_mb: list[tuple[float, float]] = []
    """Of a gateway that has nothing in it, before the load."""
    ready_s: dict[str, list[float]] = {}
    recall_ms: list[float] = []
    """The mean of the stage `recall` in the paced cell; calls that gave it up are in it with their deadline."""

    def of(self, cell: Cell, arm: str) -> list[Sample]:
        """The samples of an arm, one a round; none where it was not there."""
        return self.samples.get(cell, {}).get(arm, [])


def rate(sample: Sample) -> float:
    """Requests a second."""
    return sample.load.answers / sample.load.seconds


def hits(sample: Sample) -> float:
    """The share of answers that say they were told memories."""
    return sample.load.memory.get("hit", 0) / sample.load.answers
