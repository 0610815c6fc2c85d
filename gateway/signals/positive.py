"""Thanks and praise for an answer, alone or at the beginning of a message; not what a "but" follows, nor sarcasm."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.experience import Grade, Signal
from gateway.signals.base import Seen, signal
from gateway.signals.talk import before, first_line, said
from gateway.signals.words import found, says

DOUBTED_CHARS = 200
"""After the praise are searched for what takes it back."""

_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|\n")


class Positive:
    """See the module."""

    name = "positive"
    version = 1
    grade: Grade = "C"

    def find(self, seen: Seen) -> Sequence[Signal]:
        """That the user's message begins with thanks or praise for the answer before it."""
        text, earlier = said(seen), before(seen)
        praise = found("praise", text) if text and earlier is not None else None
        if earlier is None or praise is None or says("doubt", _around(text, praise.end)):
            return ()
        return [signal(self, seen, first_line(text), is_good=True, about=earlier.exchange)]


def _around(text: str, end: int) -> str:
    """The praise, the rest of its sentence and the sentence after it."""
    rest = _SENTENCE.split(text[end : end + DOUBTED_CHARS], maxsplit=2)
    return " ".join([text[:end], *rest[:2]])


DETECTOR = Positive()
