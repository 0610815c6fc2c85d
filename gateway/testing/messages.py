"""Anthropic's `/v1/messages` as the scripted upstream speaks it; what it refuses is in gateway/testing/judge.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from gateway.testing.judge import AnthropicMessage, Blocks, blocks_of, judge
from gateway.testing.model import Line, Model, Prompt, Said, text_of
from gateway.testing.scripted import Step
from gateway.testing.wire import as_event_stream, as_json

_CHOICES = {"any": "required", "none": "none"}


class _Count(msgspec.Struct, kw_only=True):
    messages: list[AnthropicMessage]
    model: str
    system: str | Blocks | None = None
    tools: Blocks | None = None
    tool_choice: dict[str, Any] | None = None
    cache_control: dict[str, Any] | None = None
    output_config: dict[str, Any] | None = None


class _Messages(_Count, kw_only=True):
    max_tokens: int
    stream: bool | None = False


def reply(body: bytes, model: Model) -> Step:
    """Answer a conversation. Raises `Refused` or `msgspec.MsgspecError` for what the API would refuse."""
    call = msgspec.json.decode(body, type=_Messages)
    _judge(call)
    said = model.answer(_prompt(call))
    usage = _usage(body, said)
    message = {
        "id": model.new_id("msg_01"),
        "type": "message",
        "role": "assistant",
        "model": call.model,
        "content": _content(said, model),
        "stop_reason": "tool_use" if said.calls else "end_turn",
        "stop_sequence": None,
        "usage": usage,
    }
    return as_event_stream(_events(message, said)) if call.stream else as_json(message)


def count(body: bytes) -> Step:
    """Answer how many tokens a conversation has. Raises like `reply`."""
    _judge(msgspec.json.decode(body, type=_Count))
    return as_json({"input_tokens": len(body) // 4})


def _judge(call: _Count) -> None:
    judge(call.messages, call.system, call.tools, marks=call.cache_control is not None)


def _prompt(call: _Messages) -> Prompt:
    choice = call.tool_choice or {}
    lines = [Line(role="system", text=text_of(call.system))]
    for message in call.messages:
        results = [block for block in blocks_of(message.content) if block["type"] == "tool_result"]
        lines += [Line(role="tool", text=text_of(result.get("content"))) for result in results]
        lines.append(Line(role=message.role, text=text_of(message.content)))
    return Prompt(
        lines=tuple(lines),
        tools=tuple(tool["name"] for tool in call.tools or ()),
        choice=choice.get("name") or _CHOICES.get(choice.get("type", ""), "auto"),
        is_json=bool((call.output_config or {}).get("format")),
    )


def _usage(body: bytes, said: Said) -> dict[str, Any]:
    return {
        "input_tokens": len(body) // 4,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": said.tokens,
        "service_tier": "standard",
    }


def _content(said: Said, model: Model) -> list[dict[str, Any]]:
    if not said.calls:
        return [{"type": "text", "text": said.text}]
    return [
        {
            "type": "tool_use",
            "id": model.new_id("toolu_01"),
            "name": call.name,
            "input": msgspec.json.decode(call.arguments),
        }
        for call in said.calls
    ]


def _events(message: dict[str, Any], said: Said) -> Iterator[dict[str, Any]]:
    usage: dict[str, Any] = message["usage"]
    begun = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    yield {"type": "message_start", "message": begun}
    pieces = [("input_json_delta", "partial_json", call.fragments) for call in said.calls]
    pieces = pieces or [("text_delta", "text", said.words)]
    for index, (block, (kind, member, parts)) in enumerate(zip(message["content"], pieces, strict=True)):
        empty: dict[str, Any] = {"input": {}} if said.calls else {"text": ""}
        yield {"type": "content_block_start", "index": index, "content_block": {**block, **empty}}
        if index == 0:
            yield {"type": "ping"}
        for part in parts:
            yield {"type": "content_block_delta", "index": index, "delta": {"type": kind, member: part}}
        yield {"type": "content_block_stop", "index": index}
    ended = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": ended, "usage": {"output_tokens": usage["output_tokens"]}}
    yield {"type": "message_stop"}
