"""gateway/shapes/wire.py"""

from __future__ import annotations

import json

import msgspec
import pytest

from gateway.shapes.wire import MAX_TOKENS, FunctionCall, Message, content_of, lenient, text_of, usage_of
from gateway.types import ToolCall, Usage


def message(**members: object) -> Message:
    return msgspec.json.decode(json.dumps(members), type=Message)


def call(**members: object) -> ToolCall:
    return msgspec.json.decode(json.dumps(members), type=FunctionCall).value()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("hi", "hi"),
        ("", ""),
        (None, ""),
        ([], ""),
        ([{"type": "text", "text": "a"}, "b", {"type": "odd", "text": "c"}, {"type": "odd"}], "a\nb\nc"),
        ([{"type": "refusal", "refusal": "no"}], "no"),
        ([{"type": "image_url", "image_url": {"url": "x"}, "text": "alt"}], ""),
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "a"}], "a"),
        ({"text": "hi"}, ""),
    ],
)
def test_the_text_of_a_content_is_its_text_parts(content: object, text: str) -> None:
    assert text_of(content_of(message(content=content))) == text


def test_a_call_is_a_function_or_a_custom_tool() -> None:
    assert call(id="1", function={"name": "f", "arguments": '{"a":1}'}) == ToolCall(
        id="1", name="f", arguments='{"a":1}'
    )
    assert call(id="2", custom={"name": "c", "input": "text"}) == ToolCall(id="2", name="c", arguments="text")
    assert call(id=None) == ToolCall(id="", name="", arguments="")


def test_arguments_sent_as_an_object_stand_as_written() -> None:
    assert call(function={"name": "f", "arguments": {"a": 1.0}}).arguments == '{"a": 1.0}'
    assert call(function={"name": "f", "arguments": None}).arguments == ""
    assert call(function={"name": "f", "arguments": "null"}).arguments == "null"


@pytest.mark.parametrize(
    ("written", "usage"),
    [
        (b"null", None),
        (b"5", None),
        (b"{}", Usage()),
        (b'{"prompt_tokens":1,"completion_tokens":null,"prompt_tokens_details":null}', Usage(prompt_tokens=1)),
        (
            b'{"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":3}}',
            Usage(completion_tokens=2, cached_tokens=3),
        ),
        (b'{"prompt_tokens":"many"}', None),
        (b'{"prompt_tokens":1000000}', Usage(prompt_tokens=1_000_000)),
        (
            b'{"prompt_tokens":9999999999999999999,"completion_tokens":9223372036854775807,'
            b'"prompt_tokens_details":{"cached_tokens":18446744073709551615}}',
            Usage(prompt_tokens=MAX_TOKENS, completion_tokens=MAX_TOKENS, cached_tokens=MAX_TOKENS),
        ),
    ],
)
def test_usage_is_read_as_far_as_it_goes(written: bytes, usage: Usage | None) -> None:
    assert usage_of(msgspec.Raw(written)) == usage


def test_what_is_absent_or_of_another_type_is_none() -> None:
    decoder = msgspec.json.Decoder(int)
    values = [lenient(decoder, raw) for raw in (None, msgspec.Raw(), msgspec.Raw(b'"1"'), msgspec.Raw(b"1"))]
    assert values == [None, None, None, 1]
