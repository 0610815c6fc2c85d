"""C: tasks done in part. Three to nine things are asked for at once, session after session; what was left out is named
by the user, as people do, and not judged otherwise.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from benchmarks.learning.life import SYSTEM, Ask, Goal, Life, Message, Point, Suite, Talk, user_says

SESSIONS = 8
LIVES = 4
LISTS_PER_SESSION = 2

_DEEDS = ("check", "book", "move", "renew", "cancel", "print", "label", "compare", "archive", "translate", "update")
_THINGS = (
    "the boiler contract", "the harbour tickets", "the guest list", "the parking permit", "the piano tuner",
    "the travel insurance", "the seating plan", "the fire drill", "the water meter", "the exhibition poster",
    "the delivery slots", "the office plants", "the choir rehearsal", "the ski rental", "the bicycle service",
)  # fmt: skip
_OPENINGS = ("Please do all of these:", "Here is my list for today:", "Could you take care of the following?")
_MISSED = ("You forgot to {}.", "What about this one: {}?", "You left something out: {}.")
RIGHT = "Of several things asked for at once some were left out before: go through them one by one."


class _Organiser:
    """Somebody with lists."""

    def __init__(self, seed: int, number: int) -> None:
        self.user = f"lists-{seed}-{number}"
        self._pick = random.Random(self.user)

    async def step(self, number: int, talk: Talk) -> Sequence[Point]:
        points = []
        for place in range(LISTS_PER_SESSION):
            session = f"day-{number}-{place}"
            points.append(Point(metric="complete", value=await self._ask(session, talk), at=number))
        return points

    async def _ask(self, session: str, talk: Talk) -> bool:
        pick = self._pick
        things = pick.sample(_THINGS, pick.randint(3, 9))
        items = [f"{pick.choice(_DEEDS)} {thing}" for thing in things]
        said, complaint = pick.choice(_OPENINGS), pick.choice(_MISSED)
        listed = "\n".join(f"{place}. {item}" for place, item in enumerate(items, 1))
        messages: list[Message] = [SYSTEM, user_says(f"{said}\n{listed}")]
        answer = await talk.ask(Ask(session=session, turn=1, messages=tuple(messages), right=(RIGHT,)))
        done = {int(place) for place in re.findall(r"^(\d+)\. .*: done\.$", answer.text, re.MULTILINE)}
        missing = [item for place, item in enumerate(items, 1) if place not in done]
        if missing:
            messages += [answer.message, user_says(complaint.format(" and ".join(missing)))]
            await talk.ask(Ask(session=session, turn=2, messages=tuple(messages)))
        return not missing


def _lives(seed: int) -> Sequence[Life]:
    return [_Organiser(seed, number) for number in range(LIVES)]


SUITE = Suite(
    name="C",
    title="tasks done in part",
    steps=SESSIONS,
    along="session",
    metrics=("complete",),
    lives=_lives,
    goals=(
        Goal(
            text="full completion ≥ off + 0.20, from the third session on",
            figure=lambda mean: mean("full", "complete", slice(2, None)) - mean("off", "complete", slice(2, None)),
            is_reached=lambda value: value >= 0.20,
        ),
    ),
)
