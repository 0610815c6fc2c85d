"""The outside of messages: what is read of it, and where the call lies in it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import sse
from gateway.errors import UpstreamUnreachable
from gateway.frames import as_event, frame_of, last_event, parts

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
BODIES = st.dictionaries(st.text(), JSON, max_size=4)


@pytest.mark.parametrize("message", [b'{"type":"x"}', "", "no", "[]", '{"type":1}', "{}"])
def test_what_is_not_worded_as_the_api_does_is_no_frame(message: str | bytes) -> None:
    assert frame_of(message) is None


def test_a_frame_names_its_lane_and_its_response() -> None:
    created = frame_of('{"type":"response.created","stream_id":"a","response":{"id":"resp_1","x":"\\ud800"}}')
    assert created is not None
    assert (created.lane, created.response_id, created.http_status) == ("a", "resp_1", None)


@pytest.mark.parametrize(
    "members", ['"status":"400","stream_id":7', '"response":[]', '"response":{"id":5}', '"status":{}']
)
def test_a_frame_with_odd_members_is_a_frame_of_its_type(members: str) -> None:
    frame = frame_of('{"type":"error",' + members + "}")
    assert frame is not None
    assert (frame.type, frame.lane, frame.response_id, frame.http_status) == ("error", None, "", None)


def test_a_response_says_that_its_prompt_was_too_long() -> None:
    failed = '{"type":"response.failed","response":{"id":"resp_1","error":{"code":"%s"}}}'
    long, other = frame_of(failed % "context_length_exceeded"), frame_of(failed % "server_error")
    assert long is not None
    assert other is not None
    assert (long.is_overflow, other.is_overflow) == (True, False)


@pytest.mark.promise("P2")
@settings(deadline=None, max_examples=60)
@given(BODIES, BODIES, st.booleans(), st.sampled_from([None, 1]))
def test_a_call_and_its_envelope_are_the_whole_message(
    body: dict[str, object], envelope: dict[str, object], is_ascii: bool, indent: int | None
) -> None:
    around = {**envelope, "type": "response.create", "stream_id": "a", "status": None, "steer": {}}
    around.pop("previous_response_id", None)
    sent = json.dumps({**around, "response": body, "last": 1.0}, ensure_ascii=is_ascii, indent=indent)
    before, found, after = parts(sent.encode("utf-8", "replace"))
    assert before + found + after == sent.encode("utf-8", "replace")
    assert json.loads(found) == json.loads(json.dumps(body).encode("utf-8", "replace"))


@pytest.mark.parametrize(
    "sent", [b'{"type":"response.create","input":"hi"}', b'{"type":"response.create","response":"resp_1"}', b"no JSON"]
)
def test_a_message_without_an_envelope_is_the_call(sent: bytes) -> None:
    assert parts(sent) == (b"", sent, b"")


@pytest.mark.parametrize("written", ['{"type":"response.completed"}', '{\n "type":\r\n"response.completed"\n}\n'])
def test_an_event_holds_the_message_and_is_seen_to_be_the_last(written: str) -> None:
    frame = frame_of(written)
    assert frame is not None
    event = as_event(written, frame)
    assert [json.loads(data) for data in sse.events(event)] == [json.loads(written)]
    assert sse.EndMark(["response.completed"]).feed(event)


@pytest.mark.parametrize(("lane", "named"), [(None, {}), ("a", {"stream_id": "a"})])
def test_last_words_are_an_error_event_of_their_lane(lane: str | None, named: dict[str, str]) -> None:
    event = json.loads(last_event(UpstreamUnreachable("broke off"), lane))
    error = event.pop("error")
    assert event == {"type": "error", "status": 502, **named}
    assert (error["message"], error["type"]) == ("broke off", "api_connection_error")
