"""The events of a response, judged by the types of OpenAI's own client."""

from __future__ import annotations

from typing import Any

from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from gateway.testing.events import begun, events
from gateway.testing.model import Said, ToolCall

MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "status": "completed",
    "role": "assistant",
    "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": "hi ho"}],
}
CALL = {"id": "fc_1", "type": "function_call", "status": "completed", "call_id": "c", "name": "add", "arguments": "{}"}


def response(*output: dict[str, Any]) -> dict[str, Any]:
    head = {"id": "resp_1", "object": "response", "created_at": 0, "completed_at": 1, "model": "m", "usage": None}
    return {
        **head,
        "status": "completed",
        "output": output,
        "tools": [],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
    }


def told(said: Said, *output: dict[str, Any]) -> list[Any]:
    judge: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    return [judge.validate_python(event) for event in events(response(*output), said)]


def test_words_are_told_in_the_order_of_the_api() -> None:
    all_events = told(Said(text="hi ho"), MESSAGE)
    assert [event.type.removeprefix("response.") for event in all_events] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event.sequence_number for event in all_events] == list(range(10))
    assert (all_events[2].item.status, all_events[2].item.content) == ("in_progress", [])
    assert all_events[3].part.text == ""
    assert [event.delta for event in all_events[4:6]] == ["hi", " ho"]
    assert all_events[6].text == all_events[7].part.text == all_events[8].item.content[0].text == "hi ho"
    assert all_events[9].response.output[0].id == "msg_1"


def test_calls_are_told_one_after_the_other() -> None:
    call = ToolCall(name="add", arguments='{"a": 1234}')
    all_events = told(Said(calls=(call, call)), {**CALL, "arguments": call.arguments}, {**CALL, "id": "fc_2"})
    assert [event.type.removeprefix("response.") for event in all_events[2:7]] == [
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
    ]
    assert [event.output_index for event in all_events[2:-1]] == [0] * 5 + [1] * 5
    assert (all_events[2].item.arguments, all_events[2].item.name) == ("", "add")
    assert all_events[3].delta + all_events[4].delta == all_events[5].arguments == call.arguments
    assert all_events[-2].item.id == "fc_2"


def test_a_response_begins_with_nothing() -> None:
    start = begun(response(MESSAGE), "queued")
    assert (start["status"], start["output"], start["completed_at"]) == ("queued", [], None)
