"""An answer as checkers read it: without code, and without what it only quotes; positions stay as they were."""

from __future__ import annotations

import functools
import re

KEPT = 8
"""Answers kept read: all checks of a call read the same one."""

EXCERPT_CHARS = 30
"""Shown on either side of what breaks a rule."""

FENCE = re.compile(r"^[ \t]*(```|~~~)(?s:.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.MULTILINE)
_INLINE = re.compile(r"`[^`\n]+`")
_QUOTED = re.compile(
    r"^[ \t]*>.*$|\"[^\"\n]{1,300}\"|“[^“”\n]{1,300}”|„[^„“”\n]{1,300}[“”]|«[^«»\n]{1,300}»|「[^「」\n]{1,300}」"
    r"|『[^『』\n]{1,300}』|‘[^‘’\n]{1,300}’(?!\w)|(?<!\w)'(?=\S)[^'\n]{1,100}(?<=\S)'(?!\w)",
    re.MULTILINE,
)
_ADDRESS = re.compile(r"https?://\S+|\bwww\.\S+|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}\.\w+")


@functools.lru_cache(maxsize=KEPT)
def without_code(answer: str) -> str:
    """The answer with its code blanked."""
    return _INLINE.sub(_blank, FENCE.sub(_blank, answer))


@functools.lru_cache(maxsize=KEPT)
def prose(answer: str) -> str:
    """What the answer says in words of its own: code, quoted text, addresses and quoted lines are blanked."""
    return _ADDRESS.sub(_blank, _QUOTED.sub(_blank, without_code(answer)))


def excerpt(answer: str, start: int, end: int) -> str:
    """The words around a place in an answer, verbatim and of one line."""
    first = max(answer.rfind("\n", 0, start) + 1, start - EXCERPT_CHARS)
    newline = answer.find("\n", end)
    last = min(len(answer) if newline < 0 else newline, end + EXCERPT_CHARS)
    if first and answer[first - 1].isalnum():
        first = min((place for place in range(first, start) if answer[place].isspace()), default=start)
    if last < len(answer) and answer[last].isalnum():
        last = max((place for place in range(end, last) if answer[place].isspace()), default=end)
    return answer[first:last].strip()


def found(pattern: re.Pattern[str], text: str, answer: str) -> str | None:
    """The words of an answer around the first place at which a pattern finds itself in a reading of it."""
    match = pattern.search(text)
    return None if match is None else excerpt(answer, match.start(), match.end())


def opening(answer: str) -> str:
    """The first words of an answer, of its first line."""
    line = answer.lstrip().partition("\n")[0]
    return excerpt(line, 0, min(len(line), EXCERPT_CHARS))


def ending(answer: str) -> str:
    """The last words of an answer, of its last line."""
    line = answer.rstrip().rpartition("\n")[2]
    return excerpt(line, max(0, len(line) - EXCERPT_CHARS), len(line))


def _blank(match: re.Match[str]) -> str:
    return "".join(letter if letter == "\n" else " " for letter in match[0])
