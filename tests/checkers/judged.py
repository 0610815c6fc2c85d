"""How an instruction is understood and an answer judged, for the tests of every checker."""

from __future__ import annotations

from gateway.checkers.base import Check
from gateway.guard import checks


def understood(instruction: str) -> list[str]:
    """The checkers that understand an instruction."""
    return [name for name, _ in checks(instruction)]


def check(instruction: str) -> Check:
    """The one check that is made of an instruction."""
    ((_, made),) = checks(instruction)
    return made


def violation(instruction: str, answer: str) -> str | None:
    """The words of an answer that break an instruction."""
    return check(instruction).violation(answer)
