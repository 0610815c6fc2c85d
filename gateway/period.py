"""What happened in a period, as a report needs it, and how long a period is in words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from gateway.chronicle import Chronicle, Credited, Evolved, Glance, Observed
from gateway.experience import Change, Earned, Signal
from gateway.memories import Memory
from gateway.types import Operator, Scope

UNITS_S = {"h": 3_600.0, "d": 86_400.0, "w": 7 * 86_400.0}

MOST = 100_000
"""Calls, signals and changes that are read, the newest: some 100 MB."""

_LENGTH = re.compile(r"([0-9]{1,4})([hdw])")


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """One call that memory took part in."""

    exchange: str
    at: float
    """Unix seconds."""
    owner: str
    """`Scope.owner`."""
    session: str
    turn: int
    """Its place among the calls of its session, from 1, however early the session began."""
    status: str
    """`Outcome.status`."""
    tokens: int
    """Of the notes that were in it."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A lesson of one owner: those who learnt the same hold it under the same id, and each has credit of their own."""

    owner: str
    """`Scope.owner`."""
    memory: Memory
    earned: Sequence[Earned] = ()
    """By it in the period, oldest first."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What happened, oldest first; the memories are those of today."""

    since: float | None
    """Unix seconds; None from the beginning."""
    until: float
    calls: Sequence[Called] = ()
    signals: Sequence[Signal] = ()
    changes: Sequence[Change] = ()
    memories: Sequence[Memory] = ()
    """Lessons, corrections and constraints."""
    lessons: Sequence[Held] = ()
    """Lessons and corrections, with what each earned."""
    is_cut: bool = False
    """True where there was more than is read."""


def seconds(length: str) -> float:
    """How long `12h`, `7d` or `2w` is. Raises `ValueError` for anything else."""
    found = _LENGTH.fullmatch(length)
    if found is None:
        raise ValueError(f"{length[:20]!r} is no length of time: 12h, 7d or 2w would be")
    number, unit = found.groups()
    return int(number) * UNITS_S[unit]


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What was read of the record: the newest of each, oldest first."""

    exchanges: Sequence[Glance]
    """Of sessions that were heard of, from their beginning, from which turns count."""
    signals: Sequence[Observed]
    changes: Sequence[Evolved]
    earned: Sequence[Credited]


async def read(chronicle: Chronicle, since: float | None) -> Recorded:
    """What is on record since a time. Raises `MemoryUnavailable`."""
    operator, start = Operator(), since or 0.0
    return Recorded(
        exchanges=await chronicle.exchanges(operator, start, MOST),
        signals=await chronicle.signals(operator, start, MOST),
        changes=await chronicle.changes(operator, start, MOST),
        earned=await chronicle.earned(operator, start, MOST),
    )


def facts(
    recorded: Recorded,
    memories: Sequence[tuple[str, Memory]],
    *,
    tenant: str | None,
    since: float | None,
    until: float,
) -> Facts:
    """What happened to a tenant, or to all. Takes half a second for as much as is read at most.

    Args:
        memories: lessons, corrections and constraints of the same, each with its owner (`Scope.owner`).
    """

    def is_meant(scope: Scope) -> bool:
        return tenant is None or scope.tenant == tenant

    calls = _calls(one for one in recorded.exchanges if is_meant(one.scope))
    return Facts(
        since=since,
        until=until,
        calls=[call for call in calls if call.at >= (since or 0.0)],
        signals=[one.signal for one in recorded.signals if is_meant(one.scope)],
        changes=[one.change for one in recorded.changes if is_meant(one.scope)],
        memories=[memory for _, memory in memories],
        lessons=list(_held(memories, [one for one in recorded.earned if is_meant(one.scope)])),
        is_cut=MOST in map(len, (recorded.exchanges, recorded.signals, recorded.changes, recorded.earned)),
    )


def _held(memories: Sequence[tuple[str, Memory]], credited: Iterable[Credited]) -> Iterator[Held]:
    """Each lesson with what it earned: where the user holds none of this id, it was the one that all users share."""
    known = {(owner, memory.id) for owner, memory in memories}
    earned: dict[tuple[str, str], list[Earned]] = {}
    for one in credited:
        own, common = ((scope.owner, one.earned.memory) for scope in (one.scope, one.scope.common))
        earned.setdefault(own if own in known else common, []).append(one.earned)
    for owner, memory in memories:
        if memory.lesson is not None:
            yield Held(owner=owner, memory=memory, earned=earned.get((owner, memory.id), ()))


def _calls(glances: Iterable[Glance]) -> Iterator[Called]:
    """Calls about a conversation (a title, a summary) are none of it."""
    turns: Counter[tuple[str, str]] = Counter()
    for one in glances:
        if not one.is_aside:
            session = one.scope.owner, one.scope.session
            turns[session] += 1
            yield Called(
                exchange=one.id,
                at=one.at,
                owner=one.scope.owner,
                session=one.scope.session,
                turn=turns[session],
                status=one.outcome.status,
                tokens=one.outcome.tokens,
            )
