"""What a request binds its answer to, as each endpoint writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from gateway.shapes import chat, messages, responses
from gateway.shapes.base import Shape
from gateway.terms import ANY_JSON, FORMAT, MAX_SCHEMA_BYTES, schemas, setup, tools
from gateway.types import Call, Reply, ToolCall, Turn

SCHEMA = {"type": "object", "properties": {"day": {"type": "string"}}}
SAID = [{"role": "user", "content": "When?"}]
CHAT = {"type": "function", "function": {"name": "book", "parameters": SCHEMA}}
FLAT = {"type": "function", "name": "book", "parameters": SCHEMA}
OWN = {"name": "book", "input_schema": SCHEMA}


def read(shape: Shape, members: Mapping[str, object]) -> Call:
    said = {"input": "When?"} if shape is responses.SHAPE else {"messages": SAID, "max_tokens": 9}
    call = shape.read(json.dumps({"model": "m", **said, **members}, separators=(",", ":")).encode())
    assert call is not None
    return call


def calling(*names: str) -> Reply:
    return Reply(
        turns=(Turn(role="assistant", text="", calls=tuple(ToolCall(id="1", name=n, arguments="") for n in names)),)
    )


@pytest.mark.parametrize(
    ("shape", "tool"), [(chat.SHAPE, CHAT), (responses.SHAPE, FLAT), (messages.SHAPE, OWN)], ids=lambda x: type(x)
)
def test_tools_are_read_as_each_endpoint_writes_them(shape: Shape, tool: object) -> None:
    call = read(shape, {"tools": [tool, {"type": "web_search"}]})
    assert {name: json.loads(schema) for name, schema in tools(call).items()} == {"book": SCHEMA}


def test_only_the_tools_that_are_called_bind_an_answer() -> None:
    call = read(chat.SHAPE, {"tools": [CHAT]})
    assert schemas(call, calling()) == {}
    assert {name: json.loads(schema) for name, schema in schemas(call, calling("book", "look")).items()} == {
        "book": SCHEMA
    }


@pytest.mark.parametrize(
    ("shape", "members", "expected"),
    [
        (chat.SHAPE, {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}}, 1),
        (chat.SHAPE, {"response_format": {"type": "json_object"}}, 0),
        (responses.SHAPE, {"text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}}}, 1),
    ],
)
def test_a_format_binds_the_answer_itself(shape: Shape, members: Mapping[str, object], expected: int) -> None:
    bound = schemas(read(shape, members), calling())
    assert json.loads(bound[FORMAT]) == (SCHEMA if expected else json.loads(ANY_JSON))


@pytest.mark.parametrize(
    "members",
    [
        {"response_format": {"type": "text"}},
        {"response_format": 7},
        {"response_format": None},
        {"text": "plain"},
        {"text": {"verbosity": "low"}},
        {"tools": "none"},
        {"tools": None},
    ],
)
def test_what_binds_nothing_or_cannot_be_read_is_none(members: Mapping[str, object]) -> None:
    call = read(chat.SHAPE, members)
    assert schemas(call, calling("book")) == {}
    assert tools(call) == {}


def test_a_huge_schema_is_not_kept() -> None:
    huge = {"type": "object", "description": "x" * MAX_SCHEMA_BYTES}
    call = read(chat.SHAPE, {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": huge}}})
    assert schemas(call, calling()) == {}


def test_a_setup_is_the_same_whatever_is_said_and_another_with_another_model_system_text_or_tool() -> None:
    system = {"role": "system", "content": "Be kind."}
    plain = {"messages": [system, *SAID], "tools": [CHAT]}
    same = {**plain, "messages": [system, {"role": "user", "content": "Who?"}]}
    others = [
        {**plain, "model": "n"},
        {**plain, "messages": [{**system, "content": "Be brief."}, *SAID]},
        {**plain, "tools": [{**CHAT, "function": {"name": "look"}}]},
        {**plain, "tools": []},
    ]
    assert setup(read(chat.SHAPE, plain)) == setup(read(chat.SHAPE, same))
    assert len({setup(read(chat.SHAPE, members)) for members in [plain, *others]}) == len(others) + 1
