"""A regenerated answer: the user had the same asked again after the answer had come.

Not what a client sends again by itself (`Exchange.attempts`: one exchange), not `n` answers at once, and not the same
asked several times at a time to choose among them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from gateway.experience import Grade, Signal
from gateway.signals.base import Seen, last_of_user, reply_of, signal
from gateway.signals.talk import HEADS, heard, said
from gateway.types import Exchange, Turn


class Regenerate:
    """See the module."""

    name = "regenerate"
    version = 1
    grade: Grade = "B"

    def find(self, seen: Seen) -> Sequence[Signal]:
        """That it asks what the session asked last, when that had been answered; about that earlier exchange."""
        exchange, text = seen.exchange, said(seen)
        if not text:
            return ()
        earlier = heard(seen)
        run = list(itertools.takewhile(lambda one: last_of_user(one) is None, reversed(earlier)))
        asked = next((one for one in earlier[: len(earlier) - len(run)][-1:] if _asks(one) == _asks(exchange)), None)
        if asked is None or not all(_is_over(one, exchange) for one in (asked, *run)):
            return ()
        return [signal(self, seen, text, is_good=False, about=asked.id)]


def _asks(exchange: Exchange) -> tuple[tuple[Turn, ...], tuple[Turn, ...]]:
    """What is said in it, without system text, in which the time may stand."""
    return exchange.context, tuple(turn for turn in exchange.turns if turn.role not in HEADS)


def _is_over(earlier: Exchange, exchange: Exchange) -> bool:
    """Whether an answer had come whole before the other was asked for."""
    has_ended = earlier.ended_at is not None and earlier.ended_at <= exchange.at
    is_whole = earlier.state == "done" and earlier.reply is not None and earlier.reply.is_complete
    return has_ended and is_whole and reply_of(earlier) is not None


DETECTOR = Regenerate()
