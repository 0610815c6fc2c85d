"""Emojis: none at all, or some in every answer."""

from __future__ import annotations

import re

import msgspec

from gateway.checkers.answers import found, opening, prose
from gateway.checkers.base import Check
from gateway.checkers.instructions import FLAGS, OUTPUT, forbidden

_NOUN = r"emojis?|emoticons?|smileys?|smilies|émojis?|表情(?:符号)?"
_FORBIDDEN = forbidden(rf"(?:{_NOUN})(?: (?:or|and) (?:{_NOUN}))?")
_WANTED = re.compile(
    rf"(?:use|add|include|put|insert|sprinkle in) (?:an |some |at least one |lots of |plenty of |fun |"
    rf"more )*(?:{_NOUN})"
    rf"|{OUTPUT} (?:must|should) (?:contain|include|have) (?:an |some |at least one )?(?:{_NOUN})"
    rf"|(?:benutze?|verwende?) (?:viele )?(?:{_NOUN})|usa emojis|utilise des (?:{_NOUN})|(?:使用|用)(?:{_NOUN})",
    FLAGS,
)
_MATTER = re.compile(_NOUN, FLAGS)

_PICTURE = (
    "[\U0001f1e6-\U0001f1ff\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f7e0-\U0001f7ff\U0001f900-\U0001f9ff"
    "\U0001fa70-\U0001faff\u2705\u274c\u274e\u2728\u2757\u2753\u2764\u26a1\u2b50\u2b55\u231a\u231b\u23e9-\u23f3"
    "\u2614\u2615\u2648-\u2653\u267f\u2693\u26aa\u26ab\u26bd\u26be\u26c4\u26c5\u26d4\u26ea\u26fa\u26fd\u2795-\u2797]"
    "|[\u00a9\u00ae\u2030-\u2bff\u3030\u303d]\ufe0f"
)
"""What is shown as a picture by itself, and what is one only with the selector that asks for it: "™" is none."""

_FACE = r"(?<![\w:/])[:;=]-?[)(DPp](?![\w)])"
_EMOJI = re.compile(_PICTURE)
_FACES_TOO = re.compile(rf"{_PICTURE}|{_FACE}")

MIN_WORDS = 15
"""A shorter answer may well do without one where some are wanted."""


class NoEmoji(msgspec.Struct, frozen=True, kw_only=True):
    """None in an answer's own words."""

    seen: re.Pattern[str]
    matter: re.Pattern[str] = _MATTER

    def violation(self, answer: str) -> str | None:
        """The emoji and the words around it."""
        return found(self.seen, prose(answer), answer)


class SomeEmoji(msgspec.Struct, frozen=True, kw_only=True):
    """At least one in an answer of some length."""

    matter: re.Pattern[str] = _MATTER

    def violation(self, answer: str) -> str | None:
        """How an answer begins that has none."""
        is_short = len(prose(answer).split()) < MIN_WORDS
        return None if is_short or _FACES_TOO.search(answer) else opening(answer)


class Emoji:
    """See the module."""

    name = "emoji"

    def check(self, clause: str) -> Check | None:
        """A check where emojis are forbidden or wanted; faces made of signs count only where they are named."""
        if _FORBIDDEN.fullmatch(clause):
            return NoEmoji(seen=_FACES_TOO if re.search("emoticon|smile?[yi]", clause, FLAGS) else _EMOJI)
        return SomeEmoji() if _WANTED.fullmatch(clause) else None


CHECKER = Emoji()
