"""What memory did and what it was worth, from what is on record: every figure with its count, every estimate with its
interval, and nothing said where there is too little to say it.

How the facts are read is no concern here, nor how the report is printed (gateway/printed.py).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import msgspec

from gateway.arms import Arms, arms, session_of
from gateway.experience import Change, Credit, Earned, Grade, Lesson, LessonState, Signal
from gateway.outcomes import evened
from gateway.period import MOST, Called, Facts, Held
from gateway.rates import ENOUGH, Difference, difference

VIOLATIONS = "violated_constraint"
"""The detector that says of each constraint whether it was kept."""

MAX_DAYS = 31
"""Up to which signals are counted by the day, and beyond by the week."""

DAY_S = 86_400.0
MAX_CHANGES = 20

LAST_TURN = 10
"""Later ones are counted with it."""

MANY = 10
"""Intervals of 95 %, of which one may well leave out zero by chance."""


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """What memory added to a call; notes count each time they are sent."""

    calls: int
    mean: float
    p99: int


class Sighted(msgspec.Struct, frozen=True, kw_only=True):
    """How often a signal was seen in a day or a week."""

    begins: str
    """Its first day, UTC: `2026-11-22`; weeks begin on Monday."""
    name: str
    good: int
    bad: int
    neither: int


class Adherence(msgspec.Struct, frozen=True, kw_only=True):
    """How often answers kept to constraints, of those that a machine could check."""

    what: str
    """The constraint, or the place of the call in its session."""
    kept: int
    checked: int


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """What a lesson earned in the period where it was told, or where it was withheld."""

    sessions: int
    outcomes: int
    right: int


class Learnt(msgspec.Struct, frozen=True, kw_only=True):
    """A lesson of one owner, and what it is worth to them."""

    id: str
    owner: str
    """`Scope.owner`: several may have learnt the same, and it bears the same id."""
    kind: str
    text: str
    state: LessonState
    grade: Grade
    evidence: int
    sessions: int
    """In which its evidence was seen."""
    credit: Credit
    """By which it is told or withheld: faded, and begun anew with another model, prompt or tools."""
    told: Side
    withheld: Side
    uplift: Difference | None
    """Weighed by how likely each outcome was; None while one side has fewer than `ENOUGH` sessions."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """See the module."""

    since: float | None
    until: float
    calls: int
    sessions: int
    statuses: Mapping[str, int]
    """Calls by what memory did."""
    tokens: Tokens | None
    """None where there were no calls."""
    by: Literal["day", "week"]
    signals: tuple[Sighted, ...]
    adherence: tuple[Adherence, ...]
    adherence_by_turn: tuple[Adherence, ...]
    lessons: tuple[Learnt, ...]
    changes_by_action: Mapping[str, int]
    changes: tuple[Change, ...]
    """The newest of them, newest first."""
    arms: Arms
    caveats: tuple[str, ...]


def report(facts: Facts) -> Report:
    """The report on a period."""
    by = _by(facts)
    lessons = tuple(_lessons(facts.lessons))
    compared = arms(facts.calls, facts.signals)
    return Report(
        since=facts.since,
        until=facts.until,
        calls=len(facts.calls),
        sessions=len({session_of(call) for call in facts.calls}),
        statuses=_counted(call.status for call in facts.calls),
        tokens=_tokens(facts.calls),
        by=by,
        signals=tuple(_signals(facts.signals, by)),
        adherence=tuple(_adherence(facts)),
        adherence_by_turn=tuple(_adherence_by_turn(facts)),
        lessons=lessons,
        changes_by_action=_counted(change.action for change in facts.changes),
        changes=tuple(facts.changes[: -MAX_CHANGES - 1 : -1]),
        arms=compared,
        caveats=(*compared.caveats, *_caveats(lessons), *_cut(facts)),
    )


def _counted(names: Iterable[str]) -> dict[str, int]:
    """How often each, the most frequent first."""
    return dict(sorted(Counter(names).items(), key=lambda entry: (-entry[1], entry[0])))


def _tokens(calls: Sequence[Called]) -> Tokens | None:
    if not calls:
        return None
    added = sorted(call.tokens for call in calls)
    return Tokens(calls=len(added), mean=sum(added) / len(added), p99=added[math.ceil(0.99 * len(added)) - 1])


def _by(facts: Facts) -> Literal["day", "week"]:
    begins = min((signal.at for signal in facts.signals), default=facts.until)
    return "day" if facts.until - begins <= MAX_DAYS * DAY_S else "week"


def _signals(signals: Iterable[Signal], by: Literal["day", "week"]) -> Iterator[Sighted]:
    counts: dict[tuple[str, str], Counter[bool | None]] = {}
    for signal in signals:
        counts.setdefault((begins(signal.at, by).isoformat(), signal.name), Counter())[signal.is_good] += 1
    for (first, name), count in sorted(counts.items()):
        yield Sighted(begins=first, name=name, good=count[True], bad=count[False], neither=count[None])


def begins(at: float, by: Literal["day", "week"]) -> date:
    """The first day, UTC, of the day or week of a moment; weeks begin on Monday."""
    day = datetime.fromtimestamp(at, UTC).date()
    return day if by == "day" else day - timedelta(days=day.weekday())


def _adherence(facts: Facts) -> Iterator[Adherence]:
    """Of each constraint that was checked, the least kept first."""
    texts = {memory.id: memory.text for memory in facts.memories}
    verdicts: dict[str, Counter[bool]] = {}
    for signal in _verdicts(facts):
        verdicts.setdefault(signal.key, Counter())[bool(signal.is_good)] += 1
    rows = [_kept(texts.get(id, id), count) for id, count in verdicts.items()]
    yield from sorted(rows, key=lambda row: (row.kept / row.checked, row.what))


def _adherence_by_turn(facts: Facts) -> Iterator[Adherence]:
    turns = {call.exchange: min(call.turn, LAST_TURN) for call in facts.calls}
    verdicts: dict[int, Counter[bool]] = {}
    for signal in _verdicts(facts):
        if signal.exchange in turns:
            verdicts.setdefault(turns[signal.exchange], Counter())[bool(signal.is_good)] += 1
    for turn, count in sorted(verdicts.items()):
        yield _kept(f"{turn} or later" if turn == LAST_TURN else str(turn), count)


def _verdicts(facts: Facts) -> Iterator[Signal]:
    return (signal for signal in facts.signals if signal.name == VIOLATIONS and signal.is_good is not None)


def _kept(what: str, count: Counter[bool]) -> Adherence:
    return Adherence(what=what, kept=count[True], checked=count.total())


def _lessons(lessons: Iterable[Held]) -> Iterator[Learnt]:
    """Active ones first, then those with the most evidence."""
    rows = [
        _learnt(held, held.memory.lesson)
        for held in lessons
        if held.memory.lesson is not None and (held.memory.ended_at is None or held.memory.lesson.state == "retired")
    ]
    yield from sorted(rows, key=lambda row: (row.state != "active", -row.evidence, row.id, row.owner))


def _learnt(held: Held, lesson: Lesson) -> Learnt:
    memory = held.memory
    told = [one for one in held.earned if one.is_told]
    withheld = [one for one in held.earned if not one.is_told]
    sides = _side(told), _side(withheld)
    has_enough = min(side.sessions for side in sides) >= ENOUGH
    return Learnt(
        id=memory.id,
        owner=held.owner,
        kind=memory.kind,
        text=memory.text,
        state=lesson.state,
        grade=lesson.grade,
        evidence=len(lesson.evidence),
        sessions=len(lesson.sessions),
        credit=lesson.credit,
        told=sides[0],
        withheld=sides[1],
        uplift=difference(evened(told), evened(withheld)) if has_enough else None,
    )


def _side(earned: Sequence[Earned]) -> Side:
    sessions = {one.session for one in earned}
    return Side(sessions=len(sessions), outcomes=len(earned), right=sum(one.is_right for one in earned))


def _caveats(lessons: Sequence[Learnt]) -> Iterator[str]:
    """What has to be known to read the lessons."""
    judged = sum(lesson.uplift is not None for lesson in lessons)
    if judged < len(lessons):
        yield (
            f"{len(lessons) - judged} of {len(lessons)} lessons have not enough data for an uplift: it takes {ENOUGH} "
            "sessions in which it was told and as many in which it was withheld."
        )
    if judged >= MANY:
        yield f"Of {judged} lessons with an interval, about one in twenty leaves out zero by chance."


def _cut(facts: Facts) -> Iterator[str]:
    if facts.is_cut:
        yield f"There is more on record than is read at once: this is on the newest {MOST:,} calls and signals."
