"""The answer was cut off, because it came to a limit of tokens."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.experience import Grade, Signal
from gateway.signals.base import Detector, Seen, signal

CUT = frozenset(("length", "max_tokens", "max_output_tokens", "incomplete", "model_context_window_exceeded"))
"""Reasons by which the endpoints say so: Chat Completions, Messages, Responses."""

LAST_CHARS = 100
"""Of the answer are shown."""


class Truncation:
    """See the module."""

    name = "truncation"
    version = 1
    grade: Grade = "A"

    def find(self, seen: Seen) -> Sequence[Signal]:
        """One with the last words, or with the reason where there are none."""
        reply = seen.exchange.reply
        if reply is None or reply.finish_reason is None or reply.finish_reason not in CUT:
            return ()
        last = reply.turns[0].text[-LAST_CHARS:] if reply.turns else ""
        return (signal(self, seen, last if last.strip() else reply.finish_reason, is_good=False),)


DETECTOR: Detector = Truncation()
