"""What a suite is made of: lives of made-up people, lived step by step, and the points by which they are judged.

A life talks through an arm, and does not know which. Knows nothing of HTTP, of arms, or of how points become figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

Message = dict[str, Any]
"""As the chat API has it."""

SYSTEM: Message = {"role": "system", "content": "You are a helpful assistant."}


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A call of the model."""

    session: str
    turn: int
    """Place of the call in its session: with the person and the session it decides the model's luck."""
    messages: tuple[Message, ...]
    """The conversation so far, the operator's words first."""
    right: tuple[str, ...] = ()
    """The notes that somebody who knows everything would add."""
    tools: tuple[dict[str, Any], ...] = ()


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back."""

    text: str
    message: Message
    """As it goes into the conversation."""
    added: tuple[str, ...]
    """What the model was shown beside the client's own words, message by message."""
    exchange: str
    """Id under which the gateway has it; empty where none was in between."""

    @property
    def all_added(self) -> str:
        """Everything that was added anywhere."""
        return "\n".join(self.added)


class Talk(Protocol):
    """A person's line to the model."""

    async def ask(self, ask: Ask) -> Answer:
        """Ask, and wait for the answer."""
        ...

    async def judge(self, answer: Answer, note: str, **said: bool | float | str) -> None:
        """Give feedback on an answer, as `POST /v1/feedback` takes it; `note` is what a person would write down."""
        ...


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was judged."""

    metric: str
    value: float
    at: int = 0
    """Place on the learning curve, from 1."""


class Life(Protocol):
    """A person, and what they live through."""

    user: str

    async def step(self, number: int, talk: Talk) -> Sequence[Point]:
        """Live one step; what was learnt of the one before is known by then."""
        ...


Arm = Literal["off", "placebo", "recent", "full", "oracle"]
"""Nothing is added; as many tokens of unrelated memories; the newest notes of the person; what the gateway adds; what
somebody who knows everything would add."""

ARMS: tuple[Arm, ...] = ("full", "off", "placebo", "recent", "oracle")
"""In the order in which they are run: the placebo is dosed by what the gateway added."""


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """What a suite is to reach, as a figure of its results."""

    text: str
    is_reached: Callable[[float], bool]
    figure: Callable[[Mean], float]
    """From a function that gives means by arm and metric, of some places of the curve or of all."""


class Mean(Protocol):
    """Means of a suite's points over the seeds."""

    def __call__(self, arm: Arm, metric: str, places: slice = slice(None)) -> float:
        """Of the points of an arm at these places of the curve. Not a number where there are none."""
        ...


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """A set of lives, and what they are judged by."""

    name: str
    """One letter."""
    title: str
    steps: int
    along: str
    """What the curve runs along: `turn`, `session`."""
    metrics: tuple[str, ...]
    """The first is drawn, and the placebo is judged by it."""
    lives: Callable[[int], Sequence[Life]]
    """By seed: the same seed gives the same lives."""
    goals: tuple[Goal, ...]
    arms: tuple[Arm, ...] = ARMS
    policy: Mapping[str, Any] = {}
    """What its policy says beside the defaults."""


def user_says(text: str) -> Message:
    """A message of the user."""
    return {"role": "user", "content": text}
