"""Which lessons a call calls for: by what it shows (an error that comes back, a tool, a file, a test), else by how
alike its question is to those under which the lesson came up.

Pure. Whether a lesson is told or withheld is decided in gateway/credit.py, whether it fits in gateway/compose.py.
"""

from __future__ import annotations

import functools
import heapq
from collections.abc import Mapping, Sequence
from functools import cached_property

import msgspec

from gateway import terms
from gateway.experience import Lesson
from gateway.likeness import likeness
from gateway.memories import Memory, Ranked
from gateway.places import is_touched, named
from gateway.signals.errors import failure
from gateway.signals.items import item_of
from gateway.signals.talk import typed
from gateway.signals.tasks import task_of
from gateway.telling import telling
from gateway.templates import FORMAT, PARTIAL, is_label, label_in, labelled
from gateway.types import Call, Reply, Turn

NEWEST_TURNS = 12
"""In which a tool was called, a place named, an error came: what lies further back is done with."""

LABEL_GATE = 0.4
"""Likeness from which an item may be of the same class as another: several labels are told, and the model chooses."""

ANSWER_GATE = 0.6
"""Likeness from which a question is the same, so that its one answer holds: of such .83 are of one class."""

CERTAIN = 0.9
"""Likeness from which two phrasings need have no telling word in common."""

MIN_COMMON = 0.34
"""Share of a question's telling words that a phrasing has as well which it is like: "How do I prune an apple tree?" is
like "How do I use Apple Pay?". Of the labels told as many are right with it, and of 100 questions beside the point none
is told one (Banking77, training file)."""

VOTERS = 3
"""Nearest items of a label that speak for it, each less than the one before: the first label is right .75 of the time
by them, and .71 by the nearest alone (Banking77, 2,000 items of 77 labels)."""

TOLD_ITEMS = 2
"""Nearest items in a label's line."""

MIN_NAMED = 0.5
"""Share of the words of a tool's name that a question has when it is about the tool."""

_FRAME = telling("best easiest quickest fastest right way help show hard easy possible need want know able good idea")
"""Stems of how people ask, whatever they ask after: "what is the best way to tune a violin" is not about ways."""


@functools.lru_cache(maxsize=16_384)
def _telling(text: str) -> frozenset[str]:
    """Stems of what a text is about; the same items are compared with every question."""
    return telling(text) - _FRAME


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """A way in which a call calls for a lesson."""

    score: float
    """Times the likeness, where it goes by one."""
    limit: int
    """Most lessons told because of it."""
    share: float = 0.0
    """Of the best one's score that another must reach. Of labels .75 leaves out a third, and at most a point
    of the right ones (Banking77)."""


WAYS: Mapping[str, Way] = {
    "signature": Way(score=1.0, limit=3),
    "place": Way(score=0.9, limit=4),
    "phrase": Way(score=0.8, limit=3),
    "tool": Way(score=0.6, limit=4),
    "parts": Way(score=0.5, limit=1),
    "format": Way(score=0.5, limit=2),
    "label": Way(score=1.0, limit=5, share=0.75),
    "offered": Way(score=0.2, limit=3),
}
"""Strongest first. A tool that is merely offered calls for little: coding agents offer dozens with every call."""


def triggered(lessons: Sequence[Memory], call: Call, question: str) -> list[Ranked]:
    """The active lessons that a call calls for, best first, labels with the items that are nearest to its own.

    Args:
        question: what the user said last; with instructions around it, when a program speaks.
    """
    held = [(memory, lesson) for memory in lessons if (lesson := _active(memory)) is not None]
    if not held:
        return []
    scene = _Scene(call, question)
    groups = [group for _, lesson in held for group in _phrasings(lesson)]
    alike = iter(likeness(scene.item, groups))
    found: dict[str, list[Ranked]] = {way: [] for way in WAYS}
    for memory, lesson in held:
        near, away = next(alike), next(alike)
        way, score = _way(memory, lesson, scene, near, away)
        if way:
            found[way].append(_ranked(memory, lesson, near, way, score))
    told = (one for way, ranked in found.items() for one in _best(WAYS[way], ranked))
    return sorted(told, key=_order, reverse=True)


def is_active(memory: Memory) -> bool:
    """Whether it is a lesson that is told at all."""
    return _active(memory) is not None


def prepare(lessons: Sequence[Memory]) -> None:
    """Read the phrasings of lessons, so that comparing them takes a millisecond; what was read before is kept."""
    likeness("", [group for memory in lessons if memory.lesson is not None for group in _phrasings(memory.lesson)])


def _phrasings(lesson: Lesson) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return lesson.triggers, lesson.when_not


def _best(way: Way, ranked: Sequence[Ranked]) -> list[Ranked]:
    best = heapq.nlargest(way.limit, ranked, key=_order)
    return [one for one in best if one.score >= way.share * best[0].score]


