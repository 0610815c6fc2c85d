"""What became of the lessons that were drawn in a session, told and withheld alike.

A lesson drawn is an experiment: what it warns of comes back, or has its occasion and does not. Each of four events
counts once at most in a session. What they are worth together is in gateway/credit.py. Statements of users
(constraints, preferences, facts) are never drawn, and earn nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

import msgspec

from gateway.credit import credited
from gateway.experience import MAX_TAKEN, Earned, Event, Lesson, Signal
from gateway.memories import Memory
from gateway.rates import Counts
from gateway.signals.base import Seen, answered
from gateway.types import Exchange

EVENTS: tuple[Event, ...] = get_args(Event)

SAID = ("feedback", "label_corrected")
"""Signals by which somebody judges an answer."""

CHECKED = ("tool_error", "recovery", "repeated_call", "schema_violation", "test_change")
"""Signals of a machine: what comes back of these is seen without anybody saying so."""

OF_THE_ANSWER = ("schema_violation", "partial_task")
"""Seen in what the model says; all else in what comes after it, and a lesson told in the same call came too late for
that."""

FORMAT = "format"
"""Stands for the tool in the key of what breaks the answer's own format."""

OUTRIGHT, IN_GENERAL, IN_SILENCE = 1.0, 0.5, 0.5
"""Weights: of the very matter of the lesson; of an answer or a session as a whole; of nobody's saying anything. Silence
has to count: where people report mistakes alone a lesson would earn nothing but those, and the more often it is told
the worse it would look."""


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """A lesson drawn in a session."""

    memory: Memory
    lesson: Lesson
    is_told: bool
    propensity: float
    """How likely it was to be told."""
    exchange: str
    """For which it was drawn."""


def drawn(exchanges: Iterable[Exchange], lessons: Mapping[str, Memory]) -> list[Drawn]:
    """The lessons drawn in a session's exchanges, which come oldest first; what is no lesson any more is left out."""
    found: dict[str, Drawn] = {}
    for exchange in exchanges:
        for note in exchange.notes:
            for id, propensity in note.draws.items():
                memory = lessons.get(id)
                if memory is not None and memory.lesson is not None and id not in found:
                    found[id] = Drawn(
                        memory=memory,
                        lesson=memory.lesson,
                        is_told=id in note.memories,
                        propensity=propensity,
                        exchange=exchange.id,
                    )
    return list(found.values())


def outcomes(seen: Seen, signals: Sequence[Signal], draws: Iterable[Drawn]) -> list[Earned]:
    """What an exchange says of the lessons drawn in its session, and has not been earned yet.

    Args:
        signals: what detectors found in it.
        draws: of the exchange and those before it.
    """
    return [earned for one in draws if (earned := _earned(one, seen, signals)) is not None]


def rewarded(memory: Memory, earned: Earned) -> Memory:
    """A lesson with an outcome more; one that it has earned already changes nothing."""
    lesson = memory.lesson
    if lesson is None or _mark(earned.session, earned.event) in lesson.taken:
        return memory
    credit = credited(
        lesson.credit,
        setup=earned.setup,
        is_told=earned.is_told,
        is_right=earned.is_right,
        weight=earned.weight,
        at=earned.at,
    )
    taken = (*lesson.taken, _mark(earned.session, earned.event))[-MAX_TAKEN:]
    return msgspec.structs.replace(memory, lesson=msgspec.structs.replace(lesson, credit=credit, taken=taken))


def evened(earned: Iterable[Earned]) -> Counts:
    """Outcomes of one side as if every session had been as likely to be on it; they count for as many as they tell.

    Each is weighed by how unlikely it was (Hájek's estimator), and the total is Kish's effective size of the sample.
    """
    weights = [(one.weight / _likelihood(one), one.is_right) for one in earned]
    total, squares = sum(weight for weight, _ in weights), sum(weight**2 for weight, _ in weights)
    scale = total / squares if squares else 0.0
    right = sum(weight for weight, is_right in weights if is_right)
    return Counts(right=right * scale, wrong=(total - right) * scale)


def _likelihood(earned: Earned) -> float:
    return earned.propensity if earned.is_told else 1 - earned.propensity


