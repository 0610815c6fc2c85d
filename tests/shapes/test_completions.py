"""gateway/shapes/completions.py"""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fence import SEPARATOR
from gateway.shapes.completions import OPENING_CHARS, SHAPE
from gateway.sse import events
from gateway.types import Call, Note, Reply, Turn, Usage
from tests.shapes.oddities import unknown, words, written


def read(prompt: object, **members: object) -> Call:
    call = SHAPE.read(json.dumps({"model": "m", "prompt": prompt, **members}).encode())
    assert call is not None
    return call


def place(call: Call, text: str) -> bytes:
    return SHAPE.place(call, [Note(where=call.slots[0].where, text=text)])


# Reading a request


def test_a_prompt_is_what_the_user_says() -> None:
    call = read("Once upon a time", stream=True, max_tokens=50)
    assert call.turns == (Turn(role="user", text="Once upon a time"),)
    assert (call.model, call.is_stream, call.max_output_tokens) == ("m", True, 50)
    assert call.prompt_tokens == -(-len(call.body) // 2)


def test_members_of_other_types_say_nothing() -> None:
    call = read("hi", model=1, stream="yes", max_tokens=-1)
    assert (call.model, call.is_stream, call.max_output_tokens) == ("", False, None)


@pytest.mark.promise("P1")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{}",
        b'{"prompt":null}',
        b'{"prompt":""}',
        b'{"prompt":["one"]}',
        b'{"prompt":["one","two"]}',
        b'{"prompt":[1,2,3]}',
        b'{"prompt":[[1,2],[3]]}',
        b'{"prompt":"def f():","suffix":"return x"}',
        b'{"prompt":"def f():","suffix":""}',
        b'{"prompt":"hi","echo":true}',
        b'{"prompt":"\xff"}',
        b'{"prompt":"hi"',
        b'{"prompt":"hi","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_what_is_not_one_text_to_go_on_with_is_left_alone(body: bytes) -> None:
    assert SHAPE.read(body) is None


def test_members_that_ask_for_nothing_change_nothing() -> None:
    assert [slot.form for slot in read("hi", suffix=None, echo=False).slots] == ["opening"]


# Placing


def test_the_note_stands_before_the_prompt() -> None:
    call = SHAPE.read(b'{ "prompt" : "say \\"hi\\"", "model":"m"}')
    assert call is not None
    assert place(call, "é") == b'{ "prompt" : "\\u00e9\\n\\nsay \\"hi\\"", "model":"m"}'


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    members = st.fixed_dictionaries(
        {"model": words, "prompt": words.filter(bool)}, optional={"temperature": unknown, "x-new": unknown}
    )
    return written(draw, draw(members)).encode()


@pytest.mark.promise("P2")
@settings(deadline=None, max_examples=200)
@given(bodies(), st.text(min_size=1, max_size=9))
def test_only_the_note_differs(body: bytes, text: str) -> None:
    call = SHAPE.read(body)
    assert call is not None
    result = place(call, text)
    at = call.slots[0].at
    assert result[:at] + result[at + len(result) - len(body) :] == body
    before = json.loads(body)
    assert json.loads(result) == {**before, "prompt": text + SEPARATOR + before["prompt"]}


@pytest.mark.promise("P1")
@settings(deadline=None, max_examples=50)
@given(bodies())
def test_without_a_note_the_very_same_bytes_come_back(body: bytes) -> None:
    call = SHAPE.read(body)
    assert call is not None
    assert SHAPE.place(call, []) is body
    assert SHAPE.place(call, [Note(where=call.slots[0].where, text=""), Note(where="elsewhere", text="lost")]) is body


@pytest.mark.promise("P5")
@settings(deadline=None, max_examples=100)
@given(
    st.text(min_size=OPENING_CHARS, max_size=OPENING_CHARS + 9), st.lists(st.text(max_size=9), min_size=1, max_size=4)
)
def test_a_prompt_that_grows_keeps_its_note_at_its_beginning(opening: str, more: list[str]) -> None:
    before = read(opening)
    note = Note(where=before.slots[0].where, text="note")
    sent = SHAPE.place(before, [note]).removesuffix(b'"}')
    for count in range(len(more)):
        grown = SHAPE.place(read(opening + "".join(more[: count + 1])), [note])
        assert grown.startswith(sent)
        sent = grown.removesuffix(b'"}')


def test_another_opening_is_another_place() -> None:
    assert read("a" * OPENING_CHARS).slots[0].where != read("b" * OPENING_CHARS).slots[0].where
    assert read("a" * (OPENING_CHARS - 1)).slots[0].where != read("a" * OPENING_CHARS).slots[0].where


# Answers

USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 8}}