class _Scene:
    """What a call shows; each part is only looked for where a lesson asks for it."""

    def __init__(self, call: Call, question: str) -> None:
        self._call = call
        self._turns = call.turns[-NEWEST_TURNS:]
        self.question = typed(question)
        self.item = item_of(self.question)
        self.stems = _telling(self.item)

    @cached_property
    def offered(self) -> frozenset[str]:
        """Tools that the request offers."""
        return frozenset(terms.tools(self._call))

    @cached_property
    def called(self) -> frozenset[str]:
        """Tools that were called of late."""
        return frozenset(made.name for turn in self._turns for made in turn.calls)

    @cached_property
    def signatures(self) -> frozenset[str]:
        """Of errors that came back of late, each with its tool, as keys of lessons have it."""
        calls = {made.id: made for turn in self._turns for made in turn.calls}
        results = ((calls[turn.answers], turn) for turn in self._turns if turn.answers in calls)
        failed = ((made.name, failure(made, turn.text, is_marked=turn.is_error)) for made, turn in results)
        return frozenset(f"{tool}|{error.signature}" for tool, error in failed if error is not None)

    @cached_property
    def names(self) -> frozenset[str]:
        """What may be the name of a place in the newest turns, arguments of tools included."""
        return frozenset().union(*(named(text) for turn in self._turns for text in _texts(turn)))

    @cached_property
    def shape(self) -> str:
        """Of a task of several parts; empty when only one thing is asked for."""
        task = task_of(self.question)
        return task.shape if task is not None else ""

    @cached_property
    def is_formatted(self) -> bool:
        """Whether the answer is held to a format."""
        return bool(terms.schemas(self._call, Reply()))

    def is_about(self, tool: str) -> bool:
        """Whether a tool was called of late, or the question has the words of its name."""
        words = _telling(tool.replace("_", " ").replace("-", " "))
        return tool in self.called or (bool(words) and len(words & self.stems) >= MIN_NAMED * len(words))


def _way(
    memory: Memory, lesson: Lesson, scene: _Scene, near: Sequence[float], away: Sequence[float]
) -> tuple[str, float]:
    """The strongest way in which a lesson is called for, and its score; none without a tool that it is about."""
    if lesson.tools and scene.offered.isdisjoint(lesson.tools):
        return "", 0.0
    if lesson.signature and lesson.key in scene.signatures:
        return "signature", WAYS["signature"].score
    if away and max(away) > max(near, default=0.0):
        return "", 0.0
    if is_label(memory):
        score = _vote(near) if _is_near(lesson, scene, near, LABEL_GATE) else 0.0
        return ("label", score) if score else ("", 0.0)
    if any(is_touched(place, scene.names) for place in lesson.places):
        return "place", WAYS["place"].score
    if _is_near(lesson, scene, near, ANSWER_GATE):
        return "phrase", WAYS["phrase"].score * max(near)
    return _shown(lesson, scene)


def _shown(lesson: Lesson, scene: _Scene) -> tuple[str, float]:
    """The way in which a call by its looks calls for a lesson, whatever is asked."""
    way = ""
    if lesson.tools:
        way = "tool" if any(map(scene.is_about, lesson.tools)) else "offered"
    elif lesson.key.startswith(PARTIAL):
        way = "parts" if lesson.key.removeprefix(PARTIAL) == scene.shape else ""
    elif lesson.key.startswith(FORMAT):
        way = "format" if scene.is_formatted else ""
    return way, (WAYS[way].score if way else 0.0)


def _is_near(lesson: Lesson, scene: _Scene, near: Sequence[float], gate: float) -> bool:
    """Whether a question is like one of the lesson's, and has enough of its telling words in common with it."""
    best = max(near, default=0.0)
    if best < gate or best >= CERTAIN:
        return best >= gate
    nearest = (place for place in _nearest(near, VOTERS) if near[place] >= gate)
    least = max(1.0, MIN_COMMON * len(scene.stems))
    return any(len(scene.stems & _telling(lesson.triggers[place])) >= least for place in nearest)


def _vote(near: Sequence[float]) -> float:
    weights = [1 / (place + 1) for place in range(VOTERS)]
    nearest = [near[place] for place in _nearest(near, VOTERS)]
    return sum(weight * one for weight, one in zip(weights, nearest, strict=False)) / sum(weights)


def _nearest(near: Sequence[float], count: int) -> list[int]:
    return heapq.nlargest(count, range(len(near)), key=near.__getitem__)


def _ranked(memory: Memory, lesson: Lesson, near: Sequence[float], way: str, score: float) -> Ranked:
    """The lesson as it is told: a label with the items nearest to the question."""
    scores = {way: score} | ({"alike": max(near)} if near else {})
    if way == "label":
        items = [lesson.triggers[place] for place in _nearest(near, TOLD_ITEMS) if near[place] >= LABEL_GATE]
        memory = msgspec.structs.replace(memory, text=labelled(items, label_in(memory.text)), tokens=0)
    return Ranked(memory=memory, scores=scores, score=score)


def _order(ranked: Ranked) -> tuple[float, int, float, str]:
    """By score; else what was seen in more sessions, and of late."""
    lesson = ranked.memory.lesson
    return ranked.score, len(lesson.sessions) if lesson is not None else 0, ranked.memory.at, ranked.memory.id


def _active(memory: Memory) -> Lesson | None:
    lesson = memory.lesson
    return lesson if lesson is not None and lesson.state == "active" and memory.ended_at is None else None


def _texts(turn: Turn) -> Sequence[str]:
    return [turn.text, *(made.arguments for made in turn.calls)]
