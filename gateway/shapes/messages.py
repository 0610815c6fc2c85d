"""`/messages`: Anthropic's endpoint, which Claude Code speaks.

Notes go to the end of the system text and of user messages with words of the user's own: as one more block behind the
tool results, which must come first, and behind the block that carries the client's cache mark, so that what it marked
stays what it was. No message and no mark of ours is ever added.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.shapes.base import Shape, Tap
from gateway.shapes.blocks import (
    Block,
    blocks_of,
    content_of,
    media,
    own_words,
    results,
    spoken,
    system_text,
    text_of,
)
from gateway.shapes.slots import Owner, form_of, placed, slots
from gateway.shapes.splice import understood
from gateway.shapes.wire import ABSENT, BOOLEAN, LIMIT, STRING, count, lenient, prompt_tokens
from gateway.types import Call, Note, Reply, Turn, Usage

FOLLOWED = frozenset({"text", "image", "document", "search_result", "tool_result", "container_upload"})
"""Types of blocks behind which text may stand; of a type we do not know we do not know it."""


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    role: str | None = None
    content: msgspec.Raw = ABSENT


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer, or the beginning of a streamed one."""

    id: str | None = None
    model: str | None = None
    content: list[Block] | None = None
    stop_reason: str | None = None
    usage: msgspec.Raw = ABSENT


class _Delta(msgspec.Struct, frozen=True, kw_only=True):
    """More of a block (`text`, `partial_json`), or of the message."""

    text: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None


class _Event(msgspec.Struct, frozen=True, kw_only=True):
    type: str | None = None
    index: int = 0
    message: _Answer = _Answer()
    content_block: Block = Block()
    delta: _Delta = _Delta()
    usage: msgspec.Raw = ABSENT


class _Usage(msgspec.Struct, frozen=True, kw_only=True):
    input_tokens: int | None = None
    """Those neither read from the cache nor written to it."""
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens: int | None = None


_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_MESSAGES = msgspec.json.Decoder(list[_Message])
_ANSWER = msgspec.json.Decoder(_Answer)
_EVENT = msgspec.json.Decoder(_Event)
_USAGE = msgspec.json.Decoder(_Usage)


class Messages:
    """The shape of `/messages`."""

    path = "/messages"
    last_events = ("message_stop",)

    def read(self, body: bytes) -> Call | None:
        """The request, or None when it has no list of messages."""
        return understood(body, lambda legible: _call(body, legible))

    def place(self, call: Call, notes: Sequence[Note]) -> bytes:
        """The client's bytes with the notes at the ends of the texts they belong to."""
        return placed(call, notes, part="text")

    def reply(self, body: bytes) -> Reply:
        """A whole answer; incomplete when it has no content, as an error has none."""
        answer = understood(body, _ANSWER.decode)
        if answer is None or answer.content is None:
            return Reply(is_complete=False)
        tap = _MessageTap()
        tap.take(answer)
        tap.is_done = True
        return tap.close()

    def tap(self) -> Tap:
        """A fresh reader for one streamed answer."""
        return _MessageTap()


SHAPE: Shape = Messages()


class _MessageTap:
    """Puts an answer together. What was said before an error is kept, and the Reply is incomplete."""

    def __init__(self) -> None:
        self.is_done = False
        self._begun = _Answer()
        self._stop_reason: str | None = None
        self._blocks: dict[int, Block] = {}
        self._pieces: dict[int, list[str]] = {}
        """What came after the beginning of each block."""
        self._usages: list[_Usage] = []
        self._has_failed = False

    def feed(self, event: bytes) -> None:
        read = understood(event, _EVENT.decode) or _Event()
        match read.type:
            case "message_start":
                self.take(read.message)
            case "content_block_start":
                self._blocks[read.index] = read.content_block
            case "content_block_delta":
                piece = read.delta.text or read.delta.partial_json or ""
                self._pieces.setdefault(read.index, []).append(piece)
            case "message_delta":
                self._stop_reason = read.delta.stop_reason or self._stop_reason
                self._count(read.usage)
            case "message_stop":
                self.is_done = True
            case "error":
                self._has_failed = True

    def take(self, answer: _Answer) -> None:
        self._begun = answer
        self._stop_reason = answer.stop_reason
        self._blocks.update(enumerate(answer.content or ()))
        self._count(answer.usage)

    def close(self) -> Reply:
        blocks = [_whole(block, self._pieces.get(index, ())) for index, block in sorted(self._blocks.items())]
        return Reply(
            turns=(spoken(blocks),) if blocks else (),
            id=self._begun.id,
            model=self._begun.model,
            finish_reason=self._stop_reason,
            usage=_summed(self._usages) if self._usages else None,
            is_complete=self.is_done and not self._has_failed,
        )

    def _count(self, raw: msgspec.Raw) -> None:
        usage = lenient(_USAGE, raw)
        if usage is not None:
            self._usages.append(usage)


def _whole(block: Block, pieces: Sequence[str]) -> Block:
    """A block with what was streamed after its beginning; the input of a call begins as an empty object."""
    rest = "".join(pieces)
    if not rest:
        return block
    if block.type == "text":
        return msgspec.structs.replace(block, text=(block.text or "") + rest)
    return msgspec.structs.replace(block, input=msgspec.Raw(rest.encode()))


def _summed(usages: Sequence[_Usage]) -> Usage:
    """Each event counts from the beginning, and some servers leave a zero in the first or the last of them."""
    cached = max(count(usage.cache_read_input_tokens) for usage in usages)
    prompt = (
        max(count(usage.input_tokens) for usage in usages),
        max(count(usage.cache_creation_input_tokens) for usage in usages),
        cached,
    )
    completion = max(count(usage.output_tokens) for usage in usages)
    return Usage(prompt_tokens=count(sum(prompt)), completion_tokens=completion, cached_tokens=cached)


def _call(body: bytes, legible: bytes) -> Call | None:
    fields = _FIELDS.decode(legible)
    messages = _MESSAGES.decode(fields.get("messages", ABSENT))
    if not messages:
        return None
    turns: list[Turn] = []
    owners: list[Owner] = []
    system = content_of(fields.get("system"))
    if system:
        turns.append(Turn(role="system", text=system_text(blocks_of(system))))
        owners.append(Owner(turn=0, content=fields["system"], form=form_of(system), is_head=True))
    contents = [content_of(message.content) for message in messages]
    for message, content in zip(messages, contents, strict=True):
        blocks = blocks_of(content)
        turns += _turns(message.role or "", blocks)
        if turns[-1].role == "user" and turns[-1].text and blocks[-1].type in FOLLOWED:
            owners.append(Owner(turn=len(turns) - 1, content=message.content, form=form_of(content)))
    return Call(
        body=body,
        fields=fields,
        model=lenient(STRING, fields.get("model")) or "",
        turns=tuple(turns),
        slots=slots(legible, turns, owners),
        is_stream=lenient(BOOLEAN, fields.get("stream")) or False,
        max_output_tokens=lenient(LIMIT, fields.get("max_tokens")),
        prompt_tokens=prompt_tokens(len(body), [size for content in contents for size in media(blocks_of(content))]),
    )


def _turns(role: str, blocks: Sequence[Block]) -> Sequence[Turn]:
    """A message as turns: what tools found is not what the user said, though both stand in one message."""
    if role == "assistant":
        return (spoken(blocks),)
    if role != "user":
        return (Turn(role=role, text=text_of(blocks)),)
    found, text = results(blocks), own_words(blocks)
    return (*found, Turn(role="user", text=text)) if text or not found else found
