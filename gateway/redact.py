"""What must not be kept is replaced by what it was: `[redacted:github-token]`. The same text always becomes the same.

It knows which texts of an exchange and of feedback are somebody's words. What is found in a text, and by which rules,
is known by gateway/sensitive. A caller that cannot have a text cleaned must not keep it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence

import msgspec

from gateway.experience import Feedback
from gateway.sensitive import personal
from gateway.sensitive.secrets import SECRETS
from gateway.sensitive.spans import Span, apart, beside
from gateway.sensitive.views import View
from gateway.types import Exchange, Redact, ToolCall, Turn

MAX_ROUNDS = 8
"""A placeholder in place of a secret may show another beside it; nothing met needs more than two."""

_PLACEHOLDER = re.compile(rb"\[redacted:[a-z0-9-]+\]")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_SCALAR = re.compile(rb'[^\s",:\[\]{}]*')


def cleaned(text: str, level: Redact) -> str:
    """The text with a placeholder for each thing that is not to be kept. JSON stays JSON; what is clean stays the same.

    Linear in the text: 10 µs a kilobyte without any keyword, about 1 ms where it is full of secrets.
    """
    if level == "off":
        return text
    data = given = text.encode("utf-8", "surrogatepass")
    for _ in range(MAX_ROUNDS):
        spans = _found(data, level)
        if not spans:
            break
        data = _replaced(data, spans)
    return text if data is given else data.decode("utf-8", "surrogatepass")


def clean(exchange: Exchange) -> Exchange:
    """The exchange without what its policy lets nobody keep.

    Ids stay as they are, and so do notes, which hold what was cleaned before it was remembered.
    """
    level = exchange.redact
    if level == "off":
        return exchange
    reply = exchange.reply
    return msgspec.structs.replace(
        exchange,
        turns=_turns(exchange.turns, level),
        context=_turns(exchange.context, level),
        asked=_calls(exchange.asked, level),
        considered=tuple(msgspec.structs.replace(one, text=cleaned(one.text, level)) for one in exchange.considered),
        openings=tuple(opening for opening in exchange.openings if cleaned(opening, level) == opening),
        schemas={cleaned(name, level): cleaned(schema, level) for name, schema in exchange.schemas.items()},
        reply=None if reply is None else msgspec.structs.replace(reply, turns=_turns(reply.turns, level)),
    )


def clean_feedback(feedback: Feedback, level: Redact) -> Feedback:
    """The same judgement in words that may be kept."""
    return msgspec.structs.replace(
        feedback,
        metric=cleaned(feedback.metric, level),
        label=cleaned(feedback.label, level),
        comment=cleaned(feedback.comment, level),
        correction=cleaned(feedback.correction, level),
        demonstration=cleaned(feedback.demonstration, level),
    )


def _turns(turns: Sequence[Turn], level: Redact) -> tuple[Turn, ...]:
    return tuple(
        msgspec.structs.replace(
            turn,
            text=cleaned(turn.text, level),
            calls=_calls(turn.calls, level),
            name=None if turn.name is None else cleaned(turn.name, level),
        )
        for turn in turns
    )


def _calls(calls: Sequence[ToolCall], level: Redact) -> tuple[ToolCall, ...]:
    return tuple(
        msgspec.structs.replace(call, name=cleaned(call.name, level), arguments=cleaned(call.arguments, level))
        for call in calls
    )


def _found(data: bytes, level: Redact) -> list[Span]:
    """What is to be replaced: what stands in a placeholder was."""
    view = View(data)
    found = SECRETS.find(view)
    if level == "pii":
        found = apart([*found, *personal.find(view)])
    if not found:
        return found
    placeholders = [Span(start=one.start(), end=one.end(), name="") for one in _PLACEHOLDER.finditer(data)]
    return beside(found, placeholders)


def _replaced(data: bytes, spans: Sequence[Span]) -> bytes:
    strings = _strings(data)
    pieces: list[bytes] = []
    position = 0
    for span in spans:
        placeholder = b"[redacted:%s]" % span.name.encode()
        start, end = span.start, span.end
        if strings is not None and not _is_within(strings, start):
            end = max(end, _SCALAR.match(data, start).end())  # type: ignore[union-attr] # it also matches nothing
            placeholder = b'"%s"' % placeholder
        pieces += (data[position:start], placeholder)
        position = end
    return b"".join(pieces) + data[position:]


def _is_within(strings: Sequence[tuple[int, int]], at: int) -> bool:
    """Whether a place is in one of the strings, which are in order."""
    before = bisect_left(strings, (at, 0))
    return before > 0 and at < strings[before - 1][1]


def _strings(data: bytes) -> list[tuple[int, int]] | None:
    """Where the strings of a JSON document stand; None for what is none."""
    if not data.lstrip().startswith((b"{", b"[", b'"')):
        return None
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return [match.span() for match in _STRING.finditer(data)]
