"""What went wrong or right in the user's sessions, and what to do about it: learnt from what happened.

Nothing is found here: what is learnt is said by gateway/lessons.py, and when it is told by gateway/triggers.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.kinds.base import held, shown, words
from gateway.memories import Memory, Span
from gateway.types import Turn


class Lesson:
    """See the module."""

    name = "lesson"
    order = 4
    is_pinned = False
    is_rule = False
    half_life_days = 90.0

    def find(self, turn: Turn, *, is_first: bool = False) -> Sequence[Span]:
        """Nothing: a turn by itself does not tell."""
        return ()

    def line(self, memory: Memory) -> str:
        """The words with their date."""
        return f"({held(memory)}) Lesson: {words(memory)} [{shown(memory)}]"


KIND = Lesson()
