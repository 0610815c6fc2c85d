"""Tasks of several parts that can be counted: a list, "(1) … (2) …", "explain A, B and C"; and which an answer lacks.

A part is known by its own telling words, those that no other part has: an answer that has none of them anywhere lacks
it. It would rather not count than miscount; Chinese, whose words have no borders, it does not count.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import msgspec

from gateway.signals.words import found, says
from gateway.telling import mention_of, telling

Shape = Literal["list", "series"]
"""Lines or numbers; or a sentence that names one after the other."""

MIN_PARTS, MAX_PARTS = 3, 9
MIN_DONE = 0.5
"""Share of the parts that an answer must have for another to be missing: else it is about something else, or answers in
words of its own."""

MAX_TASK_CHARS = 4_000
"""A longer message is material rather than a task."""

MAX_ANSWER_CHARS = 64_000
AROUND_CHARS = 300
"""Before and after a list are searched for what is asked of it."""

MAX_PART_WORDS = 5
"""Of a part in a sentence; what is longer is a clause."""

_LINE = re.compile(
    r"^(?P<indent>[ \t]*)(?:[-*•+–]|\(?(?P<number>\d{1,2})[.)]|[a-i]\))[ \t]+(?P<part>\S.*)$", re.MULTILINE
)
_NUMBER = re.compile(r"(?:(?<=\s)|(?<=^)|(?<=:))\(?([1-9])[.)][ \t]+(?=\S)")
_ENTRY = re.compile(r"^(?:[ \t]*(?:[-*•+–]|\(?\d{1,2}[.)])[ \t]+|#{1,6} |\*\*[^*\n]+\*\*:?\s*$)", re.MULTILINE)
_GIVEN = re.compile(r"^[\w /-]{1,30}:\s*\S+(?:\s+\S+){0,3}\s*$")
"""What is given rather than asked: "date: May 3"."""

_SERIES = re.compile(
    r"\s*(?P<first>[^\n,;:.!?]{2,60})(?P<rest>(?:[,;][^\n,;:.!?]{2,60}){1,7}?),?\s+(?:and|und|y|e|et|&)\s+"
    r"(?P<last>[^\n,;:.!?]{2,60})",
    re.IGNORECASE,
)
_EXCEPT = re.compile(
    r"\b(?:without|except|not|no|never|avoid|unless|or|ohne|außer|sin|excepto|sans|sauf)\b", re.IGNORECASE
)
_ENDING = re.compile(r"(?<=\w{3})(?:ing|ings|ation|ations|ion|ions|ment|ments|ed|er|ers)\b", re.IGNORECASE)
"""Without it a word is found in its other forms: "hiring" in "we hire two"."""

_HAN = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Several things asked for at once."""

    shape: Shape
    parts: tuple[str, ...]
    """Verbatim."""
    around: str
    """What is said of all of them."""


def task_of(text: str) -> Task | None:
    """The task in a user's message; None when it has no parts that can be counted."""
    if len(text) > MAX_TASK_CHARS or _HAN.search(text):
        return None
    task = _lines(text) or _numbers(text) or _series(text)
    return task if task is not None and MIN_PARTS <= len(task.parts) <= MAX_PARTS else None


def missing(task: Task, answer: str) -> tuple[str, ...]:
    """The parts that an answer lacks, verbatim; none where it does as many things as were asked for."""
    answer = answer[:MAX_ANSWER_CHARS]
    if len(_ENTRY.findall(answer)) >= len(task.parts):
        return ()
    known = [(part, own) for part, own in zip(task.parts, _own_words(task), strict=True) if own]
    lacking = tuple(part for part, own in known if not mention_of(own)(answer))
    done = len(known) - len(lacking)
    return lacking if done >= max(2, MIN_DONE * len(known)) else ()


def _own_words(task: Task) -> list[frozenset[str]]:
    """Stems of each part that neither another part nor what is said of all of them has."""
    stems = [telling(part) | telling(_ENDING.sub("", part)) for part in task.parts]
    count = Counter(stem for one in stems for stem in one)
    common = telling(task.around)
    return [frozenset(stem for stem in one if count[stem] == 1 and stem not in common) for one in stems]


def _lines(text: str) -> Task | None:
    lines = list(_LINE.finditer(text))
    outer = min((len(line["indent"]) for line in lines), default=0)
    parts = [line for line in lines if len(line["indent"]) == outer]
    if not lines or sum(_GIVEN.match(line["part"]) is not None for line in parts) * 2 >= len(parts):
        return None
    around = _around(text, parts[0].start(), parts[-1].end())
    asks = sum(line["part"].rstrip().endswith("?") for line in parts) * 2 >= len(parts)
    numbered = [int(line["number"]) for line in parts if line["number"]]
    is_one_list = numbered in ([], list(range(1, len(parts) + 1)))
    is_task = is_one_list and (asks or says("several", around))
    return _task("list", [line["part"].strip() for line in parts], around) if is_task else None


def _numbers(text: str) -> Task | None:
    """Parts that are numbered within a line, from one on."""
    marks = list(_NUMBER.finditer(text))
    if len(marks) < MIN_PARTS or [int(mark[1]) for mark in marks] != list(range(1, len(marks) + 1)):
        return None
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    parts = [text[mark.end() : end].partition("\n")[0].strip(" \t,;.") for mark, end in zip(marks, ends, strict=True)]
    around = text[: marks[0].start()][-AROUND_CHARS:]
    return _task("list", parts, around) if says("several", around) else None


def _series(text: str) -> Task | None:
    """Parts that a sentence names after a word that asks for all of them."""
    asked = found("governs", text)
    series = _SERIES.match(text, asked.end) if asked is not None else None
    if asked is None or series is None:
        return None
    parts = [series["first"], *re.split("[,;]", series["rest"])[1:], series["last"]]
    parts = [part.strip() for part in parts]
    is_named = all(len(part.split()) <= MAX_PART_WORDS for part in parts[:-1])
    return _task("series", parts, "") if is_named and not _EXCEPT.search(series[0]) else None


def _task(shape: Shape, parts: Sequence[str], around: str) -> Task:
    return Task(shape=shape, parts=tuple(parts), around=around)


def _around(text: str, start: int, end: int) -> str:
    return f"{text[max(0, start - AROUND_CHARS) : start]}\n{text[end : end + AROUND_CHARS]}"
