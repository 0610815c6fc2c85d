"""Capitals: none, only, or no words that shout."""

from __future__ import annotations

import re

import msgspec

from gateway.checkers.answers import found, prose
from gateway.checkers.base import Check
from gateway.checkers.instructions import FLAGS, NEVER, OUTPUT, forbidden

_LOWER = (
    r"(?:all |only )?(?:lower[ -]?case|small)(?: letters| only)*|kleinbuchstaben|minúsculas?|minuscules?|小写(?:字母)?"
)
_UPPER = (
    r"all[ -]caps|(?:all |only )?(?:upper[ -]?case|capital)(?: letters| only)*|(?:all )?capitals|capital letters|caps|"
    r"großbuchstaben|mayúsculas?|majuscules?|大写(?:字母)?"
)
_IN = (
    rf"(?:(?:only )?(?:answer|reply|respond|write|talk|speak|type|keep {OUTPUT}|use|stick to|antworte|schreibe?|"
    rf"responde|"
    rf"escribe|réponds|écris|用)(?: to me| everything)?(?: only| nur| solo| uniquement)?(?: (?:in|to|en))?|"
    rf"{OUTPUT} (?:must|should) be (?:in )?|everything in|in|en|only|nur|solo) ?"
)
_LOWER_WANTED = re.compile(
    rf"(?:{_IN})(?:{_LOWER})(?: only)?(?:回答|回复)?|(?:lower[ -]?case|{_LOWER}) only|all lower[ -]?case", FLAGS
)
_UPPER_WANTED = re.compile(rf"(?:{_IN})(?:{_UPPER})(?: only)?(?:回答|回复)?|all[ -]caps|(?:{_UPPER}) only", FLAGS)
_NO_CAPITALS = forbidden(
    r"(?:upper[ -]?case|capital)(?: letters?)|capitals|capitali[sz](?:e|ation|ing)(?: anything)?|upper[ -]?case"
)
_NO_SHOUTING = re.compile(
    rf"(?:{NEVER}|no)(?: (?:in|words in|text in))? (?:all[ -]caps|block capitals)(?: words| text)?|{NEVER} (?:shout|"
    rf"yell)(?: at me)?",
    FLAGS,
)
_MATTER = re.compile(r"\b(?:upper ?case|lower ?case|caps|capitals?|capitali[sz]\w*|acronyms?|letter|e?-?mail)\b", FLAGS)

_CAPITAL = re.compile(r"(?<![\w'’-])[^\W\d_a-zß-öø-ÿ](?=[a-zß-öø-ÿ])[\w'’]*|(?<![\w'’])I(?![\w.])")
_SMALL = re.compile(r"(?<![\w'’])[a-zß-öø-ÿ][a-zß-öø-ÿ'’]+(?!\w)")
_SHOUTED = re.compile(r"(?<![\w-])[A-ZÀ-ÖØ-Þ]{2,}(?:[ ,!'’-]+[A-ZÀ-ÖØ-Þ]{1,}){3,}(?![\w-])")


class Letters(msgspec.Struct, frozen=True, kw_only=True):
    """No words of a case that is not to be; acronyms are let be where capitals are not."""

    wrong: re.Pattern[str]
    matter: re.Pattern[str] = _MATTER

    def violation(self, answer: str) -> str | None:
        """The first such word."""
        return found(self.wrong, prose(answer), answer)


class Case:
    """See the module."""

    name = "case"

    def check(self, clause: str) -> Check | None:
        """A check of the case that answers are to be in."""
        if _NO_SHOUTING.fullmatch(clause):
            return Letters(wrong=_SHOUTED)
        if _LOWER_WANTED.fullmatch(clause) or _NO_CAPITALS.fullmatch(clause):
            return Letters(wrong=_CAPITAL)
        return Letters(wrong=_SMALL) if _UPPER_WANTED.fullmatch(clause) else None


CHECKER = Case()
