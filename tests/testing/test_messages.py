"""Anthropic's messages: shapes, and the order of a stream's events."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from gateway.testing import ManualClock, Step
from gateway.testing.messages import count, reply
from gateway.testing.model import Model
from gateway.testing.wire import Refused

TOOLS = [{"name": "add", "input_schema": {}}]
CALLS = 'call add {"a": 12345678} call add {"a": 2}'


def encoded(*messages: dict[str, Any], **members: Any) -> bytes:
    return msgspec.json.encode({"model": "m", "max_tokens": 9, "messages": messages, **members})


def ask(*messages: dict[str, Any], **members: Any) -> Step:
    return reply(encoded(*messages, **members), Model(ManualClock(), "{said} {count}"))


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def whole(answer: Step) -> Any:
    (body,) = answer.chunks
    return msgspec.json.decode(body)


def events(answer: Step) -> list[Any]:
    parts = [re.fullmatch(rb"event: (\w+)\ndata: (.*)\n\n", chunk) for chunk in answer.chunks]
    told = [(part[1].decode(), msgspec.json.decode(part[2])) for part in parts if part]
    assert [name for name, _ in told] == [event["type"] for _, event in told]
    assert len(told) == len(answer.chunks)
    return [event for _, event in told]


def test_a_message_has_the_shape_of_the_api() -> None:
    answer = whole(ask(user([{"type": "text", "text": "hi"}])))
    assert re.fullmatch("msg_01[0-9a-f]{24}", answer.pop("id"))
    assert answer.pop("usage") == {
        "input_tokens": 24,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 2,
        "service_tier": "standard",
    }
    assert answer == {
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "hi 0"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
    }


def test_notes_are_seen_in_the_system_text_as_well() -> None:
    block = "<accrue-notes 00>\n- My cat is called Ada.\n</accrue-notes 00>"
    assert whole(ask(user("hi"), system=block))["content"][0]["text"] == "hi 1"
    parts = [{"type": "text", "text": "Be kind."}, {"type": "text", "text": block}]
    assert whole(ask(user("hi"), system=parts))["content"][0]["text"] == "hi 1"


def test_a_stream_of_words_tells_the_message() -> None:
    start, begin, ping, *deltas, end, last, stop = events(ask(user("hi"), stream=True))
    assert (start["type"], start["message"]["content"], start["message"]["stop_reason"]) == ("message_start", [], None)
    assert begin == {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    assert ping == {"type": "ping"}
    assert [delta["delta"] for delta in deltas] == [{"type": "text_delta", "text": word} for word in ("hi", " 0")]
    assert {(delta["type"], delta["index"]) for delta in deltas} == {("content_block_delta", 0)}
    assert end == {"type": "content_block_stop", "index": 0}
    assert last == {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 2},
    }
    assert stop == {"type": "message_stop"}


def test_calls_are_blocks_of_their_own() -> None:
    answer = whole(ask(user(CALLS), tools=TOOLS))
    assert answer["stop_reason"] == "tool_use"
    assert [(block["name"], block["input"]) for block in answer["content"]] == [
        ("add", {"a": 12345678}),
        ("add", {"a": 2}),
    ]
    assert len({block["id"] for block in answer["content"] if re.fullmatch("toolu_01[0-9a-f]{24}", block["id"])}) == 2


def test_calls_are_streamed_in_fragments_of_json() -> None:
    told = events(ask(user(CALLS), tools=TOOLS, stream=True))
    begun = [event["content_block"] for event in told if event["type"] == "content_block_start"]
    deltas = [event for event in told if event["type"] == "content_block_delta"]
    assert [(block["type"], block["name"], block["input"]) for block in begun] == [("tool_use", "add", {})] * 2
    assert [delta["index"] for delta in deltas] == [0, 0, 1]
    assert "".join(delta["delta"]["partial_json"] for delta in deltas) == '{"a": 12345678}{"a": 2}'
    assert [event["index"] for event in told if event["type"] == "content_block_stop"] == [0, 1]
    assert told[-2]["delta"]["stop_reason"] == "tool_use"


@pytest.mark.parametrize("result", ["42", [{"type": "text", "text": "42"}]])
def test_results_of_calls_are_told(result: Any) -> None:
    call = {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "add", "input": {}}]}
    block = {"type": "tool_result", "tool_use_id": "t", "content": result}
    answer = whole(ask(user("call add {}"), call, user([block]), tools=TOOLS))
    assert answer["content"][0]["text"] == "the tool said: 42 0"


@pytest.mark.parametrize(
    ("choice", "kind"),
    [({"type": "any"}, "tool_use"), ({"type": "tool", "name": "add"}, "tool_use"), ({"type": "auto"}, "text")],
)
def test_a_client_can_insist_on_a_call(choice: Any, kind: str) -> None:
    assert whole(ask(user("hi"), tools=TOOLS, tool_choice=choice))["content"][0]["type"] == kind


def test_a_client_can_forbid_calls() -> None:
    assert whole(ask(user(CALLS), tools=TOOLS, tool_choice={"type": "none"}))["stop_reason"] == "end_turn"


def test_a_client_can_insist_on_json() -> None:
    answer = whole(ask(user('I am {"a": 1}'), output_config={"format": {"type": "json_schema"}}))
    assert answer["content"][0]["text"] == '{"a": 1}'


def test_tokens_are_counted_without_an_answer() -> None:
    body = msgspec.json.encode({"model": "m", "messages": [user("hi")]})
    assert count(body).chunks == [b'{"input_tokens":%d}' % (len(body) // 4)]


def test_an_answer_needs_to_know_its_limit() -> None:
    with pytest.raises(msgspec.ValidationError, match="max_tokens"):
        reply(msgspec.json.encode({"model": "m", "messages": [user("hi")]}), Model(ManualClock()))


def test_what_is_no_conversation_is_neither_answered_nor_counted() -> None:
    marked = [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}] * 4
    assert ask(user(marked)).status == 200
    with pytest.raises(Refused, match="Found 5"):
        ask(user(marked), cache_control={"type": "ephemeral"})
    with pytest.raises(Refused, match="first message"):
        count(encoded({"role": "assistant", "content": "hi"}))