def chunk(text: str, index: int = 0, finish: str | None = None, **members: object) -> bytes:
    choices = [{"index": index, "text": text, "finish_reason": finish, "logprobs": None}]
    return json.dumps({"id": "cmpl-1", "model": "m-1", "choices": choices, **members}).encode()


def tapped(*data: bytes) -> Reply:
    tap = SHAPE.tap()
    for event in data:
        tap.feed(event)
    return tap.close()


STREAM = (
    chunk("Hé"),
    chunk("other", index=1),
    chunk("llo"),
    chunk(" one", index=1, finish="length"),
    chunk("", finish="stop"),
    json.dumps({"id": "cmpl-1", "choices": [], "usage": USAGE}).encode(),
    b"[DONE]",
)
SAID = Reply(
    turns=(Turn(role="assistant", text="Héllo"), Turn(role="assistant", text="other one")),
    id="cmpl-1",
    model="m-1",
    finish_reason="stop",
    usage=Usage(prompt_tokens=9, completion_tokens=3, cached_tokens=8),
)


def test_a_whole_answer_is_read() -> None:
    choices = [
        {"index": 1, "text": "other one", "finish_reason": "length"},
        {"index": 0, "text": "Héllo", "finish_reason": "stop"},
    ]
    body = json.dumps({"id": "cmpl-1", "model": "m-1", "choices": choices, "usage": USAGE, "error": None}).encode()
    assert SHAPE.reply(body) == SAID


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error":{"message":"no"}}', b'{"choices":null}'])
def test_an_answer_without_choices_is_incomplete(body: bytes) -> None:
    assert SHAPE.reply(body) == Reply(is_complete=False)


def test_an_answer_with_an_error_in_it_is_incomplete() -> None:
    assert not SHAPE.reply(b'{"choices":[],"error":{"message":"no"}}').is_complete


def test_a_streamed_answer_is_put_together() -> None:
    assert tapped(*STREAM) == SAID


def test_a_stream_without_end_mark_is_complete_when_every_choice_has_finished() -> None:
    assert tapped(*STREAM[:-1]) == SAID
    assert not tapped(*STREAM[:4]).is_complete
    assert not tapped().is_complete


def test_the_end_mark_ends_a_stream_that_gave_no_reason() -> None:
    assert tapped(chunk("Hi"), b"[DONE]").is_complete


def test_an_error_event_makes_the_reply_incomplete_and_keeps_what_was_written() -> None:
    reply = tapped(chunk("Hel"), b'{"error":{"message":"overloaded"}}', b"[DONE]")
    assert reply == Reply(turns=(Turn(role="assistant", text="Hel"),), id="cmpl-1", model="m-1", is_complete=False)


@pytest.mark.promise("P3")
@settings(deadline=None, max_examples=200)
@given(st.data(), st.sampled_from([b"\n", b"\r\n", b"\r"]), st.sampled_from([b"", b"\xff", b"[1]", b'{"choices":5}']))
def test_a_stream_cut_anywhere_says_as_much_as_came(data: st.DataObject, end: bytes, junk: bytes) -> None:
    stream = b"".join(b"data: " + event + end + end for event in STREAM)
    came = list(events(stream[: data.draw(st.integers(0, len(stream)))]))
    assert came == list(STREAM[: len(came)])
    reply = tapped(*[piece for event in came for piece in (junk, event)])
    assert reply == tapped(*STREAM[: len(came)])
    assert reply.is_complete == (len(came) >= len(STREAM) - 2)
    for turn, whole in zip(reply.turns, SAID.turns, strict=False):
        assert whole.text.startswith(turn.text)
