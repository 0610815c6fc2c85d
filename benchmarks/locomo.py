"""LoCoMo: long conversations of two people, and questions that name the turns which answer them.

Knows the file as it is published (snap-research/LoCoMo), of which only the words are read, not the pictures. Knows
nothing of gateways.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop"}
"""As the paper names them. The fifth, adversarial, asks for what nobody said, and is left out."""

OPENING, CLOSING = "Hi!", "OK."
"""Said where a session begins with the second speaker, or ends with the first: they tell nothing."""

_SESSION = re.compile(r"session_\d+")
_TURN_ID = re.compile(r"D\d+:\d+")
"""Some evidence holds several, or what is none."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A question with an answer in the conversation."""

    ask: str
    category: str
    evidence: tuple[str, ...]
    """Texts of the turns that answer it; never empty."""


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """What two people said to each other over months."""

    id: str
    sessions: tuple[tuple[str, ...], ...]
    """In order; of each the words of the first and the second speaker in turn, beginning with the first."""
    questions: tuple[Question, ...]


def read(path: Path) -> list[Conversation]:
    """All conversations of a file.

    What the file does not hold cannot be found, and is left out: of the five conversations of the development half two
    questions that name no evidence, and three of the 1,108 turns that others name.
    """
    return [_conversation(entry) for entry in msgspec.json.decode(path.read_bytes(), type=list[dict[str, Any]])]


def _conversation(entry: Mapping[str, Any]) -> Conversation:
    said: Mapping[str, Any] = entry["conversation"]
    sessions = [turns for name, turns in said.items() if _SESSION.fullmatch(name) and turns]
    texts = {turn["dia_id"]: turn["text"] for turns in sessions for turn in turns}
    return Conversation(
        id=entry["sample_id"],
        sessions=tuple(_messages(turns, said["speaker_a"]) for turns in sessions),
        questions=tuple(question for asked in entry["qa"] if (question := _question(asked, texts)) is not None),
    )


def _question(asked: Mapping[str, Any], texts: Mapping[str, str]) -> Question | None:
    named = dict.fromkeys(identifier for entry in asked["evidence"] for identifier in _TURN_ID.findall(entry))
    evidence = tuple(texts[identifier] for identifier in named if identifier in texts)
    if asked["category"] not in CATEGORIES or not evidence:
        return None
    return Question(ask=asked["question"], category=CATEGORIES[asked["category"]], evidence=evidence)


def _messages(turns: Sequence[Mapping[str, str]], first_speaker: str) -> tuple[str, ...]:
    """The session as messages; what one of them says at a stretch is one message."""
    stretches = [(name, "\n".join(turn["text"] for turn in said)) for name, said in groupby(turns, _speaker)]
    opening = [] if stretches[0][0] == first_speaker else [OPENING]
    closing = [CLOSING] if stretches[-1][0] == first_speaker else []
    return (*opening, *(text for _, text in stretches), *closing)


def _speaker(turn: Mapping[str, str]) -> str:
    return turn["speaker"]
