"""Standing instructions: what the assistant shall always or never do, in the user's own words.

A rule finds them by how people say that something is to last ("always", "from now on", "every answer"). An
instruction that does not say so is a wish of the moment and is not kept; nor is what the user says about themself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.kinds.base import day
from gateway.kinds.sentences import is_passing, is_question, sentences
from gateway.types import Memory, Turn

_POLITE = r"(?:(?:please|and|also|so|ok(?:ay)?|but|hey|listen)[,\s]+)*"
_VERB = (
    r"(?:use|write|answer|reply|respond|speak|talk|format|keep|call|address|include|avoid|add|sign|start|begin|end|"
    r"make|put|give|show|explain|say|cite|check|run|ask|tell|mention|stick|follow|assume|send|translate|name|wrap|return)"
)
_THINGS = r"(?:files?|answers?|repl(?:y|ies)|responses?|messages?|code|functions?|commits?|examples?|lines?)"
_LASTING = (
    r"(?:always|from now on|going forward|at all times|every (?:time|single|day|\w+ you)|"
    rf"every {_THINGS}|all (?:your |my |the |of your )?{_THINGS})"
)
_PATTERNS = [
    rf"^{_POLITE}(?:always|never)\s+(?!mind\b)\w+",
    rf"^{_POLITE}(?:from now on|from here on|going forward|in (?:the )?future|as a rule|by default|every time)\b",
    r"\byou (?:must|should|shall|have to|need to|are to) (?:always|never)\b",
    rf"^{_POLITE}(?:do not|don't|dont|stop)\s.*\b(?:ever|again|any ?more|from now on)\b",
    rf"^{_POLITE}{_VERB}\b.*\b{_LASTING}\b",
    rf"^{_POLITE}(?:only|exclusively) (?:ever )?{_VERB}\b",
    rf"^{_POLITE}{_VERB}(?: to me)? only in\b",
    rf"^{_POLITE}remember(?: to| that you| always| never)\b",
    rf"^{_POLITE}make sure (?:that )?(?:you |to )?(?:always|never)\b",
]
_STANDING = re.compile("|".join(f"(?:{pattern})" for pattern in _PATTERNS), re.IGNORECASE)
_ABOUT_SOMEONE = re.compile(rf"^{_POLITE}(?:i|he|she|they|we|it|my)\b", re.IGNORECASE)


class Constraint:
    """See the module."""

    name = "constraint"
    order = 1
    is_pinned = True
    is_rule = True

    def find(self, turn: Turn) -> Sequence[str]:
        """Sentences of a user that say how the assistant is to behave from then on."""
        return [sentence for sentence in sentences(turn.text) if _is_standing(sentence)] if turn.role == "user" else []

    def line(self, memory: Memory) -> str:
        """The sentence with its date, so that a newer one is seen to win."""
        return f"({day(memory.at)}) {memory.text} [{memory.id}]"


def _is_standing(sentence: str) -> bool:
    if is_question(sentence) or is_passing(sentence) or _ABOUT_SOMEONE.match(sentence):
        return False
    return _STANDING.search(sentence) is not None


KIND = Constraint()
