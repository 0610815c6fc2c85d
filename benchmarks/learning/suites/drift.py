"""A: drift from what was agreed. Two rules are given at the start of a conversation of twelve turns about other things;
one in five is taken back on the way.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import msgspec

from benchmarks.learning.life import SYSTEM, Ask, Goal, Life, Message, Point, Suite, Talk, user_says

TURNS = 12
LIVES = 5
"""People per seed."""
REVOKED_SHARE = 0.2
REVOKED_TURNS = (5, 8)
"""First and last at which a rule is taken back."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Something that people want of every answer, and how it is seen whether they got it."""

    given: tuple[str, ...]
    """As people say it."""
    taken_back: tuple[str, ...]
    about: str
    """A word that stands wherever it is spoken of, whether it is given or taken back."""
    present: str = ""
    """Stands in an answer that keeps it."""
    absent: str = ""
    """Stands in none that does."""

    def is_kept(self, answer: str) -> bool:
        """Whether an answer is as the rule wants it."""
        return self.present in answer and not (self.absent and self.absent in answer)


RULES: Mapping[str, Rule] = {
    "captain": Rule(
        given=("Always address me as Captain.", "From now on, call me Captain in every reply."),
        taken_back=("You can drop the Captain, my own name will do.", "There's no need to call me Captain any more."),
        about="Captain",
        present="Captain",
    ),
    "german": Rule(
        given=("Please answer only in German from now on.", "Always reply in German, please."),
        taken_back=("Let's go back to English, no more German.", "You can drop the German now."),
        about="German",
        present="Das ist",
    ),
    "basically": Rule(
        given=('Never use the word "basically".', 'Please don\'t ever say "basically" in your answers.'),
        taken_back=(
            '"Basically" is fine again, use it if you like.',
            'I don\'t mind "basically" now, it is okay again.',
        ),
        about="asically",
        absent="basically",
    ),
    "euros": Rule(
        given=("Always give prices in euros.", "Whenever you mention a price, put it in euros."),
        taken_back=(
            "You can drop the euros, whatever currency is local will do.",
            "There's no need for euros any more.",
        ),
        about="euros",
        absent="dollars",
    ),
    "metric": Rule(
        given=("Always use metric units.", "From now on use metric units in all your answers."),
        taken_back=("Forget about metric, miles are what I know.", "There's no need to be metric any more."),
        about="metric",
        absent="miles",
    ),
    "sources": Rule(
        given=("Always cite a source for what you claim.", "In every answer, name your source."),
        taken_back=("You can drop the sources.", "There's no need to cite a source any more."),
        about="source",
        present="Source:",
    ),
    "emojis": Rule(
        given=("No emojis in your answers, please.", "Never use emojis."),
        taken_back=("Emojis are fine again.", "You may use emojis, they are okay again."),
        about="mojis",
        absent="😀",
    ),
    "bullets": Rule(
        given=("Please don't use bullet points in your answers.", "Never use bullet points."),
        taken_back=("Bullet points are okay again.", "Bullet points are fine again, use them if you like."),
        about="ullet point",
        absent="* first",
    ),
    "farewell": Rule(
        given=('End every reply with "Fair winds".', 'Always close your answers with "Fair winds".'),
        taken_back=('You can drop the "Fair winds" at the end.', 'There\'s no need for "Fair winds" any more.'),
        about="Fair winds",
        present="Fair winds",
    ),
}

PLACES = (
    "the old harbour", "the fish market", "the rose garden", "the lighthouse", "the castle ruin", "the tram museum",
    "the river walk", "the opera house", "the flea market", "the observatory", "the brick factory", "the cheese dairy",
    "the island ferry", "the windmill", "the planetarium", "the glass works",
)  # fmt: skip
QUESTIONS = ("Tell me about {}.", "What is there to see at {}?", "Is {} worth a visit?", "How do people find {}?")


class _Visitor:
    """Somebody who asks about a town."""

    def __init__(self, seed: int, number: int) -> None:
        self.user = f"drift-{seed}-{number}"
        pick = random.Random(self.user)
        self._names = pick.sample(sorted(RULES), 2)
        self._given = {name: pick.choice(RULES[name].given) for name in self._names}
        places = pick.sample(PLACES, TURNS)
        self._said = [pick.choice(QUESTIONS).format(place) for place in places]
        self._said[0] = " ".join([*self._given.values(), self._said[0]])
        self._ends: dict[str, int] = {}
        for name in self._names:
            if pick.random() < REVOKED_SHARE:
                self._ends[name] = turn = pick.randint(*REVOKED_TURNS)
                self._said[turn - 1] = f"{pick.choice(RULES[name].taken_back)} {self._said[turn - 1]}"
        self._messages: list[Message] = [SYSTEM]

    async def step(self, number: int, talk: Talk) -> Sequence[Point]:
        self._messages.append(user_says(self._said[number - 1]))
        held = [name for name in self._names if number < self._ends.get(name, TURNS + 1)]
        right = tuple(self._given[name] for name in held)
        answer = await talk.ask(Ask(session="town", turn=number, messages=tuple(self._messages), right=right))
        self._messages.append(answer.message)
        points = [Point(metric="violations", value=not RULES[name].is_kept(answer.text), at=number) for name in held]
        newest = answer.added[-1]
        ended = [name for name in self._names if number > self._ends.get(name, TURNS)]
        return points + [Point(metric="revoked echoed", value=self._given[name] in newest, at=number) for name in ended]


def _lives(seed: int) -> Sequence[Life]:
    return [_Visitor(seed, number) for number in range(LIVES)]


SUITE = Suite(
    name="A",
    title="drift from what was agreed",
    steps=TURNS,
    along="turn",
    metrics=("violations", "revoked echoed"),
    lives=_lives,
    goals=(
        Goal(
            text="violations ≤ half of off",
            figure=lambda mean: mean("full", "violations") / mean("off", "violations"),
            is_reached=lambda value: value <= 0.5,
        ),
        Goal(
            text="flat: last four turns over turns 3–6 ≤ 0.05",
            figure=lambda mean: mean("full", "violations", slice(-4, None)) - mean("full", "violations", slice(2, 6)),
            is_reached=lambda value: value <= 0.05,
        ),
        Goal(
            text="revoked echoed ≤ 0.01",
            figure=lambda mean: mean("full", "revoked echoed"),
            is_reached=lambda value: value <= 0.01,
        ),
    ),
)
