"""Signs that answers are to do without: exclamation marks, dashes, semicolons and the like."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from gateway.checkers.answers import found, prose
from gateway.checkers.base import Check
from gateway.checkers.instructions import FLAGS, forbidden

SIGNS: Mapping[str, str] = {
    r"exclamation (?:marks?|points?)|exclamations|ausrufezeichen|signos? de exclamación|points? d'exclamation|"
    r"感叹号": r"(?<=[\w)\]\"'”’*!?])!(?![=\w])|！",
    r"em[ -]?dash(?:es)?|long dashes|gedankenstriche?|—": "—",
    r"en[ -]?dash(?:es)?": r"(?<!\d)–(?!\d)",
    r"(?:em or en |em and en )?dashes": r"—|(?<=\s)[–-](?=\s\w)(?<!\n[-–])",
    r"semi-?colons?|strichpunkte?|semikolons?|punto y coma|points?-virgules?|分号": r"(?<!&amp);|；",
    r"question marks|fragezeichen": r"[?？](?![=&\w])",
    r"ellips[ei]s|dot dot dot|auslassungspunkte": r"…|(?<!\.)\.{3}(?!\.)",
    r"(?:parenthes[ei]s|parentheticals|round brackets|klammern|paréntesis|"
    r"parenthèses)": r"(?<=\s)\((?=\w)[^)\n]{2,200}\)",
    r"hash-?tags?": r"(?<![\w#/&])#[^\W\d_]\w*",
}
"""Pattern of a sign by that of its names."""

_CHECKS = [(forbidden(f"(?:{names})"), re.compile(sign), re.compile(names, FLAGS)) for names, sign in SIGNS.items()]


class NoSign(msgspec.Struct, frozen=True, kw_only=True):
    """The sign is nowhere in an answer's own words."""

    sign: re.Pattern[str]
    matter: re.Pattern[str]

    def violation(self, answer: str) -> str | None:
        """The first one and the words around it."""
        return found(self.sign, prose(answer), answer)


class Punctuation:
    """See the module."""

    name = "punctuation"

    def check(self, clause: str) -> Check | None:
        """A check of the sign that is forbidden."""
        signs = (NoSign(sign=sign, matter=matter) for forbids, sign, matter in _CHECKS if forbids.fullmatch(clause))
        return next(signs, None)


CHECKER = Punctuation()
