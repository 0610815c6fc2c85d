"""What a user says now, and what was asked and answered before it, as far as an exchange and its session tell.

It knows who said what to whom, and nothing of what the words mean.
"""

from __future__ import annotations

import re

import msgspec

from gateway.kinds.sentences import is_off_the_record
from gateway.signals.base import MAX_EVIDENCE_CHARS, Seen, last_of_user, reply_of
from gateway.types import Exchange, Turn

KEPT_UPSTREAM = "/responses"
"""Path of the endpoint under which an upstream may keep a conversation: then a request holds only what is new."""

HEADS = ("system", "developer")

_TAGGED = re.compile(r"\s*<([a-zA-Z][\w-]{0,40})>.*?</\1>", re.DOTALL)
"""What coding agents put before the words that somebody typed."""


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """What a user's message follows."""

    question: str
    """What the user had said; empty when that is not known."""
    answer: str
    """As the client sent it back."""
    exchange: str
    """In which it was answered; empty when the session's record does not have it."""


def said(seen: Seen) -> str:
    """What the user says now, verbatim; empty when that is nothing to judge.

    It was judged before when the exchange is looked at once more, it will come again when the upstream refused it, and
    what is off the record is left alone.
    """
    is_again = bool(seen.feedback) or seen.is_over or seen.exchange.is_refused
    turn = None if is_again else last_of_user(seen.exchange)
    return "" if turn is None or is_off_the_record(turn.text) else typed(turn.text)


def typed(text: str) -> str:
    """A user's message without the tagged blocks before it."""
    at = 0
    while block := _TAGGED.match(text, at):
        at = block.end()
    return text[at:].strip()


def before(seen: Seen) -> Before | None:
    """The answer that the user's message follows; None when it follows none."""
    context = seen.exchange.context or _kept_upstream(seen)
    if not context or context[-1].role != "assistant":
        return None
    answer = context[-1].text
    question = next((turn.text for turn in reversed(context) if turn.role == "user"), "")
    given = giver(seen.earlier, question, answer)
    return Before(question=typed(question), answer=answer, exchange=given.id if given is not None else "")


def heard(seen: Seen) -> list[Exchange]:
    """The session's exchanges before this one without calls about it (titles, summaries), oldest first."""
    return [exchange for exchange in seen.earlier if not exchange.is_aside]


def giver(earlier: tuple[Exchange, ...], question: str, answer: str) -> Exchange | None:
    """The newest exchange that gave an answer; else the newest that answered the question otherwise."""
    answering = [exchange for exchange in reversed(earlier) if answer_of(exchange)]
    same = (exchange for exchange in answering if answer_of(exchange) == answer)
    return next(same, None) or next((one for one in answering if question and question_of(one) == question), None)


def answer_of(exchange: Exchange) -> str:
    """The assistant's words; empty when there are none, or several choices of them."""
    turn = reply_of(exchange)
    return turn.text if turn is not None else ""


def question_of(exchange: Exchange) -> str:
    """What the user said last before the answer: in the exchange, or before the tool calls that it goes on with."""
    turns = [*exchange.context, *exchange.turns]
    return next((turn.text for turn in reversed(turns) if turn.role == "user"), "")


def first_line(text: str) -> str:
    """The beginning of a message, by which it can be told, at most `MAX_EVIDENCE_CHARS`."""
    return text.strip().partition("\n")[0][:MAX_EVIDENCE_CHARS].strip()


def _kept_upstream(seen: Seen) -> tuple[Turn, ...]:
    """The last question and answer from the session's record, where the upstream keeps the conversation.

    A request with a system text of its own begins one: of such the upstream keeps nothing.
    """
    earlier = heard(seen)
    has_head = any(turn.role in HEADS for turn in seen.exchange.turns)
    if seen.exchange.path != KEPT_UPSTREAM or has_head or not earlier or not answer_of(earlier[-1]):
        return ()
    question = next((text for one in reversed(earlier) if (text := question_of(one))), "")
    return (Turn(role="user", text=question), Turn(role="assistant", text=answer_of(earlier[-1])))
