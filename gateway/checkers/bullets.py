"""Lists: none, bulleted or numbered, and answers that are to be in points."""

from __future__ import annotations

import re

import msgspec

from gateway.checkers.answers import found, opening, without_code
from gateway.checkers.base import Check
from gateway.checkers.instructions import FLAGS, OUTPUT, forbidden

_POINTS = (
    r"(?:bullet(?:ed)?[ -]?points?|bullets|bullet(?:ed|-point)?[ -]?lists?|bullet point format|aufzählung(?:en|"
    r"spunkte)?|"
    r"stichpunkte?n?|viñetas|puces|listes? à puces|项目符号|要点列表)"
)
_NUMBERS = r"(?:numbered|ordered) lists?|nummerierten? listen?|listas numeradas|listes numérotées|编号列表"
_LISTS = r"lists?(?: format(?:ting)?)?|listen|listas|listes|列表"

_NO_POINTS = forbidden(_POINTS)
_NO_NUMBERS = forbidden(_NUMBERS)
_NO_LISTS = forbidden(_LISTS)
_POINTS_WANTED = re.compile(
    rf"(?:(?:only )?(?:answer|reply|respond|write|format|structure|give|present|keep)(?: (?:me|to me|{OUTPUT}))?"
    rf"(?: only)? (?:in|as|with|using)|(?:only )?use|{OUTPUT} (?:must|should) be (?:in|as)|i want {OUTPUT} (?:in|as))"
    rf" (?:short |concise )*{_POINTS}(?: only)?|{_POINTS} only|(?:antworte|schreibe?)(?: mir)?(?: nur)? in {_POINTS}"
    rf"|(?:responde|contesta) (?:con|en) {_POINTS}|réponds (?:avec des|en|par) {_POINTS}",
    FLAGS,
)

_POINT = r"^[ \t]*(?:[-*+–•◦▪‣·●○][ \t]+|[•◦▪‣●○])\S.*"
_NUMBER = r"^[ \t]*(?:\d{1,3}[.)、]|\([0-9a-z]\)|[a-z]\))[ \t]*(?=[^\s\d]).*"

MIN_WORDS = 60
"""An answer that is to be in points may have so many words without one: a remark, a question in return."""


class NoList(msgspec.Struct, frozen=True, kw_only=True):
    """No two items that follow each other: a single line that begins with a dash is none."""

    items: tuple[str, ...]
    matter: re.Pattern[str] = re.compile(rf"{_POINTS}|{_NUMBERS}|\blists?\b|\bListe\b", FLAGS)

    def violation(self, answer: str) -> str | None:
        """The first item."""
        text = without_code(answer)
        for item in self.items:
            items = re.findall(item, text, re.MULTILINE)
            if len(items) > 1:
                return found(re.compile(item, re.MULTILINE), text, answer)
        return None


class InPoints(msgspec.Struct, frozen=True, kw_only=True):
    """At least one item in an answer of some length."""

    matter: re.Pattern[str] = re.compile(
        r"\b(?:essay|letter|mail|email|story|poem|paragraphs?|prose|table|code)\b", FLAGS
    )

    def violation(self, answer: str) -> str | None:
        """How an answer begins that has none."""
        text = without_code(answer)
        has_items = re.search(f"{_POINT}|{_NUMBER}", text, re.MULTILINE) is not None
        return None if has_items or len(text.split()) < MIN_WORDS else opening(answer)


class Bullets:
    """See the module."""

    name = "bullets"

    def check(self, clause: str) -> Check | None:
        """A check of what sort of list is forbidden, or of there being one."""
        if _POINTS_WANTED.fullmatch(clause):
            return InPoints()
        for forbids, items in ((_NO_POINTS, (_POINT,)), (_NO_NUMBERS, (_NUMBER,)), (_NO_LISTS, (_POINT, _NUMBER))):
            if forbids.fullmatch(clause):
                return NoList(items=items)
        return None


CHECKER = Bullets()
