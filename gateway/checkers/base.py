"""What a checker of a constraint must offer; the one interface of a file in this folder.

A checker reads a user's standing instruction and, where it is of the sort that a machine can verify, makes a check of
it. It is pure, and it would rather not understand an instruction than misunderstand it: what it verifies is told back
to the model as broken.
"""

from __future__ import annotations

import re
from typing import Protocol

import msgspec


class Check(Protocol):
    """A constraint as a machine can verify it."""

    @property
    def matter(self) -> re.Pattern[str]:
        """Found in a message that may itself ask for what the constraint rules out: its answer is not judged."""
        ...

    def violation(self, answer: str) -> str | None:
        """The words of an answer that break it, verbatim and short; None when it is kept.

        Of what is missing ("end with a question") the words that stand in its place.
        """
        ...


class Checker(Protocol):
    """Makes checks of one sort."""

    @property
    def name(self) -> str:
        """Name of the file."""
        ...

    def check(self, clause: str) -> Check | None:
        """The check of an instruction; None when it is of another sort, or says more than a check of that sort would.

        Args:
            clause: as gateway/checkers/instructions.py reads it.
        """
        ...


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a constraint in an answer."""

    memory: str
    checker: str
    violation: str | None
    """The words that break it; None when it was kept."""
