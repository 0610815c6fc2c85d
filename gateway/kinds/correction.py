"""What the assistant got wrong and the user put right: learnt from what was answered to it.

Nothing is found here: what is learnt is said by gateway/lessons.py, and when it is told by gateway/triggers.py. Of a
label the line has the items that are nearest to what is asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.kinds.base import held, shown, words
from gateway.memories import Memory, Span
from gateway.types import Turn


class Correction:
    """See the module."""

    name = "correction"
    order = 5
    is_pinned = False
    is_rule = False
    half_life_days = 180.0

    def find(self, turn: Turn, *, is_first: bool = False) -> Sequence[Span]:
        """Nothing: a turn by itself does not tell."""
        return ()

    def line(self, memory: Memory) -> str:
        """The words with their date."""
        return f"({held(memory)}) Correction: {words(memory)} [{shown(memory)}]"


KIND = Correction()
