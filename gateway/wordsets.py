"""Texts as sets of words, and which of them are alike by Jaccard's index: the share of their words that they have in
common. In which order the words come, and how often, is not looked at.
"""

from __future__ import annotations

import functools


@functools.lru_cache(maxsize=2_048)
def words(text: str) -> frozenset[str]:
    """The different words of a text; a few are kept, because the same memories are found again."""
    return frozenset(text.lower().split())


def is_alike(one: frozenset[str], other: frozenset[str], share: float) -> bool:
    """Whether Jaccard's index of two sets of words is above a share."""
    if not share * len(other) < len(one) < len(other) / share:  # then no overlap is enough
        return False
    common = len(one & other)
    return common > share * (len(one) + len(other) - common)


class WordSets:
    """Sets of words, each as bits, so that the next is compared with all in a few instructions."""

    def __init__(self, share: float) -> None:
        """Call sets alike whose Jaccard index is above a share."""
        self._share = share
        self._bits: dict[str, int] = {}
        self._sets: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self._sets)

    def has_alike(self, said: frozenset[str]) -> bool:
        """Whether one of them is like these words."""
        row, size, share = self._row(said), len(said), self._share
        for other, others in self._sets:
            common = (row & other).bit_count()
            if common > share * (size + others - common):
                return True
        return False

    def add(self, said: frozenset[str]) -> None:
        """Keep a set."""
        for word in said:
            self._bits.setdefault(word, 1 << len(self._bits))
        self._sets.append((self._row(said), len(said)))

    def _row(self, said: frozenset[str]) -> int:
        """Words that no set has are left out: they are in common with none."""
        row, bit = 0, self._bits.get
        for word in said:
            row |= bit(word, 0)
        return row
