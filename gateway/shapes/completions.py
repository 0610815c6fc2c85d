"""`/completions`: the legacy endpoint, where a model goes on writing a text.

The note stands before the prompt, because what is written goes on at the prompt's end. It belongs to the prompt's
opening, so that a prompt that grows keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from gateway.anchors import message_key
from gateway.shapes.base import Shape, Tap
from gateway.shapes.slots import placed
from gateway.shapes.splice import offsets, understood
from gateway.shapes.wire import ABSENT, BOOLEAN, LIMIT, STRING, lenient, prompt_tokens, usage_of
from gateway.sse import DONE
from gateway.types import Call, Note, Reply, Slot, Turn

OPENING_CHARS = 256
"""Of a prompt name it; a shorter one is named by the whole of it."""


class _Choice(msgspec.Struct, frozen=True, kw_only=True):
    index: int = 0
    text: str | None = None
    finish_reason: str | None = None


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer, or one chunk of a stream."""

    id: str | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT


_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANSWER = msgspec.json.Decoder(_Answer)


class Completions:
    """The shape of `/completions`."""

    path = "/completions"
    last_events = ()

    def read(self, body: bytes) -> Call | None:
        """The request, or None when it is not one text to be gone on with."""
        return understood(body, lambda legible: _call(body, legible))

    def place(self, call: Call, notes: Sequence[Note]) -> bytes:
        """The client's bytes with the note before the prompt."""
        return placed(call, notes, part="text")

    def reply(self, body: bytes) -> Reply:
        """A whole answer; incomplete when it has no choices, as an error has none."""
        answer = understood(body, _ANSWER.decode)
        if answer is None or answer.choices is None:
            return Reply(is_complete=False)
        return _reply([answer], is_done=True)

    def tap(self) -> Tap:
        """A fresh reader for one streamed answer."""
        return _CompletionTap()


SHAPE: Shape = Completions()


class _CompletionTap:
    """Collects the chunks of an answer."""

    def __init__(self) -> None:
        self._chunks: list[_Answer] = []
        self._is_done = False

    def feed(self, event: bytes) -> None:
        self._is_done |= event.strip() == DONE
        chunk = understood(event, _ANSWER.decode)
        if chunk is not None:
            self._chunks.append(chunk)

    def close(self) -> Reply:
        return _reply(self._chunks, is_done=self._is_done)


def _reply(chunks: Sequence[_Answer], *, is_done: bool) -> Reply:
    """What the chunks say; incomplete when one of them is an error, though what was written before it is kept."""
    texts: dict[int, list[str]] = {}
    reasons: dict[int, str] = {}
    for choice in (choice for chunk in chunks for choice in chunk.choices or ()):
        texts.setdefault(choice.index, []).append(choice.text or "")
        reasons.update({choice.index: choice.finish_reason} if choice.finish_reason else {})
    is_finished = bool(texts) and texts.keys() == reasons.keys()
    has_failed = any(bytes(chunk.error) not in (b"", b"null") for chunk in chunks)
    return Reply(
        turns=tuple(Turn(role="assistant", text="".join(texts[index])) for index in sorted(texts)),
        id=next((chunk.id for chunk in chunks if chunk.id), None),
        model=next((chunk.model for chunk in chunks if chunk.model), None),
        finish_reason=reasons.get(min(texts, default=0)),
        usage=next((usage for chunk in reversed(chunks) if (usage := usage_of(chunk.usage))), None),
        is_complete=(is_done or is_finished) and not has_failed,
    )


def _call(body: bytes, legible: bytes) -> Call | None:
    fields = _FIELDS.decode(legible)
    prompt = lenient(STRING, fields.get("prompt"))
    if not prompt or _is_asked(fields, "suffix") or _is_asked(fields, "echo"):
        return None  # a gap in a text has no place for notes, and an echo would give ours to the client
    turn = Turn(role="user", text=prompt)
    return Call(
        body=body,
        fields=fields,
        model=lenient(STRING, fields.get("model")) or "",
        turns=(turn,),
        slots=(_slot(legible, fields["prompt"], prompt),),
        is_stream=lenient(BOOLEAN, fields.get("stream")) or False,
        max_output_tokens=lenient(LIMIT, fields.get("max_tokens")),
        prompt_tokens=prompt_tokens(len(body), ()),
    )


def _is_asked(fields: Mapping[str, msgspec.Raw], name: str) -> bool:
    return bytes(fields.get(name, ABSENT)) not in (b"", b"null", b"false")


def _slot(legible: bytes, raw: msgspec.Raw, prompt: str) -> Slot:
    opening = Turn(role="user", text=prompt[:OPENING_CHARS])
    (start,) = offsets(legible, [raw])
    return Slot(where=message_key(None, opening, 0), is_head=False, at=start + len(b'"'), form="opening")
