"""Header rules, and the two answers that need a reaction."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import UpstreamUnreachable
from gateway.forward import HOP_BY_HOP, answer_headers, interrupted_event, is_context_overflow, outgoing_headers
from gateway.ports import Headers

KEPT = [
    (b"Authorization", b"Bearer k"),
    (b"X-Api-Key", b"k"),
    (b"anthropic-beta", b"a"),
    (b"anthropic-beta", b"b"),
    (b"content-encoding", b"zstd"),
    (b"accept-encoding", b"gzip, br"),
    (b"x-stainless-retry-count", b"0"),
    (b"x-request-id", b"r"),
    (b"retry-after", b"3"),
    (b"x-ratelimit-remaining-tokens", b"9"),
    (b"set-cookie", b"a=1"),
    (b"set-cookie", b"b=\xff"),
    (b"x-not-accrue-user", b"me"),
]

lines = st.lists(st.tuples(st.sampled_from(sorted([*HOP_BY_HOP, b"x-a", b"X-B", b"Date"])), st.binary(max_size=9)))


@pytest.mark.promise("P1")
def test_what_concerns_the_ends_travels_both_ways_in_order() -> None:
    assert outgoing_headers(KEPT) == KEPT
    assert answer_headers(KEPT) == KEPT


@pytest.mark.parametrize("name", sorted(HOP_BY_HOP))
def test_what_concerns_one_connection_stays_on_it(name: bytes) -> None:
    for spelling in (name, name.title(), name.upper()):
        assert outgoing_headers([(spelling, b"x"), (b"a", b"1")]) == [(b"a", b"1")]
        assert answer_headers([(spelling, b"x"), (b"a", b"1")]) == [(b"a", b"1")]


def test_a_connection_names_more_that_stays_on_it() -> None:
    headers = [(b"Connection", b"close, X-One"), (b"x-one", b"1"), (b"connection", b" x-TWO "), (b"X-Two", b"2")]
    assert outgoing_headers([*headers, (b"x-three", b"3")]) == [(b"x-three", b"3")]
    assert answer_headers([*headers, (b"x-three", b"3")]) == [(b"x-three", b"3")]


@pytest.mark.parametrize("name", [b"Host", b"Content-Length", b"Expect", b"x-accrue-user", b"X-Accrue-Memory"])
def test_what_is_said_to_us_does_not_go_upstream(name: bytes) -> None:
    assert outgoing_headers([(name, b"x"), (b"a", b"1")]) == [(b"a", b"1")]


@pytest.mark.promise("P1")
def test_an_answer_keeps_its_length() -> None:
    assert answer_headers([(b"Content-Length", b"7")]) == [(b"Content-Length", b"7")]


@given(lines)
@settings(deadline=None, max_examples=50)
def test_headers_are_only_ever_left_out(headers: Headers) -> None:
    for kept in (outgoing_headers(headers), answer_headers(headers)):
        rest = iter(headers)
        assert all(line in rest for line in kept)
        assert not HOP_BY_HOP & {name.lower() for name, _ in kept}
    assert outgoing_headers(outgoing_headers(headers)) == outgoing_headers(headers)


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":{"message":"too long","type":"invalid_request_error","param":"messages",'
        b'"code":"context_length_exceeded"}}',
        b'{"object":"error","error":{"message":"This model\'s maximum context length is 4096 tokens.","code":400}}',
        b'{"error":{"message":"Your input exceeds the context window of this model.","code":null}}',
        b'{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 > 8 tokens"}}',
    ],
)
def test_a_prompt_that_is_too_long_is_recognised(body: bytes) -> None:
    assert is_context_overflow(400, body)
    assert not is_context_overflow(500, body)
    assert not is_context_overflow(200, body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"context_length_exceeded",
        b"\xff",
        b"[]",
        b'{"error":"context_length_exceeded"}',
        b'{"error":{"code":"invalid_api_key","message":null}}',
        b'{"error":{"message":"model not found"}}',
    ],
)
def test_another_refusal_is_not_taken_for_it(body: bytes) -> None:
    assert not is_context_overflow(400, body)


@pytest.mark.promise("P3")
def test_an_interruption_is_one_event_with_the_error() -> None:
    error = UpstreamUnreachable("the upstream broke off")
    event = interrupted_event(error)
    assert msgspec.json.decode(event[6:]) == {**msgspec.json.decode(error.body), "sequence_number": 0}
    assert event.startswith(b'data: {"error":')
    assert event.endswith(b"}\n\n")
    assert interrupted_event(error, is_named=True) == b"event: error\n" + event
