"""Answers as bytes."""

from __future__ import annotations

from gateway.testing.wire import Refused, as_data_stream, as_event_stream, as_json


def test_a_value_is_answered_as_json() -> None:
    answer = as_json({"a": 1}, 201)
    assert (answer.status, answer.chunks) == (201, [b'{"a":1}'])


def test_a_stream_without_names_ends_with_a_last_word() -> None:
    answer = as_data_stream([{"a": 1}])
    assert answer.chunks == [b'data: {"a":1}\n\n', b"data: [DONE]\n\n"]
    assert answer.headers == [("content-type", "text/event-stream; charset=utf-8")]


def test_a_stream_of_named_events_ends_with_the_last_of_them() -> None:
    assert as_event_stream([{"type": "ping"}]).chunks == [b'event: ping\ndata: {"type":"ping"}\n\n']


def test_a_refusal_is_worded_as_each_provider_does() -> None:
    refused = Refused("no", param="input", code="c", status=404)
    error = b'{"error":{"message":"no","type":"invalid_request_error","param":"input","code":"c"}}'
    assert (refused.as_openai().status, refused.as_openai().chunks) == (404, [error])
    error = b'{"type":"error","error":{"type":"invalid_request_error","message":"no"}}'
    assert (refused.as_anthropic().status, refused.as_anthropic().chunks) == (404, [error])
