"""What the Responses API remembers, and which items it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.testing import ManualClock
from gateway.testing.chains import Chains, Stored, judge
from gateway.testing.model import Model
from gateway.testing.wire import Refused


def chains() -> Chains:
    return Chains(Model(ManualClock()))


def item(kind: str, call_id: str = "", **members: Any) -> dict[str, Any]:
    return {"id": "i", "type": kind, "call_id": call_id, **members}


def stored(*output: dict[str, Any]) -> Stored:
    return Stored(response={"id": "resp_1", "output": list(output)}, input=[item("message")])


def test_a_response_is_continued_by_its_items() -> None:
    kept = chains()
    kept.put(stored(item("reasoning")))
    assert kept.before("resp_1", None) == [item("message"), item("reasoning")]
    kept.delete("resp_1")
    with pytest.raises(Refused, match="Response with id 'resp_1' not found"):
        kept.delete("resp_1")
    with pytest.raises(Refused, match="Previous response with id 'resp_1' not found") as refused:
        kept.before("resp_1", None)
    assert (refused.value.param, refused.value.code, refused.value.status) == (
        "previous_response_id",
        "previous_response_not_found",
        400,
    )


def test_a_conversation_goes_on() -> None:
    kept = chains()
    assert kept.before(None, "conv_1") == kept.before(None, None) == []
    kept.append("conv_1", [item("message")])
    kept.append("conv_1", [item("reasoning")])
    assert kept.before(None, "conv_1") == [item("message"), item("reasoning")]
    with pytest.raises(Refused, match="Mutually exclusive"):
        kept.before("resp_1", "conv_1")


def test_items_get_what_the_api_adds() -> None:
    kept = chains()
    (words,) = kept.items("hi")
    assert (words["type"], words["content"]) == ("message", [{"type": "input_text", "text": "hi"}])
    said, own, call, other = kept.items(
        [
            {"role": "assistant", "content": "ho"},
            {"id": "msg_1", "role": "user", "content": [{"type": "input_text", "text": "a"}]},
            {"id": None, "type": "function_call", "call_id": "c", "x": 1},
            {"type": "web_search_call"},
        ]
    )
    assert said["content"] == [{"type": "output_text", "text": "ho"}]
    assert own == {**own, "id": "msg_1", "content": [{"type": "input_text", "text": "a"}]}
    assert (call["x"], call["id"][:3], other["id"][:5]) == (1, "fc_", "item_")


def test_a_reference_stands_for_the_item_that_is_kept() -> None:
    kept = chains()
    answered, told = item("message", id="msg_1"), item("message", id="msg_2")
    kept.put(stored(answered))
    kept.append("conv_1", [told])
    assert kept.items([{"type": "item_reference", "id": "msg_1"}, {"id": "msg_2"}]) == [answered, told]
    with pytest.raises(Refused, match="Item with id 'msg_3' not found") as refused:
        kept.items([{"type": "item_reference", "id": "msg_3"}])
    assert refused.value.status == 404


@pytest.mark.parametrize(
    ("items", "problem"),
    [
        ([item("function_call", "a")], "No tool output found for function call a."),
        ([item("function_call_output", "a")], "No tool call found for function call output with call_id a."),
        ([item("function_call_output", "a"), item("function_call", "a")], "No tool call found"),
        ([item("function_call", "a"), item("custom_tool_call_output", "a")], "No tool call found for custom tool call"),
        ([item("reasoning")], "'reasoning' was provided without its required following item"),
        ([item("reasoning"), item("message", role="user")], "without its required following item"),
        ([item("function_call", "a"), item("reasoning"), item("function_call_output", "a")], "required following item"),
    ],
)
def test_items_that_do_not_fit_are_refused(items: list[Any], problem: str) -> None:
    with pytest.raises(Refused, match=problem):
        judge(items)


def test_items_in_order_are_taken() -> None:
    judge(
        [
            item("reasoning"),
            item("function_call", "a"),
            item("custom_tool_call", "b"),
            item("message", role="developer"),
            item("custom_tool_call_output", "b"),
            item("function_call_output", "a"),
            item("function_call_output", "a"),
            item("reasoning"),
            item("reasoning"),
            item("message", role="assistant"),
            item("web_search_call"),
        ]
    )
