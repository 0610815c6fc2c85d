"""Lessons that users of a tenant share: what went wrong for several of them in the same way.

Only structure is told (tools, names of fields, tests and files), and of that only what several users have: no value, no
phrasing, no quotation, nothing by which one of them is known. An error's signature is the words of a tool: by it a
lesson is found, and it is never told. Labels are not shared, because what tells when to use one is what users said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

from gateway.experience import Evidence, Lesson
from gateway.ids import memory_id
from gateway.memories import Memory
from gateway.quotes import name

SHARED_BY = 3
"""Distinct users for whom a lesson is active before the others are told."""

MAX_USERS = 16
"""Of a shared lesson are counted: more change nothing."""

_IDENTIFIER = re.compile(r"[\w.:/\[\]-]{1,64}")
_PLACE = re.compile(r"[\w.@~+/\\:\[\]<>-]{1,120}")

Group = Sequence[tuple[str, Memory, Lesson]]
"""What users hold under one key: each user, the memory, and the lesson in it."""


def shared(known_of_users: Sequence[tuple[str, Memory]]) -> list[Memory]:
    """Lessons for all users of a tenant, by id; their credit begins anew.

    Args:
        known_of_users: each user with a lesson of theirs, in whatever state.
    """
    groups: dict[str, list[tuple[str, Memory, Lesson]]] = {}
    for user, memory in known_of_users:
        lesson = memory.lesson
        if memory.kind == "lesson" and lesson is not None and lesson.state == "active" and memory.ended_at is None:
            groups.setdefault(lesson.key, []).append((user, memory, lesson))
    found = (_shared(key, group) for key, group in groups.items() if len({user for user, _, _ in group}) >= SHARED_BY)
    return sorted((memory for memory in found if memory is not None), key=lambda memory: memory.id)


def is_shareable(memory: Memory) -> bool:
    """Whether a user's lesson may become one that is told to others."""
    lesson = memory.lesson
    is_held = lesson is not None and lesson.state == "active" and memory.ended_at is None
    return is_held and memory.kind == "lesson" and any(one.signal in _TEMPLATES for one in _evidence(memory))


def shared_id(memory: Memory) -> str:
    """Of the shared lesson that a user's would become."""
    return memory_id("shared", memory.lesson.key if memory.lesson is not None else "")


def candidate(memory: Memory, user: str, known: Sequence[Memory]) -> Memory:
    """The shared lesson with one more user; as long as there are too few it says nothing, and is not told.

    Args:
        known: the shared lesson, if there is one.
    """
    lesson = known[0].lesson if known else None
    if lesson is not None:
        users = tuple(sorted({*lesson.users, user}))[:MAX_USERS]
        return msgspec.structs.replace(known[0], lesson=msgspec.structs.replace(lesson, users=users))
    key = memory.lesson.key if memory.lesson is not None else ""
    return Memory(
        id=shared_id(memory),
        kind=memory.kind,
        text="",
        key="",
        origin="tool",
        exchange="",
        session="",
        at=memory.at,
        recorded_at=memory.recorded_at,
        speaker="tool",
        lesson=Lesson(key=key, state="proposed", grade="B", users=(user,)),
    )


def agreed(counting: Memory, made: Sequence[Memory]) -> Memory:
    """The shared lesson as its users have it by now, with what it has earned before; what was retired stays so."""
    if not made or made[0].lesson is None or counting.lesson is None:
        return counting
    lesson, state = counting.lesson, made[0].lesson.state if counting.ended_at is None else counting.lesson.state
    kept = msgspec.structs.replace(
        made[0].lesson, state=state, users=lesson.users, credit=lesson.credit, taken=lesson.taken
    )
    became = {name: getattr(counting, name) for name in ("ended_at", "ended_by", "is_pinned")}
    return msgspec.structs.replace(made[0], lesson=kept, **became)


def _evidence(memory: Memory) -> Sequence[Evidence]:
    return memory.lesson.evidence if memory.lesson is not None else ()


def _shared(key: str, group: Group) -> Memory | None:
    group = sorted(group, key=lambda held: (held[1].at, held[0]))
    _, memory, lesson = group[0]
    founder = next((template for one in lesson.evidence if (template := _TEMPLATES.get(one.signal))), None)
    text = founder(group) if founder is not None else ""
    if not text:
        return None
    at = max(held.at for _, held, _ in group)
    return Memory(
        id=memory_id("shared", key),
        kind=memory.kind,
        text=text,
        key=text,
        origin="tool",
        exchange="",
        session="",
        at=at,
        recorded_at=max(held.recorded_at for _, held, _ in group),
        speaker="tool",
        count=len(group),
        lesson=msgspec.structs.replace(
            Lesson(key=key, state="active", grade=lesson.grade),
            tools=lesson.tools,
            places=tuple(filter(_place, _common([one.places for _, _, one in group]))),
            signature=lesson.signature,
            evidence=_signals(group, at),
            users=tuple(sorted({user for user, _, _ in group})),
        ),
    )


def _error(group: Group) -> str:
    tool, fields = _tool(group), _common([_fields(memory) for _, memory, _ in group])
    way = f"; it went through with another {', '.join(fields)}" if fields else ""
    return f"`{tool}` failed for several users{way}." if tool else ""


def _schema(group: Group) -> str:
    _, memory, lesson = group[0]
    path, _, rule = memory.slot.rpartition(" ")
    broken = " ".join(_identifiers((path, rule)))
    what = f"Arguments of `{_tool(group)}`" if lesson.tools else "Answers"
    is_sayable = broken and (_tool(group) or not lesson.tools)
    return f"{what} broke the schema asked for: {broken}." if is_sayable else ""


def _test(group: Group) -> str:
    test = _place(group[0][2].key)
    return f"`{test}` failed and was fixed; check it when touching what it tests." if test else ""


_TEMPLATES: Mapping[str, Callable[[Group], str]] = {
    "tool_error": _error,
    "recovery": _error,
    "schema_violation": _schema,
    "test_change": _test,
}
"""By the name of the detector whose keys are structure."""


def _common(lists: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """What all of them have, in the order of the first."""
    return tuple(one for one in lists[0] if all(one in other for other in lists[1:]))


def _tool(group: Group) -> str:
    tools = group[0][2].tools
    return _identifier(tools[0]) if tools else ""


def _fields(memory: Memory) -> tuple[str, ...]:
    """Names of the fields that a lesson is about; none where one of them is not a name."""
    fields = memory.slot.split(", ")
    found = _identifiers(fields)
    return found if len(found) == len(fields) else ()


def _identifiers(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(filter(None, map(_identifier, words)))


def _identifier(word: str) -> str:
    """A name of a program; empty for words that may say something."""
    return name(word) if _IDENTIFIER.fullmatch(word) else ""


def _place(text: str) -> str:
    """A path, a symbol or the id of a test; empty for the title of a test in words."""
    return name(text) if _PLACE.fullmatch(text) else ""


def _signals(group: Group, at: float) -> tuple[Evidence, ...]:
    """From which signals it was learnt, by which is known what can check it: nothing of whom and when."""
    found = {one.signal: one for _, _, lesson in group for one in lesson.evidence}
    return tuple(
        Evidence(signal=signal, version=one.version, grade=one.grade, exchange="", session="", at=at, span="")
        for signal, one in sorted(found.items())
    )
