"""Explicit feedback: what somebody said of an answer outright, through the feedback API.

It says what was said, once for each; that a label was right or wrong is gateway/signals/label_corrected.py.
Details: metric, value (as JSON), comment, correction, demonstration, label; and item, what the user had asked.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.experience import Feedback, Grade, Signal
from gateway.signals.base import Seen, signal
from gateway.signals.items import item_of
from gateway.signals.label_corrected import GOOD_FROM, is_alike
from gateway.signals.talk import answer_of, question_of, typed


class ExplicitFeedback:
    """See the module."""

    name = "feedback"
    version = 1
    grade: Grade = "S"

    def find(self, seen: Seen) -> Sequence[Signal]:
        """One signal for each that was given and says something."""
        item = item_of(typed(question_of(seen.exchange)))
        return [self._signal(seen, given, item) for given in seen.feedback if _evidence(given)]

    def _signal(self, seen: Seen, given: Feedback, item: str) -> Signal:
        return signal(
            self,
            seen,
            _evidence(given),
            is_good=_is_good(given, answer_of(seen.exchange)),
            about=given.exchange or seen.exchange.id,
            details={
                "metric": given.metric,
                "value": _value(given),
                "comment": given.comment,
                "correction": given.correction,
                "demonstration": given.demonstration,
                "label": given.label,
                "item": item,
            },
        )


def _evidence(given: Feedback) -> str:
    """Its most telling words; empty when it says nothing."""
    return given.comment or given.correction or given.label or given.demonstration or _value(given)


def _value(given: Feedback) -> str:
    return "" if given.value is None else msgspec.json.encode(given.value).decode()


def _is_good(given: Feedback, answer: str) -> bool | None:
    """By the value; without one an answer that should have been another was wrong. A comment alone says neither."""
    if given.value is not None:
        return given.value >= GOOD_FROM
    wanted = given.label or given.correction or given.demonstration
    return is_alike(wanted, answer) if wanted else None


DETECTOR = ExplicitFeedback()
