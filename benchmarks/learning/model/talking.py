"""Talk: questions about anything, tastes that an answer needs, and sums.

How an answer is given follows the manners that the request asks for, as far as the model still minds them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from benchmarks.learning.model.lexicon import MANNERS, RELEASE, TOPICS, TURNED_FROM, Topic
from benchmarks.learning.model.prompt import TOP, Line, Prompt, attention

SUM_RIGHT = 0.95
"""Chance to add two numbers rightly."""

_SUM = re.compile(r"(\d+) plus (\d+)")
_CLAUSE = re.compile(r"(?<=[.!?;,])\s+")
_MATTERS = re.compile("|".join(manner.pattern.pattern for manner in MANNERS.values()), re.IGNORECASE)


def add(prompt: Prompt) -> str | None:
    """The sum that is asked for."""
    asked = _SUM.search(prompt.question)
    if asked is None:
        return None
    is_right = prompt.luck("sum") < SUM_RIGHT - prompt.distraction(_MATTERS)
    return f"It is {int(asked[1]) + int(asked[2]) + (not is_right)}."


def recommend(prompt: Prompt) -> str | None:
    """What suits the user's taste, as far as the request tells it; else anything."""
    topic = next((topic for topic in TOPICS.values() if topic.asked.search(prompt.question)), None)
    if topic is None:
        return None
    liked = [value for line in prompt.wishes() for value in _liked(topic, line.text)]
    if liked and prompt.luck("taste") < TOP - prompt.distraction(re.compile("|".join(topic.values))):
        return f"I would go for {liked[-1]}."
    return f"I would go for {topic.values[int(prompt.luck('guess') * len(topic.values))]}."


def chat(prompt: Prompt) -> str:
    """Small talk, in the manner that is wanted where the model minds it."""
    wanted = _wanted(prompt)
    distraction = prompt.distraction(_MATTERS)
    pieces = []
    for name, manner in MANNERS.items():
        is_minded = name in wanted and prompt.luck(name) < attention(wanted[name].age) - distraction
        pieces.append(manner.kept if is_minded else manner.broken)
    return "".join(pieces)


def _wanted(prompt: Prompt) -> dict[str, Line]:
    """Where each manner that holds was asked for last."""
    wanted: dict[str, Line] = {}
    for line in prompt.wishes():
        for sentence in re.split(r"(?<=[.!?])\s+", line.text):
            for name in (name for name, manner in MANNERS.items() if manner.pattern.search(sentence)):
                if RELEASE.search(sentence):
                    wanted.pop(name, None)
                else:
                    wanted[name] = line
    return wanted


def _liked(topic: Topic, text: str) -> Iterator[str]:
    for clause in _CLAUSE.split(text):
        for value in re.finditer(r"|".join(rf"\b{value}\b" for value in topic.values), clause, re.IGNORECASE):
            if not TURNED_FROM.search(clause[: value.start()].rpartition(" to ")[2]):
                yield value[0].casefold()
