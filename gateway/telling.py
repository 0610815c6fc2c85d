"""Telling words: those by which one can see what a text is about.

"I want to know how volcanoes form" shares "want" and "know" with half of everything ever said; only "volcanoes" and
"form" tell. What does not tell is listed by language in gateway/languages.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from gateway.languages.tables import TABLES

MIN_CHARS = 3
"""Shorter words tell little, and the common ones are listed."""

MIN_SYLLABLES = 2
"""The same for Chinese, Japanese and Korean, where a character is a syllable or a word."""

STEM_CHARS = 5
"""Words that begin alike are taken for forms of one: crude, and right often enough for a yes or no."""

_FIRST_SYLLABLE = "\u2e80"
"""From this code point on a character is a syllable."""

_MARKS = "".join(char for char in map(chr, range(0x10000)) if unicodedata.category(char) in ("Mn", "Mc"))
"""Vowel signs of Hindi or Thai and accents by themselves: to `re` they are no part of a word. What lies beyond these
code points nobody writes letters with."""

_LETTERS = rf"[^\W\d_](?:[^\W\d_]|[{_MARKS}])*"
_WORD = re.compile(rf"{_LETTERS}(?:'{_LETTERS})*\d*|\d+")
_GENERIC = frozenset(word for table in TABLES.values() for word in table.generic)


def telling(text: str) -> frozenset[str]:
    """Stems of the words that tell, in lower case. Numbers tell, and are their own stems."""
    spoken = _WORD.findall(text.lower().replace("’", "'"))
    words = (word for phrase in spoken if phrase not in _GENERIC for word in phrase.split("'"))
    return frozenset(_stem(word) for word in words if _tells(word))


def mention_of(stems: frozenset[str]) -> Callable[[str], bool]:
    """Says of a text whether it has a word of one of these stems: a number as a whole, a word by its beginning."""
    wanted = sorted(stems)

    def is_mentioned(text: str) -> bool:
        lowered = text.lower()
        return any(stem in lowered and _begins_word(stem, lowered) for stem in wanted)

    return is_mentioned


def _begins_word(stem: str, text: str) -> bool:
    """Without a regular expression, whose making takes longer than all that it would be used for in a call."""
    at = text.find(stem)
    while at >= 0:
        before, after = text[at - 1 : at], text[at + len(stem) : at + len(stem) + 1]
        is_inside = before.isalnum() or before == "_" or (_is_numbered(stem) and after.isdecimal())
        if not is_inside:
            return True
        at = text.find(stem, at + 1)
    return False


def _is_numbered(word: str) -> bool:
    return word[-1].isdecimal()


def _tells(word: str) -> bool:
    shortest = MIN_CHARS if word < _FIRST_SYLLABLE else MIN_SYLLABLES
    return _is_numbered(word) or (word not in _GENERIC and len(word) >= shortest)


def _stem(word: str) -> str:
    """A plural loses its s, so that "dogs" are found by "dog" and the other way round."""
    is_plural = len(word) > MIN_CHARS and word.endswith("s")
    return word if _is_numbered(word) else word.removesuffix("s" * is_plural)[:STEM_CHARS]
