"""In which language an answer clearly is: told by its letters, and by the words that every text of a language has.

Surer than gateway/languages/spoken.py, which names the likeliest language of a sentence; here, in doubt, it is none.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from gateway.languages.tables import FLAGS, TABLES

SCRIPTS: Mapping[str, str] = {
    "han": "\u4e00-\u9fff",
    "kana": "\u3040-\u30ff",
    "hangul": "\uac00-\ud7af",
    "cyrillic": "\u0400-\u04ff",
    "greek": "\u0370-\u03ff",
    "arabic": "\u0600-\u06ff",
    "hebrew": "\u0590-\u05ff",
    "devanagari": "\u0900-\u097f",
    "thai": "\u0e00-\u0e7f",
    "latin": "A-Za-z\u00c0-\u024f",
}
"""Letters, as a class of `re` has them."""

WRITTEN: Mapping[str, str] = {
    "zh": "han",
    "ja": "kana",
    "ko": "hangul",
    "ru": "cyrillic",
    "uk": "cyrillic",
    "bg": "cyrillic",
    "el": "greek",
    "ar": "arabic",
    "he": "hebrew",
    "hi": "devanagari",
    "th": "thai",
}
"""Scripts of languages that are not written in Latin letters."""

MAX_CHARS = 2_000
"""Of a text are counted."""

MIN_LETTERS = 40
MIN_HAN = 15
"""A text with fewer letters shows no language; Chinese says as much with fewer."""

MIN_WORDS = 8
MIN_SHARE = 0.3
"""Of a text's words say nothing (`Table.generic`) in the language that it is in; in prose it is about half."""

LEAD = 2.0
"""By so much the language that is shown is ahead of the one that should be."""

STRANGE = 0.1
"""Letters of its script that a text of a language has at least: names and terms may well be in Latin ones."""

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_LETTER = re.compile(r"[^\W\d_]")
_SCRIPTS = {name: re.compile(f"[{letters}]", FLAGS) for name, letters in SCRIPTS.items()}


def is_foreign(text: str, code: str) -> bool:
    """True when a text clearly is in another language than this one, named by its ISO 639-1 code."""
    scripts = _scripts(text)
    own = WRITTEN.get(code, "latin")
    if not scripts:
        return False
    if max(scripts, key=scripts.__getitem__) != own:
        return scripts[own] < STRANGE
    if own != "latin":
        return False
    shares = _shares(text)
    others = {other: share for other, share in shares.items() if other != code and (code in shares or other == "en")}
    return max(others.values(), default=0.0) >= max(MIN_SHARE, LEAD * shares.get(code, 0.0))


def is_in(text: str, code: str) -> bool:
    """True when a text clearly is in this language; of those written in Latin letters only the ones with a table."""
    scripts = _scripts(text)
    own = WRITTEN.get(code, "latin")
    if not scripts or max(scripts, key=scripts.__getitem__) != own:
        return False
    if own != "latin":
        return True
    shares = _shares(text)
    others = [share for other, share in shares.items() if other != code]
    return shares.get(code, 0.0) >= max(MIN_SHARE, LEAD * max(others, default=0.0))


@functools.lru_cache(maxsize=8)
def _scripts(text: str) -> Mapping[str, float]:
    """Share of each script among the letters; nothing of a text that is too short. Japanese is kana and han."""
    begin = text[:MAX_CHARS]
    letters = len(_LETTER.findall(begin))
    counts = {name: len(script.findall(begin)) for name, script in _SCRIPTS.items()}
    if letters < MIN_LETTERS and counts["han"] < MIN_HAN:
        return {}
    theirs = "kana" if counts["kana"] > STRANGE * counts["han"] else "han"
    counts |= {"kana": 0, "han": 0, theirs: counts["kana"] + counts["han"]}
    return {name: count / letters for name, count in counts.items()}


@functools.lru_cache(maxsize=8)
def _shares(text: str) -> Mapping[str, float]:
    """Share of each language's words that say nothing, of the languages written in Latin letters."""
    words = _WORD.findall(text[:MAX_CHARS].lower().replace("’", "'"))
    if len(words) < MIN_WORDS:
        return {}
    return {
        code: sum(word in table.generic or word.partition("'")[0] in table.generic for word in words) / len(words)
        for code, table in TABLES.items()
        if code not in WRITTEN
    }
