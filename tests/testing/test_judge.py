"""What Anthropic takes, and what it refuses."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway.testing.judge import AnthropicMessage, judge
from gateway.testing.wire import Refused

MARKED = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def use(name: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": name, "name": "add", "input": {}}


def result(name: str, *blocks: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": name, "content": list(blocks)}


def ruled(*turns: tuple[str, Any], system: Any = None, tools: Any = None, marks: int = 0) -> None:
    messages = msgspec.convert([{"role": role, "content": content} for role, content in turns], list[AnthropicMessage])
    judge(messages, system, tools, marks)


@pytest.mark.parametrize(
    "turns",
    [
        [("user", "a")],
        [("user", "a"), ("user", "b"), ("assistant", "c")],
        [("user", "a"), ("assistant", [use("t"), use("u")]), ("user", [result("u"), result("t"), text("b")])],
        [("user", "a"), ("assistant", [use("t"), use("u")]), ("user", [result("t")]), ("user", [result("u")])],
        [("user", "a"), ("system", "b")],
        [("user", "a"), ("system", "b"), ("assistant", "c"), ("user", "d")],
    ],
)
def test_a_conversation_in_order_is_taken(turns: list[tuple[str, Any]]) -> None:
    ruled(*turns, system="Be kind.", tools=[{"name": "add"}])


@pytest.mark.parametrize(
    ("turns", "problem"),
    [
        ([], "first message"),
        ([("assistant", "a")], "first message"),
        ([("system", "a"), ("user", "b")], "first message"),
        ([("user", "a"), ("system", "b"), ("user", "c")], "must follow a user message"),
        ([("user", "a"), ("assistant", "b"), ("system", "c")], "must follow a user message"),
        ([("user", "")], "messages: text content blocks must be non-empty"),
        ([("user", [result("t", text(""))])], "must be non-empty"),
        ([("user", [text(" \n")])], "must contain non-whitespace text"),
        ([("user", [])], "must have non-empty content"),
        ([("user", "a"), ("assistant", [use("t")])], "immediately after: t"),
        ([("user", "a"), ("assistant", [use("t")]), ("user", "b")], "immediately after: t"),
        ([("user", "a"), ("assistant", [use("t")]), ("user", [text("b"), result("t")])], "immediately after: t"),
        ([("user", "a"), ("assistant", [use("t"), use("u")]), ("user", [result("t")])], "immediately after: u"),
        ([("user", "a"), ("assistant", [use("t")]), ("system", "b"), ("user", [result("t")])], "must follow a user"),
        ([("user", [result("t")])], "unexpected `tool_use_id` found in `tool_result` blocks: t"),
        ([("user", "a"), ("assistant", [use("t")]), ("user", [result("t"), result("u")])], "blocks: u"),
    ],
)
def test_a_conversation_out_of_order_is_refused(turns: list[tuple[str, Any]], problem: str) -> None:
    with pytest.raises(Refused, match=problem):
        ruled(*turns)


def test_an_empty_block_of_the_system_text_is_refused() -> None:
    with pytest.raises(Refused, match="system: text content blocks must be non-empty"):
        ruled(("user", "a"), system=[text("")])
    ruled(("user", "a"), system=[])


@pytest.mark.parametrize(
    "members",
    [
        {"system": [MARKED]},
        {"tools": [{"name": "add", "cache_control": {"type": "ephemeral"}}]},
        {"marks": 1},
    ],
)
def test_four_marks_are_taken_wherever_they_are_and_a_fifth_refused(members: Any) -> None:
    turns = [("user", "a"), ("assistant", [use("t")]), ("user", [result("t", MARKED), MARKED])]
    ruled(*turns, ("assistant", [MARKED]), **members)
    with pytest.raises(Refused, match="A maximum of 4 blocks with cache_control"):
        ruled(*turns, ("assistant", [MARKED, MARKED]), **members)
