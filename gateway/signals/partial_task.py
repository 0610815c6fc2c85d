"""A task of several parts of which an answer lacks some; seen in the answer, or said by the user ("you forgot …").

An answer that says that it goes on, that it cannot, or that ended before its end lacks nothing yet, and neither does
one that works by tools. Details: task (the user's words), missing (the parts, verbatim, joined by "; "). The key is the
shape of the task, so that what is learnt of one list holds for another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.experience import Grade, Signal
from gateway.signals.base import Seen, reply_of, signal
from gateway.signals.items import MAX_ITEM_CHARS
from gateway.signals.rephrase import is_asking
from gateway.signals.talk import before, first_line, said
from gateway.signals.tasks import Shape, missing, task_of
from gateway.signals.words import found, says
from gateway.telling import mention_of, telling

CUT = frozenset({"length", "max_tokens", "incomplete", "content_filter", "refusal"})
"""Reasons for which an answer ended that are not its own."""

ENDING_CHARS = 600
"""At an answer's end it says that it goes on, or what it could not do."""

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
_PLACE = re.compile(
    rf"\b(?:({'|'.join(_ORDINALS)}|last)|(?:number|no\.?|#|part|question|item|point)\s*(\d))\b", re.IGNORECASE
)


class PartialTask:
    """See the module."""

    name = "partial_task"
    version = 2
    grade: Grade = "B"
    """Of what the user says; what is only inferred, an answer in words of its own belies."""

    def find(self, seen: Seen) -> Sequence[Signal]:
        """What the user says that the answer before lacked, and what this answer lacks."""
        text = said(seen)
        return [*self._complained(seen, text), *self._lacked(seen, text)] if text else ()

    def _lacked(self, seen: Seen, text: str) -> Sequence[Signal]:
        earlier = before(seen)
        is_answering = earlier is not None and is_asking(earlier.answer)
        task = None if is_answering else task_of(text)
        answer = _whole_answer(seen)
        if task is None or not answer or says("goes_on", answer[-ENDING_CHARS:]):
            return ()
        lacking = missing(task, answer)
        return [self._signal(seen, lacking[0], text, "; ".join(lacking), task.shape, grade="C")] if lacking else ()

    def _complained(self, seen: Seen, text: str) -> Sequence[Signal]:
        earlier, line = before(seen), first_line(text)
        if earlier is None:
            return ()
        task = task_of(earlier.question)
        told = found("forgotten", line)
        named = told or found("also", line)
        if named is None:
            return ()
        what = named.named["what"]
        place = _place(what, task.parts if task is not None else ())
        stems = telling(what)
        is_of_task = bool(stems & telling(earlier.question))
        is_lacking = told is not None or not mention_of(stems)(earlier.answer)
        if place or (is_of_task and is_lacking):
            shape: Shape = task.shape if task is not None else "series"
            return [self._signal(seen, line, earlier.question, place or what, shape, about=earlier.exchange)]
        return ()

    def _signal(
        self,
        seen: Seen,
        evidence: str,
        task: str,
        lacking: str,
        shape: Shape,
        *,
        about: str = "",
        grade: Grade | None = None,
    ) -> Signal:
        details = {"task": task[:MAX_ITEM_CHARS], "missing": lacking}
        key = f"partial_task|{shape}"
        return signal(self, seen, evidence, is_good=False, grade=grade, key=key, about=about, details=details)


def _whole_answer(seen: Seen) -> str:
    """An answer straight to the user's words, which ended by itself; else nothing."""
    exchange, turn = seen.exchange, reply_of(seen.exchange)
    if turn is None or turn.calls or exchange.reply is None or not exchange.turns or exchange.turns[-1].role != "user":
        return ""
    is_whole = exchange.state == "done" and exchange.reply.is_complete and exchange.reply.finish_reason not in CUT
    return turn.text if is_whole else ""


def _place(what: str, parts: Sequence[str]) -> str:
    """The part that is named by its place: "the third one"; empty when none is."""
    match = _PLACE.search(what)
    if match is None or not parts:
        return ""
    place = len(parts) - 1 if (match[1] or "").lower() == "last" else _number(match)
    return parts[place] if 0 <= place < len(parts) else ""


def _number(match: re.Match[str]) -> int:
    return _ORDINALS.index(match[1].lower()) if match[1] else int(match[2]) - 1


DETECTOR = PartialTask()
