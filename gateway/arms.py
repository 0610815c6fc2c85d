"""Sessions with memory beside sessions without: the only comparison by which memory may claim to have changed anything.

The control arm holds whole owners (gateway/credit.py, `holdout`). Both arms are judged alike, whatever they were told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from gateway.experience import Signal
from gateway.period import Called
from gateway.rates import ENOUGH, Counts, Lift, lift

HELD_OUT = "holdout"
ASIDE = "off"
"""Statuses of calls of the control arm, and of those that memory had no part in."""

SAID = "feedback"
VERIFIED = ("S", "A")

FEW_OWNERS = 10
"""In an arm: sessions of one owner are alike, so that an interval that takes them for independent is too narrow."""


class Arm(msgspec.Struct, frozen=True, kw_only=True):
    """The sessions of one side."""

    owners: int
    sessions: Counts
    """Right and wrong."""


class Arms(msgspec.Struct, frozen=True, kw_only=True):
    """Both sides, and what they say."""

    treated: Arm
    """Since the first session of the control arm; before it there is nothing to compare with."""
    control: Arm
    lift: Lift | None
    """None while an arm has fewer than `ENOUGH` sessions."""
    caveats: tuple[str, ...]


class Session(msgspec.Struct):
    """A session while its calls are gone through; the one value here that is not frozen."""

    owner: str
    at: float
    is_control: bool = False
    is_fine: bool = True
    said: bool | None = None


def arms(calls: Sequence[Called], signals: Iterable[Signal]) -> Arms:
    """The comparison, from calls and signals, each oldest first."""
    sessions = _judged(calls, signals)
    first = min((session.at for session in sessions if session.is_control), default=None)
    control = _arm(session for session in sessions if session.is_control)
    treated = _arm(
        session for session in sessions if first is not None and not session.is_control and session.at >= first
    )
    found = lift(treated.sessions, control.sessions)
    return Arms(treated=treated, control=control, lift=found, caveats=tuple(_caveats(treated, control, found)))


def session_of(call: Called) -> tuple[str, str]:
    """By which the calls of a session are known: two owners may have given theirs the same name."""
    return call.owner, call.session


def _judged(calls: Sequence[Called], signals: Iterable[Signal]) -> list[Session]:
    """The sessions that memory took part in, or would have, each right or wrong."""
    sessions: dict[tuple[str, str], Session] = {}
    by_exchange: dict[str, Session] = {}
    for call in calls:
        if call.status != ASIDE:
            session = sessions.setdefault(session_of(call), Session(owner=call.owner, at=call.at))
            session.is_control |= call.status == HELD_OUT
            by_exchange[call.exchange] = session
    for signal in signals:
        found = by_exchange.get(signal.exchange)
        if found is not None and signal.is_good is not None and not signal.is_environment:
            _judge(found, signal)
    return list(sessions.values())


def _judge(session: Session, signal: Signal) -> None:
    if signal.name == SAID:
        session.said = signal.is_good
    elif signal.grade in VERIFIED and not signal.is_good:
        session.is_fine = False


def _arm(sessions: Iterable[Session]) -> Arm:
    held = list(sessions)
    right = sum(session.is_fine if session.said is None else session.said for session in held)
    return Arm(owners=len({session.owner for session in held}), sessions=Counts(right=right, wrong=len(held) - right))


def _caveats(treated: Arm, control: Arm, found: Lift | None) -> Iterable[str]:
    """What has to be known to read the comparison."""
    if not control.sessions.total:
        yield "No session was held out, so nothing here says what memory has changed: set `holdout` in a policy (0.05)."
        return
    yield (
        "A session is right when its last feedback says so; without feedback, when no verified fault was seen in it. "
        "That is not the same as a task that was solved."
    )
    yield "Sessions from before the first one that was held out are not compared."
    if found is None:
        yield f"Not enough data for a comparison: it takes {ENOUGH} sessions in each arm."
    elif min(treated.owners, control.owners) < FEW_OWNERS:
        yield (
            f"An arm has fewer than {FEW_OWNERS} owners: the interval takes sessions of one owner for independent, "
            "and is too narrow."
        )
