"""The stages of a call, and how long each takes: for a histogram, and for whoever follows this one call.

What is done in a stage is not known here, and nothing that was said gets here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Histogram

Stage = Literal["read", "identify", "recall", "compose", "place", "forward", "record"]
"""`read`: its body is read and judged, once it has come. `identify`: its session is looked up. `recall`: the store is
asked and what it found is ranked. `compose`: notes are written, and spliced into the body, which is `place`. `forward`:
the upstream was sent it, and begins to answer. `record`: from the end of its answer until that is on record."""

STAGES: tuple[Stage, ...] = get_args(Stage)

BUCKETS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""From placing a note to a model that thinks before it answers; recall's deadline of 50 ms is one of them."""

Mark = tuple[Stage, float, float]
"""A stage that is over: when it began and ended, in Unix seconds."""

Timing = Callable[[Stage], AbstractContextManager[None]]

_marks: ContextVar[list[Mark] | None] = ContextVar("marks", default=None)


def marked() -> list[Mark]:
    """The stages of the call that begins in this task, as they end from now on."""
    marks: list[Mark] = []
    _marks.set(marks)
    return marks


def untimed(stage: Stage) -> AbstractContextManager[None]:
    """Nobody wants to know how long it takes."""
    return nullcontext()


class Stages:
    """Measures them."""

    def __init__(self, registry: CollectorRegistry, now: Callable[[], float]) -> None:
        """`now` gives Unix seconds."""
        meaning = "Time that calls spend in each stage."
        histogram = Histogram("accrue_stage_seconds", meaning, ["stage"], registry=registry, buckets=BUCKETS_S)
        self._observed = {stage: histogram.labels(stage) for stage in STAGES}
        self.now = now

    def time(self, stage: Stage) -> AbstractContextManager[None]:
        """Measures how long the block takes, also when it is broken off."""
        return _Timed(self, stage)

    def took(self, stage: Stage, began: float, ended: float) -> None:
        """A stage took from then to then."""
        self._observed[stage].observe(max(0.0, ended - began))  # clocks are set back now and then


class _Timed(AbstractContextManager[None]):
    """Made for each stage of each call: written out, it costs a third of what a generator does."""

    __slots__ = ("_began", "_stage", "_stages")

    def __init__(self, stages: Stages, stage: Stage) -> None:
        self._stages = stages
        self._stage: Stage = stage
        self._began = 0.0

    def __enter__(self) -> None:
        self._began = self._stages.now()

    def __exit__(self, *_: object) -> None:
        ended, marks = self._stages.now(), _marks.get()
        self._stages.took(self._stage, self._began, ended)
        if marks is not None:
            marks.append((self._stage, self._began, ended))
