"""A correction in words: "no, I meant …", "that's wrong", "not X but Y", "I said …", at the beginning of a message.

Details: said (the line in which it is said) and corrected (what should be, where the words name it), verbatim.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.experience import Grade, Signal
from gateway.signals.base import Seen, signal
from gateway.signals.rephrase import is_asking
from gateway.signals.talk import before, first_line, said
from gateway.signals.words import Found, found


class Correction:
    """See the module."""

    name = "correction"
    version = 1
    grade: Grade = "C"

    def find(self, seen: Seen) -> Sequence[Signal]:
        """That the user's message begins with a correction of the answer before it."""
        text, earlier = said(seen), before(seen)
        if not text or earlier is None:
            return ()
        line = first_line(text)
        right = _put_right(line, earlier.answer)
        if right is None and found("correction", line) is None:
            return ()
        details = {"said": line, "corrected": right.named["right"] if right is not None else ""}
        return [signal(self, seen, line, is_good=False, about=earlier.exchange, details=details)]


def _put_right(line: str, answer: str) -> Found | None:
    """What is put in place of words of the answer.

    "X, not Y" is a correction only where Y was said, and "no, it's X" only where nothing was asked.
    """
    right = found("right", line)
    wrong = right.named.get("wrong", "") if right is not None else ""
    if wrong and wrong.casefold() in answer.casefold():
        return right
    return None if is_asking(answer) else found("instead", line)


DETECTOR = Correction()
