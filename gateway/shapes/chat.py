"""`/chat/completions`: the endpoint most clients speak.

Notes go to two kinds of message only, the client's leading system text and its user messages, and always at their
end. No message of ours is ever added, so nothing can come between tool calls and their results, and chat templates
that allow one system message keep seeing one.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.shapes.base import Shape, Tap
from gateway.shapes.slots import HEAD_ROLES, Owner, form_of, placed, slots
from gateway.shapes.splice import understood
from gateway.shapes.wire import (
    ABSENT,
    BOOLEAN,
    LIMIT,
    STRING,
    Answer,
    Content,
    FunctionCall,
    Message,
    Part,
    content_of,
    lenient,
    prompt_tokens,
    text_of,
    usage_of,
)
from gateway.sse import DONE
from gateway.types import Call, Note, Reply, Slot, ToolCall, Turn, Usage

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_MESSAGES = msgspec.json.Decoder(list[Message])
_ANSWER = msgspec.json.Decoder(Answer)


class ChatCompletions:
    """The shape of `/chat/completions`."""

    path = "/chat/completions"
    last_events = ()

    def read(self, body: bytes) -> Call | None:
        """The request, or None when it has no list of messages."""
        return understood(body, lambda legible: _call(body, legible))

    def place(self, call: Call, notes: Sequence[Note]) -> bytes:
        """The client's bytes with the notes at the ends of the messages they belong to."""
        return placed(call, notes, part="text")

    def reply(self, body: bytes) -> Reply:
        """A whole answer; incomplete when it has no choices, as an error has none."""
        answer = understood(body, _ANSWER.decode)
        if answer is None or answer.choices is None:
            return Reply(is_complete=False)
        tap = _ChatTap()
        tap.take(answer)
        tap.feed(DONE)
        return tap.close()

    def tap(self) -> Tap:
        """A fresh reader for one streamed answer."""
        return _ChatTap()


SHAPE: Shape = ChatCompletions()


class _Spoken:
    """One choice, as far as it has come in."""

    def __init__(self) -> None:
        self.finish_reason: str | None = None
        self._content: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[int, list[ToolCall]] = {}
        """Pieces of each call by its index."""

    def take(self, message: Message) -> None:
        self._content.append(text_of(content_of(message)))
        self._refusal.append(message.refusal or "")
        for call in message.calls:
            self._take_call(call)

    def turn(self) -> Turn:
        texts = ("".join(self._content), "".join(self._refusal))
        calls = tuple(_joined(pieces) for _, pieces in sorted(self._calls.items()))
        return Turn(role="assistant", text="\n".join(filter(None, texts)), calls=calls)

    def _take_call(self, call: FunctionCall) -> None:
        piece = call.value()
        index = call.index
        if index is None:  # in whole answers and some servers' deltas; there an id or a name begins the next call
            index = len(self._calls) if piece.id or piece.name else len(self._calls) - 1
        self._calls.setdefault(index, []).append(piece)


class _ChatTap:
    """Puts an answer together. What was said before an error is kept, and the Reply is incomplete."""

    def __init__(self) -> None:
        self._id: str | None = None
        self._model: str | None = None
        self._usage: Usage | None = None
        self._choices: dict[int, _Spoken] = {}
        self._is_done = False
        self._has_failed = False

    def feed(self, event: bytes) -> None:
        if event.strip() == DONE:
            self._is_done = True
            return
        answer = understood(event, _ANSWER.decode)
        if answer is not None:
            self.take(answer)

    def take(self, answer: Answer) -> None:
        self._id = answer.id or self._id
        self._model = answer.model or self._model
        self._usage = usage_of(answer.usage) or self._usage
        self._has_failed |= bytes(answer.error) not in (b"", b"null")
        for choice in answer.choices or ():
            spoken = self._choices.setdefault(choice.index, _Spoken())
            spoken.finish_reason = choice.finish_reason or spoken.finish_reason
            message = choice.delta or choice.message
            if message is not None:
                spoken.take(message)

    def close(self) -> Reply:
        choices = [choice for _, choice in sorted(self._choices.items())]
        is_finished = bool(choices) and all(choice.finish_reason for choice in choices)
        return Reply(
            turns=tuple(choice.turn() for choice in choices),
            id=self._id,
            model=self._model,
            finish_reason=choices[0].finish_reason if choices else None,
            usage=self._usage,
            is_complete=(self._is_done or is_finished) and not self._has_failed,
        )


def _call(body: bytes, legible: bytes) -> Call | None:
    fields = _FIELDS.decode(legible)
    messages = _MESSAGES.decode(fields.get("messages", ABSENT))
    if not messages:
        return None
    contents = list(map(content_of, messages))
    turns = tuple(map(_turn, messages, contents))
    return Call(
        body=body,
        fields=fields,
        model=lenient(STRING, fields.get("model")) or "",
        turns=turns,
        slots=_slots(legible, messages, contents, turns),
        is_stream=lenient(BOOLEAN, fields.get("stream")) or False,
        max_output_tokens=(
            lenient(LIMIT, fields.get("max_completion_tokens")) or lenient(LIMIT, fields.get("max_tokens"))
        ),
        prompt_tokens=_prompt_tokens(len(body), contents),
    )


def _turn(message: Message, content: Content) -> Turn:
    text = text_of(content)
    if message.refusal:
        text = f"{text}\n{message.refusal}" if text else message.refusal
    return Turn(
        role=message.role or "",
        text=text,
        calls=tuple([call.value() for call in message.calls]) if message.calls else (),
        answers=message.tool_call_id,
        name=message.name,
    )


def _slots(
    legible: bytes, messages: Sequence[Message], contents: Sequence[Content], turns: Sequence[Turn]
) -> tuple[Slot, ...]:
    """A slot at the end of each message that takes notes and has a content to which text can be added."""
    leading = next((index for index, turn in enumerate(turns) if turn.role not in HEAD_ROLES), len(turns))
    owners = [leading - 1] if 0 < leading < len(turns) else []  # alone, it may be followed by more of its kind
    owners += [index for index, turn in enumerate(turns) if turn.role == "user"]
    return slots(
        legible,
        turns,
        [
            Owner(turn=index, content=messages[index].content, form=form_of(content), is_head=index < leading)
            for index in owners
            if (content := contents[index]) is not None
        ],
    )


def _joined(pieces: Sequence[ToolCall]) -> ToolCall:
    return ToolCall(
        id=next((piece.id for piece in pieces if piece.id), ""),
        name=next((piece.name for piece in pieces if piece.name), ""),
        arguments="".join(piece.arguments for piece in pieces),
    )


def _prompt_tokens(size: int, contents: Sequence[Content]) -> int:
    parts = [part for content in contents if isinstance(content, list) for part in content if isinstance(part, Part)]
    return prompt_tokens(size, [part.media_bytes for part in parts])
