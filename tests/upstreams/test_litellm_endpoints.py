"""What each endpoint becomes for a provider of another protocol, and what its answer becomes for the client."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import msgspec
import pytest

from gateway.errors import BadRequest, UpstreamUnreachable
from gateway.ports import Outgoing
from gateway.sse import DONE, events
from gateway.testing import ScriptedUpstream, Step
from gateway.upstreams.litellm import LiteLlmUpstream

# Of pydantic, over litellm's own types when they are built at the first call.
pytestmark = pytest.mark.filterwarnings("ignore:Item '.*' on TypedDict class .* using the `ReadOnly`:UserWarning")

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CHAT_TOOL = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
HELLO = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}]
USAGE = {"promptTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4}


def said(*parts: dict[str, Any], reason: str | None = "STOP") -> dict[str, Any]:
    """What Gemini sends."""
    ends = {} if reason is None else {"finishReason": reason}
    candidate = {"content": {"role": "model", "parts": parts}, "index": 0, **ends}
    return {"candidates": [candidate], "usageMetadata": USAGE, "modelVersion": "m", "responseId": "r1"}


BEGIN = said({"text": "Hi"}, reason=None)
CALL = said({"functionCall": {"name": "weather", "args": {"city": "Ulm"}}})
END = said({"text": "!"})


async def asked(
    scripted: ScriptedUpstream,
    replies: Sequence[Any],
    target: str,
    *,
    provider: str = "gemini",
    **members: Any,
) -> tuple[Any, Any]:
    """What the client gets, one body or the data of each event, and the body that the provider got."""
    bodies = [msgspec.json.encode(reply) for reply in replies]
    step = Step(chunks=bodies)
    if members.get("stream"):
        chunks = [b"data: " + body + b"\n\n" for body in bodies]
        step = Step(headers=[("content-type", "text/event-stream")], chunks=chunks, framing="chunked")
    scripted.script([step])
    url = scripted.url.removesuffix("/v1")
    async with aclosing(LiteLlmUpstream(provider, api_key="key", url=url)) as upstream:
        body = msgspec.json.encode({"model": "m", **members})
        answer = await upstream.send(Outgoing(method="POST", target=target, headers=[], body=body))
        heard = b"".join([chunk async for chunk in answer.chunks])
    (request,) = scripted.requests()
    sent = msgspec.json.decode(request.body)
    if not members.get("stream"):
        return msgspec.json.decode(heard), sent
    return [data if data == DONE else msgspec.json.decode(data) for data in events(heard)], sent


async def test_a_chat_is_asked_and_answered_in_the_other_protocol(scripted: ScriptedUpstream) -> None:
    answer, sent = await asked(
        scripted, [CALL], "/chat/completions", messages=HELLO, tools=[CHAT_TOOL], seed=7, parallel_tool_calls=True
    )
    assert sent["contents"] == [{"role": "user", "parts": [{"text": "be brief"}, {"text": "hello"}]}]
    assert sent["tools"] == [{"function_declarations": [{"name": "weather", "parameters": SCHEMA}]}]
    assert sent["generationConfig"]["seed"] == 7
    (choice,) = answer["choices"]
    assert (answer["object"], choice["finish_reason"], choice["message"]["content"]) == (
        "chat.completion",
        "tool_calls",
        None,
    )
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city": "Ulm"}'}
    assert answer["usage"]["total_tokens"] == 4


async def test_a_streamed_chat_is_openais_chunks_to_the_end_mark(scripted: ScriptedUpstream) -> None:
    (*chunks, usage, end), _ = await asked(
        scripted,
        [BEGIN, CALL],
        "/chat/completions",
        messages=HELLO,
        tools=[CHAT_TOOL],
        stream=True,
        stream_options={"include_usage": True},
    )
    choices = [chunk["choices"][0] for chunk in chunks]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert [choice["finish_reason"] for choice in choices] == [None, None, "tool_calls"]
    assert choices[0]["delta"]["content"] == "Hi"
    assert choices[1]["delta"]["tool_calls"][0]["function"]["arguments"] == '{"city": "Ulm"}'
    assert (usage["choices"], usage["usage"]["total_tokens"], end) == ([], 4, DONE)


async def test_a_stream_without_its_last_word_does_not_end_well(scripted: ScriptedUpstream) -> None:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": []}
    begin = {"type": "message_start", "message": {**message, "usage": {"input_tokens": 3, "output_tokens": 0}}}
    text = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "Hi"}}
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}}
    replies = [begin, text, delta]
    with pytest.raises(UpstreamUnreachable, match="broke off"):
        await asked(scripted, replies, "/chat/completions", provider="anthropic", messages=HELLO, stream=True)
    with pytest.raises(UpstreamUnreachable, match="broke off"):
        await asked(scripted, [], "/chat/completions", provider="anthropic", messages=HELLO, stream=True)


@pytest.mark.parametrize("is_stream", [True, False])
async def test_a_legacy_completion_is_asked_as_a_chat(scripted: ScriptedUpstream, is_stream: bool) -> None:
    answer, sent = await asked(scripted, [END], "/completions", prompt="hello", stream=is_stream)
    assert sent["contents"] == [{"role": "user", "parts": [{"text": "hello"}]}]
    pieces = answer[:-1] if is_stream else [answer]
    assert "".join(choice["text"] for piece in pieces for choice in piece["choices"]) == "!"
    assert pieces[-1]["choices"][0]["finish_reason"] == "stop"
    assert {piece["object"] for piece in pieces} == {"text_completion"}


async def test_a_prompt_of_tokens_is_refused(scripted: ScriptedUpstream) -> None:
    with pytest.raises(BadRequest, match="cannot be translated"):
        await asked(scripted, [END], "/completions", prompt=[1, 2, 3])


async def test_a_response_is_asked_as_a_chat(scripted: ScriptedUpstream) -> None:
    tool = {"type": "function", "name": "weather", "parameters": SCHEMA}
    answer, sent = await asked(
        scripted,
        [CALL],
        "/responses",
        instructions="be brief",
        input="hello",
        tools=[tool],
        store=False,
        client_metadata={"of": "codex"},
    )
    assert sent["contents"] == [{"role": "user", "parts": [{"text": "be brief"}, {"text": "hello"}]}]
    assert sent["tools"][0]["function_declarations"][0]["name"] == "weather"
    assert (answer["object"], answer["status"]) == ("response", "completed")
    (item,) = answer["output"]
    assert (item["type"], item["name"], item["arguments"]) == ("function_call", "weather", '{"city": "Ulm"}')


async def test_a_streamed_response_has_every_event_of_its_api(scripted: ScriptedUpstream) -> None:
    heard, _ = await asked(scripted, [BEGIN, END], "/responses", input="hello", stream=True)
    types = [event["type"] for event in heard]
    assert types[:2] == ["response.created", "response.in_progress"]
    assert "".join(event["delta"] for event in heard if event["type"] == "response.output_text.delta") == "Hi!"
    assert types[-1] == "response.completed"
    assert heard[-1]["response"]["output"][0]["content"][0]["text"] == "Hi!"


@pytest.mark.parametrize("name", ["previous_response_id", "conversation", "background"])
async def test_a_response_that_counts_on_a_kept_one_is_refused(scripted: ScriptedUpstream, name: str) -> None:
    with pytest.raises(BadRequest, match=f"does not take {name}"):
        await asked(scripted, [END], "/responses", input="hello", **{name: "resp_1"})


async def test_a_message_is_asked_as_a_chat(scripted: ScriptedUpstream) -> None:
    answer, sent = await asked(
        scripted,
        [CALL],
        "/messages",
        max_tokens=9,
        system=[{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}],
        messages=HELLO[1:],
        tools=[{"name": "weather", "input_schema": SCHEMA}],
    )
    assert sent["contents"] == [{"role": "user", "parts": [{"text": "be brief"}, {"text": "hello"}]}]
    assert sent["generationConfig"]["max_output_tokens"] == 9
    assert (answer["type"], answer["stop_reason"]) == ("message", "tool_use")
    (block,) = answer["content"]
    assert (block["type"], block["name"], block["input"]) == ("tool_use", "weather", {"city": "Ulm"})


async def test_what_claude_code_says_to_anthropic_alone_is_left_out(scripted: ScriptedUpstream) -> None:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn"}
    reply = {**message, "content": [{"type": "text", "text": "Hi"}], "usage": {"input_tokens": 3, "output_tokens": 1}}
    edits = {"edits": [{"type": "clear_tool_uses_20250919"}]}
    answer, sent = await asked(
        scripted,
        [reply],
        "/messages",
        provider="anthropic",
        max_tokens=9,
        messages=HELLO[1:],
        context_management=edits,
    )
    assert "context_management" not in sent
    assert answer["content"] == [{"type": "text", "text": "Hi"}]


async def test_a_streamed_message_has_every_event_of_its_api(scripted: ScriptedUpstream) -> None:
    heard, _ = await asked(scripted, [BEGIN, CALL], "/messages", max_tokens=9, messages=HELLO[1:], stream=True)
    block = ["content_block_start", "content_block_delta", "content_block_stop"]
    assert [event["type"] for event in heard] == ["message_start", *block, *block, "message_delta", "message_stop"]
    assert heard[2]["delta"] == {"type": "text_delta", "text": "Hi"}
    assert heard[5]["delta"] == {"type": "input_json_delta", "partial_json": '{"city": "Ulm"}'}
    assert heard[-2]["delta"]["stop_reason"] == "tool_use"


@pytest.mark.parametrize("is_packed", [True, False])
async def test_embeddings_come_in_the_form_asked_for(scripted: ScriptedUpstream, is_packed: bool) -> None:
    wanted = {"encoding_format": "base64"} if is_packed else {}
    answer, _ = await asked(scripted, [{"embeddings": [{"values": [0.5, 0.25]}]}], "/embeddings", input="hi", **wanted)
    packed = base64.b64encode(struct.pack("<2f", 0.5, 0.25)).decode()
    assert answer["data"][0]["embedding"] == (packed if is_packed else [0.5, 0.25])
