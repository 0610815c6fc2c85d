"""What could not be learnt and was passed over, as the learner hands it over and an operator finds it.

A value and one port, like those of gateway/ports.py: no logic, and nothing of where letters are kept.
"""

from __future__ import annotations

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
