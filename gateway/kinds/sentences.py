"""The sentences a person says in a message in their own name, and what can be said of a sentence or a message by its
looks alone: whether it asks, is not to be kept, or says nothing at all.

Whose words they are is told by gateway/kinds/own.py; what they state, by gateway/kinds/statements.py.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from gateway.kinds.own import own
from gateway.kinds.pasted import HANDED
from gateway.languages.spoken import languages_of, spoken
from gateway.languages.tables import TABLES, Table

MAX_SENTENCE_CHARS = 300
"""Nobody states a wish in a longer sentence; what is longer was pasted."""

MAX_SPOKEN_CHARS = 600
"""Of a longer message only the first and the last paragraph, and of each no more than this, are a person speaking."""

MAX_READ_CHARS = 32_000
"""From either end of a message are read for what is said in it: 8 MB of prose stood in the way for four seconds."""

MAX_EMPTY_TALK_CHARS = 200
"""Nobody greets at greater length."""

_CODE = re.compile(
    r"`[^`\n]*`|(?<!\w)\"(?=\S)[^\"]*\"(?!\w)|“[^”]{0,300}”|«[^»]{0,300}»|„[^“”]{0,300}[“”]|「[^」]{0,300}」"
    r"|『[^』]{0,300}』|(?<!\w)['‘](?=\S)(?:[^'\n]|(?<=\w)'(?=\w)){1,300}'(?!\w)"
)
"""Quotation marks that are never closed must not be looked past again and again."""

_END = re.compile(
    r"(?:(?<=[!?])|(?<=\.)(?<!\b(?:e\.g|i\.e)\.)(?<!\b(?:etc|Mrs)\.)(?<!\b(?:Dr|Mr|Ms|St|vs)\.)(?<!\b[A-Z]\.)(?!(?<=\b[ap]\.m\.)\s+[a-z]))\s+"
    r"|(?<=[。！？])\s*|[\n\f]+|\Z"
)
_ITEM = re.compile(r"^(?:[-–*•+]|\d{1,2}[.)])\s+")
_MARKUP = " \t*"


def sentences(text: str) -> Iterator[str]:
    """Verbatim sentences that the speaker says themself, trimmed, in order; a word of code inside one stays in it."""
    text = _readable(text)
    said = own(text, languages_of(text))
    plainly = _CODE.sub(lambda code: "x" * len(code[0]), said)
    opening, closing = _ends_of_speech(plainly)
    start = 0
    for end in _END.finditer(plainly):
        sentence = _ITEM.sub("", text[start : end.start()].strip().strip(_MARKUP)).strip(_MARKUP).strip()
        is_spoken = end.start() <= opening or start >= closing
        if is_spoken and 0 < len(sentence) <= MAX_SENTENCE_CHARS and not said[start : end.start()].isspace():
            yield sentence
        start = end.end()


def _readable(text: str) -> str:
    """The two ends of a text that is longer than anybody speaks; what lies between was pasted."""
    return text if len(text) <= 2 * MAX_READ_CHARS else f"{text[:MAX_READ_CHARS]}\n\n{text[-MAX_READ_CHARS:]}"


def _ends_of_speech(text: str) -> tuple[int, int]:
    """Where the opening of a message ends and where its closing begins; they meet in a short one."""
    if len(text.strip()) <= MAX_SPOKEN_CHARS:
        return len(text), 0
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    opening = _GAP.search(text, first)
    closing = max((gap.end() for gap in _GAP.finditer(text, first, last)), default=first)
    return (
        min(opening.start() if opening else last, first + MAX_SPOKEN_CHARS),
        max(closing, last - MAX_SPOKEN_CHARS),
    )


_GAP = re.compile(r"\n[ \t\r]*\n\s*")

_QUOTED = re.compile(
    r"`[^`]*`|\"[^\"]*\"|“[^”]*”|«[^»]*»|„[^“”]*[“”]|「[^」]*」|『[^』]*』|《[^》]*》"
    r"|(?<!\w)['‘](?=\S)(?:[^']|(?<=\w)'(?=\w))+'(?!\w)"
)


def plain(sentence: str, table: Table) -> str:
    """The sentence as rules read it: apostrophes straight, code and quoted words blanked, no emphasis, no label."""
    straight = sentence.replace("’", "'").replace("**", "").replace("__", "")
    return table.rules["label"].sub("", _QUOTED.sub('""', straight), count=1)


def unquoted(sentence: str) -> str:
    """The sentence with its quotations blanked, as long as it was."""
    return _QUOTED.sub(lambda quoted: HANDED * len(quoted[0]), sentence)


def is_question(sentence: str) -> bool:
    """True when the sentence asks; "…, okay?" at the end of a request does not."""
    return sentence.endswith(("?", "？")) and not spoken(sentence).says("agreed", sentence)


@functools.lru_cache(maxsize=256)
def is_off_the_record(text: str) -> bool:
    """True when the speaker says that the message is not to be kept, in whatever part of it; in doubt it is not kept.

    Words in quotation marks do not count: somebody asks what "off the record" means. A few answers are kept: every
    kind of memory asks about the same message.
    """
    said = _CODE.sub('""', _readable(text).replace("’", "'"))
    return any(table.says("off_record", said) for table in languages_of(said))


def is_empty_talk(text: str) -> bool:
    """True for words that carry nothing to remember and nothing to recall by: a greeting, a thank-you."""
    said = text.replace("’", "'")
    return len(text) <= MAX_EMPTY_TALK_CHARS and any(table.says("empty_talk", said) for table in TABLES.values())
