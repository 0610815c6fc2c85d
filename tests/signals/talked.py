"""A short conversation as detectors see it, for their tests."""

from __future__ import annotations

from gateway.signals.base import Seen
from gateway.types import Exchange
from tests.exchanges import NOW, assistant, exchange, user


def asked(question: str, answer: str, *, id: str = "ex_0", **changes: object) -> Exchange:
    """The exchange before: a question and its answer, which had come half a minute later."""
    return exchange(user(question), id=id, answers=[answer], at=NOW - 120, ended_at=NOW - 90, **changes)


def follows(
    text: str,
    *,
    answer: str = "The capital is Bonn.",
    question: str = "What is the capital of Germany?",
    **changes: object,
) -> Seen:
    """A user's message after a question and its answer."""
    now = exchange(
        user(text), id="ex_1", answers=["Well."], context=(user(question), assistant(answer)), ended_at=NOW, **changes
    )
    return Seen(exchange=now, earlier=(asked(question, answer),))


def opens(text: str, reply: str) -> Seen:
    """The first message of a session, and what is answered."""
    return Seen(exchange=exchange(user(text), id="ex_1", answers=[reply], ended_at=NOW))
