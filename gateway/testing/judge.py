"""What Anthropic refuses in a conversation, in its words; nothing is answered here."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from gateway.testing.wire import Refused

Blocks = list[dict[str, Any]]

MAX_MARKS = 4
"""Cache breakpoints in one request."""


class AnthropicMessage(msgspec.Struct):
    """One message; what its blocks must be is judged one by one."""

    role: Literal["user", "assistant", "system"]
    content: str | Blocks


def blocks_of(content: str | Blocks) -> Blocks:
    """A message's content, a string as the block it stands for."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def judge(messages: list[AnthropicMessage], system: str | Blocks | None, tools: Blocks | None, marks: int) -> None:
    """Raise `Refused` for a conversation the API would not take; `marks` are breakpoints set on none of its blocks."""
    turns = [
        (role, [block for message in group for block in blocks_of(message.content)])
        for role, group in itertools.groupby(messages, key=lambda message: message.role)
    ]
    spoken = [blocks for _, blocks in turns]
    told = system if isinstance(system, list) else []
    _judge_roles([role for role, _ in turns])
    _judge_texts([("system", told), *(("messages", blocks) for blocks in spoken)])
    _judge_results(spoken)
    marks += sum("cache_control" in tool for tool in tools or ())
    marks += sum(
        "cache_control" in block for blocks in (told, *(blocks for _, blocks in turns)) for block in _all(blocks)
    )
    if marks > MAX_MARKS:
        raise Refused(f"A maximum of {MAX_MARKS} blocks with cache_control may be provided. Found {marks}.")


def _judge_roles(roles: list[str]) -> None:
    """Consecutive messages of a role are one turn. A system turn follows a user's, and an assistant's follows it."""
    if roles[:1] != ["user"]:
        raise Refused('messages: first message must use the "user" role')
    for before, role, after in zip(roles, roles[1:], [*roles[2:], "assistant"], strict=False):
        if role == "system" and (before, after) != ("user", "assistant"):
            rule = "must follow a user message and be last or be followed by an assistant message"
            raise Refused(f"messages: role 'system' {rule}")


def _judge_texts(turns: list[tuple[str, Blocks]]) -> None:
    for where, blocks in turns:
        if where == "messages" and not blocks:
            raise Refused("messages: all messages must have non-empty content")
        for block in _all(blocks):
            if block["type"] == "text" and not block["text"]:
                raise Refused(f"{where}: text content blocks must be non-empty")
            if block["type"] == "text" and not block["text"].strip():
                raise Refused(f"{where}: text content blocks must contain non-whitespace text")


def _judge_results(turns: list[Blocks]) -> None:
    """The turn after calls begins with the results of all of them, and there are no others."""
    for before, after in zip([[], *turns], [*turns, []], strict=True):
        uses = [block["id"] for block in before if block["type"] == "tool_use"]
        leading = itertools.takewhile(lambda block: block["type"] == "tool_result", after)
        answered = {block["tool_use_id"] for block in leading}
        if missing := [use for use in uses if use not in answered]:
            problem = "`tool_use` ids were found without `tool_result` blocks immediately after"
            raise Refused(f"messages: {problem}: {', '.join(missing)}")
        results = [block["tool_use_id"] for block in after if block["type"] == "tool_result"]
        if unknown := [result for result in results if result not in uses]:
            problem = "unexpected `tool_use_id` found in `tool_result` blocks"
            raise Refused(f"messages: {problem}: {', '.join(unknown)}")


def _all(blocks: Blocks) -> Iterator[dict[str, Any]]:
    """Blocks, and the blocks inside them."""
    for block in blocks:
        yield block
        if isinstance(block.get("content"), list):
            yield from block["content"]
