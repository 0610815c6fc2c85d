"""What signals teach: lessons proposed, confirmed, contradicted, retired and let go.

Pure: the same signals beside the same lessons teach the same, and signals that were taken before teach nothing. What a
lesson says is in gateway/templates.py, when it is told in gateway/triggers.py, what it is worth in gateway/credit.py.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, TypeVar

import msgspec

from gateway.experience import MAX_TAKEN, Change, Evidence, Grade, Lesson, Signal
from gateway.ids import bare, memory_id
from gateway.kinds.sentences import is_off_the_record
from gateway.likeness import likeness
from gateway.memories import Memory
from gateway.origins import lowest
from gateway.quotations import disarmed
from gateway.signals.base import Seen
from gateway.signals.items import item_of
from gateway.signals.talk import question_of, typed
from gateway.templates import Draft, drafts, is_label, label_in, labelled

MAX_EVIDENCE = 12
MAX_SESSIONS = 8
MAX_TRIGGERS = 64
MAX_PLACES = 24

PROMOTED_AT = 2
"""Distinct sessions whose evidence makes a proposed lesson active: what happened once may have been chance."""

SAME = 0.95
"""Likeness from which two phrasings are one."""

TOLD_ITEMS = 3
"""Newest items in a label's line; which of them are told for a question is decided in gateway/triggers.py."""

CAPS: Mapping[str, int] = {"lesson": 100, "correction": 200}
"""Most memories of an owner by kind, retired ones included."""

_GRADES: Sequence[Grade] = ("S", "A", "B", "C")

_TEACHING = frozenset(("S", "A", "B"))
_STATES = ("retired", "proposed", "active")
"""In which order they are let go."""

T = TypeVar("T")


