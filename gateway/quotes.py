"""Words of others as they may stand in a sentence of ours.

What users said is quoted. What comes from a tool or from the assistant is data as well as quotation: it is stripped of
what could be more than words, and left out where it gives orders. A name of a program can be no sentence.
"""

from __future__ import annotations

import re

MAX_SPAN_CHARS = 120
"""Of a foreign span: an error's telling line and an argument are shorter."""

_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)")
_ADDRESS = re.compile(r"\b(?:[a-z][a-z0-9+.-]{1,20}://|www\.)\S+", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>\n]{0,200}>|\[/?INST\]|<\|[^|]{0,40}\|>")
_MARKUP = re.compile(r"[`*#~|]+|_{2,}|\[m_")
_ORDER = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,60}\b(?:instruct\w*|prompts?|rules?|previous|prior|above)"
    r"|\b(?:system prompt|new instructions?|from now on|you are now|do not tell|don't tell)\b"
    r"|\b(?:system|assistant|user|developer)\s*:"
    r"|\byou (?:must|should|have to|need to) (?:now|always|never|immediately)\b"
    r"|\b(?:always|never|immediately|please|now) (?:call|run|send|transfer|execute|delete|forward|reveal|email|e-mail"
    r"|visit|open|fetch|download|pay|approve|answer|reply|say|tell|use)\b",
    re.IGNORECASE,
)
"""Words that speak to the model. English only: in other languages they stand as the quotation that they are."""

_NO_NAME = re.compile(r"[^\w.:/\[\]-]+")


def quoted(text: str, limit: int = MAX_SPAN_CHARS) -> str:
    """Words as one line in quotation marks, verbatim up to a limit of characters; no other such mark is inside."""
    plain = " ".join(text.split()).replace('"', "'")
    return f'"{plain[: limit - 1].rstrip()}…"' if len(plain) > limit else f'"{plain}"'


def inert(text: str, limit: int = MAX_SPAN_CHARS) -> str:
    """A foreign span that can only be read: quoted, without markup, links and addresses; empty when it gives orders."""
    plain = _LINK.sub(r"\1", text)
    for pattern in (_ADDRESS, _TAG, _MARKUP):
        plain = pattern.sub(" ", plain)
    return "" if not plain.strip() or _ORDER.search(plain) else quoted(plain, limit)


def name(text: str) -> str:
    """The name of a tool, a field, a file or a test; empty when it reads like an order."""
    plain = _NO_NAME.sub(" ", text).strip()[:MAX_SPAN_CHARS]
    return "" if _ORDER.search(plain.replace("_", " ")) else plain
