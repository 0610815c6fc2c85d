"""Standing instructions: what the assistant shall always or never do, in the user's own words.

A rule (`constraint` in gateway/languages) finds them by how people say that something is to last ("always", "from now
on", "every answer"), or by what is seldom said for once (a language to answer in, "don't" with a plural, "keep
answers short", "when I paste a log …", "every endpoint gets a test", "we write X, never Y"). An instruction that does
neither is a wish of the moment ("keep it short"); the first message of a session may give it for the session all the
same. What the user says about themself is none.
Every rule begins where the sentence begins: "why does it always fail" has the words and is no instruction.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.kinds.base import day, shown, words
from gateway.kinds.statements import Statement, statements
from gateway.memories import Memory, Span
from gateway.types import Turn


class Constraint:
    """See the module."""

    name = "constraint"
    order = 1
    is_pinned = True
    is_rule = True
    half_life_days = 365.0

    def find(self, turn: Turn, *, is_first: bool = False) -> Sequence[Span]:
        """Sentences of a user that say how the assistant is to behave from then on, or in this session."""
        stated = statements(turn.text) if turn.role == "user" else ()
        spans = (_span(statement, is_first=is_first) for statement in stated if statement.reach is not None)
        return [span for span in spans if span is not None]

    def line(self, memory: Memory) -> str:
        """The sentence with its date, so that a newer one is seen to win."""
        return f"({day(memory.at)}) {words(memory)} [{shown(memory)}]"


def _span(statement: Statement, *, is_first: bool) -> Span | None:
    if statement.says("request" if statement.is_question else "constraint"):
        return statement.span()
    is_opening = is_first and not statement.is_question and statement.says("first")
    return statement.span("session") if is_opening else None


KIND = Constraint()
