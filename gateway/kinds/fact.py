"""What users say of themselves that is so and stays so: where they live, what they do, what they must not eat, who
belongs to them, what they work with; in their own words.

What will have passed by next time ("I am tired", "I'm at the station") and what is only supposed ("imagine I live in
Oslo") is none of it. A sentence that says a taste as well is kept as that.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.kinds.base import held, shown, words
from gateway.kinds.preference import is_taste
from gateway.kinds.statements import Statement, statements
from gateway.memories import Memory, Span
from gateway.types import Turn


class Fact:
    """See the module."""

    name = "fact"
    order = 3
    is_pinned = True
    is_rule = False
    half_life_days = 365.0

    def find(self, turn: Turn, *, is_first: bool = False) -> Sequence[Span]:
        """Sentences in which a user says something lasting of themself."""
        stated = statements(turn.text) if turn.role == "user" else ()
        return [statement.span() for statement in stated if _is_so(statement) and not is_taste(statement)]

    def line(self, memory: Memory) -> str:
        """The sentence with its date, so that a newer one is seen to win; one with evidence is in a model's words."""
        source = "Gathered from what the user said" if memory.evidence else "The user said"
        return f"({held(memory)}) {source}: {words(memory)} [{shown(memory)}]"


def _is_so(statement: Statement) -> bool:
    is_said = not statement.is_question and statement.reach is not None
    return is_said and statement.says("fact") and not (statement.says("supposed") or statement.says("foreign"))


KIND = Fact()
