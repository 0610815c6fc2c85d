"""Words as a note may hold them: nothing in them that is not seen, and in words of others nothing that a client would
draw, fetch or follow.

Memories stay as they were said; this is done when their line is rendered. What a quotation inside a sentence of ours
may hold is narrower, and known by gateway/quotes.py; how a block is fenced, by gateway/fence.py.
"""

from __future__ import annotations

import re

_SCRIPTS = "\u0600-\u109f\u1780-\u18af\ua800-\uabff\ufb50-\ufdff\ufe70-\ufefc"
"""Arabic, those of India and its neighbours, Mongolian: their letters are told to join, or not to."""

_PICTURES = "\u2190-\u2bff\ufe0f\U0001f000-\U0001faff"

_JOINED = rf"(?<=[{_SCRIPTS}])[\u200c\u200d](?=[{_SCRIPTS}])|(?<=[{_PICTURES}])\u200d(?=[{_PICTURES}])"
_UNSEEN = re.compile(
    rf"(?P<kept>{_JOINED}|(?<![\ufe00-\ufe0f])[\ufe00-\ufe0f])"
    "|[\x00-\x08\x0e-\x1b\x1f\x7f\x80-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Zero-width and filling characters, directions, tags and selectors: a reader sees none of them, and a model reads
them all. One selector after a character may say which of its forms is meant. Line ends are none of them."""

_SCHEME = r"[a-z][a-z0-9+.-]{1,30}:[/\\]{2}"
_BARE = r"(?:javascript|vbscript|mailto|cid|blob)\s*:"
_TARGET = rf"<?\s*(?:{_SCHEME}|{_BARE}|data:|//|www\.|[/#?]|[\w-]+(?:\.[\w-]+)+/)"
_IMAGE = r"img|image|picture|source|track"
_ACTIVE = rf"{_IMAGE}|a|script|style|link|meta|base|i?frame|object|embed|video|audio|form|svg|applet|portal"
_FLAGS = re.IGNORECASE | re.MULTILINE

MAX_ROUNDS = 8
"""Of taking away; what is wrapped more often is nobody's link."""

_STEPS = tuple(
    (re.compile(pattern, _FLAGS), instead)
    for pattern, instead in (
        (r"!\[([^\]]{0,500})\](?:\([^()]{0,4000}\)|\s?\[[^\]\n]{0,200}\])", r"\1"),
        (r"!(?=\[[^\]]{0,500}\]\()", ""),
        (rf"</?(?:{_IMAGE})\b[^<>]{{0,4000}}>", ""),
        (rf"<(?=/?(?:{_ACTIVE})\b|[a-z][\w:-]{{0,40}}\s[^<>]{{0,2000}}=)", "‹"),
        (r"\bdata:[\w.+-]{1,60}/[^\s\"'<>()\[\]]*", "data"),
        (rf"\]\((?=\s*{_TARGET})", "] ("),
        (rf"^([ \t>]{{0,20}})\[([^\]\n]{{1,200}})\]:(?=\s*{_TARGET})", r"\1\2:"),
        (rf"<\s*((?:{_SCHEME}|{_BARE})[^<>\s]{{0,4000}})>", r"\1"),
        (rf"(?:{_SCHEME}|{_BARE}(?=\S))+", ""),
        (r"(?<![\w.-])(?:www\.)+(?=\w)", ""),
    )
)
"""Images go but for the words in their place; a link stays as words, its text beside where it leads to."""


def visible(text: str) -> str:
    """The text without what is not seen; joiners stay where scripts and pictures need them."""
    return _UNSEEN.sub(lambda found: found["kept"] or "", text)


def printable(line: str) -> str:
    """A line in which nothing moves the cursor of a terminal, colours it or turns the direction."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in line)


def inert(text: str) -> str:
    """Words of others, which can only be read: addresses without what would make them links, and no images."""
    before, left = "", visible(text)
    for _ in range(MAX_ROUNDS):  # what stands around something that went may make a link together
        if before == left:
            break
        before = left
        for pattern, instead in _STEPS:
            left = pattern.sub(instead, left)
    else:
        left = left.replace("://", " ")
    return left