class Taught(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be written, and what is to be said of it."""

    memories: tuple[Memory, ...] = ()
    """New ones, and known ones that are not what they were."""
    changes: tuple[Change, ...] = ()
    """In order. A memory that is evicted is to be forgotten, and is not among `memories`."""


def taught(signals: Sequence[Signal], seen: Seen, known: Sequence[Memory]) -> Taught:
    """What signals of an exchange teach.

    Args:
        known: all lessons and corrections of the owner, in whatever state.
    """
    if _is_off_the_record(seen):
        return Taught()
    table = _Table(seen, known)
    labels = {bare(signal.details.get("right", "")) for signal in signals if signal.name == "label_corrected"}
    for signal in signals:
        is_label = signal.name == "feedback" and bare(signal.details.get("correction", "")) in labels - {""}
        if signal.grade in _TEACHING and not signal.is_environment and not is_label:
            draft = drafts(signal, seen)
            if draft is not None and draft.kind in seen.exchange.learns:
                table.take(signal, msgspec.structs.replace(draft, text=disarmed(draft.text, draft.origin)))
    if any(signal.name == "feedback" and signal.is_good is False for signal in signals):
        table.doubt(seen.exchange.told)
    table.evict()
    return table.taught()


def retired(memory: Memory, at: float, reason: str) -> tuple[Memory, Change]:
    """A lesson that is told no more, and the change that says so. Only for memories that are lessons."""
    gone = _with(memory, state="retired")
    change = Change(action="RETIRE", memory=memory.id, at=at, cause="", reason=reason)
    return msgspec.structs.replace(gone, ended_at=at, tokens=0), change


def restored(memory: Memory, at: float, reason: str) -> tuple[Memory, Change]:
    """A retired lesson that is told again, and the change that says so."""
    back = _with(memory, state="active")
    change = Change(action="RESTORE", memory=memory.id, at=at, cause="", reason=reason)
    return msgspec.structs.replace(back, ended_at=None, ended_by="", tokens=0), change


class _Table:
    """The lessons of one owner, while an exchange is learnt."""

    def __init__(self, seen: Seen, known: Sequence[Memory]) -> None:
        self._seen = seen
        self._before = {memory.id: memory for memory in known}
        self._table = dict(self._before)
        self._changes: list[Change] = []

    def take(self, signal: Signal, draft: Draft) -> None:
        """Take one signal in; nothing where it was taken before."""
        id = memory_id(draft.kind, draft.key)
        known = self._table.get(id)
        if known is None and not draft.is_founding:
            return
        if known is not None and _mark(signal) in _lesson(known).taken:
            return
        memory = self._founded(id, signal, draft) if known is None else _reinforced(known, signal, draft)
        action, memory = _promoted(known, memory, signal)
        self._table[id] = memory
        self._say(action, id, signal, f"{signal.name}, grade {signal.grade}")
        if draft.kind == "correction" and signal.grade == "S":
            self._supersede(memory, signal, draft.trigger)

    def doubt(self, told: Collection[str]) -> None:
        """Answers that were told for a question whose answer was wrong are not told for it again.

        Labels are: several are told for the model to choose from, and most of them are wrong.
        """
        item = item_of(typed(question_of(self._seen.exchange)))
        for memory in [memory for id, memory in self._before.items() if id in told and self._table[id] is memory]:
            lesson = _lesson(memory)
            is_kept = is_label(memory) or memory.is_pinned or memory.kind != "correction" or lesson.state != "active"
            if not is_kept and bare(item) and bare(item) not in map(bare, lesson.when_not):
                self._table[memory.id] = self._doubted(memory, lesson, item)

    def _doubted(self, memory: Memory, lesson: Lesson, item: str) -> Memory:
        kept = tuple(trigger for trigger in lesson.triggers if bare(trigger) != bare(item))
        doubted = _with(memory, triggers=kept, when_not=_kept((*lesson.when_not, item), MAX_TRIGGERS))
        if kept:
            return doubted
        reason = "it was told, and the answer was wrong"
        self._changes.append(self._change("RETIRE", memory.id, reason))
        return retired(doubted, self._seen.exchange.ended, reason)[0]

    def evict(self) -> None:
        """Let go of what is over the caps: retired, proposed and old first; said outright last; what a person pinned
        never."""
        for kind, cap in CAPS.items():
            held = sorted((memory for memory in self._table.values() if memory.kind == kind), key=_usefulness)
            loose = [memory for memory in held if not memory.is_pinned]
            for memory in loose[: max(0, len(held) - cap)]:
                del self._table[memory.id]
                reason = f"more than {cap}; {_lesson(memory).state}, grade {_lesson(memory).grade}"
                self._changes.append(self._change("EVICT", memory.id, reason))

    def taught(self) -> Taught:
        """All that differs from what was known."""
        written = tuple(memory for id, memory in self._table.items() if memory != self._before.get(id))
        return Taught(memories=written, changes=tuple(self._changes))

    def _founded(self, id: str, signal: Signal, draft: Draft) -> Memory:
        exchange = self._seen.exchange
        memory = Memory(
            id=id,
            kind=draft.kind,
            text=draft.text,
            key=draft.text,
            origin=draft.origin,
            exchange=signal.exchange,
            session=signal.session,
            at=signal.at,
            recorded_at=exchange.ended,
            speaker=draft.origin,
            count=0,
            lesson=Lesson(key=draft.key, state="proposed", grade=signal.grade),
        )
        return _reinforced(memory, signal, draft)

    def _supersede(self, right: Memory, signal: Signal, item: str) -> None:
        """What was said of the same item before holds no more for it."""
        for other in [memory for memory in self._table.values() if memory.kind == right.kind]:
            lesson = _lesson(other)
            said = [trigger for trigger in lesson.triggers if bare(trigger) == bare(item)]
            if other.id != right.id and said and _sort(other) == _sort(right):
                kept = tuple(trigger for trigger in lesson.triggers if trigger not in said)
                when_not = _kept((*lesson.when_not, item), MAX_TRIGGERS)
                left = _told(_with(other, triggers=kept, when_not=when_not))
                if not kept:
                    left = msgspec.structs.replace(retired(left, signal.at, "")[0], ended_by=right.id)
                self._table[other.id] = left
                self._say("SUPERSEDE", other.id, signal, f"of an item of its own {right.id} holds")

    def _say(self, action: _Action, memory: str, signal: Signal, reason: str) -> None:
        self._changes.append(self._change(action, memory, reason))

    def _change(self, action: _Action, memory: str, reason: str) -> Change:
        cause = self._seen.feedback[-1].id if self._seen.feedback else self._seen.exchange.id
        return Change(action=action, memory=memory, at=self._seen.exchange.at, cause=cause, reason=reason)


_Action = Literal["ADD", "REINFORCE", "PROMOTE", "SUPERSEDE", "RETIRE", "RESTORE", "EVICT"]


def _reinforced(memory: Memory, signal: Signal, draft: Draft) -> Memory:
    """The lesson with one more piece of evidence, and the phrasing under which it came up."""
    lesson = _lesson(memory)
    evidence = Evidence(
        signal=signal.name,
        version=signal.version,
        grade=signal.grade,
        exchange=signal.exchange,
        session=signal.session,
        at=signal.at,
        span=signal.evidence,
    )
    learnt = _with(
        memory,
        grade=min(lesson.grade, signal.grade, key=_GRADES.index),
        triggers=_joined(lesson.triggers, draft.trigger),
        when_not=tuple(phrasing for phrasing in lesson.when_not if bare(phrasing) != bare(draft.trigger)),
        tools=lesson.tools or draft.tools,
        places=_kept(tuple(dict.fromkeys((*lesson.places, *draft.places))), MAX_PLACES),
        signature=lesson.signature or draft.signature,
        evidence=_kept((*lesson.evidence, evidence), MAX_EVIDENCE),
        sessions=_kept(tuple(dict.fromkeys((*lesson.sessions, signal.session))), MAX_SESSIONS),
        taken=(*lesson.taken, _mark(signal))[-MAX_TAKEN:],
    )
    learnt = msgspec.structs.replace(
        learnt,
        text=draft.text if draft.is_better else memory.text,
        slot=draft.slot if draft.is_better or not memory.slot else memory.slot,
        origin=lowest((memory.origin, draft.origin)),
        at=max(memory.at, signal.at),
        last=signal.exchange if memory.count else "",
        count=memory.count + 1,
        evidence=signal.evidence,
        tokens=0 if draft.is_better else memory.tokens,
    )
    return _told(learnt)


def _promoted(known: Memory | None, memory: Memory, signal: Signal) -> tuple[_Action, Memory]:
    """What has become of a lesson by a signal, and its state after it."""
    lesson = _lesson(memory)
    if known is not None and lesson.state == "retired":  # only what is said outright is believed more than credit
        return ("RESTORE", restored(memory, signal.at, "")[0]) if signal.grade == "S" else ("REINFORCE", memory)
    is_sure = signal.grade == "S" or len(lesson.sessions) >= PROMOTED_AT
    after = _with(memory, state="active") if is_sure and lesson.state == "proposed" else memory
    if known is None:
        return "ADD", after
    return "PROMOTE" if _lesson(after).state != lesson.state else "REINFORCE", after


def _told(memory: Memory) -> Memory:
    """The memory with its line as it is by now: a label's has its newest items."""
    lesson = _lesson(memory)
    if not is_label(memory) or not lesson.triggers:
        return memory
    text = labelled(lesson.triggers[-TOLD_ITEMS:], label_in(memory.text))
    return memory if text == memory.text else msgspec.structs.replace(memory, text=text, tokens=0)


def _joined(triggers: tuple[str, ...], phrasing: str) -> tuple[str, ...]:
    """The phrasings with one more, unless they have it; of too many the first and the newest are kept."""
    if not bare(phrasing) or bare(phrasing) in map(bare, triggers):
        return triggers
    if max(likeness(phrasing, [triggers])[0], default=0.0) >= SAME:
        return triggers
    return _kept((*triggers, phrasing), MAX_TRIGGERS)


def _kept(items: tuple[T, ...], limit: int) -> tuple[T, ...]:
    """The first, which says how it began, and the newest."""
    return items if len(items) <= limit else (items[0], *items[len(items) - limit + 1 :])


def _usefulness(memory: Memory) -> tuple[bool, int, float, str]:
    lesson = _lesson(memory)
    return lesson.grade == "S", _STATES.index(lesson.state), memory.at, memory.id


def _sort(memory: Memory) -> str:
    """What sort of correction it is: labels are held against labels, answers against answers."""
    return _lesson(memory).key.partition("|")[0]


def _mark(signal: Signal) -> str:
    """By which a signal is known again; feedback on one exchange may come more than once."""
    digits = memory_id(signal.name, signal.evidence, *sorted(signal.details.values()))[2:]
    return f"{signal.exchange}/{digits}"


def _lesson(memory: Memory) -> Lesson:
    return memory.lesson if memory.lesson is not None else Lesson(key="", state="proposed", grade="C")


def _with(memory: Memory, **changes: object) -> Memory:
    return msgspec.structs.replace(memory, lesson=msgspec.structs.replace(_lesson(memory), **changes))


def _is_off_the_record(seen: Seen) -> bool:
    said = (*seen.exchange.context, *seen.exchange.turns)
    return any(turn.role == "user" and is_off_the_record(turn.text) for turn in said)
