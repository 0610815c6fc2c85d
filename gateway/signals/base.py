"""What a detector of a behavioural signal must offer; the one interface of a file in this folder.

A detector looks at what happened and says what it saw, with a verbatim span as evidence. It is pure, and what follows
from it is no concern of its own: that is gateway/lessons.py and gateway/credit.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from gateway.experience import Feedback, Grade, Signal
from gateway.memories import Memory
from gateway.types import Exchange, ToolCall, Turn

MAX_EVIDENCE_CHARS = 300
MAX_EARLIER = 50
"""Exchanges of a session that a detector may look back on."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to look at when an exchange has ended."""

    exchange: Exchange
    earlier: tuple[Exchange, ...] = ()
    """The session's exchanges before it, oldest first, at most `MAX_EARLIER`; refused ones are not among them."""
    rules: tuple[Memory, ...] = ()
    """Constraints that held when it was answered."""
    feedback: tuple[Feedback, ...] = ()
    """Given on it or on its session, and not looked at before. With any, nothing but that is to be judged."""
    is_over: bool = False
    """True when it is looked at once more, as the last of its session: nothing has come for long."""


class Detector(Protocol):
    """Finds one signal."""

    @property
    def name(self) -> str:
        """Name of the file."""
        ...

    @property
    def version(self) -> int:
        """Raised whenever it would see something else in the same."""
        ...

    @property
    def grade(self) -> Grade:
        """How good its evidence is."""
        ...

    def find(self, seen: Seen) -> Sequence[Signal]:
        """What is to be seen in `seen.exchange`; never raises."""
        ...


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call with what the tool answered."""

    call: ToolCall
    result: Turn
    exchange: Exchange
    """In which the result came."""


def answered(seen: Seen) -> Iterator[Answered]:
    """Tool calls whose results came in `seen.exchange`, in order."""
    return (one for one in _answered(seen) if one.exchange is seen.exchange)


def answered_before(seen: Seen) -> Iterator[Answered]:
    """Tool calls of the session whose results came earlier, in order."""
    return (one for one in _answered(seen) if one.exchange is not seen.exchange)


def reply_of(exchange: Exchange) -> Turn | None:
    """The assistant's turn; None when there is none, or when it gave several, of which nobody knows which was seen."""
    turns = exchange.reply.turns if exchange.reply is not None else ()
    return turns[0] if len(turns) == 1 else None


def last_of_user(exchange: Exchange) -> Turn | None:
    """What the user said last in an exchange; None when only tools answered."""
    return next((turn for turn in reversed(exchange.turns) if turn.role == "user"), None)


def signal(
    detector: Detector,
    seen: Seen,
    evidence: str,
    *,
    is_good: bool | None,
    grade: Grade | None = None,
    key: str = "",
    tool: str = "",
    is_environment: bool = False,
    about: str = "",
    details: Mapping[str, str] = {},
) -> Signal:
    """What a detector saw, with what is the same of all of them; `grade` where it is not the detector's own."""
    return Signal(
        name=detector.name,
        version=detector.version,
        grade=grade or detector.grade,
        exchange=seen.exchange.id,
        session=seen.exchange.scope.session,
        at=seen.exchange.at,
        is_good=is_good,
        evidence=evidence[:MAX_EVIDENCE_CHARS],
        key=key,
        tool=tool,
        is_environment=is_environment,
        about=about,
        details=details,
    )


def standing(span: str, text: str) -> str:
    """A span as it stands in a text that may hold it as JSON does; the beginning of the text where it does not stand.

    It is cut to `MAX_EVIDENCE_CHARS`.
    """
    span = span[:MAX_EVIDENCE_CHARS]
    escaped = (json.dumps(span, ensure_ascii=False)[1:-1], json.dumps(span)[1:-1])
    found = next((form for form in (span, *escaped) if form and form in text), text)
    return found[:MAX_EVIDENCE_CHARS]


def _answered(seen: Seen) -> Iterator[Answered]:
    """Calls with their results, each once: who asks for another answer sends the same results again.

    A call stands in the request, or, where the upstream keeps the conversation, only in an answer of before.
    """
    called: dict[str, ToolCall] = {}
    taken: set[tuple[ToolCall, str]] = set()
    for exchange in (*seen.earlier, seen.exchange):
        called.update((call.id, call) for call in exchange.asked)
        for turn in exchange.turns:
            call = called.get(turn.answers) if turn.role == "tool" and turn.answers else None
            if call is not None and (call, turn.text) not in taken:
                taken.add((call, turn.text))
                yield Answered(call=call, result=turn, exchange=exchange)
        if exchange.reply is not None:
            called.update((call.id, call) for turn in exchange.reply.turns for call in turn.calls)
