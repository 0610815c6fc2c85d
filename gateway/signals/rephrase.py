"""A question put again in other words, because the answer was not what was wanted.

The same words with another name or number in them are another question ("and the weather in Rome?"), and after a
question back the user only answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.experience import Grade, Signal
from gateway.signals.base import Seen, signal
from gateway.signals.talk import before, first_line, said
from gateway.telling import telling

MIN_OVERLAP = 0.6
"""Of the words of the shorter."""

MIN_WORDS = 4
MAX_WORDS = 120
"""Nobody types more of the same again; longer messages that are alike come from a program."""

MIN_TELLING = 2

_ENDS = " \t\r\n*_\"'”)"
_WORD = re.compile("[\u4e00-\u9fff\u3040-\u30ff]|[^\\W_]+")


class Rephrase:
    """See the module."""

    name = "rephrase"
    version = 1
    grade: Grade = "C"

    def find(self, seen: Seen) -> Sequence[Signal]:
        """That the user's message says nearly what their last one said."""
        text, earlier = said(seen), before(seen)
        if not text or earlier is None or is_asking(earlier.answer) or not _is_again(text, earlier.question):
            return ()
        return [signal(self, seen, first_line(text), is_good=False, about=earlier.exchange)]


def is_asking(answer: str) -> bool:
    """Whether an answer asks something back, at its end."""
    return answer.rstrip(_ENDS).endswith(("?", "？"))


def _is_again(text: str, question: str) -> bool:
    words, others = _words(text), _words(question)
    if not all(MIN_WORDS <= len(one) <= MAX_WORDS for one in (words, others)) or words == others:
        return False
    own, old = set(words), set(others)
    is_near = len(own & old) >= MIN_OVERLAP * min(len(own), len(old))
    told, asked = telling(text), telling(question)
    is_same_matter = min(len(told), len(asked)) >= MIN_TELLING and (told <= asked or asked <= told)
    return is_near and is_same_matter


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold().replace("’", "'"))


DETECTOR = Rephrase()
