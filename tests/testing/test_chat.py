"""Chat completions as OpenAI publishes them: its own client's models are the judge of every shape."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway.testing import ManualClock, Step
from gateway.testing.chat import reply
from gateway.testing.model import Model
from gateway.testing.wire import Refused

TOOLS = [{"type": "function", "function": {"name": "add"}}, {"type": "custom", "custom": {"name": "other"}}]
USER = {"role": "user", "content": "hi"}


def ask(*messages: dict[str, Any], **members: Any) -> Step:
    body = {"model": "m", "messages": messages or [USER], **members}
    return reply(msgspec.json.encode(body), Model(ManualClock()))


def whole(answer: Step) -> ChatCompletion:
    (body,) = answer.chunks
    return ChatCompletion.model_validate_json(body)


def chunks(answer: Step) -> list[ChatCompletionChunk]:
    assert answer.chunks[-1] == b"data: [DONE]\n\n"
    return [ChatCompletionChunk.model_validate_json(chunk.removeprefix(b"data: ")) for chunk in answer.chunks[:-1]]


def test_a_completion_has_the_shape_of_the_api() -> None:
    answer = whole(ask())
    assert re.fullmatch("chatcmpl-[0-9a-f]{24}", answer.id)
    assert (answer.model, answer.choices[0].finish_reason) == ("m", "stop")
    assert answer.choices[0].message.content == "You said: hi\nI can see 0 notes."
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


@pytest.mark.parametrize("content", ["As you said.", [{"type": "text", "text": "As you said."}]], ids=["text", "parts"])
def test_what_is_predicted_is_said_word_for_word(content: Any) -> None:
    prediction = {"type": "content", "content": content}
    assert whole(ask(prediction=prediction)).choices[0].message.content == "As you said."
    streamed = [chunk.choices[0].delta.content or "" for chunk in chunks(ask(prediction=prediction, stream=True))]
    assert "".join(streamed) == "As you said."


def test_a_stream_gives_the_role_then_the_words_then_the_end() -> None:
    choices = [chunk.choices[0] for chunk in chunks(ask(stream=True))]
    assert (choices[0].delta.role, choices[0].delta.content) == ("assistant", "")
    assert "".join(choice.delta.content or "" for choice in choices) == whole(ask()).choices[0].message.content
    assert [choice.finish_reason for choice in choices] == [None] * (len(choices) - 1) + ["stop"]


def test_usage_comes_in_a_chunk_of_its_own_for_those_who_ask() -> None:
    *others, last = chunks(ask(stream=True, stream_options={"include_usage": True}))
    assert last.choices == []
    assert last.usage is not None
    assert all(chunk.usage is None for chunk in others)
    assert b"usage" not in b"".join(ask(stream=True).chunks)


def test_calls_are_made_in_one_message() -> None:
    (choice,) = whole(ask({"role": "user", "content": 'call add {"a": 1} call add {"a": 2}'}, tools=TOOLS)).choices
    calls = choice.message.tool_calls or []
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    assert [call.function.arguments for call in calls if call.type == "function"] == ['{"a": 1}', '{"a": 2}']
    assert len({call.id for call in calls if re.fullmatch("call_[0-9a-f]{24}", call.id)}) == 2


def test_calls_are_streamed_name_first_and_arguments_in_fragments() -> None:
    asked = {"role": "user", "content": 'call add {"a": 12345678} call add {"a": 2}'}
    choices = [chunk.choices[0] for chunk in chunks(ask(asked, tools=TOOLS, stream=True))]
    deltas = [delta for choice in choices for delta in choice.delta.tool_calls or ()]
    openings = [delta for delta in deltas if delta.id]
    assert [delta.index for delta in deltas] == [0, 0, 0, 1, 1]
    assert [(delta.index, delta.function and delta.function.name) for delta in openings] == [(0, "add"), (1, "add")]
    spoken = "".join((delta.function and delta.function.arguments) or "" for delta in deltas)
    assert spoken == '{"a": 12345678}{"a": 2}'
    assert (choices[0].delta.role, choices[-1].finish_reason) == ("assistant", "tool_calls")


def test_results_of_calls_are_told() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    result = {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "42"}]}
    asked = {"role": "user", "content": "call add {}"}
    assert (
        whole(ask(asked, {"role": "assistant", "tool_calls": [call]}, result, tools=TOOLS)).choices[0].message.content
        == "You said: the tool said: 42\nI can see 0 notes."
    )


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "add"}}])
def test_a_client_can_insist_on_a_call(choice: Any) -> None:
    (choice,) = whole(ask({"role": "user", "content": 'I am {"a": 1}'}, tools=TOOLS, tool_choice=choice)).choices
    assert [call.function.arguments for call in choice.message.tool_calls] == ['{"a": 1}']


@pytest.mark.parametrize("kind", ["json_schema", "json_object"])
def test_a_client_can_insist_on_json(kind: str) -> None:
    answer = ask({"role": "user", "content": 'I am {"a": 1}'}, response_format={"type": kind})
    assert whole(answer).choices[0].message.content == '{"a": 1}'


CALLS = {"role": "assistant", "tool_calls": [{"id": "c"}, {"id": "d"}]}
C, D = ({"role": "tool", "tool_call_id": name, "content": ""} for name in "cd")


@pytest.mark.parametrize(
    ("messages", "problem", "param"),
    [
        ([USER, CALLS, C], "did not have response messages: d", "messages.[3].role"),
        ([USER, CALLS, C, USER, D], "did not have response messages: d", "messages.[3].role"),
        ([USER, CALLS, {"role": "system", "content": "note"}, C, D], "response messages: c, d", "messages.[2].role"),
        ([USER, C], "must be a response to a preceeding message", "messages.[1].role"),
        ([USER, CALLS, C, D, USER, C], "must be a response to a preceeding message", "messages.[5].role"),
        ([CALLS, C, {**D, "tool_call_id": "e"}], "'tool_call_id' of 'e' not found", "messages.[2].tool_call_id"),
    ],
)
def test_calls_and_results_that_do_not_fit_are_refused(messages: list[Any], problem: str, param: str) -> None:
    with pytest.raises(Refused, match=problem) as refused:
        ask(*messages)
    assert refused.value.param == param


def test_calls_and_results_in_any_order_of_theirs_are_taken() -> None:
    assert ask(USER, CALLS, D, C, {"role": "developer", "content": "note"}, CALLS, C, D).status == 200


@pytest.mark.parametrize("messages", [[], [{"role": "wizard", "content": "hi"}]])
def test_no_conversation_is_refused(messages: list[Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        reply(msgspec.json.encode({"messages": messages}), Model(ManualClock()))
