"""Long texts in pieces: cut where a paragraph, a code block, a line or a sentence ends, so that each piece can be found
and shown by itself. Pieces are verbatim and in order; nothing between two of them but white space is lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

PASSAGE_CHARS = 800
"""Of a passage at most, about 200 tokens: ten of them fit into the default budget, and most turns need no cutting."""

MAX_PASSAGES = 12
"""Of one turn. What is longer was pasted, and its beginning says what it is; the journal has it whole."""

_BLOCK = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_BORDERS = (
    re.compile(r"\n[ \t]*\n\s*"),
    re.compile(r"\n"),
    re.compile(r"(?<=[.!?])\s+|(?<=[。！？；])"),
    re.compile(r"\s+"),
)
"""From the best place to cut at to the worst."""


def passages(text: str) -> list[str]:
    """The text in pieces of at most `PASSAGE_CHARS` characters, trimmed, without empty ones, at most `MAX_PASSAGES`."""
    readable = text.strip()[: PASSAGE_CHARS * MAX_PASSAGES].rstrip()
    if len(readable) <= PASSAGE_CHARS:
        return [readable] if readable else []
    return list(_joined(_pieces(readable)))[:MAX_PASSAGES]


def standing(sentences: Iterable[str]) -> re.Pattern[str]:
    """Finds sentences where they stand as such: "No tea" does not stand in "No teapots"."""
    longest_first = sorted(sentences, key=len, reverse=True)
    return re.compile("|".join(rf"(?:(?<!\w)|(?!\w)){re.escape(one)}(?:(?!\w)|(?<!\w))" for one in longest_first))


def without(text: str, sentences: Iterable[str]) -> list[str]:
    """What stands between the sentences, of which there is at least one, in pieces that say something."""
    trimmed = (piece.strip(" \t\r\n-–—*•>,;") for piece in standing(sentences).split(text))
    return [passage for piece in trimmed if any(map(str.isalnum, piece)) for passage in passages(piece)]


def _pieces(text: str) -> Iterator[str]:
    """Code blocks and what stands between them, each cut until it fits."""
    start = 0
    for block in _BLOCK.finditer(text):
        yield from _cut(text[start : block.start()])
        yield from _cut(block[0])
        start = block.end()
    yield from _cut(text[start:])


def _cut(text: str, level: int = 0) -> Iterator[str]:
    """Pieces that fit, with the white space that follows them; what has no border is cut hard."""
    if len(text) <= PASSAGE_CHARS:
        if text:
            yield text
    elif level == len(_BORDERS):
        for start in range(0, len(text), PASSAGE_CHARS):
            yield text[start : start + PASSAGE_CHARS]
    else:
        start = 0
        for border in (*_BORDERS[level].finditer(text), None):
            end = len(text) if border is None else border.end()
            yield from _cut(text[start:end], level + 1)
            start = end


def _joined(pieces: Iterator[str]) -> Iterator[str]:
    """Small pieces that follow each other make one passage as long as they fit into it."""
    passage = ""
    for piece in pieces:
        if passage.strip() and len(passage) + len(piece.rstrip()) > PASSAGE_CHARS:
            yield passage.strip()
            passage = ""
        passage += piece
    if passage.strip():
        yield passage.strip()
