"""How alike phrasings are: by the runs of three to five characters of their words, which short texts of one intent have
in common where they share no word ("activating my card", "how to activate a new card").

A phrasing is a row of bits, one for each run that it has, so that thousands are compared at once: 200 groups of 64 in
about a millisecond, once their rows are made. Banking77, first half of the training file: the nearest of 2,000
phrasings has the right one of 77 labels .71 of the time, and .69 by runs across words, weighted by how rare
they are; with 1,024 bits it is found as often as with the runs themselves.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BITS = 1_024

MAX_CHARS = 400
"""Of a phrasing are compared: a longer one would have most of the bits."""

GROUPS = 2_048
"""Kept as bits: an eighth of a kilobyte a phrasing."""

_RUNS = (3, 4, 5)
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_SPACE = ord(" ")
_FACTOR = np.uint32(0x01000193)
"""Of FNV-1a, by which the characters of a run are hashed."""

Row = NDArray[np.uint64]


def likeness(text: str, groups: Sequence[tuple[str, ...]]) -> list[list[float]]:
    """How alike a text is to each phrasing of each group: 1 for the same, about 0 for what has nothing to do with it.

    It is the correlation of the two rows, so that long texts, which have many bits, are no more alike than short ones.
    """
    if not any(groups):
        return [[] for _ in groups]
    asked, table = _bits((text,))[0], np.concatenate([_bits(group) for group in groups])
    size, sizes = _share(asked), np.concatenate([_shares(group) for group in groups])
    common = np.bitwise_count(table & asked).sum(axis=1, dtype=np.float64) / BITS
    spread = np.sqrt(size * (1 - size) * sizes * (1 - sizes))
    alike = ((common - size * sizes) / np.where(spread > 0, spread, np.inf)).tolist()
    ends = itertools.accumulate(map(len, groups))
    return [alike[end - len(group) : end] for group, end in zip(groups, ends, strict=True)]


@functools.lru_cache(maxsize=GROUPS)
def _shares(group: tuple[str, ...]) -> NDArray[np.float64]:
    """Of the bits that each row of a group has."""
    return _share(_bits(group))


def _share(rows: Row) -> NDArray[np.float64]:
    bits: NDArray[np.float64] = np.bitwise_count(rows).sum(axis=-1, dtype=np.float64)
    return bits / BITS


@functools.lru_cache(maxsize=GROUPS)
def _bits(group: tuple[str, ...]) -> Row:
    """A row for each phrasing. All are hashed at once: one by one they would take ten times as long."""
    words = [" " + " ".join(_WORD.findall(_plain(phrasing))) + " " for phrasing in group]
    owners = np.repeat(np.arange(len(words)), list(map(len, words)))
    letters = np.frombuffer("".join(words).encode("utf-32-le", "replace"), dtype=np.uint32)
    found = np.zeros((len(words), BITS), dtype=np.bool_)
    for size in _RUNS:
        if len(letters) >= size:
            runs = np.lib.stride_tricks.sliding_window_view(letters, size)
            inside = (runs[:, 1:-1] != _SPACE).all(axis=1)  # of one word, with the spaces at its ends
            found[owners[: len(runs)][inside], _hashed(runs[inside])] = True
    return np.packbits(found, axis=1).view(np.uint64)


def _plain(phrasing: str) -> str:
    return phrasing[:MAX_CHARS].replace("’", "'").lower()


def _hashed(runs: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The bit of each run."""
    hashed = np.full(len(runs), runs.shape[1], dtype=np.uint32)
    for place in range(runs.shape[1]):
        hashed = (hashed ^ runs[:, place]) * _FACTOR
    return (hashed ^ (hashed >> np.uint32(15))) % np.uint32(BITS)
