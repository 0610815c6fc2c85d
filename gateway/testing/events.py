"""A response of the Responses API as the events that tell it, in the order of the API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.testing.model import Said, ToolCall

Event = dict[str, Any]


def begun(response: dict[str, Any], status: str) -> dict[str, Any]:
    """A response of which there is nothing yet."""
    return {**response, "status": status, "completed_at": None, "output": [], "usage": None}


def events(response: dict[str, Any], said: Said) -> Iterator[Event]:
    """All events, numbered."""
    for number, event in enumerate(_events(response, said)):
        yield {**event, "sequence_number": number}


def _events(response: dict[str, Any], said: Said) -> Iterator[Event]:
    start = begun(response, "in_progress")
    yield {"type": "response.created", "response": start}
    yield {"type": "response.in_progress", "response": start}
    for index, item in enumerate(response["output"]):
        told = _message(item, said) if item["type"] == "message" else _call(item, said.calls[index])
        for event in told:
            yield {**event, "output_index": index}
    yield {"type": "response.completed", "response": response}


def _message(item: dict[str, Any], said: Said) -> Iterator[Event]:
    (part,) = item["content"]
    place = {"item_id": item["id"], "content_index": 0}
    yield {"type": "response.output_item.added", "item": {**item, "status": "in_progress", "content": []}}
    yield {"type": "response.content_part.added", **place, "part": {**part, "text": ""}}
    for word in said.words:
        yield {"type": "response.output_text.delta", **place, "delta": word, "logprobs": []}
    yield {"type": "response.output_text.done", **place, "text": said.text, "logprobs": []}
    yield {"type": "response.content_part.done", **place, "part": part}
    yield {"type": "response.output_item.done", "item": item}


def _call(item: dict[str, Any], call: ToolCall) -> Iterator[Event]:
    place = {"item_id": item["id"]}
    yield {"type": "response.output_item.added", "item": {**item, "status": "in_progress", "arguments": ""}}
    for part in call.fragments:
        yield {"type": "response.function_call_arguments.delta", **place, "delta": part}
    done = {"name": call.name, "arguments": call.arguments}
    yield {"type": "response.function_call_arguments.done", **place, **done}
    yield {"type": "response.output_item.done", "item": item}
