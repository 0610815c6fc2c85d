"""What OpenAI's completion objects look like on the wire, and the values read out of them.

Only the members we understand are named; msgspec skips the rest. Clients and servers are sloppy about types, so a
member that says nothing useful is None here, never an error.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, TypeVar

import msgspec

from gateway.types import ToolCall, Usage

ABSENT = msgspec.Raw()

T = TypeVar("T")


_CLIENTS_OWN = re.compile(
    r"(?:\s*+<(?P<tag>system-reminder|environment_context|user_instructions)>.*?</(?P=tag)>)++\s*+", re.DOTALL
)
"""A whole text of what Claude Code and Codex put between the user's words: the date, files, hooks, the folder.
Possessive, so that one pass settles it and no words between two of them are taken for part of one."""


def is_clients_own(text: str) -> bool:
    """Whether a text in a user message was written by the client, and not said by its user."""
    return _CLIENTS_OWN.fullmatch(text) is not None


class Function(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The function of a call; a custom tool has `input` for its arguments."""

    name: str | None = None
    arguments: msgspec.Raw = ABSENT
    input: msgspec.Raw = ABSENT


class FunctionCall(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An entry of `tool_calls`, or a delta of one."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None
    custom: Function | None = None

    def value(self) -> ToolCall:
        """The call; what a delta does not carry is empty."""
        function = self.function or self.custom or Function()
        arguments = _arguments(function.arguments or function.input)
        return ToolCall(id=self.id or "", name=function.name or "", arguments=arguments)


class Part(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A part of a content list. One with an image, audio or a file in it has no text."""

    text: str | None = None
    refusal: str | None = None
    image_url: msgspec.Raw = ABSENT
    input_audio: msgspec.Raw = ABSENT
    file: msgspec.Raw = ABSENT
    file_data: msgspec.Raw = ABSENT

    @property
    def media_bytes(self) -> int:
        """Size of what is not text in it."""
        return len(self.image_url) + len(self.input_audio) + len(self.file) + len(self.file_data)


Content = str | list[str | Part] | None


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message of a request or an answer, or a delta of one."""

    role: str | None = None
    content: msgspec.Raw = ABSENT
    refusal: str | None = None
    name: str | None = None
    tool_calls: list[FunctionCall] | None = None
    function_call: Function | None = None
    """The older way of calling a tool."""
    tool_call_id: str | None = None

    @property
    def calls(self) -> Sequence[FunctionCall]:
        """Calls in either way; the older one has no id."""
        if self.function_call is not None:
            return (FunctionCall(function=self.function_call),)
        return self.tool_calls or ()


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A choice of a whole answer (`message`) or of a chunk (`delta`)."""

    index: int = 0
    message: Message | None = None
    delta: Message | None = None
    finish_reason: str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer, or one chunk of a stream."""

    id: str | None = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT


class _PromptDetails(msgspec.Struct, frozen=True, kw_only=True):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct, frozen=True, kw_only=True):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None


STRING = msgspec.json.Decoder(str)
LIMIT = msgspec.json.Decoder(Annotated[int, msgspec.Meta(gt=0)])
"""Of tokens; zero or less is none."""

BOOLEAN = msgspec.json.Decoder(bool)

_CONTENT: msgspec.json.Decoder[Content] = msgspec.json.Decoder(Content)
_USAGE = msgspec.json.Decoder(_Usage | None)


def lenient(decoder: msgspec.json.Decoder[T], raw: msgspec.Raw | None) -> T | None:
    """The value, or None when it is absent or of another type."""
    try:
        return decoder.decode(raw) if raw else None
    except msgspec.ValidationError:
        return None


def content_of(message: Message) -> Content:
    """The content, decoded once; None when it is null, absent or nothing that text could be added to."""
    return lenient(_CONTENT, message.content)


def text_of(content: Content) -> str:
    """Text parts joined by newlines."""
    if isinstance(content, str):
        return content
    texts = (part if isinstance(part, str) else _part_text(part) for part in content or ())
    return "\n".join(filter(None, texts))


BYTES_PER_TOKEN = 2
"""English JSON has four, Chinese three, code full of escapes near two: an estimate that errs high."""

TOKENS_PER_MEDIA_PART = 4_000
"""A detailed image costs up to some 1,500 tokens, a minute of audio 600, a page of a file 1,000: bytes do not say."""


def prompt_tokens(size: int, media: Sequence[int]) -> int:
    """An estimate of a prompt's size that errs high.

    Args:
        size: bytes of the whole body.
        media: bytes of each part; zero for one that holds no image, audio or file.
    """
    held = [part for part in media if part]
    return -(-(size - sum(held)) // BYTES_PER_TOKEN) + TOKENS_PER_MEDIA_PART * len(held)


MAX_TOKENS = 1 << 40
"""More is no count; 64 bits must hold it on record."""


def usage_of(raw: msgspec.Raw) -> Usage | None:
    """Tokens as the provider counted them; None when it did not say."""
    usage = lenient(_USAGE, raw)
    if usage is None:
        return None
    details = usage.prompt_tokens_details or _PromptDetails()
    return Usage(
        prompt_tokens=count(usage.prompt_tokens),
        completion_tokens=count(usage.completion_tokens),
        cached_tokens=count(details.cached_tokens),
    )


def count(tokens: int | None) -> int:
    """A number of tokens as it can be kept."""
    return min(max(tokens or 0, 0), MAX_TOKENS)


def _part_text(part: Part) -> str | None:
    return None if part.media_bytes else part.text or part.refusal


def _arguments(raw: msgspec.Raw) -> str:
    """The string on the wire; some servers send the object itself, which then stands as it was written."""
    text = lenient(STRING, raw)
    if text is not None:
        return text
    written = bytes(raw).decode()
    return "" if written == "null" else written
