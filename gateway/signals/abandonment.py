"""A session that was left after it had gone wrong: at its end stands an error, a broken or refused answer, or a
correction, and no thanks.

What went wrong is told by the detectors of it; most sessions simply end, and nothing follows from that.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.experience import Grade, Signal
from gateway.signals import correction, positive, refusal, rephrase, tool_error, truncation
from gateway.signals.base import Detector, Seen, signal

ENDINGS: tuple[Detector, ...] = (
    correction.DETECTOR,
    rephrase.DETECTOR,
    refusal.DETECTOR,
    truncation.DETECTOR,
    tool_error.DETECTOR,
)
"""What a session may end badly with; the first that did is told."""


class Abandonment:
    """See the module."""

    name = "abandonment"
    version = 1
    grade: Grade = "B"

    def find(self, seen: Seen) -> Sequence[Signal]:
        """That the session's last exchange went wrong, about that exchange."""
        if not seen.is_over or seen.feedback or seen.exchange.is_aside:
            return ()
        last = msgspec.structs.replace(seen, is_over=False)
        endings = [bad for detector in ENDINGS for bad in detector.find(last) if bad.is_good is False]
        if not endings or positive.DETECTOR.find(last):
            return ()
        is_environment = all(bad.is_environment for bad in endings)
        told = next(bad for bad in endings if bad.is_environment == is_environment)
        return [signal(self, seen, told.evidence, is_good=False, is_environment=is_environment, about=seen.exchange.id)]


DETECTOR = Abandonment()
