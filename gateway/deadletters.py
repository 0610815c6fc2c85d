"""What could not be learnt and was passed over, as the learner hands it over and an operator finds it.

A value and two ports, like those of gateway/ports.py: no logic, and nothing of where letters are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

Stage = Literal["unlearnt", "unstudied", "unreadable"]
"""Its memories were not made; they were, and what it says about how things went was not looked at; not even read."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange that waits for a person."""

    exchange: str
    stage: Stage
    reason: str
    """The class of the error and where it was raised, and never its message, which may hold a user's words."""
    at: float
    """Unix seconds at which the call was made; when it was passed over is told by the log."""


class DeadLetters(Protocol):
    """Where they are kept."""

    async def bury(self, letter: DeadLetter) -> None:
        """Return when it is kept; one exchange has one letter, the newest. Raises `MemoryUnavailable`."""
        ...


class Letters(Protocol):
    """Dead letters in an operator's hands. Whatever is done raises `DataDirError` or `MemoryUnavailable`."""

    async def all(self) -> list[DeadLetter]:
        """The oldest first."""
        ...

    async def count(self) -> int:
        """How many there are, with those that cannot be read."""
        ...

    async def replay(self, exchanges: Sequence[str]) -> None:
        """Let the learner have those once more of which there is a letter."""
        ...

    async def drop(self, exchanges: Sequence[str]) -> None:
        """Forget that they were passed over; their exchanges stay on record."""
        ...
