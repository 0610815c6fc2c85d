"""Raw turns, verbatim, found by relevance. What carries nothing (a greeting, a thank-you) is not kept, nor what a user
says off the record."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.kinds.base import day
from gateway.kinds.sentences import is_empty_talk, is_off_the_record
from gateway.memories import Memory, Span
from gateway.types import Turn

MAX_CHARS = 2_000
"""Of a turn are kept: a longer one is a document, and its beginning says what it is. The journal has it whole."""

MAX_LINE_CHARS = 600
"""Of a turn are shown, so that one long answer does not eat the budget of five short ones."""


class Episode:
    """See the module."""

    name = "episode"
    order = 3
    is_pinned = False
    is_rule = False
    half_life_days = 90.0

    def find(self, turn: Turn, *, is_first: bool = False) -> Sequence[Span]:
        """The turn itself, if a user or an assistant said something in it."""
        if turn.role not in ("user", "assistant") or is_empty_talk(turn.text):
            return []
        if turn.role == "user" and is_off_the_record(turn.text):
            return []
        return [Span(text=turn.text.strip()[:MAX_CHARS].rstrip())]

    def line(self, memory: Memory) -> str:
        """Date, speaker and words."""
        shown = memory.text if len(memory.text) <= MAX_LINE_CHARS else memory.text[:MAX_LINE_CHARS].rstrip() + "…"
        speaker = "The user" if memory.speaker == "user" else "The assistant"
        return f"({day(memory.at)}) {speaker} said: {shown} [{memory.id}]"


KIND = Episode()
