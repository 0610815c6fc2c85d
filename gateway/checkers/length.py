"""How long answers are: words, sentences, paragraphs, lines or characters, at most or at least."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from gateway.checkers.answers import ending, without_code
from gateway.checkers.base import Check
from gateway.checkers.instructions import FLAGS, OUTPUT

UNITS: Mapping[str, str] = {
    "word": r"words?|w[oö]rter[n]?|worte?n?|palabras?|mots?",
    "sentence": r"sentences?|s[aä]tz(?:e[n]?)?|oraciones|oración|frases?|phrases?|句话|句",
    "paragraph": r"paragraphs?|abs[aä]tz(?:e[n]?)?|párrafos?|paragraphes?|段落|段",
    "line": r"lines?|zeilen?|líneas?|lignes?|行",
    "character": r"characters?|chars|zeichen|caracteres|caractères|个?字符|个?字",
}
_NUMBERS = {
    number: value
    for value, words in enumerate(
        (
            "a an one single ein eine einem einer un una uno une 一",
            "two zwei dos deux 两 二",
            "three drei tres trois 三",
            "four vier cuatro quatre 四",
            "five fünf cinco cinq 五",
            "six sechs seis 六",
            "seven sieben siete sept 七",
            "eight acht ocho huit 八",
            "nine neun nueve neuf 九",
            "ten zehn diez dix 十",
        ),
        1,
    )
    for number in words.split()
}
_ABBREVIATED = re.compile(r"\b(?:e\.g|i\.e|z\.b|d\.h|p\.ej|etc|vs|dr|mr|mrs|ms|st|no|inc|[A-Z])\.$", FLAGS)
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]+[\"'”’»)\]*_]*(?=\s+[\"'“‘«(*_]*[^\sa-z]|\s*\Z|\s*\n)|[。！？]+")
_MARK = re.compile(r"^[ \t]*(?:[-*+•]|\d{1,3}[.)]|#{1,6})[ \t]+", re.MULTILINE)

_COUNT = rf"(?:\d{{1,3}}(?:[.,]\d{{3}})|\d{{1,5}}|{'|'.join(sorted(_NUMBERS, key=len, reverse=True))})"
_UNIT = "|".join(f"(?P<{name}>{names})" for name, names in UNITS.items())
_MOST = (
    r"(?:under|below|less than|fewer than|at most|at the most|no more than|not more than|never more than|"
    r"no longer than|"
    r"not longer than|never longer than|(?:a )?max(?:imum)?(?: of)?|max\.|up to|within|to|in|with|as|"
    r"(?:never|don't|do not|not|must not|can't|cannot) (?:exceed|use more than|write more than|go (?:over|beyond))|"
    r"not exceeding|"
    r"höchstens|maximal|nicht mehr als|weniger als|unter|nie mehr als|"
    r"menos de|como máximo|máximo|no más de|en|moins de|au plus|au maximum|pas plus de|maximum)"
)
_LEAST = (
    r"(?:at least|no less than|no fewer than|not less than|(?:a )?min(?:imum)?(?: of)?|mindestens|"
    r"al menos|por lo menos|como mínimo|au moins)"
)
_VERBS = (
    rf"(?:(?:keep|make|limit|restrict|cap|hold|stay|be|write|give me|give|use|answer|reply|respond|explain(?: things)?|"
    rf"summari[sz]e(?: things)?|stick|only|antworte|fasse dich|schreibe?|halte {OUTPUT}|responde|contesta|réponds|"
    rf"répondez|"
    rf"i want|want)(?: (?:to me|me|{OUTPUT}))?(?: (?:short|brief|concise|limited|kurz|at))*"
    rf"|{OUTPUT} (?:must|should|may|can|shall|need to|have to|has to) (?:only )?(?:be|have|contain|take|run|stay|fit)?"
    rf"|{OUTPUT} (?:of|(?:must|should|may|can|shall)(?= (?:not|never) exceed)))"
)
_RULE = re.compile(
    rf"(?:{_VERBS} )?(?:only )?(?:(?P<most>{_MOST}) (?:a |the )?|(?P<least>{_LEAST}) |(?P<exactly>exactly|genau|"
    rf"exactement|exactamente) )*"
    rf"(?:between |zwischen |entre )?(?:(?P<from>{_COUNT})(?: ?(?:-|–|to|and|or|bis|und|a|y|à|et|o|ou|"
    rf"oder) ?))?(?:the )?(?P<count>{_COUNT})"
    rf"(?:[ -](?:short |single |simple |full |concise |complete )?)?(?:{_UNIT})"
    rf"(?P<since> (?:or (?:less|fewer)|at most|max(?:imum)?|tops|or under|maximal|höchstens|como máximo|máximo|maximum|"
    rf"au maximum))?"
    rf"(?P<answers> {OUTPUT})?(?: only| each| long| per {OUTPUT}| máximo)?",
    FLAGS,
)
_CHINESE = re.compile(
    r"(?:回答|回复)?(?:请)?(?:控制在|限制在|不(?:要)?超过|少于|最多|用|在)(?P<count>\d{1,5}|[一二两三四五六七八九十])(?:个)?"
    r"(?:(?P<character>字符|字)|(?P<sentence>句话|句)|(?P<paragraph>段))(?:以内|之内|话)?(?:回答|回复)?"
)
_MATTER = re.compile(
    r"\b(?:words?|sentences?|paragraphs?|lines?|detail(?:s|ed)?|longer|long|in depth|elaborate|expand|essay|story|poem|"
    r"article|"
    r"report|letter|e?-?mail|full|complete|all|list|code|ausführlich|detalle|détail)\b|详细",
    FLAGS,
)


class Length(msgspec.Struct, frozen=True, kw_only=True):
    """An answer has so many of a unit; code is no part of it."""

    unit: str
    least: int = 0
    most: int | None = None
    matter: re.Pattern[str] = _MATTER

    def violation(self, answer: str) -> str | None:
        """How an answer ends that is too long or too short."""
        text = without_code(answer)
        fewest, most = _counted(self.unit, text)
        is_kept = most >= self.least and (self.most is None or fewest <= self.most)
        return None if is_kept or not text.strip() else ending(answer)


class LengthChecker:
    """See the module."""

    name = "length"

    def check(self, clause: str) -> Check | None:
        """A check of the length that an instruction gives in figures; "short" is none."""
        chinese = _CHINESE.fullmatch(clause)
        if chinese is not None:
            return Length(unit=str(chinese.lastgroup), most=_number(chinese["count"]))
        match = _RULE.fullmatch(clause)
        if match is None or not _says_how_much(match):
            return None
        unit = next(name for name in UNITS if match[name])
        count = _number(match["count"])
        if match["least"] and not match["most"]:
            return Length(unit=unit, least=count)
        least = _number(match["from"]) if match["from"] else count if match["exactly"] else 0
        return Length(unit=unit, least=least, most=count) if least <= count else None


def _says_how_much(match: re.Match[str]) -> bool:
    """False for a bare figure, which says nothing of answers: "three lines"."""
    return any(match[group] for group in ("most", "least", "exactly", "since", "answers")) or (
        match["from"] is not None and match.start("from") > 0
    )


def _number(said: str) -> int:
    digits = said.replace(",", "").replace(".", "")
    return int(digits) if digits.isdecimal() else _NUMBERS[said.lower()]


def _counted(unit: str, text: str) -> tuple[int, int]:
    """How many of a unit a text has, counted in favour of a limit and in favour of a minimum."""
    if unit == "character":
        return (len(re.sub(r"\s+", "", text)), len(text.strip()))
    if unit == "word":
        words = sum(any(map(str.isalnum, word)) for word in _MARK.sub("", text).split())
        return (words, words)
    lines = [line for line in text.splitlines() if any(letter.isalnum() for letter in line)]
    if unit == "line":
        return (len(lines), len(lines))
    if unit == "paragraph":
        blocks = [block for block in re.split(r"\n[ \t]*\n", text) if any(letter.isalnum() for letter in block)]
        own = [block for block in blocks if not _MARK.match(block.strip()) and not block.rstrip().endswith(":")]
        return (len(own), len(blocks))
    ends = sum(
        not _ABBREVIATED.search(text[: end.start() + 1][-6:]) for end in _SENTENCE_END.finditer(_MARK.sub("", text))
    )
    return (ends, max(ends, len(lines)))


CHECKER = LengthChecker()
