"""Whose words they are: blanks in a message what is not said in the speaker's own name, letters, transcripts, quoted
lines, blocks of code and whatever else was handed over to be worked on.

It is guessed from how words are introduced, by the rules of the languages the message may be in. In doubt they are
another's: a rule that is learnt although nobody gave it is told on every call, one that is missed can be given again.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from gateway.languages.tables import Rule, Table

HANDED = "\f"
"""Stands in place of every character of a block, so that a task is seen to have its object and positions stay."""

_BLOCK = re.compile(r'```(?s:.*?)(?:```|\Z)|"""(?s:.*?)(?:"""|\Z)|^[ \t]*[>|].*$', re.MULTILINE)
_MARKUP = re.compile(r"^[ \t]*<[a-z][^>\n]{0,80}>", re.IGNORECASE | re.MULTILINE)
"""What stands in tags was not typed, and mostly goes on to the end."""

_LINE_OF_ANOTHER = re.compile(
    r"^[ \t]*(?:[-*•][ \t]+)?(?:\[[^\]\n]{1,30}\][ \t]*|\(?\d{1,2}:\d\d(?::\d\d)?(?: ?[AP]M)?\)?[ \t]*)?"
    r"(?P<name>(?i:user|assistant|system|human|ai|bot|agent|customer|speaker \w+)|<\w+>"
    r"|[A-ZÀ-Þ][\w.'-]*(?: [A-ZÀ-Þ][\w.'-]*){0,2})(?: \([^)\n]{1,30}\))?:.*$",
    re.MULTILINE,
)
"""A line of a transcript: "NAME: …"."""


def own(text: str, tables: Sequence[Table]) -> str:
    """The text with everything blanked that is another's; as long as it was."""
    left = _BLOCK.sub(_handed, text.replace("’", "'"))
    left = _without_letter(left, tables)
    for table in tables:
        left = table.rules["signature"].sub(_handed, left)
    above = min((task.start() for task in _found("above", left, tables)), default=0)
    left = HANDED * above + left[above:]
    handovers = [*_found("handover", left, tables), *itertools.islice(_MARKUP.finditer(left), 1)]
    end = min((handover.span() for handover in handovers), default=(0, len(left)))[1]
    left = left[:end] + HANDED * (len(left) - end)
    return _LINE_OF_ANOTHER.sub(lambda line: line[0] if _is_heading(line["name"], tables) else _handed(line), left)


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


def _is_heading(name: str, tables: Sequence[Table]) -> bool:
    """True for a word that introduces one's own words: "Important: …"."""
    return bool(_found("heading", name, tables))


def _handed(match: re.Match[str]) -> str:
    return HANDED * len(match[0])
