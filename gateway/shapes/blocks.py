"""Anthropic's content on the wire: blocks of text, media, tool calls and their results.

It knows which words of a user message are the user's own: clients write there too. Where notes go and how an answer
is streamed is gateway/shapes/messages.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from gateway.shapes.wire import ABSENT, is_clients_own
from gateway.types import ToolCall, Turn

_HEADER = "x-anthropic-billing-header:"
"""Begins a block of Claude Code's system text that is none: what it says may be another with each call."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where an image or a document is; the text of one that is text is no medium."""

    type: str | None = None
    data: msgspec.Raw = ABSENT
    url: msgspec.Raw = ABSENT
    file_id: msgspec.Raw = ABSENT

    @property
    def media_bytes(self) -> int:
        """Size of what is not text in it."""
        return 0 if self.type == "text" else len(self.data) + len(self.url) + len(self.file_id)


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A block of any type, with the members of those that we read."""

    type: str | None = None
    text: str | None = None
    source: Source | str | None = None
    """A string in a search result."""
    content: str | list[Block] | dict[str, msgspec.Raw] | None = None
    """Of a tool's result; an object in results of the provider's own tools."""
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = ABSENT
    tool_use_id: str | None = None
    is_error: object = None
    """Of a tool's result, true when the call failed; anything else there says nothing, and breaks nothing."""

    @property
    def inner(self) -> Sequence[Block]:
        """The blocks that a result is made of."""
        return blocks_of(self.content) if isinstance(self.content, str | list) else ()


Content = str | list[Block]

_CONTENT: msgspec.json.Decoder[Content | None] = msgspec.json.Decoder(Content | None)


def content_of(raw: msgspec.Raw | None) -> Content:
    """A content, decoded once; an absent one is empty. Raises `msgspec.DecodeError` for what is none."""
    return _CONTENT.decode(raw or b"null") or []


def blocks_of(content: Content) -> Sequence[Block]:
    """A content as blocks; a string is short for one block of text."""
    return (Block(type="text", text=content),) if isinstance(content, str) else content


def text_of(blocks: Iterable[Block]) -> str:
    """Blocks of text joined by newlines."""
    return "\n".join(block.text for block in blocks if block.type == "text" and block.text)


def system_text(blocks: Iterable[Block]) -> str:
    """The system text without headers in disguise."""
    return text_of(block for block in blocks if not (block.text or "").startswith(_HEADER))


def own_words(blocks: Iterable[Block]) -> str:
    """What the user said in a user message, without blocks that the client wrote."""
    return text_of(block for block in blocks if not is_clients_own(block.text or ""))


def spoken(blocks: Sequence[Block]) -> Turn:
    """The assistant's turn. Thinking, which is nobody else's to read, leaves no trace in it."""
    calls = (
        ToolCall(id=block.id or "", name=block.name or "", arguments=bytes(block.input).decode())
        for block in blocks
        if block.type == "tool_use"
    )
    return Turn(role="assistant", text=text_of(blocks), calls=tuple(calls))


def results(blocks: Iterable[Block]) -> list[Turn]:
    """A turn for each tool result."""
    return [
        Turn(role="tool", text=text_of(block.inner), answers=block.tool_use_id, is_error=block.is_error is True)
        for block in blocks
        if block.type == "tool_result"
    ]


def media(blocks: Iterable[Block]) -> list[int]:
    """Bytes of each image and document, those in tool results included."""
    every = [piece for block in blocks for piece in (block, *block.inner)]
    return [piece.source.media_bytes for piece in every if isinstance(piece.source, Source)]
