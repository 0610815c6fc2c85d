"""How answers are to end, or must not end: with a question, or with words that are given."""

from __future__ import annotations

import re

import msgspec

from gateway.checkers.answers import ending
from gateway.checkers.base import Check
from gateway.checkers.instructions import FLAGS, NEVER, OUTPUT

_END = r"(?:end(?:ing)?|clos(?:e|ing)|finish(?:ing)?|conclud(?:e|ing)|sign(?:ing)?(?: off)?|terminat(?:e|ing))"
_QUESTION = r"(?:an? |any )?(?:(?:open(?:-ended)?|follow-?up|clarifying|closing|relevant|short) )*questions?"
_TO_END = (
    rf"(?:{_END}(?: off)?(?: {OUTPUT})?(?: off)? (?:with|by (?:saying|asking))|"
    rf"{OUTPUT} (?:must|should|have to|has to) (?:always )?(?:end|close|finish) with)"
)
_QUESTION_WANTED = re.compile(
    rf"{_TO_END} {_QUESTION}(?: mark)?|ask (?:me )?{_QUESTION} at the end|beende(?: jede antwort|"
    rf" deine antworten)? mit einer frage"
    r"|termina(?: cada respuesta| tus respuestas)? con una pregunta|termine(?: chaque réponse|"
    r" tes réponses)? par une question"
    r"|(?:每次)?(?:回答|回复)?(?:都)?以(?:一个)?问题(?:结尾|结束)",
    FLAGS,
)
_QUESTION_FORBIDDEN = re.compile(
    rf"(?:{NEVER}) (?:{_END}(?: {OUTPUT})? with|ask(?:ing)?(?: me)?) {_QUESTION}(?: at the end)?"
    r"|no (?:follow-?up|closing|clarifying) questions?(?: at the end)?|no questions at the end",
    FLAGS,
)
_ONLY_AT_THE_END = re.compile(r"end|clos|finish|conclu|follow-?up", FLAGS)
_TEXT = (
    r"(?:with|as|by saying|mit|con|par|with the (?:words?|phrase|line|signature|text|tag))? ?"
    r'(?:the (?:words?|phrase|line) )?"(?P<text>[^"]{1,80})"'
)
_TEXT_WANTED = re.compile(
    rf"(?:{_END}(?: off)?(?: {OUTPUT})?(?: off)?|{OUTPUT} (?:must|should|have to|has to) (?:always )?(?:end|close|"
    rf"finish)"
    rf"|beende(?: jede antwort| deine antworten)?|termina(?: cada respuesta| tus respuestas)?|"
    rf"termine(?: chaque réponse)?) {_TEXT}",
    FLAGS,
)
_TEXT_FORBIDDEN = re.compile(
    rf"(?:{NEVER}) {_END}(?: {OUTPUT})? (?:with|by saying)(?: the (?:words?|"
    rf"phrase))? (?P<words>\"[^\"]{{1,80}}\"(?:(?:,| or|, or) \"[^\"]{{1,80}}\"){{0,7}})",
    FLAGS,
)
_MATTER = re.compile(r"\b(?:end|translate|proofread|rewrite|code|json|yes or no|e?-?mail|letter)\b", FLAGS)
_LAST = re.compile(r"[\s*_)\]}\"'”’»」`~\U0001f300-\U0001faff\u2600-\u27bf\ufe0f]+\Z")
LAST_CHARS = 300
"""Of an answer are looked at."""

_SIGNS = " .,:;!?…*_()[]{}~-–—\"'”’"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """The last sentence asks, or does not."""

    is_wanted: bool
    matter: re.Pattern[str] = _MATTER

    def violation(self, answer: str) -> str | None:
        """How it ends where it should not end so."""
        asks = _LAST.sub("", answer.rstrip()[-LAST_CHARS:]).endswith(("?", "？"))
        return None if asks == self.is_wanted else ending(answer)


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """An answer ends with one of some texts, or with none of them; a signature may stand behind a dash."""

    texts: tuple[str, ...]
    """In lower case, bare of signs at their edges."""
    is_wanted: bool
    matter: re.Pattern[str] = _MATTER

    def violation(self, answer: str) -> str | None:
        """How it ends where it should not end so."""
        said = _LAST.sub("", answer.rstrip()[-LAST_CHARS:]).replace("’", "'").casefold().rstrip(_SIGNS)
        last = said[max(said.rfind(sign) for sign in ".!?\n") + 1 :].strip(_SIGNS)
        ends = any(said.endswith(text) if self.is_wanted else last.startswith(text) for text in self.texts)
        return None if ends == self.is_wanted else ending(answer)


class End:
    """See the module."""

    name = "end"

    def check(self, clause: str) -> Check | None:
        """A check of a question or a text that answers are to end with, or must not."""
        if _QUESTION_WANTED.fullmatch(clause):
            return Question(is_wanted=True)
        if _QUESTION_FORBIDDEN.fullmatch(clause):
            return Question(is_wanted=False) if _ONLY_AT_THE_END.search(clause) else None
        wanted, forbidden = _TEXT_WANTED.fullmatch(clause), _TEXT_FORBIDDEN.fullmatch(clause)
        if wanted is not None:
            return _ending(wanted["text"], is_wanted=True)
        return None if forbidden is None else _ending(*forbidden["words"].split('"')[1::2], is_wanted=False)


def _ending(*texts: str, is_wanted: bool) -> Ending | None:
    bare = tuple(text.strip(_SIGNS).casefold() for text in texts)
    return Ending(texts=bare, is_wanted=is_wanted) if all(bare) else None


CHECKER = End()