def _earned(one: Drawn, seen: Seen, signals: Sequence[Signal]) -> Earned | None:
    verdict = _judged(one, seen, signals) or _tried(one, seen, signals) or _silent(one, seen)
    if verdict is None:
        return None
    event, weight = verdict
    return Earned(
        memory=one.memory.id,
        is_told=one.is_told,
        propensity=one.propensity,
        event=event,
        weight=weight,
        exchange=seen.exchange.id,
        session=_session(seen),
        at=seen.exchange.at,
        setup=seen.exchange.setup,
    )


def _judged(one: Drawn, seen: Seen, signals: Sequence[Signal]) -> tuple[Event, float] | None:
    """What somebody said of the answer for which it was drawn; of what a machine checks, or of a whole session, only
    where nothing better is known."""
    said = [signal for signal in signals if signal.name in SAID and signal.is_good is not None]
    own = [signal for signal in said if (signal.about or signal.exchange) == one.exchange]
    if own and not _is_checked(one):
        event = _said(own)
        return None if _has(one, seen, event) else (event, OUTRIGHT)
    is_of_session = any(feedback.session for feedback in seen.feedback)
    is_general = bool(seen.feedback) and (_is_checked(one) or is_of_session)
    if said and is_general and not _has(one, seen, "failed", "passed", "praised"):
        return _said(said), IN_GENERAL
    return None


def _said(signals: Sequence[Signal]) -> Event:
    return "praised" if all(signal.is_good for signal in signals) else "failed"


def _tried(one: Drawn, seen: Seen, signals: Sequence[Signal]) -> tuple[Event, float] | None:
    """Whether what it warns of came back, or had its occasion before a machine and did not."""
    if seen.feedback:
        return None
    if any(_is_back(signal, one, seen) for signal in signals):
        return None if _has(one, seen, "failed") else ("failed", OUTRIGHT)
    if _is_checked(one) and _had_occasion(one, seen, signals) and not _has(one, seen, "failed", "passed"):
        return "passed", OUTRIGHT
    return None


def _is_back(signal: Signal, one: Drawn, seen: Seen) -> bool:
    """Whether a signal shows what the lesson warns of, in the answer for which it was drawn or later."""
    is_it = signal.key == one.lesson.key or (signal.about == one.exchange and signal.name in _kinds(one))
    is_later = seen.exchange.id != one.exchange
    is_fault = signal.is_good is False and not signal.is_environment
    return is_fault and is_it and (is_later or signal.name in OF_THE_ANSWER)


def _had_occasion(one: Drawn, seen: Seen, signals: Sequence[Signal]) -> bool:
    """Whether it could have come back: the tool was used, the schema held, the test was run or the session is over."""
    tool, _, _ = one.lesson.key.partition("|")
    kinds, is_later = _kinds(one), seen.exchange.id != one.exchange
    if "schema_violation" in kinds:
        return tool in {name or FORMAT for name in seen.exchange.schemas}
    if "test_change" in kinds:
        is_mended = any(signal.key == one.lesson.key and signal.is_good for signal in signals)
        return seen.is_over or (is_later and is_mended)
    broken = {signal.tool for signal in signals if signal.is_environment}
    return is_later and tool not in broken and any(use.call.name == tool for use in answered(seen))


def _silent(one: Drawn, seen: Seen) -> tuple[Event, float] | None:
    """That nobody has said anything of the answer for which it was drawn."""
    is_answered = seen.exchange.id == one.exchange and seen.exchange.reply is not None
    if seen.feedback or _is_checked(one) or not is_answered or _has(one, seen, *EVENTS):
        return None
    return "silent", IN_SILENCE


def _kinds(one: Drawn) -> set[str]:
    """Of the signals from which it was learnt."""
    return {evidence.signal for evidence in one.lesson.evidence}


def _is_checked(one: Drawn) -> bool:
    return not _kinds(one).isdisjoint(CHECKED)


def _has(one: Drawn, seen: Seen, *events: Event) -> bool:
    """Whether it has earned one of these in the session."""
    session = _session(seen)
    return any(_mark(session, event) in one.lesson.taken for event in events)


def _session(seen: Seen) -> str:
    scope = seen.exchange.scope
    return hashlib.blake2b(f"{scope.owner} {scope.session}".encode(errors="replace"), digest_size=8).hexdigest()


def _mark(session: str, event: Event) -> str:
    return f"{event}|{session}"
