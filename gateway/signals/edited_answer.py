"""An edited answer: the resent history has other words in the assistant's last message than the assistant gave.

Not what clients do to answers by themselves: cut them, strip markdown, reasoning and citations, or rewrite every one.
Details: before and after, the words between the first change and the last with a few around them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from gateway.experience import Grade, Signal
from gateway.signals.base import MAX_EVIDENCE_CHARS, Seen, signal
from gateway.signals.talk import answer_of, before, giver, said
from gateway.types import Exchange

MIN_SIMILARITY = 0.5
"""Share of words in common from which one answer is the other edited."""

MAX_ANSWER_CHARS = 32_000
"""Of a longer answer nobody edits a few words in a chat."""

WORDS_AROUND = 3
MAX_COMPARED = 400
"""Words between the first change and the last that are compared one by one: that takes the square of their number."""

_NOT_SAID = re.compile(
    r"<(think|thinking|reasoning|details)\b[^>]*>.*?</\1>|【[^】]*】|<[^<>\n]{1,80}>|\[\^?\d+\]", re.DOTALL
)
_WORD = re.compile("[\u4e00-\u9fff]|[^\\s\u4e00-\u9fff]+")
_MARKUP = "*_#`>~|-+\"'“”‘’"
_CUT = re.compile(r"…|\.\.\.|truncated|omitted|\[redacted", re.IGNORECASE)
"""What stands in place of what a client left out."""


class EditedAnswer:
    """See the module."""

    name = "edited_answer"
    version = 1
    grade: Grade = "B"

    def find(self, seen: Seen) -> Sequence[Signal]:
        """The edit, in the first message after it."""
        earlier = before(seen) if said(seen) and seen.exchange.context else None
        if earlier is None or not earlier.exchange or _is_known(seen, earlier.answer) or _is_habit(seen):
            return ()
        given = next(one for one in seen.earlier if one.id == earlier.exchange)
        change = _change(answer_of(given), earlier.answer)
        if change is None:
            return ()
        details = {"before": change.before, "after": change.after}
        return [signal(self, seen, change.after, is_good=False, about=given.id, details=details)]


class _Change(msgspec.Struct, frozen=True, kw_only=True):
    before: str
    after: str


class _Words(msgspec.Struct, frozen=True, kw_only=True):
    """A text by its words, without markup."""

    text: str
    words: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]

    def between(self, start: int, end: int) -> str:
        """The text of these words and a few around, verbatim."""
        first, last = max(0, start - WORDS_AROUND), min(len(self.words), end + WORDS_AROUND) - 1
        return self.text[self.spans[first][0] : self.spans[last][1]][:MAX_EVIDENCE_CHARS]


def _is_known(seen: Seen, answer: str) -> bool:
    """Whether it was given in these words, or has been sent back so before."""
    return any(
        answer_of(one) == answer or any(turn.text == answer and turn.role == "assistant" for turn in one.context)
        for one in seen.earlier
    )


def _is_habit(seen: Seen) -> bool:
    """Whether an answer before the last is not as it was given either: then the client rewrites them all."""
    pairs = list(pairwise(seen.exchange.context[:-1]))
    return any(
        reply.role == "assistant" and _is_rewritten(giver(seen.earlier, question.text, reply.text), reply.text)
        for question, reply in pairs
        if question.role == "user"
    )


def _is_rewritten(given: Exchange | None, text: str) -> bool:
    return given is not None and _words(answer_of(given)).words != _words(text).words


def _change(old: str, new: str) -> _Change | None:
    """What was edited; None when nothing was, or it is another answer, or a part of the old one."""
    if max(len(old), len(new)) > MAX_ANSWER_CHARS:
        return None
    given, sent = _words(old), _words(new)
    if _is_part(given.words, sent.words) or _is_part(sent.words, given.words):
        return None
    head = _common(given.words, sent.words)
    tail = _common(given.words[head:][::-1], sent.words[head:][::-1])
    gone, come = given.words[head : len(given.words) - tail], sent.words[head : len(sent.words) - tail]
    is_cut = any(_CUT.search(word) for word in come if word not in gone)
    if is_cut or max(len(gone), len(come)) > MAX_COMPARED:
        return None
    matcher = difflib.SequenceMatcher(None, gone, come, autojunk=False)
    same = head + tail + sum(block.size for block in matcher.get_matching_blocks())
    if 2 * same < MIN_SIMILARITY * (len(given.words) + len(sent.words)):
        return None
    return _Change(
        before=given.between(head, len(given.words) - tail), after=sent.between(head, len(sent.words) - tail)
    )


def _is_part(words: Sequence[str], others: Sequence[str]) -> bool:
    """Whether words stand in others as they are, the first and the last of them cut perhaps."""
    return " ".join(words) in " ".join(others)


def _common(words: Sequence[str], others: Sequence[str]) -> int:
    """How many words two begin with in common."""
    return next(
        (at for at, (word, other) in enumerate(zip(words, others, strict=False)) if word != other),
        min(len(words), len(others)),
    )


def _words(text: str) -> _Words:
    plain = _NOT_SAID.sub(lambda match: " " * len(match[0]), text[:MAX_ANSWER_CHARS])
    found = [(match[0].strip(_MARKUP), match.span()) for match in _WORD.finditer(plain)]
    kept = [(word, span) for word, span in found if word]
    return _Words(text=text, words=tuple(word for word, _ in kept), spans=tuple(span for _, span in kept))


DETECTOR = EditedAnswer()
