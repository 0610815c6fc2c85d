"""Signals and lessons, for the tests of what is learnt from what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from gateway.experience import Feedback, Lesson, Signal
from gateway.lessons import Taught, taught
from gateway.memories import Memory
from gateway.signals.base import Seen
from tests.exchanges import NOW, exchange, in_session, user

LEARNS = ("lesson", "correction")


def signal(name: str, *, details: Mapping[str, str] = {}, **changes: object) -> Signal:
    """A signal of Ann's, as a detector would give it."""
    plain = Signal(
        name=name,
        version=1,
        grade="A",
        exchange="ex_1",
        session="s1",
        at=NOW - 60,
        is_good=False,
        evidence=f"evidence of {name}",
        details=details,
    )
    return msgspec.structs.replace(plain, **changes)


def lesson(key: str, *, kind: str = "lesson", text: str = "Mind the gap.", **changes: object) -> Memory:
    """An active lesson; `changes` are of its `Lesson`."""
    held = Lesson(key=key, state="active", grade="A", sessions=("s1", "s2"))
    return Memory(
        id=f"m_{key}",
        kind=kind,
        text=text,
        key=text,
        origin="tool",
        exchange="ex_0",
        session="s1",
        at=NOW,
        recorded_at=NOW,
        lesson=msgspec.structs.replace(held, **changes),
    )


class Owner:
    """What one owner has learnt, exchange by exchange."""

    def __init__(self) -> None:
        self.known: dict[str, Memory] = {}
        self.clock = 0

    def learn(
        self, *signals: Signal, session: str = "", feedback: Sequence[Feedback] = (), said: str = "Hm."
    ) -> Taught:
        """Learn the signals of one more exchange, in a session of its own unless one is named."""
        self.clock += 1
        id, at = f"ex_{self.clock:03d}", NOW + self.clock
        session = session or f"s{self.clock}"
        scope = in_session(session)
        seen = Seen(exchange=exchange(user(said), id=id, at=at, scope=scope, learns=LEARNS), feedback=tuple(feedback))
        return self.take([msgspec.structs.replace(one, exchange=id, session=session, at=at) for one in signals], seen)

    def take(self, signals: Sequence[Signal], seen: Seen) -> Taught:
        """Learn signals as they are, and forget what is let go."""
        learnt = taught(signals, seen, list(self.known.values()))
        self.known |= {memory.id: memory for memory in learnt.memories}
        for change in learnt.changes:
            if change.action == "EVICT":
                self.known.pop(change.memory, None)
        return learnt

    def keyed(self, key: str) -> tuple[Memory, Lesson]:
        """The memory with a key, and the lesson in it."""
        (found,) = [
            (one, one.lesson) for one in self.known.values() if one.lesson is not None and one.lesson.key == key
        ]
        return found


def label(item: str, right: str, *, wrong: str = "other", **changes: object) -> Signal:
    """The right label of an item, as feedback gives it."""
    details = {"item": item, "wrong": wrong, "right": right}
    key = f"label|{right.casefold()}"
    plain = signal("label_corrected", details=details, grade="S", key=key, evidence=right)
    return msgspec.structs.replace(plain, **changes)


def error(tool: str = "book", signature: str = "no such flight", **changes: object) -> Signal:
    """An error that a tool answered with."""
    details = {"error": f"Error: {signature}", "arguments": "{}"}
    plain = signal("tool_error", details=details, tool=tool, key=f"{tool}|{signature}")
    return msgspec.structs.replace(plain, **changes)
