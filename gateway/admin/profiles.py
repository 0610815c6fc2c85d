"""`GET /accrue/users/{name}`: what is known of one user."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from gateway.admin.memories import state_of
from gateway.admin.names import WHOLE, Given, Name
from gateway.admin.operations import Operation
from gateway.admin.sessions import SessionShown, shown
from gateway.catalogue import Selection, State
from gateway.console import Console
from gateway.errors import NotFound
from gateway.memories import Memory
from gateway.ports import Held
from gateway.types import Scope

MAX_READ = 1_000
"""Memories that a profile counts, those that hold and those that ended: the newest of each."""

MAX_SHOWN = 20
"""Memories of a lane, sessions."""

TEXT_CHARS = 500
"""Of a memory are shown."""

MAX_SIGNALS = 1_000
"""That a profile counts, the newest."""


class UserAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which user."""

    name: Given
    tenant: Name = ""
    """Empty: the only one in which there is such a user."""


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """A memory, or as much of it as is shown."""

    id: str
    text: str
    at: float
    """Unix seconds from which it holds, or when it was last said again."""
    count: int
    """How often it was said."""
    state: State
    is_pinned: bool


class KindCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many memories of a kind are in a state."""

    kind: str
    state: State
    count: int


class SignalCount(msgspec.Struct, frozen=True, kw_only=True):
    """How often something was seen, how often for good or bad, and when last (Unix seconds)."""

    name: str
    count: int
    good: int
    bad: int
    last: float


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a user."""

    name: str
    tenant: str
    is_out: bool
    """True when nothing is to be remembered of them."""
    began: float | None
    """Unix seconds of their first call on record, as is `last` of their last; null for none."""
    last: float | None
    session_count: int
    sessions: tuple[SessionShown, ...]
    """The newest."""
    lanes: Mapping[str, tuple[Remembered, ...]]
    """The newest memories that hold, by kind, in the order in which they are told."""
    counts: tuple[KindCount, ...]
    is_cut: bool
    """True where there are more memories than are counted."""
    signals: tuple[SignalCount, ...]
    """What was seen lately, the most frequent first."""


async def user(console: Console, asked: UserAsked) -> Profile:
    """What is known of a user."""
    person = await console.eraser.person(asked.name, "", asked.tenant)
    scope = person.scope
    holding, has_more = await _memories(console, scope, "holding")
    ended, has_more_ended = await _memories(console, scope, "ended")
    heard = await console.sessions.heard(scope)
    is_out = console.eraser.is_gone(scope, math.inf)  # whatever they say, whenever
    if heard is None and not (holding or ended or is_out):
        raise NotFound("nothing is known of such a user", code="not_found", param="name")
    sessions, _ = await console.sessions.newest(scope.tenant, scope.user, "", MAX_SHOWN)
    return Profile(
        name=asked.name,
        tenant=scope.tenant,
        is_out=is_out,
        began=None if heard is None else heard.began,
        last=None if heard is None else heard.last,
        session_count=0 if heard is None else heard.sessions,
        sessions=tuple(shown(one) for one in sessions),
        lanes=_lanes(console, holding),
        counts=_counts((*holding, *ended)),
        is_cut=has_more or has_more_ended,
        signals=await _signals(console, scope),
    )


async def _memories(console: Console, scope: Scope, state: State) -> tuple[Sequence[Held], bool]:
    """The newest memories of somebody, and whether there are more."""
    found, place = await console.catalogue.browse(Selection(owner=scope.owner, state=state), "", MAX_READ)
    return found, bool(place)


def _lanes(console: Console, holding: Sequence[Held]) -> Mapping[str, tuple[Remembered, ...]]:
    lanes: dict[str, list[Remembered]] = {}
    for held in holding:
        lane = lanes.setdefault(held.memory.kind, [])
        if len(lane) < MAX_SHOWN:
            lane.append(_remembered(held.memory))
    order = {name: kind.order for name, kind in console.kinds.items()}
    return {name: tuple(lanes[name]) for name in sorted(lanes, key=lambda name: (order.get(name, math.inf), name))}


def _remembered(memory: Memory) -> Remembered:
    return Remembered(
        id=memory.id,
        text=memory.text[:TEXT_CHARS],
        at=memory.at,
        count=memory.count,
        state=state_of(memory),
        is_pinned=memory.is_pinned,
    )


def _counts(held: Sequence[Held]) -> tuple[KindCount, ...]:
    counts = Counter((one.memory.kind, state_of(one.memory)) for one in held)
    return tuple(KindCount(kind=kind, state=state, count=count) for (kind, state), count in sorted(counts.items()))


async def _signals(console: Console, scope: Scope) -> tuple[SignalCount, ...]:
    observed = [one.signal for one in await console.chronicle.signals(scope, 0.0, MAX_SIGNALS)]
    named = {name: [one for one in observed if one.name == name] for name in {one.name for one in observed}}
    counts = [
        SignalCount(
            name=name,
            count=len(ones),
            good=sum(one.is_good is True for one in ones),
            bad=sum(one.is_good is False for one in ones),
            last=max(one.at for one in ones),
        )
        for name, ones in named.items()
    ]
    return tuple(sorted(counts, key=lambda one: (-one.count, one.name)))


OPERATIONS = (
    Operation(
        name="readUser",
        method="GET",
        path=f"/accrue/users/{{name:{WHOLE}}}",
        summary="What is known of a user: memories that hold, sessions, and what was seen of how things went.",
        tag="users",
        asked=UserAsked,
        answer=Profile,
        work=user,
    ),
)
