"""gateway/shapes/chat.py"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.anchors import head_key, message_key
from gateway.fence import SEPARATOR
from gateway.shapes.chat import SHAPE
from gateway.shapes.wire import TOKENS_PER_MEDIA_PART
from gateway.sse import events
from gateway.types import Call, Note, Reply, ToolCall, Turn, Usage
from tests.evaluation import data_dir
from tests.shapes.oddities import odd, unknown, words, written

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
TOOL_CALL = {"id": "call_1", "type": "function", "function": {"name": "search", "arguments": '{"q": 1}'}}


def read(messages: object, **members: object) -> Call:
    call = SHAPE.read(json.dumps({"model": "m", "messages": messages, **members}).encode())
    assert call is not None
    return call


def place(call: Call, *texts: str) -> bytes:
    """The body with one note at each slot, in order."""
    return SHAPE.place(call, [Note(where=slot.where, text=text) for slot, text in zip(call.slots, texts, strict=True)])


def place_only(call: Call, where: str, text: str) -> bytes:
    return SHAPE.place(call, [Note(where=where, text=text)])


# Reading a request


def test_a_request_is_read_into_turns() -> None:
    call = read(
        [
            {"role": "developer", "content": "Be brief."},
            {
                "role": "user",
                "content": [{"type": "text", "text": "look"}, IMAGE, "here", {"type": "x", "text": "too"}],
            },
            {"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "found"},
            {"role": "assistant", "content": "Well,", "refusal": "no."},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "never"}]},
            {"role": "assistant", "function_call": {"name": "old", "arguments": "{}"}},
            {"role": "function", "name": "old", "content": "1"},
            {"role": "narrator", "refusal": "silence"},
        ]
    )
    assert call.turns == (
        Turn(role="developer", text="Be brief."),
        Turn(role="user", text="look\nhere\ntoo"),
        Turn(role="assistant", text="", calls=(ToolCall(id="call_1", name="search", arguments='{"q": 1}'),)),
        Turn(role="tool", text="found", answers="call_1"),
        Turn(role="assistant", text="Well,\nno."),
        Turn(role="assistant", text="never"),
        Turn(role="assistant", text="", calls=(ToolCall(id="", name="old", arguments="{}"),)),
        Turn(role="function", text="1", name="old"),
        Turn(role="narrator", text="silence"),
    )


def test_the_members_around_the_messages_are_read() -> None:
    call = read([{"role": "user", "content": "hi"}], stream=True, max_tokens=5, max_completion_tokens=7)
    assert (call.model, call.is_stream, call.max_output_tokens) == ("m", True, 7)
    assert bytes(call.fields["model"]) == b'"m"'


def test_members_of_other_types_say_nothing() -> None:
    body = b'{"model":1,"stream":"yes","max_tokens":1e400,"max_completion_tokens":-1,"messages":[{"content":{}}]}'
    call = SHAPE.read(body)
    assert call is not None
    assert (call.model, call.is_stream, call.max_output_tokens) == ("", False, None)
    assert call.turns == (Turn(role="", text=""),)


def test_lone_surrogates_do_not_make_a_request_unreadable() -> None:
    body = rb'{"messages":[{"role":"user","content":"a\ud83d"},{"role":"user","content":"b"}]}'
    call = SHAPE.read(body)
    assert call is not None
    assert [turn.text for turn in call.turns] == ["a\ufffd", "b"]
    assert place(call, "one", "two") == (
        rb'{"messages":[{"role":"user","content":"a\ud83d\n\none"},{"role":"user","content":"b\n\ntwo"}]}'
    )


@pytest.mark.promise("P1")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"not json",
        b'{"messages":[]}',
        b'{"messages":null}',
        b'{"messages":"hi"}',
        b'{"messages":[1]}',
        b'{"messages":[{"role":1}]}',
        b'{"messages":[{"role":"user","content":"\xff"}]}',
        b'{"messages":[{"role":"user","content":"hi"}]',
        b'{"messages":[{"role":"user","content":"hi",}]}',
        b'{"messages":' + b"[" * 100_000,
        b'{"messages":[{"role":"user","content":"hi"}],"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_what_we_do_not_understand_is_left_alone(body: bytes) -> None:
    assert SHAPE.read(body) is None


def test_the_estimate_of_the_prompt_counts_media_by_the_piece() -> None:
    big = {"type": "input_audio", "input_audio": {"data": "A" * 100_000, "format": "wav"}}
    file = {"type": "file", "file": {"file_data": "A" * 100_000}}
    plain = read([{"role": "user", "content": [{"type": "text", "text": "x" * 1000}]}])
    media = read([{"role": "user", "content": [{"type": "text", "text": "x" * 1000}, big, file]}])
    assert plain.prompt_tokens == -(-len(plain.body) // 2)
    assert 0 <= media.prompt_tokens - plain.prompt_tokens - 2 * TOKENS_PER_MEDIA_PART < 100


# Slots


def test_the_head_is_the_last_of_the_leading_system_messages() -> None:
    leading = [{"role": "system", "content": "one"}, {"role": "developer", "content": "two"}]
    call = read([*leading, {"role": "user", "content": "hi"}, {"role": "system", "content": "late"}])
    head, user = call.slots
    assert (head.is_head, head.where) == (True, head_key(call.turns[:2]))
    assert (user.is_head, user.where) == (False, message_key(call.turns[1], call.turns[2], 0))
    messages = json.loads(place(call, "H", "U"))["messages"]
    assert [message["content"] for message in messages] == ["one", "two\n\nH", "hi\n\nU", "late"]


def test_a_request_of_system_text_alone_has_no_head_because_more_of_it_may_follow() -> None:
    assert read([{"role": "system", "content": "one"}]).slots == ()


def test_equal_messages_are_told_apart_by_how_often_they_came() -> None:
    again = [{"role": "user", "content": "go on"}, {"role": "assistant", "content": "ok"}]
    call = read([{"role": "assistant", "content": "ok"}, *again, *again, *again])
    previous, turn = call.turns[0], call.turns[1]
    assert [slot.where for slot in call.slots] == [message_key(previous, turn, count) for count in range(3)]


@pytest.mark.parametrize("content", [None, 5, {"text": "hi"}, [1], True])
def test_a_content_that_text_cannot_join_is_no_slot(content: object) -> None:
    assert read([{"role": "system", "content": content}, {"role": "user", "content": content}]).slots == ()


def test_an_absent_content_is_no_slot() -> None:
    assert read([{"role": "user"}]).slots == ()


@pytest.mark.promise("P2")
def test_notes_never_come_between_tool_calls_and_their_results() -> None:
    call = read(
        [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "u"},
            {"role": "assistant", "content": "thinking", "tool_calls": [TOOL_CALL, {**TOOL_CALL, "id": "call_2"}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "1"},
            {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "2"}]},
        ]
    )
    before = json.loads(call.body)["messages"]
    after = json.loads(place(call, "H", "U"))["messages"]
    assert after[2:] == before[2:]
    assert [message["role"] for message in after] == [message["role"] for message in before]


# Placing


def test_a_note_takes_the_form_of_its_message() -> None:
    body = rb"""{ "messages" : [
        {"content" : "tab\t\"quote\"" , "role":"user"},
        {"role":"user", "content": [ {"type":"text","text":"a"} ] },
        {"role":"user", "content": [ ] }
    ] }"""
    call = SHAPE.read(body)
    assert call is not None
    assert [slot.form for slot in call.slots] == ["string", "parts", "empty-parts"]
    assert place(call, "é", 'b"', "c") == (
        rb"""{ "messages" : [
        {"content" : "tab\t\"quote\"\n\n\u00e9" , "role":"user"},
        {"role":"user", "content": [ {"type":"text","text":"a"} ,{"type":"text","text":"b\""}] },
        {"role":"user", "content": [ {"type":"text","text":"c"}] }
    ] }"""
    )


def test_notes_at_one_place_are_joined_in_their_order() -> None:
    call = read([{"role": "user", "content": "hi"}])
    notes = [Note(where=call.slots[0].where, text=text) for text in ("one", "", "two")]
    assert json.loads(SHAPE.place(call, notes))["messages"][0]["content"] == "hi\n\none\n\ntwo"


def test_of_duplicate_members_the_one_that_counts_gets_the_note() -> None:
    body = b'{"messages":[],"messages":[{"content":[],"role":"user","content":"hi"}],"model":"a","model":"b"}'
    call = SHAPE.read(body)
    assert call is not None
    assert call.model == "b"
    assert json.loads(place(call, "N"))["messages"] == [{"role": "user", "content": "hi\n\nN"}]


def test_a_member_written_with_escapes_is_the_same_member() -> None:
    call = SHAPE.read(rb'{"m\u0065ssages":[{"role":"\u0075ser","c\u006fntent":"hi"}]}')
    assert call is not None
    assert json.loads(place(call, "N"))["messages"] == [{"role": "user", "content": "hi\n\nN"}]


text_parts = st.fixed_dictionaries({"type": st.just("text"), "text": words}, optional={"cache_control": unknown})
parts = st.lists(
    text_parts | words | st.just(IMAGE) | st.fixed_dictionaries({"type": words, "x-y": unknown}), max_size=3
)
messages: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "developer", "user", "assistant", "tool", "function", "other"])},
    optional={
        "content": words | parts | st.none(),
        "name": words,
        "tool_calls": st.just([TOOL_CALL]),
        "tool_call_id": st.just("call_1"),
        "x-extra": unknown,
    },
)
requests = st.fixed_dictionaries(
    {"model": words, "messages": st.lists(messages, min_size=1, max_size=6)},
    optional={"temperature": odd.map(msgspec.Raw), "tools": unknown, "metadata": unknown, "x-new": unknown},
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    return written(draw, draw(requests)).encode()


@pytest.mark.promise("P2")
@settings(deadline=None, max_examples=300)
@given(bodies(), st.data())
def test_only_the_notes_differ(body: bytes, data: st.DataObject) -> None:
    call = SHAPE.read(body)
    assert call is not None
    texts = {slot.where: data.draw(st.text(min_size=1, max_size=9)) for slot in call.slots}
    notes = [Note(where=where, text=text) for where, text in texts.items()]
    result = SHAPE.place(call, notes)

    cut = result
    for slot in call.slots:  # in body order, so that each slot's offset holds once the notes before it are out
        size = len(place_only(call, slot.where, texts[slot.where])) - len(body)
        cut = cut[: slot.at] + cut[slot.at + size :]
    assert cut == body

    before, after = json.loads(body), json.loads(result)
    wanted = [*before["messages"]]
    owners = [index for index, message in enumerate(wanted) if takes_note(wanted, index, message)]
    assert len(owners) == len(call.slots)
    for index, slot in zip(owners, call.slots, strict=True):
        text, content = texts[slot.where], wanted[index]["content"]
        added = SEPARATOR + text if isinstance(content, str) else [{"type": "text", "text": text}]
        wanted[index] = {**wanted[index], "content": content + added}
    assert after == {**before, "messages": wanted}


def takes_note(every: list[dict[str, Any]], index: int, message: dict[str, Any]) -> bool:
    """Said again from the design: the last leading system message, and user messages; with a content."""
    is_leading = all(earlier["role"] in ("system", "developer") for earlier in every[: index + 1])
    is_last_leading = is_leading and index + 1 < len(every) and every[index + 1]["role"] not in ("system", "developer")
    return (is_last_leading or message["role"] == "user") and message.get("content") is not None


@pytest.mark.promise("P1")
@settings(deadline=None, max_examples=100)
@given(bodies())
def test_without_notes_the_very_same_bytes_come_back(body: bytes) -> None:
    call = SHAPE.read(body)
    assert call is not None
    silent = [Note(where=slot.where, text="") for slot in call.slots]
    assert SHAPE.place(call, []) is body
    assert SHAPE.place(call, [*silent, Note(where="elsewhere", text="lost")]) is body


# The same conversation, request after request

said = st.sampled_from(["yes", "go on", "é", ""]) | words
contents = said | st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": said}), max_size=2)
answers = st.lists(
    st.fixed_dictionaries({"role": st.just("assistant"), "content": said})
    | st.just({"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]})
    | st.just({"role": "tool", "tool_call_id": "call_1", "content": "ok"}),
    max_size=3,
)
asks = st.fixed_dictionaries({"role": st.just("user"), "content": contents})
heads = st.lists(st.fixed_dictionaries({"role": st.just("system"), "content": said}), max_size=2)


def request(history: list[dict[str, Any]], style: dict[str, Any]) -> Call:
    call = SHAPE.read(json.dumps({"model": "m", "messages": history}, **style).encode())
    assert call is not None
    return call


@pytest.mark.promise("P5")
@settings(deadline=None, max_examples=200)
@given(
    heads, st.lists(st.tuples(asks, answers), min_size=1, max_size=5), st.sampled_from([{}, {"separators": (",", ":")}])
)
def test_each_request_with_its_notes_is_a_prefix_of_the_next(
    head: list[dict[str, Any]], turns: list[tuple[dict[str, Any], list[dict[str, Any]]]], style: dict[str, Any]
) -> None:
    ledger: dict[str, Note] = {}
    history, sent = [*head], b""
    for ask, answer in turns:
        history.append(ask)
        call = request(history, style)
        assert set(ledger) <= {slot.where for slot in call.slots}
        assert len({slot.where for slot in call.slots}) == len(call.slots)
        for slot in call.slots:
            ledger.setdefault(slot.where, Note(where=slot.where, text=f"note {len(ledger)}"))
        result = SHAPE.place(call, list(ledger.values()))
        assert result.startswith(sent)
        sent = result.removesuffix(b"]}")
        assert len(sent) == len(result) - 2
        history += answer


@pytest.mark.promise("P5")
@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(asks, answers), min_size=2, max_size=6), st.data())
def test_messages_keep_their_names_when_later_ones_are_edited_and_the_front_is_cut(
    turns: list[tuple[dict[str, Any], list[dict[str, Any]]]], data: st.DataObject
) -> None:
    asked = [
        [{**ask, "content": f"question {number}"}, {"role": "assistant", "content": f"answer {number}"}, *answer]
        for number, (ask, answer) in enumerate(turns)
    ]
    before = request([message for turn in asked for message in turn], {})
    cut = data.draw(st.integers(0, len(asked) - 2))
    edited = data.draw(st.integers(cut + 1, len(asked) - 1))
    asked[edited][0]["content"] = "another question"
    after = request([message for turn in asked[cut:] for message in turn], {})
    old, new = [slot.where for slot in before.slots[cut:]], [slot.where for slot in after.slots]
    unchanged = [number for number in range(len(new)) if number != edited - cut and (number or not cut)]
    assert [new[number] for number in unchanged] == [old[number] for number in unchanged]
    assert new[edited - cut] != old[edited - cut]


# Answers


def chunk(delta: object, index: int = 0, finish: str | None = None, **members: object) -> bytes:
    choices = [{"index": index, "delta": delta, "finish_reason": finish}]
    return json.dumps({"id": "c1", "model": "m-1", "choices": choices, **members}).encode()


def tapped(*data: bytes) -> Reply:
    tap = SHAPE.tap()
    for event in data:
        tap.feed(event)
    return tap.close()


USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 8}}


def test_a_whole_answer_is_read() -> None:
    message = {"role": "assistant", "content": "Hi", "reasoning_content": "hm", "tool_calls": [TOOL_CALL]}
    choices = [
        {"index": 1, "message": {"role": "assistant", "content": None, "refusal": "No"}, "finish_reason": "stop"},
        {"index": 0, "message": message, "finish_reason": "tool_calls"},
    ]
    body = json.dumps({"id": "c1", "model": "m-1", "choices": choices, "usage": USAGE, "error": None}).encode()
    assert SHAPE.reply(body) == Reply(
        turns=(
            Turn(
                role="assistant",
                text="Hi",
                calls=(ToolCall(id="call_1", name="search", arguments='{"q": 1}'),),
            ),
            Turn(role="assistant", text="No"),
        ),
        id="c1",
        model="m-1",
        finish_reason="tool_calls",
        usage=Usage(prompt_tokens=9, completion_tokens=3, cached_tokens=8),
    )


def test_calls_of_a_whole_answer_stay_apart() -> None:
    calls = [TOOL_CALL, {**TOOL_CALL, "id": "call_2"}, {"function": {"name": "no_id", "arguments": "{}"}}]
    reply = SHAPE.reply(json.dumps({"choices": [{"message": {"tool_calls": calls}}]}).encode())
    assert [(call.id, call.name) for call in reply.turns[0].calls] == [
        ("call_1", "search"),
        ("call_2", "search"),
        ("", "no_id"),
    ]


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b'{"error":{"message":"no"}}', b'{"choices":null}', b'{"choices":1}', b"[" * 100_000],
)
def test_an_answer_without_choices_is_incomplete(body: bytes) -> None:
    assert SHAPE.reply(body) == Reply(is_complete=False)


def test_an_answer_with_an_error_in_it_is_incomplete() -> None:
    assert not SHAPE.reply(b'{"choices":[],"error":{"message":"no"}}').is_complete


STREAM = (
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "Hé"}),
    chunk({"content": "other"}, index=1),
    chunk({"reasoning_content": "hm", "content": None}),
    chunk({"content": "llo"}),
    chunk({"refusal": "bu"}, index=1),
    chunk({"refusal": "t no"}, index=1, finish="stop"),
    chunk({"tool_calls": [{"index": 1, "id": "call_b", "function": {"name": "b", "arguments": ""}}]}),
    chunk({"tool_calls": [{"index": 0, "id": "call_a", "function": {"name": "a", "arguments": ""}}]}),
    chunk({"tool_calls": [{"index": 1, "function": {"arguments": '{"x":'}}]}),
    chunk(
        {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}, {"index": 1, "function": {"arguments": "1}"}}]}
    ),
    chunk({}, finish="tool_calls"),
    json.dumps({"id": "c1", "choices": [], "usage": USAGE}).encode(),
    b"[DONE]",
)
STREAMED = Reply(
    turns=(
        Turn(
            role="assistant",
            text="Héllo",
            calls=(
                ToolCall(id="call_a", name="a", arguments="{}"),
                ToolCall(id="call_b", name="b", arguments='{"x":1}'),
            ),
        ),
        Turn(role="assistant", text="other\nbut no"),
    ),
    id="c1",
    model="m-1",
    finish_reason="tool_calls",
    usage=Usage(prompt_tokens=9, completion_tokens=3, cached_tokens=8),
)


def test_a_streamed_answer_is_put_together() -> None:
    assert tapped(*STREAM) == STREAMED


def test_a_stream_without_end_mark_is_complete_when_every_choice_has_finished() -> None:
    assert tapped(*STREAM[:-1]) == STREAMED
    assert not tapped(*STREAM[:7]).is_complete
    assert not tapped().is_complete


def test_calls_streamed_without_an_index_are_told_apart_by_id() -> None:
    pieces = [
        {"id": "call_a", "function": {"name": "a", "arguments": "{"}},
        {"function": {"arguments": "}"}},
        {"id": "call_b", "custom": {"name": "b", "input": "text"}},
    ]
    calls = tapped(*[chunk({"tool_calls": [piece]}) for piece in pieces]).turns[0].calls
    assert calls == (
        ToolCall(id="call_a", name="a", arguments="{}"),
        ToolCall(id="call_b", name="b", arguments="text"),
    )


def test_the_older_function_call_is_put_together() -> None:
    deltas = [{"name": "old", "arguments": ""}, {"arguments": "{"}, {"arguments": "}"}]
    reply = tapped(*[chunk({"function_call": delta}) for delta in deltas])
    assert reply.turns[0].calls == (ToolCall(id="", name="old", arguments="{}"),)


def test_an_error_event_makes_the_reply_incomplete_and_keeps_what_was_said() -> None:
    reply = tapped(chunk({"content": "Hel"}), b'{"error":{"message":"overloaded"}}', b"[DONE]")
    assert reply == Reply(turns=(Turn(role="assistant", text="Hel"),), id="c1", model="m-1", is_complete=False)
    assert tapped(b'{"error":{"message":"overloaded"}}', b"[DONE]") == Reply(is_complete=False)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.binary(max_size=30) | st.sampled_from([b"[1]", b'{"choices":[{"delta":5}]}', b'{"choices":[{}]}'])))
def test_events_that_are_not_understood_are_skipped(junk: list[bytes]) -> None:
    assert tapped(*[piece for event in STREAM for piece in (*junk, event)]) == STREAMED


@pytest.mark.promise("P3")
@settings(deadline=None, max_examples=200)
@given(st.data(), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_a_stream_cut_anywhere_says_as_much_as_came(data: st.DataObject, end: bytes) -> None:
    stream = b"".join(b"data: " + event + end + end for event in STREAM)
    at = data.draw(st.integers(0, len(stream)))
    came = list(events(stream[:at]))
    reply = tapped(*came)
    assert came == list(STREAM[: len(came)])
    assert reply == tapped(*STREAM[: len(came)])
    assert reply.is_complete == (len(came) >= len(STREAM) - 2)
    for turn, whole in zip(reply.turns, STREAMED.turns, strict=False):
        assert whole.text.startswith(turn.text)


# What real clients sent

DATA = data_dir()


@pytest.mark.skipif(DATA is None, reason="ACCRUE_DATA does not name the data folder, beside which the captures lie")
def test_every_captured_request_is_understood() -> None:
    assert DATA is not None
    seen = 0
    for file in sorted((DATA.parent / "captures").glob("*/*.json")):
        captured = json.loads(file.read_text())
        if captured["method"] != "POST" or not captured["path"].endswith("/chat/completions"):
            continue
        seen += 1
        call = SHAPE.read(json.dumps(captured["body"]).encode())
        assert call is not None, file.name
        users = [index for index, turn in enumerate(call.turns) if turn.role == "user"]
        assert users, file.name
        assert not call.slots[-1].is_head, file.name
        marked = json.loads(place_only(call, call.slots[-1].where, "NOTE"))["messages"][users[-1]]["content"]
        assert "NOTE" in json.dumps(marked), file.name
    assert seen > 100
