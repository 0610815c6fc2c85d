"""Whose words they are: blanks in a message what is not said in the speaker's own name, letters, transcripts, quoted
lines, blocks of code and whatever else was handed over to be worked on.

It is guessed from how words are introduced, by the rules of the languages the message may be in; what is another's by
its form is known by gateway/kinds/pasted.py. In doubt words are another's: a rule that is learnt although nobody gave
it is told on every call, one that is missed can be given again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.kinds.pasted import HANDED, handed, rests, unpasted
from gateway.languages.tables import Rule, Table

_PARAGRAPH = r"(?s:.*?)(?=\n[ \t\r]*\n|\Z)"
_ROLES = (
    r"user|assistant|system|developer|human|ai|bot|agent|customer|tool|function|observation|speaker \w+|<\w+>"
    r"|benutzer(?:in)?|assistent(?:in)?|kund(?:e|in)|usuari[oa]|asistente|sistema|cliente|utilisat(?:eur|rice)|système"
    r"|client|用户|用戶|助手|系统|系統|客服|人类"
)
_BEFORE = (
    r"^[ \t]*(?:[-*•][ \t]+)?(?:[*_]{1,3})?(?:\[[^\]\n]{1,30}\][ \t]*|\(?\d{1,2}:\d\d(?::\d\d)?(?: ?[AP]M)?\)?[ \t]*)?"
)
_AFTER = r"(?: \([^)\n]{1,30}\))?(?:[*_]{1,3})?[:：]"
_SPOKEN_BY_ANOTHER = re.compile(
    rf"^[ \t]*[\[【](?P<tag>[^\W\d_][\w .-]{{1,30}})[\]】](?![(\[:]){_PARAGRAPH}"
    rf"|{_BEFORE}(?i:{_ROLES}){_AFTER}{_PARAGRAPH}"
    rf"|{_BEFORE}(?P<name>[A-ZÀ-Þ][\w.'-]*(?: [A-ZÀ-Þ][\w.'-]*){{0,2}}){_AFTER}.*$",
    re.MULTILINE,
)
"""A line of a transcript: "NAME: …". What a model is made to say or told, "system: …", "[SYSTEM] …", goes on for the
paragraph."""


def own(text: str, tables: Sequence[Table]) -> str:
    """The text with everything blanked that is another's; as long as it was."""
    left = unpasted(text.replace("’", "'"))
    left = _without_letter(left, tables)
    for table in tables:
        left = table.rules["signature"].sub(handed, left)
    above = min((task.start() for task in _found("above", left, tables)), default=0)
    left = HANDED * above + left[above:]
    handovers = [*_found("handover", left, tables), *rests(left)]
    end = min((handover.span() for handover in handovers), default=(0, len(left)))[1]
    left = left[:end] + HANDED * (len(left) - end)
    return _SPOKEN_BY_ANOTHER.sub(lambda line: line[0] if _is_heading(line, tables) else handed(line), left)


def _without_letter(text: str, tables: Sequence[Table]) -> str:
    """A letter begins with its salutation; one that says "dear" is a letter even when nobody signs it."""
    salutation = min(_found("salutation", text, tables), key=re.Match.start, default=None)
    if salutation is None:
        return text
    signature = min(_found("signature", text, tables, salutation.end()), key=re.Match.start, default=None)
    is_letter = signature is not None or bool(_found("dear", salutation[0], tables))
    start, end = salutation.start(), signature.end() if signature else len(text)
    return text[:start] + HANDED * (end - start) + text[end:] if is_letter else text


def _found(rule: Rule, text: str, tables: Sequence[Table], start: int = 0) -> list[re.Match[str]]:
    """The first place that each language's rule finds."""
    places = (table.rules[rule].search(text, start) for table in tables)
    return [place for place in places if place is not None]


def _is_heading(line: re.Match[str], tables: Sequence[Table]) -> bool:
    """True for a word that introduces one's own words: "Important: …"."""
    return bool(_found("heading", line["name"] or line["tag"] or "", tables))
