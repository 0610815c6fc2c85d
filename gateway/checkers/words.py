"""Words and phrases that must not, or must, be in an answer; and apologies, which are words as well."""

from __future__ import annotations

import re

import msgspec

from gateway.checkers.answers import ending, found, prose
from gateway.checkers.base import Check
from gateway.checkers.instructions import FLAGS, OUTPUT, forbidden

_WORD_OF = (
    r"(?:(?:the|das|die|la|las|le|les) )?(?:following )?"
    r"(?:words?|phrases?|terms?|expressions?|wort|wörter|worte|palabras?|mots?|frases?|单词|词)"
)
_ONE = r"(?:\"[^\"]{1,80}\"|[^\W\d_][\w'+-]*)"
_SEVERAL = rf"{_ONE}(?:(?:,| (?:or|and|nor|oder|und|o|y|ou|et)|, (?:or|and)) {_ONE}){{0,11}}"
_QUOTES = r"\"[^\"]{1,80}\"(?:(?:,| (?:or|and|nor|oder|und|o|y|ou|et)|, (?:or|and)) \"[^\"]{1,80}\"){0,11}"
_NOT = (
    r"(?:never|don't|dont|do not|avoid|stop|refrain from|you must not|must not|mustn't|no|not|nie|niemals|nunca|no|ne|"
    r"jamais|n'utilise[sz]?)"
    r"(?: (?:ever )?(?:us(?:e|ing)|say(?:ing)?|writ(?:e|ing)|mention(?:ing)?|includ(?:e|ing)|uses|digas|utilise[sz]?|"
    r"dis|"
    r"call(?:ing)? (?:it|anything)))?(?: (?:pas|jamais))?"
)
_FORBIDDEN = re.compile(
    rf"(?:{_NOT}) (?:{_WORD_OF}:? (?P<named>{_SEVERAL})|(?P<quotes>{_QUOTES}))"
    rf"|(?:benutze?|verwende?|sag|schreibe?) (?:nie(?:mals)?|nicht) (?:{_WORD_OF} )?(?P<german>{_QUOTES})"
    rf"|(?:{_WORD_OF} )?(?P<banned>{_QUOTES}) (?:is|are) (?:forbidden|banned|not allowed)"
    rf"|(?:不要|别|禁止)(?:使用|用|说|写)(?:这个词|这个|词语|“词”)? ?(?P<chinese>{_QUOTES})(?:这个词)?",
    FLAGS,
)
_WANTED = re.compile(
    rf"(?:(?:use|include|mention|say|write|work in) (?:{_WORD_OF} )?(?P<named>{_QUOTES})(?: (?:in|at least once|"
    rf"somewhere))*"
    rf"|{OUTPUT} (?:must|should) (?:contain|include|mention) (?:{_WORD_OF} )?(?P<held>{_QUOTES}))",
    FLAGS,
)
_NO_APOLOGIES = forbidden(
    r"apolog(?:y|ies|i[sz]ing|i[sz]e)(?: to me)?|saying sorry|say sorry|entschuldigungen|disculpas|excuses"
)
_SORRY = r"sorry\b(?! to (?:hear|learn|see)\b| for your loss| about your\b)"
_APOLOGY = re.compile(
    rf"\bi(?:'m| am|’m) (?:\w+ )?{_SORRY}|^[^\w\n]{{0,9}}(?:so |very )?{_SORRY}"
    r"|\b(?:i|we) (?:\w+ )?apologi[sz]e\b|\b(?:my|our) (?:\w+ )?apologies\b|\bapologies for\b"
    r"|\b(?:entschuldigung|tut mir leid|lo siento|mis disculpas|je suis désolée?|toutes mes excuses)\b",
    FLAGS | re.MULTILINE,
)
"""To be sorry for somebody is none."""

_PIECE = re.compile(r"\"([^\"]{1,80})\"|([^\W\d_][\w'+-]*)")
_JOINING = frozenset(("or", "and", "nor", "oder", "und", "o", "y", "ou", "et"))
_VAGUE = re.compile(
    r"that|this|these|those|it|them|i|you|we|me|(?:any|some|every)thing|so|above|below|here|for|in|to|as|of|which|limit|"
    r"count|order|usage|choice",
    FLAGS,
)
"""Follow "the word" where none is named, or begin what says more of it."""


class NoWords(msgspec.Struct, frozen=True, kw_only=True):
    """None of the words in an answer's own words, whatever their case."""

    wrong: re.Pattern[str]
    matter: re.Pattern[str]

    def violation(self, answer: str) -> str | None:
        """The first of them and the words around it."""
        return found(self.wrong, prose(answer), answer)


class SomeWords(msgspec.Struct, frozen=True, kw_only=True):
    """Every one of the words in an answer of some length."""

    wanted: tuple[re.Pattern[str], ...]
    matter: re.Pattern[str] = re.compile(r"(?!)")

    def violation(self, answer: str) -> str | None:
        """How an answer ends that lacks one."""
        return None if all(word.search(answer) for word in self.wanted) else ending(answer)


class Words:
    """See the module."""

    name = "words"

    def check(self, clause: str) -> Check | None:
        """A check of the words that an instruction names, in quotation marks or after "the word"."""
        if _NO_APOLOGIES.fullmatch(clause):
            return NoWords(wrong=_APOLOGY, matter=re.compile(r"apolog|sorry|complain|entschuldig", FLAGS))
        unwanted, wanted = _named(_FORBIDDEN, clause), _named(_WANTED, clause)
        if unwanted:
            wrong = re.compile("|".join(map(_whole, unwanted)), FLAGS)
            return NoWords(wrong=wrong, matter=wrong)
        return SomeWords(wanted=tuple(re.compile(_whole(word), FLAGS) for word in wanted)) if wanted else None


def _named(rule: re.Pattern[str], clause: str) -> list[str]:
    """The words that a clause is about; none where it is of another sort, or may mean something else by them."""
    match = rule.fullmatch(clause)
    said = "" if match is None else next((group for group in match.groupdict().values() if group), "")
    pieces = [quoted or bare for quoted, bare in _PIECE.findall(said) if quoted or bare.lower() not in _JOINING]
    return [] if any(map(_VAGUE.fullmatch, pieces)) else [piece.strip(" .,!?") or piece for piece in pieces]


def _whole(word: str) -> str:
    """Pattern of a word or a phrase that is no part of a longer word; its apostrophes may be curled."""
    escaped = re.escape(word).replace("'", "['’]").replace(r"\ ", r"\s+")
    before = r"(?<!\w)" if word[0].isascii() and word[0].isalnum() else ""
    after = r"(?!\w)" if word[-1].isascii() and word[-1].isalnum() else ""
    return f"{before}{escaped}{after}"


CHECKER = Words()
