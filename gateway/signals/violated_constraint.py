"""The answer broke a standing instruction of the user that a machine can verify, or kept it.

One for each such rule, the kept ones included: adherence is their share.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.experience import Grade, Signal
from gateway.guard import answer_of, verdicts
from gateway.signals.base import Detector, Seen, last_of_user, reply_of, signal
from gateway.signals.truncation import CUT
from gateway.types import Exchange


class ViolatedConstraint:
    """See the module."""

    name = "violated_constraint"
    version = 1
    grade: Grade = "A"

    def find(self, seen: Seen) -> Sequence[Signal]:
        """One per rule that was checked, with the words that break it, or the rule's own where it was kept."""
        if seen.feedback or seen.is_over or not _has_ended(seen.exchange):
            return ()
        reply = reply_of(seen.exchange)
        answer = "" if reply is None else answer_of(reply)
        texts = {rule.id: rule.text for rule in seen.rules}
        return [
            signal(
                self,
                seen,
                verdict.violation or texts[verdict.memory],
                is_good=verdict.violation is None,
                key=verdict.memory,
                about=verdict.memory,
                details={
                    "rule": texts[verdict.memory],
                    "checker": verdict.checker,
                    "violation": verdict.violation or "",
                },
            )
            for verdict in verdicts(seen.rules, answer, _asked(seen.exchange))
        ]


def _has_ended(exchange: Exchange) -> bool:
    """False for an answer that was cut off: it may have been about to keep what it seems to break."""
    reply = exchange.reply
    return reply is not None and reply.is_complete and reply.finish_reason not in CUT


def _asked(exchange: Exchange) -> str:
    """The user's message that is answered, which tools may have been called for in between."""
    said = last_of_user(exchange)
    earlier = (turn.text for turn in reversed(exchange.context) if turn.role == "user")
    return next(earlier, "") if said is None else said.text


DETECTOR: Detector = ViolatedConstraint()
