"""B: forgotten preferences. A person tells their tastes in one session; in five later ones answers need them. One taste
in four changes on the way.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import msgspec

from benchmarks.learning.life import SYSTEM, Ask, Goal, Life, Message, Point, Suite, Talk, user_says

SESSIONS = 6
LIVES = 4
CHANGED_SHARE = 0.25
CHANGED_IN = 3
"""The session at whose end a taste changes."""


class Taste(msgspec.Struct, frozen=True, kw_only=True):
    """What people have a taste in."""

    name: str
    values: tuple[str, ...]
    asks: tuple[str, ...]


# Written for the people, not taken from what the model knows: that it knows them is held by a test.
TASTES: Mapping[str, Taste] = {
    "drink": Taste(
        name="drink",
        values=("oolong", "espresso", "lemonade", "cider", "kefir", "matcha", "rooibos", "kombucha", "tonic", "cocoa"),
        asks=("What drink should I order tonight?", "I'm thirsty, what shall I have?", "Pick a drink for the party."),
    ),
    "food": Taste(
        name="food",
        values=("ramen", "falafel", "paella", "pierogi", "tacos", "risotto", "moussaka", "goulash", "ceviche", "pho"),
        asks=("What should I eat today?", "I need an idea for dinner.", "What do I get for lunch?"),
    ),
    "sport": Taste(
        name="sport",
        values=("rowing", "bouldering", "fencing", "badminton", "cycling", "judo", "archery", "yoga", "surfing"),
        asks=("Which exercise fits my free evening?", "Suggest a workout for Saturday.", "Plan my training for June."),
    ),
    "music": Taste(
        name="music",
        values=("bebop", "fado", "techno", "bluegrass", "baroque", "reggae", "flamenco", "grunge", "klezmer", "ska"),
        asks=("What music suits my drive home?", "Make me a playlist.", "What shall I listen to while cooking?"),
    ),
}
STATED = (
    "My favourite {name} is {new}.", "When it comes to {name}, I like {new} best.", "I love {new}.",
    "I'm a big fan of {new}.", "I prefer {new} over any other {name}.",
)  # fmt: skip
CHANGED = (
    "Actually, my favourite {name} is {new} now, not {old}.", "I've gone off {old}. I love {new} now.",
    "I switched from {old} to {new}.", "I no longer like {old}; my favourite {name} is {new} these days.",
)  # fmt: skip


class _Regular:
    """Somebody who comes back."""

    def __init__(self, seed: int, number: int) -> None:
        self.user = f"tastes-{seed}-{number}"
        self._pick = random.Random(self.user)
        self._tastes = [TASTES[name] for name in self._pick.sample(sorted(TASTES), 3)]
        self._now: dict[str, str] = {}
        self._once: dict[str, str] = {}

    async def step(self, number: int, talk: Talk) -> Sequence[Point]:
        messages: list[Message] = [SYSTEM]
        points: list[Point] = []
        if number == 1:
            for taste in self._tastes:
                await self._say(self._stated(taste), messages, number, talk)
        else:
            for taste in self._pick.sample(self._tastes, len(self._tastes)):
                points += await self._need(taste, messages, number, talk)
        if number == CHANGED_IN:
            for taste in self._tastes:
                if self._pick.random() < CHANGED_SHARE:
                    await self._say(self._changed(taste), messages, number, talk)
        return points

    async def _need(self, taste: Taste, messages: list[Message], number: int, talk: Talk) -> list[Point]:
        right = (f"Their {taste.name}: {self._now[taste.name]}.",)
        answer = await self._say(self._pick.choice(taste.asks), messages, number, talk, right)
        points = [Point(metric="hit", value=self._now[taste.name] in answer, at=number)]
        if taste.name in self._once:
            points.append(Point(metric="stale", value=self._once[taste.name] in answer, at=number))
        return points

    async def _say(
        self, text: str, messages: list[Message], number: int, talk: Talk, right: tuple[str, ...] = ()
    ) -> str:
        messages.append(user_says(text))
        turn = len(messages) // 2
        answer = await talk.ask(Ask(session=f"visit-{number}", turn=turn, messages=tuple(messages), right=right))
        messages.append(answer.message)
        return answer.text

    def _stated(self, taste: Taste) -> str:
        self._now[taste.name] = self._pick.choice(taste.values)
        return self._pick.choice(STATED).format(name=taste.name, new=self._now[taste.name])

    def _changed(self, taste: Taste) -> str:
        old = self._once[taste.name] = self._now[taste.name]
        self._now[taste.name] = self._pick.choice([value for value in taste.values if value != old])
        return self._pick.choice(CHANGED).format(name=taste.name, old=old, new=self._now[taste.name])


def _lives(seed: int) -> Sequence[Life]:
    return [_Regular(seed, number) for number in range(LIVES)]


SUITE = Suite(
    name="B",
    title="forgotten preferences",
    steps=SESSIONS,
    along="session",
    metrics=("hit", "stale"),
    lives=_lives,
    goals=(
        Goal(
            text="hit ≥ 0.90",
            figure=lambda mean: mean("full", "hit"),
            is_reached=lambda value: value >= 0.90,
        ),
        Goal(
            text="stale ≤ 0.02",
            figure=lambda mean: mean("full", "stale"),
            is_reached=lambda value: value <= 0.02,
        ),
    ),
)
