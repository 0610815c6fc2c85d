"""Elements of Markdown that answers are to do without, or that every longer answer is to have."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from gateway.checkers.answers import FENCE, found, opening, without_code
from gateway.checkers.base import Check
from gateway.checkers.instructions import FLAGS, OUTPUT, forbidden

_TABLE = r"^[ \t]{0,9}\|?(?:[ \t]{0,9}:?-{3,200}:?[ \t]{0,9}\|){1,99}[ \t]{0,9}(?::?-{3,200}:?)?[ \t]{0,9}$"
_HEADING = r"^[ \t]{0,3}#{1,6}[ \t]+\S.*$"
_BOLD = r"(?<![\w*])\*\*(?=[^\s*])[^*\n]{1,200}(?<=\S)\*\*(?![\w*])|(?<!\w)__(?=\S)[^_\n]{1,200}(?<=\S)__(?!\w)"
_LINK = r"\[[^\[\]\n]{1,200}\]\([^)\s]{1,500}\)|https?://[^\s)]+"
_RULE = r"^[ \t]*(?:---+|\*\*\*+|___+)[ \t]*$"


class Element(msgspec.Struct, frozen=True, kw_only=True):
    """Something that stands in an answer."""

    called: str
    """Pattern of its names."""
    look: re.Pattern[str]
    is_code: bool = False
    """True where it is looked for in the whole answer, and not beside its code."""


def _look(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE)


ELEMENTS: Mapping[str, Element] = {
    "table": Element(called=r"(?:markdown )?tables?|tabellen?|tablas?|tableaux?|表格", look=_look(_TABLE)),
    "heading": Element(
        called=r"(?:markdown )?(?:headings?|headers?|titles and headings)|überschriften|encabezados|标题",
        look=_look(_HEADING),
    ),
    "bold": Element(called=r"bold(?:ed)?(?: text| words| face)?|bolding|fettdruck|negritas?|粗体", look=_look(_BOLD)),
    "link": Element(called=r"links?|hyperlinks?|urls?|enlaces|liens|链接", look=_look(_LINK)),
    "code block": Element(
        called=r"code (?:blocks?|fences?)|fenced code(?: blocks)?|codeblöcke|blocs? de code|代码块",
        look=FENCE,
        is_code=True,
    ),
    "divider": Element(called=r"(?:horizontal (?:rules?|lines?)|dividers?)", look=_look(_RULE)),
    "markdown": Element(
        called=r"markdown(?: (?:format(?:ting)?|syntax))?|markdown-formatierung|md formatting|formato markdown",
        look=_look("|".join((_TABLE, _HEADING, _BOLD, r"^[ \t]*[-*+][ \t]+\S.*\n[ \t]*[-*+][ \t]+\S", r"^[ \t]*```"))),
        is_code=True,
    ),
}
_FORBIDDEN = {name: forbidden(element.called) for name, element in ELEMENTS.items()}
_PLAIN = re.compile(
    rf"(?:(?:answer|reply|respond|write|give me|use|return|output|keep {OUTPUT}|stick to)(?: only)?(?: (?:in|with|as|"
    rf"to))? )?"
    r"(?:only )?(?:plain|simple|raw|unformatted)(?: |-)text(?: only)?|(?:nur|antworte(?: nur)? in) (?:reinem|reiner|"
    r"einfachem) text|"
    r"(?:solo |responde en )?texto (?:plano|sin formato)|(?:en )?texte brut|纯文本",
    FLAGS,
)
_TABLE_WANTED = re.compile(
    rf"(?:answer|reply|respond|present {OUTPUT}|format {OUTPUT}|give me {OUTPUT}|put {OUTPUT}|show {OUTPUT})"
    r"(?: only)? (?:in|as|with) (?:a |the form of a )?(?:markdown )?tables?(?: only)?|(?:include|use|"
    r"add) a (?:markdown )?table",
    FLAGS,
)
MIN_WORDS = 60
"""A shorter answer may do without the table that answers are to have."""


class Without(msgspec.Struct, frozen=True, kw_only=True):
    """No such element."""

    element: Element
    matter: re.Pattern[str]

    def violation(self, answer: str) -> str | None:
        """The element, or its first line."""
        text = answer if self.element.is_code else without_code(answer)
        match = self.element.look.search(text)
        if match is None:
            return None
        line, _, _ = match[0].strip().partition("\n")
        return found(re.compile(re.escape(line)), answer, answer)


class WithTable(msgspec.Struct, frozen=True, kw_only=True):
    """A table in an answer of some length."""

    matter: re.Pattern[str] = re.compile(r"\b(?:essay|letter|e?-?mail|story|poem|prose|code)\b", FLAGS)

    def violation(self, answer: str) -> str | None:
        """How an answer begins that has none."""
        has_one = ELEMENTS["table"].look.search(answer) is not None
        return None if has_one or len(answer.split()) < MIN_WORDS else opening(answer)


class Format:
    """See the module."""

    name = "format"

    def check(self, clause: str) -> Check | None:
        """A check of the element that is forbidden, or of the table that is wanted."""
        if _PLAIN.fullmatch(clause):
            return _without("markdown")
        if _TABLE_WANTED.fullmatch(clause):
            return WithTable()
        return next((_without(name) for name, forbids in _FORBIDDEN.items() if forbids.fullmatch(clause)), None)


def _without(name: str) -> Without:
    element = ELEMENTS[name]
    return Without(element=element, matter=re.compile(element.called, FLAGS))


CHECKER = Format()
