"""Requests of one form: what is asked again and again with other names and numbers, mostly by programs.

"Please file the permit of Ms Berger." finds every form that was ever filed. Where a question is one of such a series,
the best few of it are told, with their answers. Of one that asks, only those whose question shares what tells this one
from the others: no other sum says what 72 plus 80 is. Whoever asks after a hundred entries of a diary asks in another
form, and gets them all.

Knows nothing of scores: memories are offered best first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from gateway.memories import Memory
from gateway.telling import mention_of, telling
from gateway.wordsets import is_alike, words

ALIKE = 0.3
"""Share of words in common above which two requests are of one form; ordinary talk is hardly ever that close to a
question."""

TOLD = 3
"""Requests of a series that are told; so few are no series."""

ANSWERS = 3
"""Passages of an answer that are known to belong to their request."""


class Series:
    """What was asked in the form of a question, and its answers; it keeps count of what is told."""

    def __init__(self, question: str, memories: Mapping[str, Memory]) -> None:
        """`memories` is all that was found, by id."""
        self._memories = memories
        self._is_asking = is_asking(question)
        self._forms = [words(question)]
        self._told: set[str] = set()
        requests = [memory.text for memory in memories.values() if self._is_one(memory)]
        self.is_long = len(requests) > TOLD
        self._particular = _particular(question, requests) if self.is_long and self._is_asking else frozenset[str]()
        self._is_about = mention_of(self._particular)

    def objection(self, memory: Memory) -> Literal["", "weak", "duplicate"]:
        """Why a memory of the series need not be told; empty where it may, or is none of it."""
        request = self._request(memory)
        if request.id in self._told or not self._is_one(request):
            return ""
        if self._particular and not (self._is_about(request.text) or self._is_about(memory.text)):
            return "weak"
        return "duplicate" if len(self._told) == TOLD else ""

    def tell(self, memory: Memory) -> None:
        """Take note that a memory is told; what is like its request is of the series as well."""
        request = self._request(memory)
        if request.id not in self._told and self._is_one(request):
            self._told.add(request.id)
            self._forms.append(words(request.text))

    def _is_one(self, memory: Memory) -> bool:
        """Whether a user said it in one of the forms; who asks is not of a form with who states."""
        if memory.speaker != "user" or is_asking(memory.text) is not self._is_asking:
            return False
        return any(is_alike(words(memory.text), form, ALIKE) for form in self._forms)

    def _request(self, memory: Memory) -> Memory:
        """What an answer answers; anything else is itself."""
        for _ in range(ANSWERS):  # the chain may be a ring where the same was said twice
            if memory.speaker == "assistant" and memory.before in self._memories:
                memory = self._memories[memory.before]
        return memory


def series_of(question: str, memories: Iterable[Memory]) -> Series | None:
    """The series that a question is one of, judged by the memories found for it; None where it is one of none."""
    series = Series(question, {memory.id: memory for memory in memories})
    return series if series.is_long else None


def is_asking(text: str) -> bool:
    """Whether a text ends with a question."""
    return text.endswith(("?", "？"))


def _particular(question: str, texts: Sequence[str]) -> frozenset[str]:
    """Stems that tell a question from most of its series; none where it was asked word for word before."""
    often = len(texts) / 2
    by_stem = {stem: mention_of(frozenset([stem])) for stem in telling(question)}
    return frozenset(stem for stem, is_in in by_stem.items() if sum(map(is_in, texts)) < often)
