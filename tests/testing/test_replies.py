"""Which endpoint answers, and in whose words a request is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway.testing import ManualClock, Received, Step
from gateway.testing.model import Model
from gateway.testing.replies import Provider

MESSAGES = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}
TURN = {"role": "assistant", "tool_calls": [{"id": "c"}]}


def ask(path: str, body: Any, method: str = "POST") -> Step:
    request = Received(method=method, target=path, headers=[], body=msgspec.json.encode(body))
    return Provider(Model(ManualClock())).reply(request)


@pytest.mark.parametrize(
    ("path", "body", "member"),
    [
        ("/v1/chat/completions?x=1", MESSAGES, "choices"),
        ("/v1/completions", {"prompt": "hi"}, "choices"),
        ("/v1/messages?beta=true", MESSAGES, "content"),
        ("/v1/messages/count_tokens", MESSAGES, "input_tokens"),
        ("/v1/responses", {"input": "hi"}, "output"),
        ("/v1/embeddings", {"input": "hi"}, "data"),
    ],
)
def test_each_endpoint_answers_in_its_own_shape(path: str, body: Any, member: str) -> None:
    answer = ask(path, body)
    assert answer.status == 200
    assert member in msgspec.json.decode(answer.chunks[0])


def test_there_is_a_model() -> None:
    (body,) = ask("/v1/models", None, "GET").chunks
    assert msgspec.json.decode(body)["data"][0]["id"] == "scripted"


def test_a_response_is_still_known_to_the_next_request() -> None:
    provider = Provider(Model(ManualClock()))

    def send(method: str, path: str, body: bytes = b"") -> Any:
        answer = provider.reply(Received(method=method, target=path, headers=[], body=body))
        return msgspec.json.decode(answer.chunks[0])

    made = send("POST", "/v1/responses", b'{"input":"hi"}')
    assert send("GET", f"/v1/responses/{made['id']}") == made


@pytest.mark.parametrize("path", ["/v1/files", "/v1/responses/compact", "/v1/responsesque"])
def test_anything_else_gets_its_own_bytes_back(path: str) -> None:
    headers = [(b"Content-Type", b"a/b; c=\xe9")]
    request = Received(method="PUT", target=path, headers=headers, body=b"\x00\xff")
    answer = Provider(Model(ManualClock())).reply(request)
    assert answer.headers == [("x-scripted-upstream", "echo"), ("content-type", "a/b; c=é")]
    assert answer.chunks == [b"\x00\xff"]


@pytest.mark.parametrize(
    ("path", "body", "problem"),
    [
        ("/v1/chat/completions", {"messages": "none"}, "Expected `array`"),
        ("/v1/chat/completions", {"messages": [TURN]}, "must be followed by tool messages"),
        ("/v1/chat/completions", {**MESSAGES, "tools": [{"type": "function"}]}, "Missing required parameter"),
        ("/v1/completions", {"prompt": 1}, "Expected"),
        ("/v1/embeddings", {"input": 1}, "Expected"),
        ("/v1/responses", {"input": "hi", "previous_response_id": "resp_x"}, "'resp_x' not found"),
    ],
)
def test_openai_refuses_in_its_words(path: str, body: Any, problem: str) -> None:
    answer = ask(path, body)
    error = msgspec.json.decode(answer.chunks[0])["error"]
    assert (answer.status, error["type"]) == (400, "invalid_request_error")
    assert problem in error["message"]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({**MESSAGES, "messages": []}, "first message"),
        ({**MESSAGES, "messages": [{"role": "tool", "content": "hi"}]}, "Invalid enum value 'tool'"),
        ({**MESSAGES, "messages": [{"role": "user", "content": [{}]}]}, "Missing required parameter"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
def test_anthropic_refuses_in_its_words(path: str, body: Any, problem: str) -> None:
    answer = ask(path, body)
    refusal = msgspec.json.decode(answer.chunks[0])
    assert (answer.status, refusal["type"], refusal["error"]["type"]) == (400, "error", "invalid_request_error")
    assert problem in refusal["error"]["message"]
