"""What a scripted model answers the distiller: each sentence in the first person is a fact and its own quotation.

It shows what distilling costs and that it works from end to end, not how well a model does it.
"""

from __future__ import annotations

import re

import msgspec

from gateway.facts import TASK

_FIRST_PERSON = re.compile(
    r"\b(?:I|my|me|we|our|us|ich|mein\w*|mir|wir|yo|mis?|me|je|j['’]\w+|mon|ma|mes|nous)\b|我", re.IGNORECASE
)


def facts_in(task: str, words: str) -> str:
    """The answer, as JSON; empty for a task that is not the distiller's."""
    if task != TASK:
        return ""
    lines = [line for said in msgspec.json.decode(words) for line in said["text"].split("\n")]
    facts = [{"fact": line, "quote": line} for line in lines if _FIRST_PERSON.search(line)]
    return msgspec.json.encode({"facts": facts}).decode()
