"""In which language a text is: that whose words and letters it shows most.

A guess by counting, so that only one language's rules are tried on a sentence; about single words it is often wrong.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Callable

from gateway.languages.tables import TABLES, Table

MAX_CHARS = 2_000
"""Of a text are counted."""

TEXTS = 1_024
"""Whose language is kept in mind: a message, its lines and its sentences are asked about again and again."""

HAN_WEIGHT = 0.4
"""Of a Chinese character, where a word that only one language has counts 1: names are a character or two."""

ENGLISH = TABLES["en"]
CHINESE = TABLES["zh"]

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_KANA = re.compile(r"[\u3040-\u30ff]")
"""Makes what looks like Chinese Japanese."""


def _weighed(table_words: Callable[[Table], frozenset[str]]) -> dict[str, dict[str, float]]:
    """How much each word or letter shows of each language: the less, the more languages have it."""
    owners: dict[str, list[str]] = {}
    for code, table in TABLES.items():
        for word in table_words(table):
            owners.setdefault(word, []).append(code)
    return {word: dict.fromkeys(codes, 1 / len(codes)) for word, codes in owners.items()}


_WORDS = _weighed(lambda table: table.generic)
for _table in TABLES.values():
    for _word in _table.shows:
        _WORDS.setdefault(_word, {})[_table.code] = 1.0
_NONE: dict[str, float] = {}
_LETTERS = _weighed(lambda table: table.letters)


def spoken(text: str, otherwise: Table = ENGLISH) -> Table:
    """The table of the language that a text is in. On a tie it is `otherwise`, or English."""
    return _spoken(text[:MAX_CHARS], otherwise)


@functools.lru_cache(maxsize=TEXTS)
def _spoken(text: str, otherwise: Table) -> Table:
    lowered = text.lower().replace("’", "'")
    shown: defaultdict[str, float] = defaultdict(float)
    for word in _WORD.findall(lowered):
        for part in (word,) if word in _WORDS else word.split("'"):
            for code, weight in _WORDS.get(part, _NONE).items():
                shown[code] += weight
    for letter in _LETTERS.keys() & set(lowered):
        for code, weight in _LETTERS[letter].items():
            shown[code] += weight
    if not _KANA.search(lowered):
        shown[CHINESE.code] += HAN_WEIGHT * len(_HAN.findall(lowered))
    most = max(shown.values(), default=0.0)
    best = [code for code, weight in shown.items() if weight == most]
    if not most or otherwise.code in best:
        return otherwise
    return ENGLISH if ENGLISH.code in best else TABLES[best[0]]


@functools.lru_cache(maxsize=256)
def languages_of(text: str) -> tuple[Table, ...]:
    """The tables of all languages a message may be in: a task in one may hand over a text in another.

    The task is in the first line or in the last. A few answers are kept: a message is asked about more than once.
    """
    trimmed = text.strip()
    ends = (trimmed.partition("\n")[0], trimmed.rpartition("\n")[2])
    whole = spoken(trimmed)
    return tuple({table.code: table for table in (whole, *(spoken(piece, whole) for piece in ends))}.values())
