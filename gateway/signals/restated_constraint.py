"""A rule that a user states again although it held: after an answer, in other words than their message before it.

What stands in every message of theirs is a habit, or a program's. Details: before (the rule as it is kept) and after
(how it is said now).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.experience import Grade, Signal
from gateway.kinds import constraint
from gateway.kinds.statements import statements
from gateway.languages.spoken import spoken
from gateway.memories import Memory
from gateway.sides import is_alike, is_same, sets_otherwise, side_of
from gateway.signals.base import Seen, signal
from gateway.signals.talk import before, said
from gateway.signals.words import says
from gateway.types import Turn


class RestatedConstraint:
    """See the module."""

    name = "restated_constraint"
    version = 1
    grade: Grade = "B"

    def find(self, seen: Seen) -> Sequence[Signal]:
        """Each rule that the user's message says again, once."""
        text, earlier = said(seen), before(seen)
        if not text or earlier is None or not seen.rules:
            return ()
        again: dict[str, Signal] = {}
        for sentence in _stated(text):
            rule = next((rule for rule in seen.rules if _held(rule, seen) and _is_again(sentence, rule.text)), None)
            if rule is not None and rule.id not in again and sentence not in earlier.question:
                again[rule.id] = self._signal(seen, rule, sentence)
        return list(again.values())

    def _signal(self, seen: Seen, rule: Memory, sentence: str) -> Signal:
        details = {"before": rule.text, "after": sentence}
        return signal(self, seen, sentence, is_good=False, key=rule.id, about=rule.id, details=details)


def _stated(text: str) -> Iterator[str]:
    """Sentences of the user that are rules, or remind of one."""
    yield from (span.text for span in constraint.KIND.find(Turn(role="user", text=text)))
    yield from (one.text for one in statements(text) if not one.is_question and says("reproach", one.text))


def _held(rule: Memory, seen: Seen) -> bool:
    """Whether it was said before this message, for wherever this is."""
    is_here = rule.reach == "user" or rule.session == seen.exchange.scope.session
    return is_here and rule.exchange != seen.exchange.id


def _is_again(sentence: str, rule: str) -> bool:
    """Whether two say the same: the same words, or most of them, with neither denying the other nor setting another."""
    if is_same(sentence, rule):
        return True
    table = spoken(rule)
    new, old = side_of(sentence, table), side_of(rule, table)
    return is_alike(new, old) and new.is_negative == old.is_negative and not sets_otherwise(old, new, in_words=False)


DETECTOR = RestatedConstraint()
