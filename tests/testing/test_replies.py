"""What an unscripted answer says, and in which shape."""

from __future__ import annotations

import base64
import struct
from typing import Any

import msgspec
import pytest

from gateway.fence import NOTES, RULES, Fence
from gateway.testing import ManualClock, Received, Step
from gateway.testing.replies import EMBEDDING_SIZE, REPLY, reply


def ask(path: str, body: Any, template: str = REPLY) -> Step:
    request = Received(method="POST", target=path, headers=[], body=msgspec.json.encode(body))
    return reply(request, template, ManualClock())


def chat(**members: Any) -> Step:
    return ask("/v1/chat/completions?x=1", {"model": "m", "messages": [{"role": "user", "content": "hi"}], **members})


def said(answer: Step) -> str:
    (body,) = answer.chunks
    content: str = msgspec.json.decode(body)["choices"][0]["message"]["content"]
    return content


def events(answer: Step) -> list[Any]:
    assert answer.chunks[-1] == b"data: [DONE]\n\n"
    assert all(chunk.startswith(b"data: ") and chunk.endswith(b"\n\n") for chunk in answer.chunks)
    return [msgspec.json.decode(chunk[6:]) for chunk in answer.chunks[:-1]]


def test_a_completion_says_what_the_user_said_last() -> None:
    turns = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": None},
        {"role": "user", "content": "two"},
    ]
    assert said(chat(messages=turns)) == "You said: two\nI can see 0 notes."


def test_a_completion_says_which_notes_it_was_shown() -> None:
    fence = Fence(b"secret")
    rules = fence.block(RULES, fence.nonce("s"), ["Answer in French."])
    notes = fence.block(NOTES, fence.nonce("s"), ["My cat is called Ada.", "I live\nin Bern."])
    parts = [{"type": "text", "text": f"what is my cat called?\n\n{notes}"}, {"type": "image_url", "image_url": {}}]
    answer = chat(messages=[{"role": "system", "content": f"Be kind.\n\n{rules}"}, {"role": "user", "content": parts}])
    assert said(answer) == (
        "You said: what is my cat called?\nI can see 3 notes.\n- Answer in French.\n- My cat is called Ada.\n- I live"
    )


def test_a_completion_follows_its_template() -> None:
    answer = ask("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}]}, "{said}, {count}{notes}!")
    assert said(answer) == "hi, 0!"


def test_a_completion_has_the_shape_of_the_api() -> None:
    (body,) = chat().chunks
    answer = msgspec.json.decode(body)
    assert answer["id"] == "chatcmpl_000000000001"
    assert (answer["object"], answer["model"]) == ("chat.completion", "m")
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["total_tokens"] == answer["usage"]["prompt_tokens"] + answer["usage"]["completion_tokens"]


def test_a_stream_gives_the_role_then_the_words_then_the_end() -> None:
    answer = chat(stream=True)
    choices = [event["choices"][0] for event in events(answer)]
    assert answer.headers == [("content-type", "text/event-stream; charset=utf-8")]
    assert choices[0]["delta"] == {"role": "assistant", "content": ""}
    assert "".join(choice["delta"].get("content", "") for choice in choices) == said(chat())
    assert [choice["finish_reason"] for choice in choices] == [None] * (len(choices) - 1) + ["stop"]


def test_usage_comes_in_a_chunk_of_its_own_for_those_who_ask() -> None:
    *others, last = events(chat(stream=True, stream_options={"include_usage": True}))
    assert last["choices"] == []
    assert last["usage"]["prompt_tokens"] > 0
    assert all(event["usage"] is None for event in others)
    assert all("usage" not in event for event in events(chat(stream=True)))


def test_embeddings_are_the_same_as_floats_and_as_base64() -> None:
    (floats,) = ask("/v1/embeddings", {"model": "e", "input": "a b"}).chunks
    (packed,) = ask("/v1/embeddings", {"input": ["a b", [1, 2]], "encoding_format": "base64"}).chunks
    vector = msgspec.json.decode(floats)["data"][0]["embedding"]
    first, second = msgspec.json.decode(packed)["data"]
    assert len(vector) == EMBEDDING_SIZE
    assert struct.unpack(f"<{EMBEDDING_SIZE}f", base64.b64decode(first["embedding"])) == pytest.approx(vector)
    assert (first["index"], second["index"]) == (0, 1)


def test_texts_that_share_words_are_embedded_near_each_other() -> None:
    texts = ["the red cat", "a red cat", "quarterly tax forms", ""]
    (body,) = ask("/v1/embeddings", {"input": texts, "dimensions": 256}).chunks
    cat, same, other, empty = (item["embedding"] for item in msgspec.json.decode(body)["data"])

    def near(one: list[float], two: list[float]) -> float:
        return sum(a * b for a, b in zip(one, two, strict=True))

    assert near(cat, cat) == pytest.approx(1)
    assert near(cat, same) > 0.5 > near(cat, other)
    assert empty == [0.0] * 256


def test_there_is_a_model() -> None:
    (body,) = ask("/v1/models", None).chunks
    assert msgspec.json.decode(body)["data"][0]["id"] == "scripted"


def test_anything_else_gets_its_own_bytes_back() -> None:
    request = Received(method="PUT", target="/v1/files", headers=[(b"Content-Type", b"a/b; c=\xe9")], body=b"\x00\xff")
    answer = reply(request, REPLY, ManualClock())
    assert answer.headers == [("x-scripted-upstream", "echo"), ("content-type", "a/b; c=é")]
    assert answer.chunks == [b"\x00\xff"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings"])
def test_a_body_that_the_api_would_refuse_is_refused(path: str) -> None:
    with pytest.raises(msgspec.MsgspecError):
        ask(path, {"messages": "none", "input": 1})
