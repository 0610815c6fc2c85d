"""Periods, for the tests of what is reported of them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.experience import Change, Earned, Evidence, Lesson, Signal
from gateway.memories import Memory
from gateway.period import Called, Facts, Held

NOW = 1_795_348_800.0
"""2026-11-22 12:00 UTC, a Sunday."""

DAY_S = 86_400.0


def call(exchange: str, *, owner: str = "ann", session: str = "s1", **changes: object) -> Called:
    plain = Called(exchange=exchange, at=NOW, owner=owner, session=session, turn=1, status="hit", tokens=100)
    return msgspec.structs.replace(plain, **changes)


def signal(name: str, exchange: str, *, is_good: bool | None = False, **changes: object) -> Signal:
    plain = Signal(
        name=name, version=1, grade="A", exchange=exchange, session="s1", at=NOW, is_good=is_good, evidence="…"
    )
    return msgspec.structs.replace(plain, **changes)


def memory(id: str, text: str, lesson: Lesson | None = None, **changes: object) -> Memory:
    plain = Memory(
        id=id,
        kind="constraint" if lesson is None else "lesson",
        text=text,
        key=text,
        origin="user",
        exchange="ex_0",
        session="s0",
        at=NOW,
        recorded_at=NOW,
        lesson=lesson,
    )
    return msgspec.structs.replace(plain, **changes)


def lesson(evidence: int = 2, **changes: object) -> Lesson:
    proof = Evidence(signal="tool_error", version=1, grade="A", exchange="ex_0", session="s0", at=NOW, span="…")
    plain = Lesson(key="book|no", state="active", grade="A", evidence=(proof,) * evidence, sessions=("s0", "s9"))
    return msgspec.structs.replace(plain, **changes)


def earnings(memory: str, *, is_told: bool, right: int, wrong: int, propensity: float = 0.5) -> list[Earned]:
    """Outcomes, one a session."""
    return [
        Earned(
            memory=memory,
            is_told=is_told,
            propensity=propensity,
            event="passed" if number < right else "failed",
            weight=1.0,
            exchange=f"ex_{number}",
            session=f"{is_told} {number}",
            at=NOW,
            setup="gpt",
        )
        for number in range(right + wrong)
    ]


def held(memory: Memory, *earned: Earned, owner: str = "ann") -> Held:
    return Held(owner=owner, memory=memory, earned=earned)


def change(action: str, number: int) -> Change:
    return msgspec.convert(
        {"action": action, "memory": "m_1", "at": NOW + number, "cause": "ex_1", "reason": f"reason {number}"}, Change
    )


def arm(name: str, right: int, wrong: int, *, owners: int = 20, **changes: object) -> list[tuple[Called, list[Signal]]]:
    """Sessions of one arm with what was seen in each."""
    return [
        (
            call(f"{name}{number}", owner=f"{name} {number % owners}", session=f"{name} {number}", **changes),
            [] if number < right else [signal("tool_error", f"{name}{number}")],
        )
        for number in range(right + wrong)
    ]


def facts(
    sessions: Sequence[tuple[Called, list[Signal]]] = (),
    *,
    memories: Sequence[Memory] = (),
    earned: Sequence[Earned] = (),
    **changes: object,
) -> Facts:
    """A period of one owner's memories."""
    plain = Facts(
        since=NOW - 7 * DAY_S,
        until=NOW,
        calls=[call for call, _ in sessions],
        signals=[one for _, found in sessions for one in found],
        memories=memories,
        lessons=[held(memory, *(one for one in earned if one.memory == memory.id)) for memory in memories],
    )
    return msgspec.structs.replace(plain, **changes)
