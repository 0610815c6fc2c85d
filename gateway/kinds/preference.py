"""Tastes: what users like and dislike, and what they want to be called, in their own words.

Reactions ("I like that") and requests ("I would like a table") are none of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.kinds.base import held, shown, words
from gateway.kinds.statements import Statement, statements
from gateway.memories import Memory, Span
from gateway.types import Turn


class Preference:
    """See the module."""

    name = "preference"
    order = 2
    is_pinned = True
    is_rule = False
    half_life_days = 365.0

    def find(self, turn: Turn, *, is_first: bool = False) -> Sequence[Span]:
        """Sentences in which a user states a taste."""
        stated = statements(turn.text) if turn.role == "user" else ()
        return [statement.span() for statement in stated if is_taste(statement)]

    def line(self, memory: Memory) -> str:
        """The sentence with its date, so that a newer one is seen to win."""
        return f"({held(memory)}) The user said: {words(memory)} [{shown(memory)}]"


def is_taste(statement: Statement) -> bool:
    """Whether the user says what they like, or want to be called, and not only for once."""
    is_said = not statement.is_question and statement.reach is not None
    return is_said and statement.says("preference") and not (statement.says("reaction") or statement.says("foreign"))


KIND = Preference()
