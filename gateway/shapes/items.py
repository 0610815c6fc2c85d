"""What OpenAI's Responses objects look like on the wire, and the turns read out of them.

A conversation is a list of items: messages, calls, their outputs, reasoning, references. An item we do not know says
nothing here and survives in its bytes. Where notes go is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from gateway.shapes.slots import HEAD_ROLES
from gateway.shapes.wire import (
    ABSENT,
    STRING,
    Content,
    Function,
    FunctionCall,
    Part,
    count,
    is_clients_own,
    lenient,
    text_of,
)
from gateway.types import ToolCall, Turn, Usage

CLIENT_ROLES = HEAD_ROLES | {"user"}
"""Of messages whose ids, where they have any, the client made up."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """An item of a conversation, as far as we understand it."""

    type: str | None = None
    id: str | None = None
    role: str | None = None
    content: msgspec.Raw = ABSENT
    call_id: str | None = None
    """By which a call and its output belong together; calls that the upstream carries out have an `id` alone."""
    name: str | None = None
    arguments: msgspec.Raw = ABSENT
    input: msgspec.Raw = ABSENT
    """What a custom tool has for `arguments`."""
    action: msgspec.Raw = ABSENT
    """What shells, browsers and searches have for `arguments`."""
    output: msgspec.Raw = ABSENT
    result: msgspec.Raw = ABSENT
    """A generated image, in base64."""

    @property
    def kind(self) -> str:
        """The type; a message need not say that it is one."""
        return self.type or ("message" if self.role else "")

    @property
    def is_output(self) -> bool:
        """Whether it is what came of a call."""
        return self.kind.endswith("_output")

    @property
    def is_minted(self) -> bool:
        """Whether its id, if it has one, is the upstream's: it is neither a client's message nor a tool's output."""
        return self.role not in CLIENT_ROLES and not self.is_output


class _Usage(msgspec.Struct, frozen=True, kw_only=True):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _InputDetails | None = None


class _InputDetails(msgspec.Struct, frozen=True, kw_only=True):
    cached_tokens: int | None = None


_ITEM = msgspec.json.Decoder(Item)
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_CONTENT: msgspec.json.Decoder[Content] = msgspec.json.Decoder(Content)
_USAGE = msgspec.json.Decoder(_Usage | None)


def items_of(raw: msgspec.Raw | None, role: str) -> list[Item]:
    """The items of a list; a bare string is a message, and an empty one says nothing.

    Args:
        role: whose message a bare string is.
    """
    if raw and lenient(STRING, raw):
        return [Item(role=role, content=raw)]
    return [item_of(item) for item in lenient(_ITEMS, raw) or ()]


def item_of(raw: msgspec.Raw) -> Item:
    """The item; an empty one when its members have types we do not know."""
    return lenient(_ITEM, raw) or Item()


def content_of(item: Item) -> Content:
    """What a message says or a call's output holds; None when it is null, absent or neither string nor list."""
    return lenient(_CONTENT, item.output if item.is_output else item.content)


def own_words(content: Content) -> str:
    """What the user said in a user message, without texts that the client wrote."""
    texts = [content] if isinstance(content, str) else content or ()
    return text_of([part for part in texts if not is_clients_own(text_of([part]))])


def turn_of(item: Item) -> Turn | None:
    """The item as a turn of its own; None for one that is neither message nor call nor output."""
    if item.kind == "message":
        content = content_of(item)
        return Turn(role=item.role or "", text=own_words(content) if item.role == "user" else text_of(content))
    if item.kind.endswith("_call"):
        return Turn(role="assistant", text="", calls=(_tool_call(item),))
    if item.is_output:
        return Turn(role="tool", text=text_of(content_of(item)), answers=item.call_id)
    return None


def answer_of(items: Sequence[Item]) -> tuple[Turn, ...]:
    """What an answer's items say as one turn of the assistant's; none when they say nothing."""
    spoken = [turn for turn in map(turn_of, items) if turn is not None and turn.role == "assistant"]
    text = "\n".join(filter(None, (turn.text for turn in spoken)))
    calls = tuple(call for turn in spoken for call in turn.calls)
    return (Turn(role="assistant", text=text, calls=calls),) if text or calls else ()


def media_of(item: Item) -> Iterator[int]:
    """Bytes of each image, sound and file in it, zeros among them."""
    content = content_of(item)
    if isinstance(content, list):
        yield from (part.media_bytes for part in content if isinstance(part, Part))
    if item.type == "computer_call_output":
        yield len(item.output)
    yield len(item.result)


def usage_of(raw: msgspec.Raw) -> Usage | None:
    """Tokens as the provider counted them; None when it did not say."""
    usage = lenient(_USAGE, raw)
    if usage is None:
        return None
    details = usage.input_tokens_details or _InputDetails()
    return Usage(
        prompt_tokens=count(usage.input_tokens),
        completion_tokens=count(usage.output_tokens),
        cached_tokens=count(details.cached_tokens),
    )


def _tool_call(item: Item) -> ToolCall:
    function = Function(
        name=item.name or item.kind.removesuffix("_call"),
        arguments=item.arguments or item.input or item.action,
    )
    return FunctionCall(id=item.call_id or item.id, function=function).value()
