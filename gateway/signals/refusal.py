"""The answer is a refusal: the provider says so, or the model does in its first words.

In words it is weak evidence: a model that may not do a thing has done right. What it cannot find is no refusal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.experience import Grade, Signal
from gateway.signals.base import Detector, Seen, reply_of, signal

REFUSED = frozenset(("content_filter", "content_filtered", "guardrail_intervened", "refusal", "safety"))
"""Reasons by which the endpoints say so: Chat Completions and Responses, Bedrock, Messages, Gemini."""

FIRST_CHARS = 200
"""Of an answer, in which it refuses."""

_THIS = r"(?: you)?(?: with)? (?:that|this|such|those|these|your request|it\b)"
_REFUSES = (
    rf"(?:help|assist|comply|fulfil|engage|participate|(?:support|do|provide|create|write|generate|share|discuss|answer"
    rf"|continue|give|produce|complete){_THIS})"
)
_WORDS = re.compile(
    r"\W*(?:(?:i['’]?m|i am) (?:very |really |so |truly )?sorry|sorry|i apologi[sz]e|my apologies|unfortunately)?"
    r"(?:,? ?(?:but|however))*[,.:;!—-]*\s*(?:as an ai[\w ]*,\s*)?(?:"
    rf"i (?:can['’]?t|cannot|can not|won['’]?t|will not|am not able to|am unable to) {_REFUSES}"
    rf"|i['’]m (?:unable|not able) to {_REFUSES}"
    r"|i (?:must|have to|need to|will have to) (?:decline|refuse)|i (?:decline|refuse) to"
    r"|(?:dabei|damit|hierbei) kann ich (?:ihnen |dir )?(?:leider )?nicht (?:helfen|weiterhelfen|behilflich)"
    r"|(?:es tut mir leid|tut mir leid|leider)[,.]? (?:aber )?(?:dabei |damit )?kann ich (?:ihnen |dir )?"
    r"(?:dabei |damit |das )?(?:leider )?nicht (?:helfen|weiterhelfen|tun|behilflich)"
    r"|(?:désolée?|je suis désolée?)[,.]? (?:mais )?je ne peux pas (?:vous |t['’])?(?:aider|répondre à cette)"
    r"|(?:lo siento|lo lamento)[,.]? (?:pero )?no puedo (?:ayudar|asistir|cumplir|hacer eso)"
    r")",
    re.IGNORECASE,
)


class Refusal:
    """See the module."""

    name = "refusal"
    version = 1
    grade: Grade = "A"

    def find(self, seen: Seen) -> Sequence[Signal]:
        """One of grade A where the provider says so, of grade C where only words do."""
        reply = seen.exchange.reply
        if reply is not None and reply.finish_reason is not None and reply.finish_reason.lower() in REFUSED:
            text = reply.turns[0].text if reply.turns else ""
            return (signal(self, seen, text[:FIRST_CHARS] if text.strip() else reply.finish_reason, is_good=False),)
        turn = reply_of(seen.exchange)
        words = None if turn is None or turn.calls else _WORDS.match(turn.text[:FIRST_CHARS])
        return () if words is None else (signal(self, seen, words[0].strip(), is_good=False, grade="C"),)


DETECTOR: Detector = Refusal()
