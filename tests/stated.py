"""What users state and take back, for the tests of every language."""

from __future__ import annotations

from gateway.kinds import constraint, fact, preference
from gateway.kinds.base import Kind
from gateway.memories import Memory
from gateway.revisions import revise
from gateway.types import Turn

KINDS: tuple[Kind, ...] = (constraint.KIND, preference.KIND, fact.KIND)


def stated(text: str, *, session: str = "se_1", is_first: bool = False) -> list[Memory]:
    """What a user's message leaves to be kept."""
    return [
        Memory(
            id=f"{session} {span.text}",
            kind=kind.name,
            text=span.text,
            key=span.text,
            origin="user",
            exchange="ex_1",
            session=session,
            at=1_800_000_000.0,
            recorded_at=1_800_000_000.0,
            reach=span.reach,
            slot=span.slot,
        )
        for kind in KINDS
        for span in kind.find(Turn(role="user", text=text), is_first=is_first)
    ]


def ended(before: str, message: str, *, session: str = "se_1") -> dict[str, str]:
    """What a message in session `se_2` ends of what was stated in another, or in the same; heirs by their text."""
    held = stated(before, session=session)
    assert held, f"nothing is kept of {before!r}"
    fresh = stated(message, session="se_2")
    texts = {memory.id: memory.text for memory in (*held, *fresh)} | {"": ""}
    found = revise(Turn(role="user", text=message), fresh, held, session="se_2")
    return {texts[old]: texts[new] for old, new in found.items()}


def kinds_of(text: str) -> list[str]:
    """The kinds of what is kept of a message."""
    return [memory.kind for memory in stated(text)]
