"""Responses as OpenAI publishes them, and what becomes of them afterwards."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from openai.types.responses import Response, ResponseItemList

from gateway.testing import ManualClock, Received, Step
from gateway.testing.model import Model
from gateway.testing.responses import Responses
from gateway.testing.wire import Refused

TOOLS = [
    {"type": "function", "name": "add", "parameters": {}, "strict": False},
    {"type": "custom", "name": "other"},
]
NOTES = "<accrue-notes 00>\n- My cat is called Ada.\n</accrue-notes 00>"


class Api:
    """The endpoint, asked as a client would."""

    def __init__(self) -> None:
        self._responses = Responses(Model(ManualClock(), "{said} {count}"))

    def send(self, method: str, path: str, **body: Any) -> Step | None:
        target, sent = f"/v1/responses{path}", msgspec.json.encode(body)
        return self._responses.reply(Received(method=method, target=target, headers=[], body=sent))

    def body(self, method: str, path: str, **body: Any) -> bytes:
        answer = self.send(method, path, **body)
        assert answer is not None
        return b"".join(answer.chunks)

    def create(self, given: Any, **members: Any) -> Response:
        return Response.model_validate_json(self.body("POST", "", model="m", input=given, **members))

    def get(self, response_id: str) -> Response:
        return Response.model_validate_json(self.body("GET", f"/{response_id}"))

    def input_items(self, response_id: str, query: str = "") -> ResponseItemList:
        return ResponseItemList.model_validate_json(self.body("GET", f"/{response_id}/input_items{query}"))


@pytest.fixture
def api() -> Api:
    return Api()


def test_a_response_has_the_shape_of_the_api(api: Api) -> None:
    answer = api.create("hi", metadata={"a": "b"})
    assert re.fullmatch("resp_[0-9a-f]{24}", answer.id)
    assert re.fullmatch("msg_[0-9a-f]{24}", answer.output[0].id or "")
    assert (answer.status, answer.output_text, answer.metadata) == ("completed", "hi 0", {"a": "b"})
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


def test_notes_are_seen_in_instructions_chain_and_input(api: Api) -> None:
    first = api.create([{"role": "developer", "content": NOTES}, {"role": "user", "content": "hi"}])
    answer = api.create(f"ho\n\n{NOTES}", previous_response_id=first.id, instructions=NOTES)
    assert answer.output_text == "ho 3"
    assert api.create("hi", previous_response_id=answer.id).output_text == "hi 2"


def test_a_call_and_its_result_are_two_responses(api: Api) -> None:
    first = api.create('call add {"a": 1} call add {"a": 2}', tools=TOOLS)
    one, two = (item for item in first.output if item.type == "function_call")
    assert (one.name, one.arguments, two.arguments) == ("add", '{"a": 1}', '{"a": 2}')
    assert len({one.call_id, two.call_id, one.id, two.id}) == 4
    outputs = [
        {"type": "function_call_output", "call_id": one.call_id, "output": "1"},
        {"type": "function_call_output", "call_id": two.call_id, "output": [{"type": "input_text", "text": "2"}]},
    ]
    answer = api.create(outputs, previous_response_id=first.id, tools=TOOLS)
    assert answer.output_text == "the tool said: 1, 2 0"
    with pytest.raises(Refused, match="No tool output found"):
        api.create(outputs[:1], previous_response_id=first.id)
    with pytest.raises(Refused, match="No tool call found"):
        api.create(outputs)


def test_a_stream_ends_with_the_response_that_is_stored(api: Api) -> None:
    text = api.body("POST", "", model="m", input="hi", stream=True)
    named = re.findall(rb"event: (.*)\ndata: (.*)\n\n", text)
    last = msgspec.json.decode(named[-1][1])
    assert (named[0][0], named[-1][0]) == (b"response.created", b"response.completed")
    assert last["response"]["output"][0]["content"][0]["text"] == "hi 0"
    assert api.get(last["response"]["id"]) == Response.model_validate(last["response"])


@pytest.mark.parametrize("choice", ["required", {"type": "function", "name": "add"}])
def test_a_client_can_insist_on_a_call(api: Api, choice: Any) -> None:
    (call,) = api.create('I am {"a": 1}', tools=TOOLS, tool_choice=choice).output
    assert call.type == "function_call"
    assert call.arguments == '{"a": 1}'


def test_a_client_can_insist_on_json(api: Api) -> None:
    form = {"format": {"type": "json_schema", "name": "n", "schema": {}}}
    assert api.create('I am {"a": 1}', text=form).output_text == '{"a": 1}'


@pytest.mark.parametrize("name", ["conv_1", {"id": "conv_1"}])
def test_a_conversation_is_kept_by_its_name(api: Api, name: Any) -> None:
    answer = api.create(NOTES, conversation=name, store=False)
    assert answer.conversation is not None
    assert answer.conversation.id == "conv_1"
    assert api.create("hi", conversation="conv_1").output_text == "hi 1"
    assert api.create("hi", conversation="conv_2").output_text == "hi 0"


def test_a_conversation_keeps_the_calls_made_in_it(api: Api) -> None:
    (call,) = api.create("call add {}", conversation="conv_1", tools=TOOLS).output
    assert call.type == "function_call"
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "42"}
    assert api.create([result], conversation="conv_1").output_text == "the tool said: 42 0"


def test_what_is_not_to_be_stored_cannot_be_continued(api: Api) -> None:
    answer = api.create("hi", store=False)
    with pytest.raises(Refused, match="Previous response with id"):
        api.create("ho", previous_response_id=answer.id)
    with pytest.raises(Refused, match="not found") as refused:
        api.get(answer.id)
    assert refused.value.status == 404


def test_a_response_in_the_background_is_there_when_asked_for(api: Api) -> None:
    queued = api.create("hi", background=True)
    assert (queued.status, queued.output) == ("queued", [])
    done = api.get(queued.id)
    assert (done.status, done.output_text) == ("completed", "hi 0")
    cancelled = Response.model_validate_json(api.body("POST", f"/{queued.id}/cancel"))
    assert (cancelled.status, api.get(queued.id).status) == ("cancelled", "cancelled")


def test_a_response_is_gone_once_deleted(api: Api) -> None:
    answer = api.create("hi")
    assert msgspec.json.decode(api.body("DELETE", f"/{answer.id}")) == {
        "id": answer.id,
        "object": "response",
        "deleted": True,
    }
    with pytest.raises(Refused, match="not found"):
        api.get(answer.id)


def test_the_input_of_a_chain_can_be_listed(api: Api) -> None:
    first = api.create([{"role": "developer", "content": NOTES}, {"role": "user", "content": "hi"}])
    second = api.create("ho", previous_response_id=first.id)
    newest_first = api.input_items(second.id)
    texts = [item.content[0].text for item in newest_first.data if item.type == "message"]  # type: ignore[union-attr] # all are text
    assert texts == ["ho", "hi 1", "hi", NOTES]
    assert (newest_first.first_id, newest_first.last_id) == (newest_first.data[0].id, newest_first.data[-1].id)
    assert api.input_items(second.id, "?order=asc").data == newest_first.data[::-1]
    assert api.input_items(api.create([]).id).data == []


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", "/compact"), ("GET", "/resp_1/else")])
def test_other_paths_are_not_answered_here(api: Api, method: str, path: str) -> None:
    assert api.send(method, path) is None


def test_items_that_are_neither_words_nor_results_say_nothing(api: Api) -> None:
    items = [
        {"type": "web_search_call"},
        {"role": "user", "content": "hi"},
        {"type": "compaction", "encrypted_content": "x"},
    ]
    assert api.create(items).output_text == "hi 0"
