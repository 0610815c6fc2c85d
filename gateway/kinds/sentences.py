"""What a person said in a message: its sentences, without code blocks, quoted lines and pasted walls of text; and
which of them ask, hold only for the moment, or say nothing at all."""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_SENTENCE_CHARS = 300
"""Nobody states a wish in a longer sentence; what is longer was pasted."""

MAX_SENTENCES = 200
"""A message with more is a document, and only its beginning is a person speaking."""

MAX_EMPTY_TALK_CHARS = 200
"""Nobody greets at greater length."""

_BLOCK = re.compile(r"```(?s:.*?)(?:```|\Z)|^[ \t]*[>|].*$", re.MULTILINE)
_CODE = re.compile(r"`[^`\n]*`")
_END = re.compile(
    r"(?:(?<=[!?])|(?<=\.)(?<!\b(?:e\.g|i\.e)\.)(?<!\b(?:etc|Mrs)\.)(?<!\b(?:Dr|Mr|Ms|St|vs)\.))\s+"
    r"|(?<=[。！？])\s*|\n+|\Z"
)
_ITEM = re.compile(r"^(?:[-–*•+]|\d{1,2}[.)])\s+")
_MARKUP = " \t*"


def sentences(text: str) -> Iterator[str]:
    """Verbatim sentences of a message, trimmed, in order; a word of code inside a sentence stays in it."""
    lines = _BLOCK.sub(lambda block: "\n" * len(block[0]), text)
    spoken = _CODE.sub(lambda code: "x" * len(code[0]), lines)
    start = 0
    for number, end in enumerate(_END.finditer(spoken)):
        if number == MAX_SENTENCES:
            return
        sentence = _ITEM.sub("", text[start : end.start()].strip().strip(_MARKUP)).strip(_MARKUP).strip()
        if 0 < len(sentence) <= MAX_SENTENCE_CHARS and not lines[start : end.start()].isspace():
            yield sentence
        start = end.end()


_QUOTED = re.compile(r"`[^`]*`|\"[^\"]*\"|“[^”]*”|«[^»]*»")
_LABEL = re.compile(r"^(?:important|note|reminder|rule|request|ps|p\.s\.|one more thing)(?: \d+)?\s*[:!,-]\s*", re.I)


def plain(sentence: str) -> str:
    """The sentence as rules read it: apostrophes straight, words of code and of others blanked, no emphasis."""
    straight = sentence.replace("’", "'").replace("**", "").replace("__", "")
    return _LABEL.sub("", _QUOTED.sub('""', straight))


_TAG_QUESTION = re.compile(r",? (?:ok|okay|please|alright|all right|deal)\s?\?$", re.IGNORECASE)


def is_question(sentence: str) -> bool:
    """True when the sentence asks; "…, okay?" at the end of a request does not."""
    return sentence.endswith(("?", "？")) and _TAG_QUESTION.search(sentence) is None


_PASSING = re.compile(
    r"\b(?:in this (?:chat|conversation|session|thread|message|one|answer|reply|response|function|file|essay|story)"
    r"|for (?:this )?(?:now|chat|one|conversation|session)|for (?:the rest of )?this \w+|for a (?:moment|second|minute)"
    r"|this time|(?:just|only) (?:this )?once|right now|at the moment|(?<!from )today(?!')|tonight|tomorrow"
    r"|(?:in )?(?:your|the) next (?:answer|message|reply|response)|until (?:i|we|you|it)\b)",
    re.IGNORECASE,
)


def is_passing(sentence: str) -> bool:
    """True when the sentence itself says that it holds only here and now."""
    return _PASSING.search(sentence) is not None


_EMPTY_TALK = re.compile(
    r"^\W*(?:(?:hi|hello|hey|yo|good (?:morning|afternoon|evening|night)|thanks?|thank you|thx|cheers|ok(?:ay)?|k|yes|"
    r"yep|yeah|yup|no|nope|sure|great|nice|cool|perfect|awesome|bye|goodbye|see you|go on|go ahead|continue|next|done|"
    r"noted|got it|understood|of course|certainly|absolutely|please|there|all|again|so much|very much|a lot|"
    r"you're welcome|(?:how|what) (?:can|may) i (?:help|assist)(?: you)?(?: with)?(?: today)?)\b\W*)*$",
    re.IGNORECASE,
)


def is_empty_talk(text: str) -> bool:
    """True for words that carry nothing to remember and nothing to recall by: a greeting, a thank-you."""
    return len(text) <= MAX_EMPTY_TALK_CHARS and _EMPTY_TALK.match(text.replace("’", "'")) is not None
