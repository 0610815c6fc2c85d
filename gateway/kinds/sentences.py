"""What a person said in a message: its sentences without code, quotations and pasted walls of text; and which say
nothing at all."""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_SENTENCE_CHARS = 300
"""Nobody states a wish in a longer sentence; what is longer was pasted."""

MAX_SENTENCES = 200
"""A message with more is a document, and only its beginning is a person speaking."""

MAX_EMPTY_TALK_CHARS = 200
"""Nobody greets at greater length."""

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_QUOTED_LINE = re.compile(r"^[ \t]*(?:>|\|).*$", re.MULTILINE)
_END = re.compile(r"(?<=[.!?。！？])\s+|\n+")


def sentences(text: str) -> Iterator[str]:
    """Verbatim sentences of a message, trimmed, in order."""
    spoken = _QUOTED_LINE.sub("\n", _CODE.sub("\n", text))
    for number, sentence in enumerate(_END.split(spoken)):
        if number == MAX_SENTENCES:
            return
        trimmed = sentence.strip(" \t-*•")
        if 0 < len(trimmed) <= MAX_SENTENCE_CHARS and trimmed in text:
            yield trimmed


def is_question(sentence: str) -> bool:
    """True when the sentence asks."""
    return sentence.endswith(("?", "？"))


_PASSING = re.compile(
    r"\b(?:in this (?:chat|conversation|session|thread|message|one)|for (?:this )?(?:now|chat|one|conversation|session)"
    r"|for today|this time|just this once|only (?:this )?once)\b",
    re.IGNORECASE,
)


def is_passing(sentence: str) -> bool:
    """True when the sentence itself says that it holds only here and now."""
    return _PASSING.search(sentence) is not None


_EMPTY_TALK = re.compile(
    r"^\W*(?:(?:hi|hello|hey|yo|good (?:morning|afternoon|evening|night)|thanks?|thank you|thx|cheers|ok(?:ay)?|k|yes|"
    r"yep|yeah|yup|no|nope|sure|great|nice|cool|perfect|awesome|bye|goodbye|see you|go on|go ahead|continue|next|done|"
    r"noted|got it|understood|of course|certainly|absolutely|"
    r"please|there|all|again|so much|very much|a lot|you're welcome|how can i (?:help|assist)(?: you)?(?: today)?)"
    r"\W*)*$",
    re.IGNORECASE,
)


def is_empty_talk(text: str) -> bool:
    """True for words that carry nothing to remember and nothing to recall by: a greeting, a thank-you."""
    return len(text) <= MAX_EMPTY_TALK_CHARS and _EMPTY_TALK.match(text) is not None
