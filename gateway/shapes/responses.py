"""`/responses`: the endpoint of OpenAI's own agents, whose conversations may live upstream.

Notes go to the client's own system text (`instructions`, or else the last of the leading developer messages) and to
its user messages, always at their end. No item of ours is ever added, so nothing can come between a call and its
output, or between reasoning and what was reasoned about. A request that continues a chain has the new items only: what
came before it, and the notes in it, the upstream keeps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from gateway.shapes.base import Shape, Tap
from gateway.shapes.items import (
    Item,
    answer_of,
    content_of,
    item_of,
    items_of,
    media_of,
    turn_of,
    usage_of,
)
from gateway.shapes.slots import HEAD_ROLES, Owner, form_of, placed, slots
from gateway.shapes.splice import quoted, understood
from gateway.shapes.wire import ABSENT, BOOLEAN, LIMIT, STRING, is_clients_own, lenient, prompt_tokens, text_of
from gateway.types import Call, Note, Reply, Slot, Turn

Spoken = tuple[Item, Turn]

NOTHING = (b"", b"null", b'""')
"""Of a member that is absent, or might as well be."""

LAST_EVENTS = ("response.completed", "response.incomplete", "response.failed")
"""Each holds the whole response."""


class _Incomplete(msgspec.Struct, frozen=True, kw_only=True):
    reason: str | None = None


class _Response(msgspec.Struct, frozen=True, kw_only=True):
    """A response object. One that runs in the background has no output yet."""

    id: str | None = None
    model: str | None = None
    status: str | None = None
    incomplete_details: _Incomplete | None = None
    output: list[msgspec.Raw] | None = None
    usage: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT

    @property
    def items(self) -> list[Item]:
        return [item_of(raw) for raw in self.output or ()]


class _Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a stream."""

    type: str | None = None
    response: _Response | None = None
    output_index: int = 0
    item: msgspec.Raw = ABSENT
    delta: msgspec.Raw = ABSENT


_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_RESPONSE = msgspec.json.Decoder(_Response)
_EVENT = msgspec.json.Decoder(_Event)


class Responses:
    """The shape of `/responses`."""

    path = "/responses"
    last_events = (*LAST_EVENTS, "error")

    def read(self, body: bytes) -> Call | None:
        """The request, or None when it says nothing and names nothing said before."""
        return understood(body, lambda legible: _call(body, legible))

    def place(self, call: Call, notes: Sequence[Note]) -> bytes:
        """The client's bytes with the notes at the ends of the texts they belong to."""
        return placed(call, notes, part="input_text")

    def reply(self, body: bytes) -> Reply:
        """A whole answer; incomplete when it has no output, as an error has none."""
        response = understood(body, _RESPONSE.decode)
        if response is None or response.output is None:
            return Reply(is_complete=False)
        return _reply(response, response.items, is_ended=True)

    def tap(self) -> Tap:
        """A fresh reader for one streamed answer."""
        return _ResponsesTap()


SHAPE: Shape = Responses()


class _ResponsesTap:
    """Waits for the event with the whole response; the items heard stand in where it never comes, or holds none."""

    def __init__(self) -> None:
        self._response = _Response()
        self._items: dict[int, Item] = {}
        self._deltas: dict[int, list[str]] = {}
        """Pieces of the messages that are not done, by their place in the output."""
        self._is_ended = False

    def feed(self, event: bytes) -> None:
        understood(event, self._take)

    def close(self) -> Reply:
        return _reply(self._response, self._response.items or self._heard(), is_ended=self._is_ended)

    def _take(self, legible: bytes) -> None:
        event = _EVENT.decode(legible)
        if event.response is not None and not self._is_ended:
            self._response = event.response
            self._is_ended = event.type in LAST_EVENTS
        elif event.type == "response.output_item.done":
            self._items[event.output_index] = item_of(event.item)
        elif event.type in ("response.output_text.delta", "response.refusal.delta"):
            self._deltas.setdefault(event.output_index, []).append(lenient(STRING, event.delta) or "")

    def _heard(self) -> list[Item]:
        begun = {index: _message("".join(pieces)) for index, pieces in self._deltas.items()}
        return [item for _, item in sorted({**begun, **self._items}.items())]


def _message(text: str) -> Item:
    return Item(role="assistant", content=msgspec.Raw(quoted(text)))


def _reply(response: _Response, items: Sequence[Item], *, is_ended: bool) -> Reply:
    ids = (response.id, *(item.id for item in items))
    reason = response.incomplete_details.reason if response.incomplete_details else None
    return Reply(
        turns=answer_of(items),
        id=response.id,
        echoes=tuple(filter(None, ids)),
        model=response.model,
        finish_reason=(reason or response.status) if is_ended else None,
        usage=usage_of(response.usage),
        is_complete=is_ended and bytes(response.error) in NOTHING,
    )


def _call(body: bytes, legible: bytes) -> Call | None:
    fields = _FIELDS.decode(legible)
    instructions = _spoken(items_of(fields.get("instructions"), "system"))
    items = items_of(fields.get("input"), "user")
    said = _spoken(items)
    previous = lenient(STRING, fields.get("previous_response_id")) or ""
    is_continued = bool(previous) or bytes(fields.get("conversation", ABSENT)) not in NOTHING
    echoes = (previous, *(item.id for item in reversed(items) if item.is_minted))
    if not (items or is_continued):
        return None
    before = [(Item(), Turn(role="", text=previous))] if previous else []  # names what follows it, and is not said here
    heads = _heads(fields, instructions, said, is_continued=is_continued)
    return Call(
        body=body,
        fields=fields,
        model=lenient(STRING, fields.get("model")) or "",
        turns=tuple(turn for _, turn in (*instructions, *said)),
        slots=_slots(legible, [*instructions, *before, *said], heads, first=len(instructions)),
        echoes=tuple(filter(None, echoes)),
        is_continued=is_continued,
        is_stream=lenient(BOOLEAN, fields.get("stream")) or False,
        max_output_tokens=lenient(LIMIT, fields.get("max_output_tokens")),
        prompt_tokens=prompt_tokens(len(body), [size for item in items for size in media_of(item)]),
    )


def _spoken(items: Sequence[Item]) -> list[Spoken]:
    return [(item, turn) for item in items if (turn := turn_of(item)) is not None]


def _heads(
    fields: Mapping[str, msgspec.Raw], instructions: Sequence[Spoken], said: Sequence[Spoken], *, is_continued: bool
) -> list[int]:
    """Where the client's system text stands among the turns; a chain's was in its first request."""
    if instructions:
        return [0] if lenient(STRING, fields["instructions"]) else []
    leading = next((index for index, (_, turn) in enumerate(said) if turn.role not in HEAD_ROLES), len(said))
    # alone, it may be followed by more of its kind
    return [leading - 1] if 0 < leading < len(said) and not is_continued else []


def _slots(legible: bytes, spoken: Sequence[Spoken], heads: Sequence[int], *, first: int) -> tuple[Slot, ...]:
    """A slot at the end of each message that takes notes and has a content to which text can be added.

    Args:
        first: where the instructions end.
    """
    users = [
        index
        for index, (item, turn) in enumerate(spoken)
        if turn.role == "user" and index >= first and not is_clients_own(text_of(content_of(item)))
    ]
    owners = [
        Owner(turn=index, content=item.content, form=form_of(content), is_head=index in heads, is_kept=not first)
        for index in (*heads, *users)
        if (content := content_of(item := spoken[index][0])) is not None
    ]
    return slots(legible, [turn for _, turn in spoken], owners)
