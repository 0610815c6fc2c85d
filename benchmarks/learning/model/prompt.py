"""A request as the model sees it: what is asked, what stands where, and how much of it is beside the point.

Knows nothing of who wrote which part of a message. A bullet is a note to it, whoever put it there.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator
from typing import Any

import msgspec

BULLET = re.compile(r"^\s*[-•] ")
_ASSISTANT_SAID = re.compile(r"^[\s\-•]*(?:\([^)]*\) )?assistant: ")
_WORD = re.compile(r"[^\W\d_]{4,}")
_STEM_CHARS = 5

MOST_HURT, HALF_HURT_NOTES = 0.03, 20.0
"""What notes that are beside the point cost in the end of whatever the model would else have got right, and how many
cost half of it. A choice: a handful costs half a point, and a prompt full of them shows."""

TOP, BOTTOM, HALF_LIFE_TURNS = 0.98, 0.3, 8.0
"""Chance to follow what was said just now, what was said long ago, and how fast the one becomes the other. Models drift
from their instructions within eight rounds (Li et al. 2024, "Measuring and Controlling Instruction (In)Stability")."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message."""

    role: str
    content: str | None = None
    tool_calls: tuple[dict[str, Any], ...] = ()
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """Its words."""
        return self.content or ""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that the model calls."""

    tool: str
    arguments: dict[str, str]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of what the user or the operator says."""

    text: str
    age: int
    """How many messages of the user came after the one it stands in."""

    @property
    def is_note(self) -> bool:
        """Whether it is a bullet."""
        return BULLET.match(self.text) is not None

    @property
    def is_answer(self) -> bool:
        """Whether it quotes what an assistant said, which is nobody's wish."""
        return _ASSISTANT_SAID.match(self.text) is not None


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """What a request asks for."""

    messages: tuple[Message, ...]
    seed: int = 0
    """All chance comes from it, so that the same request under other notes has the same luck."""
    tools: tuple[dict[str, Any], ...] = ()

    @property
    def question(self) -> str:
        """The newest message of the user up to its first empty line, beyond which are things to go with it."""
        asked = next((message.text for message in reversed(self.messages) if message.role == "user"), "")
        return asked.partition("\n\n")[0]

    @property
    def system(self) -> str:
        """The first words of the operator."""
        return next((message.text for message in self.messages if message.role == "system"), "")

    @property
    def tool_names(self) -> tuple[str, ...]:
        """Of the tools it may call."""
        return tuple(tool["function"]["name"] for tool in self.tools)

    def results(self) -> list[str]:
        """What tools answered since the user spoke last."""
        newest: list[str] = []
        for message in reversed(self.messages):
            if message.role == "user":
                break
            if message.role == "tool":
                newest.insert(0, message.text)
        return newest

    def lines(self) -> Iterator[Line]:
        """What user and operator say, from the start of the conversation to its end."""
        age = sum(message.role == "user" for message in self.messages)
        for message in self.messages:
            age -= message.role == "user"
            if message.role in ("user", "system"):
                yield from (Line(text=text, age=age) for text in message.text.splitlines() if text.strip())

    def wishes(self) -> Iterator[Line]:
        """The lines in which somebody may want something."""
        return (line for line in self.lines() if not line.is_answer)

    def notes(self) -> list[Line]:
        """All bullets."""
        return [line for line in self.lines() if line.is_note]

    def luck(self, what: str) -> float:
        """A number from 0 up to 1, the same for the same seed and matter."""
        digest = hashlib.blake2b(f"{self.seed}|{what}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) / 2**64

    def distraction(self, matter: re.Pattern[str] | None = None) -> float:
        """What notes cost that are neither about the question nor about the matter in hand."""
        asked = stems(self.question)
        idle = [note for note in self.notes() if not stems(note.text) & asked]
        count = sum(matter is None or matter.search(note.text) is None for note in idle)
        return MOST_HURT * (1 - math.exp2(-count / HALF_HURT_NOTES))


def stems(text: str) -> set[str]:
    """The longer words of a text, cut to their beginnings."""
    return {word[:_STEM_CHARS].casefold() for word in _WORD.findall(text)}


def attention(age: int) -> float:
    """How likely a rule is followed that stands so many messages of the user back."""
    return BOTTOM + (TOP - BOTTOM) * math.exp2(-age / HALF_LIFE_TURNS)
