"""U: sessions for which nothing that is known is of use. A person with tastes, facts and a past has sums done."""

from __future__ import annotations

import random
from collections.abc import Sequence

from benchmarks.learning.life import SYSTEM, Ask, Goal, Life, Message, Point, Suite, Talk, user_says

SESSIONS = 6
LIVES = 5
SUMS = 5
"""Per session."""

_TOLD = (
    "My favourite drink is oolong.", "I love bouldering.", "My sister lives in Ghent.", "I work as a plumber.",
    "My dog is called Biscuit.", "I prefer the window seat.", "I'm allergic to walnuts.", "My car is a red van.",
)  # fmt: skip
_CHAT = ("The roof leaks again, what could it be?", "Our team lost on Sunday.", "How do I get paint off a carpet?")


class _Reckoner:
    """Somebody who wants sums done."""

    def __init__(self, seed: int, number: int) -> None:
        self.user = f"sums-{seed}-{number}"
        self._pick = random.Random(self.user)

    async def step(self, number: int, talk: Talk) -> Sequence[Point]:
        if number == 1:
            await self._tell(talk)
            return []
        points = []
        for place in range(SUMS):
            one, other = self._pick.randint(10, 99), self._pick.randint(10, 99)
            messages = (SYSTEM, user_says(f"What is {one} plus {other}?"))
            answer = await talk.ask(Ask(session=f"{number}-{place}", turn=1, messages=messages))
            points.append(Point(metric="right", value=f" {one + other}." in answer.text, at=number))
        return points

    async def _tell(self, talk: Talk) -> None:
        messages: list[Message] = [SYSTEM]
        for turn, text in enumerate([*self._pick.sample(_TOLD, 5), self._pick.choice(_CHAT)], 1):
            messages.append(user_says(text))
            answer = await talk.ask(Ask(session="first", turn=turn, messages=tuple(messages)))
            messages.append(answer.message)


def _lives(seed: int) -> Sequence[Life]:
    return [_Reckoner(seed, number) for number in range(LIVES)]


SUITE = Suite(
    name="U",
    title="where nothing known is of use",
    steps=SESSIONS,
    along="session",
    metrics=("right",),
    lives=_lives,
    goals=(
        Goal(
            text="lost against off ≤ 0.005",
            figure=lambda mean: mean("off", "right") - mean("full", "right"),
            is_reached=lambda value: value <= 0.005,
        ),
    ),
)
