"""What changes by hand make of memories: of those that are there, and of words that a person adds to them.

Pure, and gone by twice: when a person does something (gateway/curation.py), and when memories are made anew from the
record, in which only the changes stand (gateway/rebuild.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from gateway.experience import Change, HandAction, Lesson
from gateway.ids import bare, memory_id
from gateway.kinds.base import Kind
from gateway.lessons import restored, retired
from gateway.memories import TAUGHT, Memory
from gateway.types import Turn

BY_HAND = "by hand"
"""The reason of such changes."""

LEFT = "left of what was struck"
"""The reason why a piece of an episode came: what else was said in it was ended by hand."""


def after(changes: Sequence[Change], known: Mapping[str, Memory]) -> dict[str, Memory]:
    """Memories as changes by hand leave them; of a memory that is not among them nothing is changed.

    Args:
        known: by id, with those that are added.
    """
    table, added = dict(known), {one.memory for one in changes if one.action == "ADD"}
    for done in changes:
        memory = table.get(done.memory)
        if memory is None:
            continue
        if done.action == "SUPERSEDE" and done.by in added and done.by in table:
            table[done.by] = _heir(memory, table[done.by])
        table[done.memory] = _changed(memory, done)
    return table


def worded(kind: Kind, text: str, now: float, instead: Memory | None = None) -> Memory:
    """A text as an operator's memory; said by a user it would be the same one, unless it only words another otherwise.

    Args:
        instead: the memory in whose place it is put.
    """
    place = instead.session if instead is not None and instead.reach == "session" else ""
    id = memory_id(kind.name, place, bare(text))
    read = [span for span in kind.find(Turn(role="user", text=text)) if span.text == text]
    made = Memory(
        id=id,
        kind=kind.name,
        text=text,
        key=text,
        origin="operator",
        exchange="",
        session="",
        at=now,
        recorded_at=now,
        speaker="operator",
        slot=read[0].slot if read else "",
    )
    return reworded(made, instead) if instead is not None and id == instead.id else made


def reworded(made: Memory, instead: Memory) -> Memory:
    """An operator's memory apart from one that says the same in other words, because it only words another otherwise.

    Args:
        instead: the memory in whose place it is put.
    """
    place = instead.session if instead.reach == "session" else ""
    return msgspec.structs.replace(made, id=memory_id(made.kind, place, made.text, instead.id))


def again(known: Memory, now: float) -> Iterator[Change]:
    """What makes a memory hold that is there already."""
    if known.ended_at is not None or (known.lesson is not None and known.lesson.state != "active"):
        yield change("RESTORE", known.id, now)


def change(action: HandAction, id: str, at: float, *, by: str = "", reason: str = BY_HAND) -> Change:
    """One thing done to a memory."""
    return Change(action=action, memory=id, at=at, cause="", reason=reason, by=by)


def _changed(memory: Memory, done: Change) -> Memory:
    match done.action:
        case "ADD":
            return _added(memory, done.at)
        case "PIN" | "UNPIN":
            return msgspec.structs.replace(memory, is_pinned=done.action == "PIN")
        case "RESTORE" if memory.lesson is not None:
            return restored(memory, done.at, done.reason)[0]
        case "RESTORE":
            return msgspec.structs.replace(memory, ended_at=None, ended_by="", tokens=0)
        case "RETIRE" | "SUPERSEDE" if memory.ended_at is None:
            gone = msgspec.structs.replace(memory, ended_at=done.at, tokens=0)
            if memory.lesson is not None:
                gone, _ = retired(memory, done.at, done.reason)
            return msgspec.structs.replace(gone, ended_by=done.by)
    return memory


def _heir(old: Memory, new: Memory) -> Memory:
    """A text that takes the place of another, and all that the other was besides its text."""
    lesson = old.lesson
    if lesson is not None:
        lesson = msgspec.structs.replace(lesson, state="active", grade="S")
    return msgspec.structs.replace(
        new,
        slot=old.slot,
        reach=old.reach,
        session=old.session if old.reach == "session" else "",
        is_pinned=old.is_pinned,
        lesson=lesson,
    )


def _added(memory: Memory, at: float) -> Memory:
    """An operator's words as they were when they came, whatever has become of them since."""
    key = f"{BY_HAND}|{memory.id}"
    lesson = Lesson(key=key, state="active", grade="S", triggers=(memory.text,)) if memory.kind in TAUGHT else None
    return msgspec.structs.replace(
        memory,
        at=at,
        recorded_at=at,
        ended_at=None,
        ended_by="",
        count=1,
        last="",
        tokens=0,
        is_pinned=False,
        lesson=lesson,
    )
