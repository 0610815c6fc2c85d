"""A rule as it is searched for: of its many ways to say a thing, those of which a word stands in the text.

Most texts have no such word, and looking for it first is a small part of the work. What is found is the same, always:
a way is passed over only where `re` cannot find it. What is written in a rule is known by tables.py, which words a way
cannot do without by needed.py.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Sequence

from gateway.languages.needed import folded, is_whole, needed, words_of

MAX_PARTS = 16
"""Of words, one of which a way needs; to look for more takes longer than to look for the way."""

_NOTHING = re.compile(r"(?!)")
_PIECES = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[()|]|[^\\\[()|]+", re.DOTALL)
"""Of a pattern: what is escaped, a class of characters, a bracket, a bar, and what stands between these."""


class Finder:
    """Ways to say a thing, with what is used of `re.Pattern`."""

    def __init__(self, ways: Sequence[str] = (), after: str = "", flags: int = 0, common: str = "") -> None:
        """Take ways to say a thing; what is wrong with one of them is said by `check`, or where it is searched for.

        Args:
            ways: patterns.
            after: what stands before each of them.
            common: words that nearly every text has, with spaces between them.
        """
        self._ways = ways
        self._after = after
        self._flags = flags
        self._common = common

    def check(self) -> None:
        """Raise `re.error` for what is no pattern."""
        re.compile(self.pattern, self._flags)

    @property
    def pattern(self) -> str:
        """All ways as one."""
        return _as_one(self._after, self._ways) if self._ways else _NOTHING.pattern

    def search(self, text: str, start: int = 0) -> re.Match[str] | None:
        """The first place from a position on."""
        found = [match for one in self._likely(text) if (match := one.search(text, start)) is not None]
        if len(found) < 2:
            return found[0] if found else None
        first = min(match.start() for match in found)
        nearest = [match for match in found if match.start() == first]
        return nearest[0] if len(nearest) == 1 else self._whole.search(text, start)  # which goes first it knows

    def match(self, text: str) -> re.Match[str] | None:
        """The place where the text begins."""
        found = [match for one in self._likely(text) if (match := one.match(text)) is not None]
        return self._whole.match(text) if len(found) > 1 else (found[0] if found else None)

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """All places."""
        return self._fit(text).finditer(text)

    def sub(self, put: str | Callable[[re.Match[str]], str], text: str, count: int = 0) -> str:
        """The text with something else in those places."""
        return self._fit(text).sub(put, text, count=count)

    def _fit(self, text: str) -> re.Pattern[str]:
        """What finds in a text all that is to be found."""
        likely = self._likely(text)
        return self._whole if len(likely) > 1 else likely[0] if likely else _NOTHING

    def _likely(self, text: str) -> list[re.Pattern[str]]:
        """The ways that there may be in a text."""
        said = folded(text)
        whole, parts, others = self._sorted
        ways = {way for word in whole.keys() & words_of(said) for way in whole[word]}
        for part, several in parts.items():
            if part in said:
                ways.update(several)
        return [*others, *(self._compiled([self._ways[way]]) for way in sorted(ways))]

    @functools.cached_property
    def _whole(self) -> re.Pattern[str]:
        """Seldom needed: to compile those of all rules takes half of a gateway's start."""
        return self._compiled(self._ways)

    @functools.cached_property
    def _sorted(self) -> tuple[dict[str, list[int]], dict[str, list[int]], list[re.Pattern[str]]]:
        """Ways by the words they need, and by the parts of words or several words; and the other ways, as one."""
        whole: dict[str, list[int]] = {}
        parts: dict[str, list[int]] = {}
        others = []
        for number, way in enumerate(self._ways):
            needs = needed(f"{self._after}(?:{way})", self._flags, self._common)
            if not needs or sum(not is_whole(need) for need in needs) > MAX_PARTS:
                others.append(way)
                continue
            for need in needs:
                words, word = (whole, need.strip()) if is_whole(need) else (parts, need)
                words.setdefault(word, []).append(number)
        return whole, parts, [self._compiled(others)] if others else []

    def _compiled(self, ways: Sequence[str]) -> re.Pattern[str]:
        return _compiled(_as_one(self._after, ways), self._flags) if ways else _NOTHING


@functools.cache
def _compiled(pattern: str, flags: int) -> re.Pattern[str]:
    return re.compile(pattern, flags)


def _as_one(after: str, ways: Sequence[str]) -> str:
    return f"{after}(?:{'|'.join(ways)})"


def ways_of(pattern: str) -> list[str]:
    """The alternatives that a pattern consists of."""
    ways, depth = [""], 0
    for piece in _PIECES.findall(pattern):
        depth += (piece == "(") - (piece == ")")
        if piece == "|" and not depth:
            ways.append("")
        else:
            ways[-1] += piece
    return ways
