"""How answers are to begin, or must not begin."""

from __future__ import annotations

import re

import msgspec

from gateway.checkers.answers import opening
from gateway.checkers.base import Check
from gateway.checkers.instructions import FLAGS, NEVER, OUTPUT

_BEGIN = r"(?:start(?:ing|s)?|begin(?:ning|s)?|open(?:ing|s)?|preface|prefix)"
_QUOTED = r'"([^"]{1,80})"'
_WITH = (
    r"(?:with|by saying|with the (?:words?|phrase|line|text|tag|prefix)) "
    rf"(?:(?:an? |the )?{_QUOTED}|(?-i:([A-Z]{{2,}}(?:;[A-Z]{{2,}})?)))"
)
_WANTED = re.compile(
    rf"{_BEGIN}(?: {OUTPUT})? {_WITH}|{OUTPUT} (?:must|should|have to|has to) (?:start|begin) {_WITH}"
    rf"|(?:beginne|fange)(?: {OUTPUT}| jede antwort)? mit {_QUOTED}(?: an)?"
    rf"|(?:empieza|comienza)(?: {OUTPUT}| cada respuesta)? con {_QUOTED}"
    rf"|commence(?: {OUTPUT}| chaque réponse)? par {_QUOTED}|(?:每次)?(?:回答|回复)?(?:以|用){_QUOTED}开头",
    FLAGS,
)
_FORBIDDEN = re.compile(
    rf"(?:{NEVER})(?: {_BEGIN})(?: {OUTPUT})? (?:with|by saying|with the (?:words?|phrase)) (?:the (?:words?|phrase) )?"
    r'(?P<words>"[^"]{1,80}"(?:(?:,| or| and|, or) "[^"]{1,80}"){0,7})',
    FLAGS,
)
_EDGE = re.compile(r"\A[\W_]+")

FIRST_CHARS = 300
"""Of an answer are looked at."""


class Beginning(msgspec.Struct, frozen=True, kw_only=True):
    """An answer begins with one of some texts, or with none of them."""

    texts: tuple[str, ...]
    """In lower case, bare of signs at their edges."""
    is_wanted: bool
    matter: re.Pattern[str] = re.compile(r"\b(?:start|begin|translate|proofread|rewrite|code)\b", FLAGS)

    def violation(self, answer: str) -> str | None:
        """How it begins where it should not begin so."""
        said = _EDGE.sub("", answer.lstrip()[:FIRST_CHARS]).replace("’", "'").casefold()
        begins = any(re.match(rf"{re.escape(text)}(?!\w)", said) for text in self.texts)
        return None if begins == self.is_wanted else opening(answer)


class Start:
    """See the module."""

    name = "start"

    def check(self, clause: str) -> Check | None:
        """A check of a text that answers are to begin with, or must not; it has to be given in words."""
        wanted = _WANTED.fullmatch(clause)
        if wanted is not None:
            return _beginning(next(text for text in wanted.groups() if text), is_wanted=True)
        forbidden = _FORBIDDEN.fullmatch(clause)
        return None if forbidden is None else _beginning(*forbidden["words"].split('"')[1::2], is_wanted=False)


def _beginning(*texts: str, is_wanted: bool) -> Beginning | None:
    bare = tuple(_EDGE.sub("", text).rstrip(" .,:;!?…)]}*_").casefold() for text in texts)
    return Beginning(texts=bare, is_wanted=is_wanted) if all(bare) else None


CHECKER = Start()
