"""E: the same mistake under another phrasing. A stream of bank customers' messages is sorted by a real small
classifier, and told afterwards what was right: of every item, or only where it was wrong. Things that no bank is asked
come last.
"""

from __future__ import annotations

import asyncio
import csv
import itertools
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.learning.life import Ask, Goal, Life, Point, Suite, Talk, user_says

BATCH = 50
"""Items that come in before any of them is judged."""

OTHER = "other"
"""What the classifier says of what it knows no label for."""

_STARTS = ("How do I", "Can you help me", "What is the best way to", "Is it hard to", "Please show me how to")
_DEEDS = (
    "prune an apple tree", "poach an egg", "tune a violin", "fold a paper crane", "fix a squeaky hinge",
    "sharpen a chisel", "groom a poodle", "brew green tea", "train for a marathon", "paint a watercolour sky",
    "knit a scarf", "spot Jupiter tonight", "dry fresh mushrooms", "sail against the wind", "juggle four balls",
    "whistle with two fingers", "plant tulip bulbs", "bake sourdough bread", "clean a fish tank", "write a haiku",
)  # fmt: skip
OUT_OF_SCOPE = tuple(f"{start} {deed}?" for start, deed in itertools.product(_STARTS, _DEEDS))


class _Sorter:
    """Whoever has the messages sorted."""

    def __init__(self, seed: int, items: Sequence[tuple[str, str]], *, only_errors: bool) -> None:
        self.user = f"labels-{'errors' if only_errors else 'all'}-{seed}"
        self._system = {"role": "system", "content": f"Label the customer's message with one intent of model {seed}"}
        self._items = items
        self._only_errors = only_errors

    async def step(self, number: int, talk: Talk) -> Sequence[Point]:
        start = (number - 1) * BATCH
        batch = self._items[start : start + BATCH]
        if not batch:
            return await self._out_of_scope(talk)
        return await asyncio.gather(
            *(self._sort(place, item, label, talk) for place, (item, label) in enumerate(batch, start))
        )

    async def _sort(self, place: int, item: str, label: str, talk: Talk) -> Point:
        note = f'"{item}" → {label}'
        messages = (self._system, user_says(item))
        answer = await talk.ask(Ask(session=f"item-{place}", turn=1, messages=messages))
        is_right = answer.text == label
        if not (is_right and self._only_errors):
            await talk.judge(answer, note, value=is_right, label=label)
        return Point(metric="right", value=is_right, at=1 + 5 * place // len(self._items))

    async def _out_of_scope(self, talk: Talk) -> list[Point]:
        asks = (
            Ask(session=f"other-{place}", turn=1, messages=(self._system, user_says(text)))
            for place, text in enumerate(OUT_OF_SCOPE)
        )
        answers = await asyncio.gather(*(talk.ask(ask) for ask in asks))
        return [Point(metric="other", value=answer.text == OTHER) for answer in answers]


def suite(data: Path, items: int, *, only_errors: bool) -> Suite:
    """The suite over the first items of the test file as each seed shuffles it."""
    with (data / "banking77-test.csv").open(newline="", encoding="utf-8") as file:
        rows = [(row["text"].strip(), row["category"]) for row in csv.DictReader(file)]
    least = 0.74 if only_errors else 0.80
    return Suite(
        name="E errors" if only_errors else "E",
        title="the same mistake, told where wrong" if only_errors else "the same mistake, told the right label",
        steps=-(-items // BATCH) + 1,
        along="fifth",
        metrics=("right", "other"),
        lives=_lives(rows, items, only_errors=only_errors),
        arms=("full", "off") if only_errors else ("full", "off", "placebo"),
        goals=(
            Goal(
                text=f"right in the last fifth ≥ {least:.2f}",
                figure=lambda mean: mean("full", "right", slice(-1, None)),
                is_reached=lambda value: value >= least,
            ),
            Goal(
                text="lost on what is out of scope ≤ 0.01",
                figure=lambda mean: mean("off", "other") - mean("full", "other"),
                is_reached=lambda value: value <= 0.01,
            ),
        ),
    )


def _lives(rows: Sequence[tuple[str, str]], items: int, *, only_errors: bool) -> Callable[[int], Sequence[Life]]:
    def lives(seed: int) -> Sequence[Life]:
        stream = random.Random(seed).sample(rows, min(items, len(rows)))
        return [_Sorter(seed, stream, only_errors=only_errors)]

    return lives
