"""What a user says they like, dislike or want to be called: the beginnings of a profile, in their own words.

Reactions ("I like that") and requests ("I would like a table") are not preferences.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.kinds.base import day
from gateway.kinds.sentences import is_passing, is_question, sentences
from gateway.types import Memory, Turn

_PATTERNS = [
    r"\bI (?:(?:really|much|still|now|always|usually|generally|strongly|absolutely|also|do) )*"
    r"(?:prefer|like|love|hate|dislike|enjoy|detest|adore|can(?:no|')?t stand|don't like|do not like)\b",
    r"\bI(?:'d| would) rather\b",
    r"\bI(?:'m| am) (?:\w+ )?(?:allergic|intolerant|vegan|vegetarian|not a fan|a (?:big |huge )?fan)\b",
    r"\bmy (?:\w+ )?(?:favou?rite|preferred|pronouns|name|nickname)\b[^.!?]*\b(?:is|are)\b",
    r"^(?:(?:please|you can|and|just)[,\s]+)*call me\b",
]
_STATED = re.compile("|".join(f"(?:{pattern})" for pattern in _PATTERNS), re.IGNORECASE)
_REACTION = re.compile(
    r"\bI (?:\w+ )?(?:like|love|hate|enjoy) "
    r"(?:it|that|this|these|those|how|what|where|the (?:way|idea|first|second|last))\b",
    re.IGNORECASE,
)


class Preference:
    """See the module."""

    name = "preference"
    order = 2
    is_pinned = True
    is_rule = False

    def find(self, turn: Turn) -> Sequence[str]:
        """Sentences of a user that state a preference."""
        return [sentence for sentence in sentences(turn.text) if _is_stated(sentence)] if turn.role == "user" else []

    def line(self, memory: Memory) -> str:
        """The sentence with its date, so that a newer one is seen to win."""
        return f"({day(memory.at)}) The user said: {memory.text} [{memory.id}]"


def _is_stated(sentence: str) -> bool:
    if is_question(sentence) or is_passing(sentence) or _REACTION.search(sentence):
        return False
    return _STATED.search(sentence) is not None


KIND = Preference()
