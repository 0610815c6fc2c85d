"""What a user states: the sentences of a message as rules read them, with their language, how long they hold and what
they settle. What kind of memory one is, is said by the kinds; what it ends, by gateway/revisions.py.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

import msgspec

from gateway.kinds.sentences import is_off_the_record, is_question, plain, sentences, unquoted
from gateway.languages.spoken import spoken
from gateway.languages.tables import Rule, Table
from gateway.memories import Reach, Span

_AND = re.compile(
    r"(?:[,;]\s*|\s)(?:and|but|und|aber|y|pero|et|mais)\s+"
    r"(?=(?:i|i'm|my|we|our|never|always|don't|do not|ich|mein\w*|wir|unser\w*|nie|immer|yo|mi|mis|nuestr\w*|nunca|"
    r"siempre|je|j'\w+|mon|ma|mes|nous|notre|jamais|toujours)\b)",
    re.IGNORECASE,
)
"""Between two clauses of which the second says anew who or what it is about."""

_CLAUSE = re.compile(r"[:;.!?]\s+|[。！？：；\n]")

RELEASES: tuple[Rule, ...] = ("allowed", "waived", "forgotten")
"""A ban is lifted, a rule is dropped, and either is forgotten."""

MESSAGES = 256
"""Kept read: every kind reads the same message, and what it ends is looked for when the whole batch has been read."""


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence in which a user may state something."""

    text: str
    """Verbatim."""
    said: str
    """As rules read it (`sentences.plain`)."""
    table: Table
    """Of its language."""
    is_question: bool
    reach: Reach | None
    """How far it holds as it says itself; None when it is for once."""

    def says(self, rule: Rule) -> bool:
        """Whether a rule of its language finds itself in it."""
        return self.table.says(rule, self.said)

    def span(self, reach: Reach = "user") -> Span:
        """The span that keeps it, which holds no further than either says."""
        narrow: Reach = "session" if "session" in (reach, self.reach) else "user"
        return Span(text=self.text, reach=narrow, slot=self.slot)

    @property
    def slot(self) -> str:
        """What it settles. A rule that holds under a condition settles nothing for the rest."""
        return "" if self.says("condition") else self.table.slot(self.said)


def statements(text: str) -> tuple[Statement, ...]:
    """What a user states in a message that is not off the record, in order."""
    return () if is_off_the_record(text) else said_in(text)


def has_statement(text: str) -> bool:
    """Whether any clause would state something or take it back, had a user said it in their own name."""
    whole = spoken(text)
    clauses = (_read(clause, spoken(clause, whole)) for clause in map(str.strip, _CLAUSE.split(text)) if clause)
    return any(_states(clause) or any(clause.says(rule) for rule in RELEASES) for clause in clauses)


def is_lasting(statement: Statement) -> bool:
    """True for what is said neither for the moment, nor for one session, nor as a supposition."""
    return statement.reach == "user" and not (statement.says("bound") or statement.says("supposed"))


@functools.lru_cache(maxsize=MESSAGES)
def said_in(text: str) -> tuple[Statement, ...]:
    """The sentences of a user's message, in order; one that states several things by itself is several."""
    whole = spoken(text)
    return tuple(_read(part, spoken(part, whole)) for sentence in sentences(text) for part in _parts(sentence, whole))


def _parts(sentence: str, whole: Table) -> Sequence[str]:
    """What a sentence states one after the other, so that the end of one does not take the other with it."""
    borders = [border.span() for border in _AND.finditer(unquoted(sentence))]
    starts, ends = [0, *(end for _, end in borders)], [*(start for start, _ in borders), len(sentence)]
    parts = [sentence[start:end] for start, end in zip(starts, ends, strict=True)]
    if len(parts) == 1 or is_question(sentence) or _read(sentence, whole).says("condition"):
        return [sentence]
    read = [_read(part, spoken(part, whole)) for part in parts]
    return parts if all(map(_states, read)) else [sentence]


def _states(part: Statement) -> bool:
    return part.says("constraint") or part.says("preference") or part.says("fact")


def _read(sentence: str, table: Table) -> Statement:
    said = plain(sentence, table)
    return Statement(text=sentence, said=said, table=table, is_question=is_question(said), reach=_reach(said, table))


def _reach(said: str, table: Table) -> Reach | None:
    if table.says("moment", said):
        return None
    return "session" if table.says("here", said) else "user"
