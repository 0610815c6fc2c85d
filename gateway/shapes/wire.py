"""What OpenAI's completion objects look like on the wire, and the values read out of them.

Only the members we understand are named; msgspec skips the rest. Clients and servers are sloppy about types, so a
member that says nothing useful is None here, never an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from gateway.types import ToolCall, Usage

ABSENT = msgspec.Raw()

T = TypeVar("T")


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """The function of a call; a custom tool has `input` for its arguments."""

    name: str | None = None
    arguments: msgspec.Raw = ABSENT
    input: msgspec.Raw = ABSENT


class FunctionCall(msgspec.Struct, frozen=True, kw_only=True):
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


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a content list. One with an image, audio or a file in it has no text."""

    text: str | None = None
    refusal: str | None = None
    image_url: msgspec.Raw = ABSENT
    input_audio: msgspec.Raw = ABSENT
    file: msgspec.Raw = ABSENT

    @property
    def media_bytes(self) -> int:
        """Size of what is not text in it."""
        return len(self.image_url) + len(self.input_audio) + len(self.file)


Content = str | list[str | Part] | None


class Message(msgspec.Struct, frozen=True, kw_only=True):
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


class _Person(msgspec.Struct, frozen=True, kw_only=True):
    """`user` as Open WebUI sends it."""

    id: str | None = None


class _Metadata(msgspec.Struct, frozen=True, kw_only=True):
    user_id: str | None = None
    userId: str | None = None  # noqa: N815 - a name on the wire


class _Device(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON that Claude Code puts into `metadata.user_id`; its session id is no part of who the user is."""

    account_uuid: str | None = None
    device_id: str | None = None


STRING = msgspec.json.Decoder(str)
INTEGER = msgspec.json.Decoder(int)
BOOLEAN = msgspec.json.Decoder(bool)

_CONTENT: msgspec.json.Decoder[Content] = msgspec.json.Decoder(Content)
_USAGE = msgspec.json.Decoder(_Usage | None)
_PERSON: msgspec.json.Decoder[str | _Person] = msgspec.json.Decoder(str | _Person)
_METADATA = msgspec.json.Decoder(_Metadata)
_DEVICE = msgspec.json.Decoder(_Device)


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


MAX_TOKENS = 1 << 40
"""More is no count; 64 bits must hold it on record."""


def usage_of(raw: msgspec.Raw) -> Usage | None:
    """Tokens as the provider counted them; None when it did not say."""
    usage = lenient(_USAGE, raw)
    if usage is None:
        return None
    details = usage.prompt_tokens_details or _PromptDetails()
    return Usage(
        prompt_tokens=_count(usage.prompt_tokens),
        completion_tokens=_count(usage.completion_tokens),
        cached_tokens=_count(details.cached_tokens),
    )


def _count(tokens: int | None) -> int:
    return min(max(tokens or 0, 0), MAX_TOKENS)


def user_of(fields: Mapping[str, msgspec.Raw]) -> str | None:
    """The end user a request names: `user`, `safety_identifier`, then `metadata.user_id` or `.userId`."""
    person = lenient(_PERSON, fields.get("user"))
    metadata = lenient(_METADATA, fields.get("metadata")) or _Metadata()
    names = (
        person.id if isinstance(person, _Person) else person,
        lenient(STRING, fields.get("safety_identifier")),
        _owner(metadata.user_id or metadata.userId or ""),
    )
    return next((name for name in names if name and not name.isspace()), None)


def _owner(user_id: str) -> str | None:
    try:
        device = _DEVICE.decode(user_id)
    except msgspec.DecodeError:
        return user_id
    return device.account_uuid or device.device_id


def _part_text(part: Part) -> str | None:
    return None if part.media_bytes else part.text or part.refusal


def _arguments(raw: msgspec.Raw) -> str:
    """The string on the wire; some servers send the object itself, which then stands as it was written."""
    text = lenient(STRING, raw)
    if text is not None:
        return text
    written = bytes(raw).decode()
    return "" if written == "null" else written
