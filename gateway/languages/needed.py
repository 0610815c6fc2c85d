"""Words without which a pattern is not found.

Read off the pattern as `re` itself takes it apart: a run of letters that stands in it stands in what it finds, of
branches one is taken, and where a word begins or ends, there is a space in a text that is folded.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence

# The one place where Python tells what it makes of a pattern, which its stubs leave out.
from re import _constants, _parser
from typing import Any

TEXTS = 256
"""Kept folded: every rule asks about the same message."""

MAX_KEPT_CHARS = 2_000
"""Of a text that is kept folded."""

MIN_CHARS = 3
"""Of a word in Latin letters with the spaces beside it; shorter ones are everywhere."""

HAN_CHARS = 3
"""Letters that a Chinese character is worth."""

RARE_CHARS = 6
"""From this length on a word is as rare as any."""

COMMON_CHARS = 2
"""Letters that a word is worth, or a part of one, that nearly every text has."""

LESS_PER_CHAR = 1 / 8
"""How much rarer a word is than one that is a letter shorter, about."""

_BORDERS = (
    _constants.AT_BOUNDARY,
    _constants.AT_BEGINNING,
    _constants.AT_BEGINNING_STRING,
    _constants.AT_END,
    _constants.AT_END_STRING,
)
_WIDTHLESS = (_constants.AT, _constants.ASSERT, _constants.ASSERT_NOT)
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)
_BETWEEN_WORDS = re.compile(r"\W+")

Words = frozenset[str]
"""As they stand in a folded text, one of which is needed."""
Code = Sequence[tuple[Any, Any]]
"""A pattern as `re` parses it: operations with their arguments."""


def folded(text: str) -> str:
    """A text as words are looked for in it: in lower case, with one space between words and at either end.

    What `re` takes for the same letter in another case is the same here, in the alphabets that rules are written in.
    """
    return _folded(text) if len(text) <= MAX_KEPT_CHARS else _folded.__wrapped__(text)


@functools.lru_cache(maxsize=TEXTS)
def _folded(text: str) -> str:
    lowered = text.lower().replace("i\u0307", "i").replace("\u0131", "i").replace("\u017f", "s")
    return f" {_BETWEEN_WORDS.sub(' ', lowered).strip()} "


@functools.lru_cache(maxsize=TEXTS)
def words_of(said: str) -> frozenset[str]:
    """The words of a folded text."""
    return frozenset(said.split())


def is_whole(word: str) -> bool:
    """Whether it is one word from beginning to end."""
    return word.startswith(" ") and word.endswith(" ") and " " not in word.strip()


def needed(pattern: str, flags: int, common: str = "") -> Words:
    """Words of which one stands in every text in which a pattern is found; none if there is no saying.

    Of several such sets that which a text has least often. Raises `re.error`.

    Args:
        common: words that nearly every text has, with spaces between them.
    """
    return _rarest(_sets(_parser.parse(pattern, flags), "", common, is_closed=False), common)


def _sets(code: Code, run: str, common: str, *, is_closed: bool) -> Iterator[Words]:
    """Sets of words of which one is needed each.

    Args:
        run: what stands right before.
        is_closed: whether a word ends where the pattern does.
    """
    ends = [*(_is_border(*following) for following in code[1:]), is_closed]
    for (operation, argument), is_end in zip(code, ends, strict=False):
        if operation is _constants.LITERAL:
            run = _longer(run, _letter(argument))
        elif operation is _constants.AT and argument in _BORDERS:
            run = _longer(run, " ")
        elif operation not in _WIDTHLESS:
            yield frozenset((run,))
            yield _inside(operation, argument, run, common, is_closed=is_end)
            run = ""
    yield frozenset((_longer(run, " ") if is_closed else run,))


def _letter(code: int) -> str:
    """A character as it stands in a folded text."""
    return folded(chr(code)).strip() or " "


def _is_border(operation: object, argument: Any) -> bool:
    if operation is _constants.AT:
        return argument in _BORDERS
    return operation is _constants.LITERAL and _letter(argument) == " "


def _longer(run: str, char: str) -> str:
    return run if char == " " and run.endswith(" ") else run + char


def _inside(operation: object, argument: Any, run: str, common: str, *, is_closed: bool) -> Words:
    """Words needed by what an operation holds; of branches any may be taken."""
    if operation is _constants.SUBPATTERN:
        branches = [argument[3]]
    elif operation is _constants.BRANCH:
        branches = argument[1]
    elif operation in _REPEATS and argument[0] > 0:
        branches, is_closed = [argument[2]], False  # it may go on with itself
    else:
        return frozenset()
    needs = [_rarest(_sets(branch, run, common, is_closed=is_closed), common) for branch in branches]
    return frozenset().union(*needs) if all(needs) else frozenset()


def _rarest(sets: Iterable[Words], common: str) -> Words:
    found = map(_least, (words for words in sets if words and all(map(_tells, words))))
    return min(found, key=lambda words: sum(_share(word, common) for word in words), default=frozenset())


def _least(words: Words) -> Words:
    """Without those of which another is a part."""
    return frozenset(word for word in words if not any(other in word for other in words - {word}))


def _tells(word: str) -> bool:
    return bool(word.strip()) and (not word.isascii() or len(word) >= MIN_CHARS)


def _share(word: str, common: str) -> float:
    """How much of all texts has a word, about."""
    if not word.isascii():
        chars = HAN_CHARS * len(word)
    else:
        is_common = all(part in common for part in (word.split() if " " in word.strip() else [word]))
        chars = COMMON_CHARS if is_common else len(word)
    return LESS_PER_CHAR ** min(chars, RARE_CHARS)
