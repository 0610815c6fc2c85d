"""Places for notes in a request: how they are named, and how text is written into them.

Which messages take notes, each shape knows. A note is always appended to what the client said (or, for a bare
prompt, put before it), never between two things that belong together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from gateway.anchors import HEAD, head_key, message_key
from gateway.fence import SEPARATOR
from gateway.shapes.splice import offsets, quoted, splice
from gateway.types import Call, Note, Slot, SlotForm, Turn

HEAD_ROLES = frozenset({"system", "developer"})
"""Of the messages that are the client's own system text where they lead a conversation."""


class Owner(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message that takes notes."""

    turn: int
    """Its place among the turns of the call."""
    content: msgspec.Raw
    """Its JSON string or list of parts, a view into the body."""
    form: SlotForm
    is_head: bool = False
    """True for the leading system text, which all turns up to this one make up."""
    is_kept: bool = False
    """True for a head that an upstream may keep with the conversation, so that it is sent once only."""


def form_of(content: str | Sequence[object]) -> SlotForm:
    """How text is appended to a decoded content."""
    if isinstance(content, str):
        return "string"
    return "parts" if content else "empty-parts"


def slots(legible: bytes, turns: Sequence[Turn], owners: Sequence[Owner]) -> tuple[Slot, ...]:
    """A slot at the end of each owner's content.

    Args:
        legible: the body, from which the owners' contents were decoded.
        turns: all turns of the call.
        owners: in the order in which the model reads them.
    """
    starts = offsets(legible, [owner.content for owner in owners])
    seen: Counter[str] = Counter()
    return tuple(
        Slot(
            where=_head(turns, owner) if owner.is_head else _where(turns, owner.turn, seen),
            is_head=owner.is_head,
            at=start + len(owner.content) - 1,
            form=owner.form,
        )
        for owner, start in zip(owners, starts, strict=True)
    )


def placed(call: Call, notes: Sequence[Note], *, part: str) -> bytes:
    """The client's bytes with the notes in the slots they name; the very same bytes when there is nothing to add.

    Args:
        part: `type` of a content part that holds text.
    """
    texts: dict[str, list[str]] = {}
    for note in notes:
        if note.text:
            texts.setdefault(note.where, []).append(note.text)
    named = [slot for slot in call.slots if slot.where in texts]
    if not named:
        return call.body
    return splice(call.body, [(slot.at, _written(slot, SEPARATOR.join(texts[slot.where]), part)) for slot in named])


def _head(turns: Sequence[Turn], owner: Owner) -> str:
    name = head_key(turns[: owner.turn + 1])
    return name.removeprefix(HEAD) if owner.is_kept else name


def _where(turns: Sequence[Turn], index: int, seen: Counter[str]) -> str:
    previous = turns[index - 1] if index else None
    key = message_key(previous, turns[index], 0)
    seen[key] += 1
    return key if seen[key] == 1 else message_key(previous, turns[index], seen[key] - 1)


def _written(slot: Slot, text: str, part: str) -> bytes:
    if slot.form == "string":
        return quoted(SEPARATOR + text)[1:-1]
    if slot.form == "opening":
        return quoted(text + SEPARATOR)[1:-1]
    written = b'{"type":' + quoted(part) + b',"text":' + quoted(text) + b"}"
    return written if slot.form == "empty-parts" else b"," + written
