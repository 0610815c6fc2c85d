"""gateway/shapes/items.py"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from gateway.shapes.items import Item, answer_of, item_of, items_of, media_of, turn_of, usage_of
from gateway.types import ToolCall, Turn, Usage


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


def turn(**members: Any) -> Turn | None:
    return turn_of(item_of(raw(members)))


def call(identifier: str, name: str, arguments: str) -> Turn:
    return Turn(role="assistant", text="", calls=(ToolCall(id=identifier, name=name, arguments=arguments),))


@pytest.mark.parametrize("type_", [{}, {"type": "message"}, {"type": None}])
def test_a_message_need_not_say_that_it_is_one(type_: dict[str, str | None]) -> None:
    assert turn(role="user", content="hi", **type_) == Turn(role="user", text="hi")


def test_the_text_of_a_message_is_that_of_its_text_parts() -> None:
    parts = [
        {"type": "input_text", "text": "look"},
        {"type": "input_image", "image_url": "data:,", "text": "no"},
        {"type": "input_file", "file_id": "file_1"},
        {"type": "refusal", "refusal": "never"},
        {"type": "output_text", "text": "here", "annotations": []},
    ]
    assert turn(role="assistant", content=parts) == Turn(role="assistant", text="look\nnever\nhere")
    assert turn(type="message", content=None) == Turn(role="", text="")


def test_what_a_client_writes_between_the_users_words_is_not_the_users() -> None:
    folder = "<environment_context>\n  <cwd>/srv/shop</cwd>\n</environment_context>"
    assert turn(role="user", content=folder) == Turn(role="user", text="")
    parts = [{"type": "input_text", "text": text} for text in (folder, "run ls")]
    assert turn(role="user", content=parts) == Turn(role="user", text="run ls")
    assert turn(role="user", content=f"What is {folder}?") == Turn(role="user", text=f"What is {folder}?")
    assert turn(role="developer", content=folder) == Turn(role="developer", text=folder)


@pytest.mark.parametrize(
    ("members", "read"),
    [
        (
            {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "search", "arguments": '{"q":1}'},
            call("call_1", "search", '{"q":1}'),
        ),
        (
            {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "patch", "input": "*** Begin"},
            call("call_2", "patch", "*** Begin"),
        ),
        (
            {"type": "mcp_call", "id": "mcp_1", "name": "roll", "arguments": "{}", "output": "4"},
            call("mcp_1", "roll", "{}"),
        ),
        (
            {"type": "local_shell_call", "id": "lsh_1", "call_id": "call_3", "action": {"command": ["ls"]}},
            call("call_3", "local_shell", '{"command": ["ls"]}'),
        ),
        ({"type": "web_search_call", "id": "ws_1", "status": "completed"}, call("ws_1", "web_search", "")),
    ],
)
def test_a_call_of_any_tool_is_the_assistants(members: dict[str, object], read: Turn) -> None:
    assert turn(**members) == read


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ("found", "found"),
        ([{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "data:,"}], "a"),
        ([{"stdout": "a", "stderr": ""}], ""),
        ({"type": "computer_screenshot", "image_url": "data:,"}, ""),
        (None, ""),
    ],
)
def test_an_output_answers_its_call(output: object, text: str) -> None:
    read = turn(type="some_tool_output", call_id="call_1", output=output, content="not this")
    assert read == Turn(role="tool", text=text, answers="call_1")


@pytest.mark.parametrize(
    "members",
    [
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}], "content": "hm"},
        {"type": "item_reference", "id": "msg_1"},
        {"id": "msg_1"},
        {"type": "compaction", "encrypted_content": "gAAA=="},
        {"type": "of_the_future", "role": "user", "content": "hi"},
        {"type": "message", "role": 5},
        {},
    ],
)
def test_other_items_say_nothing(members: dict[str, object]) -> None:
    assert turn(**members) is None


def test_what_is_no_item_at_all_is_an_empty_one() -> None:
    assert items_of(raw([5, None, "hi", ["role"]]), "user") == [Item()] * 4


@pytest.mark.parametrize("value", [None, 5, {}, "", []])
def test_neither_a_list_nor_words_are_no_items(value: object) -> None:
    assert items_of(raw(value), "user") == []
    assert items_of(None, "user") == []


def test_ids_are_the_clients_own_on_its_messages_and_outputs() -> None:
    own = [{"role": "user"}, {"role": "developer"}, {"role": "system"}, {"type": "function_call_output"}]
    minted = [{"role": "assistant"}, {"type": "function_call"}, {"type": "reasoning"}, {"type": "item_reference"}, {}]
    assert [item.is_minted for item in items_of(raw([*own, *minted]), "user")] == [False] * 4 + [True] * 5


def test_an_answer_is_one_turn_of_all_its_items() -> None:
    items = [
        {"type": "reasoning", "id": "rs_1"},
        {"type": "web_search_call", "id": "ws_1"},
        {"role": "assistant", "content": "One."},
        {"type": "shell_call_output", "call_id": "call_1", "output": "of a tool"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "Two."}]},
        {"type": "function_call", "call_id": "call_2", "name": "f", "arguments": "{}"},
    ]
    calls = (ToolCall(id="ws_1", name="web_search", arguments=""), ToolCall(id="call_2", name="f", arguments="{}"))
    assert answer_of(items_of(raw(items), "")) == (Turn(role="assistant", text="One.\nTwo.", calls=calls),)
    assert answer_of(items_of(raw(items[:1]), "")) == ()


def test_media_are_counted_wherever_they_are() -> None:
    image = {"type": "input_image", "image_url": "A" * 98}
    items = [
        {"role": "user", "content": [image, "text", image]},
        {"type": "function_call_output", "output": [image]},
        {"type": "computer_call_output", "output": {"image_url": "A" * 83}},
        {"type": "image_generation_call", "result": "A" * 98},
        {"type": "shell_call_output", "output": {"of": "the future"}},
        {"role": "user", "content": "text"},
    ]
    sizes = [[size for size in media_of(item) if size] for item in items_of(raw(items), "user")]
    assert sizes == [[100, 100], [100], [100], [100], [], []]


def test_usage_is_read_as_far_as_it_is_told() -> None:
    details = {"input_tokens_details": {"cached_tokens": 8}}
    assert usage_of(raw({"input_tokens": 9, "output_tokens": 3, **details})) == Usage(
        prompt_tokens=9, completion_tokens=3, cached_tokens=8
    )
    assert usage_of(raw({"input_tokens": -1, "input_tokens_details": None})) == Usage()
    assert [usage_of(raw(value)) for value in (None, 5, {"input_tokens": "9"})] == [None] * 3
