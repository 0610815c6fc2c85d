"""Sorting: a small real classifier that has seen five examples of each intent, and reads what a request quotes.

A quoted phrase with a known label after it is one more example, wherever in the request it stands, and counts by how
near it is. Everything else about a request is lost on it.
"""

from __future__ import annotations

import csv
import re
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.learning.model.prompt import Prompt

SHOTS = 5
"""Examples of each intent that it was made from."""

DIMENSIONS = 1 << 14
GRAMS = (2, 3, 4, 5)
"""Lengths of the pieces of words it compares by."""

QUOTED_COUNTED = 12
"""Of the quoted phrases so many count, the nearest."""

OTHER = "other"
LEAST_SCORE = 0.22
"""Below it an item is none of those it has labels for: one in fifty of the train file's own is not reached by it."""

_QUOTED = re.compile(r"[\"“]([^\"”\n]{3,400})[\"”]")
_SPACE = re.compile(r"\W+")

Vector = npt.NDArray[np.float32]


class Classifier:
    """Labels short texts."""

    def __init__(self, examples: Mapping[str, Sequence[str]]) -> None:
        self.labels = sorted(examples)
        texts = [text for label in self.labels for text in examples[label]]
        counts = np.stack([_counts(text) for text in texts])
        self._rarity: Vector = np.log((1 + len(texts)) / (1 + (counts > 0).sum(axis=0))).astype(np.float32) + 1
        weighed = _unit(np.sqrt(counts) * self._rarity)
        owner = np.array([place for place, label in enumerate(self.labels) for _ in examples[label]])
        self._centres = _unit(np.stack([weighed[owner == place].sum(axis=0) for place in range(len(self.labels))]))
        self._known = re.compile("|".join(rf"(?<!\w){re.escape(label)}(?!\w)" for label in self.labels), re.IGNORECASE)
        self._place = {label.casefold(): place for place, label in enumerate(self.labels)}

    @classmethod
    def from_file(cls, path: Path, seed: int) -> Classifier:
        """Made from the first examples of each label as a seed shuffles them."""
        examples: dict[str, list[str]] = defaultdict(list)
        with path.open(newline="", encoding="utf-8") as file:
            rows = [(row["text"].strip(), row["category"]) for row in csv.DictReader(file)]
        for place in np.random.default_rng(seed).permutation(len(rows)):
            text, label = rows[place]
            if len(examples[label]) < SHOTS:
                examples[label].append(text)
        return cls(examples)

    def label(self, item: str, quoted: Sequence[tuple[str, str]] = ()) -> str:
        """The label of an item, given further examples."""
        vector = self._vector(item)
        scores = self._centres @ vector
        near = sorted(((float(self._vector(phrase) @ vector), label) for phrase, label in quoted), reverse=True)
        for likeness, label in near[:QUOTED_COUNTED]:
            scores[self._place[label.casefold()]] += likeness**2
        best = int(scores.argmax())
        return self.labels[best] if scores[best] >= LEAST_SCORE else OTHER

    def answer(self, prompt: Prompt) -> str | None:
        """The label of what is asked; None when the request is not about sorting."""
        if not prompt.system.startswith("Label"):
            return None
        return self.label(prompt.question, list(self._quoted(prompt)))

    def _quoted(self, prompt: Prompt) -> Iterator[tuple[str, str]]:
        for line in prompt.lines():
            for phrase in _QUOTED.finditer(line.text):
                label = self._known.search(line.text, phrase.end())
                if label is not None:
                    yield phrase[1], label[0]

    def _vector(self, text: str) -> Vector:
        return _unit(np.sqrt(_counts(text)) * self._rarity)


def _counts(text: str) -> Vector:
    counts = np.zeros(DIMENSIONS, dtype=np.float32)
    for word in _SPACE.split(text.casefold()):
        framed = f" {word} "
        for length in GRAMS:
            for start in range(len(framed) - length + 1):
                counts[zlib.crc32(framed[start : start + length].encode()) % DIMENSIONS] += 1
    return counts


def _unit(vectors: Vector) -> Vector:
    norm = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: Vector = (vectors / np.maximum(norm, 1e-9)).astype(np.float32)
    return unit
