"""What a user says they like, dislike or want to be called: the beginnings of a profile, in their own words.

Reactions ("I like that") and requests ("I would like a table") are not preferences.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.kinds.base import day
from gateway.kinds.sentences import is_passing, is_question, plain, sentences
from gateway.types import Memory, Turn

_OFTEN = r"(?:(?:really|much|still|now|always|usually|generally|strongly|absolutely|also|do|just|totally|especially) )*"
_TASTE = (
    r"(?:prefer|like|love|hate|dislike|enjoy|detest|adore|(?:can't|cannot) stand|"
    r"(?:don't|do not) (?:really )?(?:like|enjoy))"
)
_CALLED = r"(?!(?:back|when|if|at|on|in|once|later|after|before|again|today|any\w*|as|by|an?|the|crazy)\b)[\w\"]"
_NOT_ASIDE = "".join(
    f"(?<!{word} )"
    for word in ("what", "why", "how", "if", "whether", "says", "said", "thinks", "thing", "things", "ones")
)
"""After these, "I like" is a clause about something else: "let me know if I like it", "the ones I love"."""
_WHICH = r"(?:first|last|full|middle|real|given|family|pen|all-time|absolute|personal)"
_PATTERNS = [
    rf"{_NOT_ASIDE}\bI {_OFTEN}{_TASTE}(?! to\W*$) [\w\"']",
    r"\bI(?:'d| would) (?:much )?rather\b.*\bthan\b",
    r"\bI(?:'m| am) (?:\w+ )?(?:allergic|intolerant|vegan|vegetarian|pescatarian|coeliac|celiac|diabetic|"
    r"not a fan|a (?:big |huge )?fan|left-handed|colou?r-?blind)\b",
    r"\bI (?:don't|do not|can't|cannot|never|only) (?:eat|drink)\b",
    r"\bI go by\b|\b(?:everyone|everybody|people|my friends) calls? me\b",
    rf"\bmy (?:{_WHICH} )?(?:favou?rite|preferred|pronouns|name|nickname)\b[^.!?]*"
    r"\b(?:is|are)\b(?! (?:not|wrong|too)\b)",
    rf"^(?:(?:please|you can|and|just|hi|hello|hey)[,\s]+)*call me {_CALLED}",
]
_STATED = re.compile("|".join(f"(?:{pattern})" for pattern in _PATTERNS), re.IGNORECASE)
_REACTION = re.compile(
    r"\bI(?:'m)? (?:\S+ ){0,2}(?:like|love|hate|enjoy|prefer|stand|fan of) "
    r"(?:it|that|this|these|those|how|what|where|you|your|to (?:say|see|bother|think|interrupt|admit)|option|"
    r"the (?:way|idea|look|sound|result|new|old|first|second|third|last|latter|former|other|one))\b",
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
    said = plain(sentence)
    if is_question(said) or is_passing(said) or _REACTION.search(said):
        return False
    return _STATED.search(said) is not None


KIND = Preference()
