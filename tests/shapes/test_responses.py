"""gateway/shapes/responses.py"""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.anchors import head_key, message_key
from gateway.fence import SEPARATOR
from gateway.shapes.responses import SHAPE
from gateway.sse import EndMark, events
from gateway.types import Call, Note, Reply, ToolCall, Turn, Usage
from tests.evaluation import data_dir

USER = {"role": "user", "content": "hi"}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA=="}
FUNCTION_CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "search", "arguments": '{"q": 1}'}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "found"}
ANSWER = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "Hello.", "annotations": []}],
}


def read(items: object, **members: object) -> Call:
    call = SHAPE.read(json.dumps({"model": "m", "input": items, **members}).encode())
    assert call is not None
    return call


def place(call: Call, *texts: str) -> bytes:
    """The body with one note at each slot, in order."""
    return SHAPE.place(call, [Note(where=slot.where, text=text) for slot, text in zip(call.slots, texts, strict=True)])


# Reading a request


def test_instructions_and_a_string_are_two_messages() -> None:
    call = read("hi", instructions="Be brief.")
    assert call.turns == (Turn(role="system", text="Be brief."), Turn(role="user", text="hi"))


def test_the_members_around_the_input_are_read() -> None:
    call = read("hi", stream=True, max_output_tokens=7)
    assert (call.model, call.is_stream, call.max_output_tokens, call.is_continued) == ("m", True, 7, False)
    assert bytes(call.fields["model"]) == b'"m"'


def test_members_of_other_types_say_nothing() -> None:
    body = b'{"model":1,"stream":"yes","max_output_tokens":-1,"previous_response_id":5,"instructions":{},"input":[1]}'
    call = SHAPE.read(body)
    assert call is not None
    assert (call.model, call.is_stream, call.max_output_tokens) == ("", False, None)
    assert (call.turns, call.slots, call.echoes, call.is_continued) == ((), (), (), False)


@pytest.mark.promise("P1")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"not json",
        b'{"input":[]}',
        b'{"input":""}',
        b'{"input":null,"prompt":{"id":"pmpt_1"}}',
        b'{"input":{"role":"user","content":"hi"}}',
        b'{"instructions":"Be brief.","conversation":null}',
        b'{"input":"\xff"}',
        b'{"input":"hi"',
        b'{"input":' + b"[" * 100_000,
    ],
)
def test_what_says_nothing_or_is_not_understood_is_left_alone(body: bytes) -> None:
    assert SHAPE.read(body) is None


def test_lone_surrogates_do_not_make_a_request_unreadable() -> None:
    call = SHAPE.read(rb'{"input":[{"role":"user","content":"a\ud83d"}]}')
    assert call is not None
    assert call.turns == (Turn(role="user", text="a\ufffd"),)
    assert place(call, "N") == rb'{"input":[{"role":"user","content":"a\ud83d\n\nN"}]}'


def test_the_estimate_of_the_prompt_counts_images_by_the_piece() -> None:
    image = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 100_000}
    generated = {"type": "image_generation_call", "id": "ig_1", "result": "A" * 100_000}
    call = read([{"role": "user", "content": [image]}, generated])
    assert 8_000 < call.prompt_tokens < 8_200


# What the upstream keeps


def test_a_chain_is_named_by_the_response_before_and_the_items_the_upstream_minted() -> None:
    items = [
        {**USER, "type": "message", "id": "msg_of_the_client"},
        REASONING,
        FUNCTION_CALL,
        {**OUTPUT, "id": "fco_of_the_client"},
        ANSWER,
        {"type": "item_reference", "id": "msg_2"},
        {"id": "msg_3"},
        {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAA=="},
    ]
    call = read(items, previous_response_id="resp_1")
    assert call.is_continued
    assert call.echoes == ("resp_1", "cmp_1", "msg_3", "msg_2", "msg_1", "fc_1", "rs_1")


@pytest.mark.parametrize(
    ("members", "is_continued"),
    [
        ({"previous_response_id": "resp_1"}, True),
        ({"conversation": "conv_1"}, True),
        ({"conversation": {"id": "conv_1"}}, True),
        ({"conversation": None, "previous_response_id": None}, False),
        ({"conversation": "", "previous_response_id": ""}, False),
        ({}, False),
    ],
)
def test_a_chain_and_a_conversation_are_continued(members: dict[str, object], is_continued: bool) -> None:
    assert read("hi", **members).is_continued is is_continued


def test_a_link_of_a_chain_that_says_nothing_is_still_a_link() -> None:
    call = SHAPE.read(b'{"previous_response_id":"resp_1"}')
    assert call is not None
    assert (call.echoes, call.turns, call.slots) == (("resp_1",), (), ())


@pytest.mark.promise("P5")
def test_the_same_words_further_down_a_chain_are_another_message_and_a_retry_is_the_same() -> None:
    def name(**members: object) -> str:
        return read([USER], instructions="Be brief.", **members).slots[-1].where

    first, second, third = name(), name(previous_response_id="resp_1"), name(previous_response_id="resp_2")
    assert len({first, second, third}) == 3
    assert second == name(previous_response_id="resp_1")


# Slots


def test_the_head_is_the_instructions_wherever_they_stand() -> None:
    call = SHAPE.read(
        b'{"input":[{"role":"developer","content":"d"},{"role":"user","content":"u"}],"instructions":"i"}'
    )
    assert call is not None
    head, user = call.slots
    assert (head.is_head, head.where) == (True, head_key(call.turns[:1]))
    assert (user.is_head, user.where) == (False, message_key(call.turns[1], call.turns[2], 0))
    assert place(call, "H", "U") == (
        rb'{"input":[{"role":"developer","content":"d"},{"role":"user","content":"u\n\nU"}],"instructions":"i\n\nH"}'
    )


@pytest.mark.parametrize("instructions", [None, "", []])
def test_without_instructions_the_head_is_the_last_of_the_leading_developer_messages(instructions: object) -> None:
    developer = {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "two"}]}
    late = {"role": "developer", "content": "late"}
    call = read([{"role": "system", "content": "one"}, developer, USER, late], instructions=instructions)
    head, user = call.slots
    assert (head.is_head, user.is_head) == (True, False)
    items = json.loads(place(call, "H", "U"))["input"]
    added = {**developer, "content": [*developer["content"], {"type": "input_text", "text": "H"}]}
    assert items == [{"role": "system", "content": "one"}, added, {**USER, "content": "hi\n\nU"}, late]


def test_notes_of_a_head_that_the_chain_keeps_are_told_from_those_sent_every_time() -> None:
    kept = read([{"role": "developer", "content": "d"}, USER]).slots[0]
    sent = read([USER], instructions="d").slots[0]
    assert (kept.where.startswith("head-"), sent.where.startswith("head-")) == (False, True)


def test_system_text_alone_is_no_head_because_more_of_it_may_follow() -> None:
    assert read([{"role": "developer", "content": "one"}]).slots == ()


def test_a_chain_has_no_head_but_its_instructions() -> None:
    reminder = {"role": "developer", "content": "Remember the rules."}
    assert [slot.is_head for slot in read([reminder, USER], previous_response_id="resp_1").slots] == [False]
    told = read([reminder, USER], previous_response_id="resp_1", instructions="i")
    assert [slot.is_head for slot in told.slots] == [True, False]


def test_instructions_in_items_are_read_and_take_no_notes() -> None:
    call = read([{"role": "developer", "content": "d"}, USER], instructions=[USER, {"role": "system", "content": "s"}])
    assert [turn.role for turn in call.turns] == ["user", "system", "developer", "user"]
    assert place(call, "U") == call.body.replace(b'"hi"}], "instr', b'"hi\\n\\nU"}], "instr')


@pytest.mark.promise("P5")
@pytest.mark.parametrize(
    "written",
    [
        [USER],
        [{"type": "message", **USER}],
        [{"content": [{"type": "input_text", "text": "hi"}], "role": "user", "id": "msg_9", "status": "completed"}],
        [{**USER, "content": "  hi\n"}],
    ],
)
def test_a_message_keeps_its_name_however_it_is_written(written: list[dict[str, Any]]) -> None:
    as_string, as_item = read("hi", instructions="i"), read([*written, ANSWER, USER], instructions="i")
    assert [slot.where for slot in as_item.slots[:2]] == [slot.where for slot in as_string.slots]


def test_a_message_with_a_member_of_another_item_is_a_message() -> None:
    call = read([{**USER, "output": []}])
    assert json.loads(place(call, "N"))["input"] == [{**USER, "content": "hi\n\nN", "output": []}]


@pytest.mark.parametrize("content", [None, 5, {"text": "hi"}, [1], True])
def test_a_content_that_text_cannot_join_is_no_slot(content: object) -> None:
    assert read([{"role": "developer", "content": content}, {"role": "user", "content": content}]).slots == ()


# Placing


def test_a_note_takes_the_form_of_its_message() -> None:
    body = rb"""{ "input" : [
        {"content" : "tab\t\"quote\"" , "role":"user"},
        {"role":"user", "content": [ {"type":"input_image"} ], "internal": 1.0 },
        {"role":"user", "content": [ ] }
    ] }"""
    call = SHAPE.read(body)
    assert call is not None
    assert place(call, "é", 'b"', "c") == (
        rb"""{ "input" : [
        {"content" : "tab\t\"quote\"\n\n\u00e9" , "role":"user"},
        {"role":"user", "content": [ {"type":"input_image"} ,{"type":"input_text","text":"b\""}], "internal": 1.0 },
        {"role":"user", "content": [ {"type":"input_text","text":"c"}] }
    ] }"""
    )


def test_a_note_joins_an_input_that_is_a_string() -> None:
    assert json.loads(place(read("hi"), "N"))["input"] == "hi\n\nN"


words = st.text(st.characters(exclude_categories=()), max_size=8)
text_parts = st.fixed_dictionaries({"type": st.just("input_text"), "text": words})
parts = st.lists(text_parts | st.just({"type": "input_image", "image_url": "data:,"}), max_size=3)
asks: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "user", "developer", "system"]), "content": words | parts},
    optional={"type": st.just("message"), "id": words, "internal_chat_message_metadata_passthrough": st.just({"x": 1})},
)
groups: st.SearchStrategy[list[Any]] = st.sampled_from(
    [
        [ANSWER],
        [{"role": "assistant", "content": "Hello."}],
        [REASONING, ANSWER],
        [REASONING, FUNCTION_CALL, OUTPUT],
        [FUNCTION_CALL, {**FUNCTION_CALL, "call_id": "call_2"}, OUTPUT, {**OUTPUT, "call_id": "call_2"}],
        [{"type": "web_search_call", "id": "ws_1", "action": {"type": "search"}}, ANSWER],
        [{"type": "custom_tool_call", "call_id": "c", "name": "t", "input": ""}],
        [{"type": "of_the_future", "role": 7, "id": [], "content": {}}],
        [None],
    ]
)
turns = asks.map(lambda ask: [ask]) | groups
histories = st.lists(turns, min_size=1, max_size=6).map(lambda said: [item for turn in said for item in turn])
odd = st.sampled_from(
    ['"temperature" : 1.0', '"x": 1e400', '"x":12345678901234567890123', '"x":"\\u00e9\\/\\ud83d"', '"x":[ { } ]']
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Requests with their members in any order and in any layout."""
    members: dict[str, object] = {"model": "m", "input": draw(histories | words.filter(bool))}
    members |= draw(st.fixed_dictionaries({}, optional={"instructions": st.none() | words}))
    members |= draw(st.sampled_from([{}, {"store": False}, {"previous_response_id": "resp_1"}, {"conversation": "c"}]))
    layout = draw(st.sampled_from([None, 1]))
    written = [f"{json.dumps(name)}:{json.dumps(value, indent=layout)}" for name, value in members.items()]
    return ("{" + ",".join(draw(st.permutations([*written, draw(odd)]))) + "}").encode()


@pytest.mark.promise("P2")
@settings(deadline=None, max_examples=300)
@given(bodies())
def test_only_the_notes_differ(body: bytes) -> None:
    call = SHAPE.read(body)
    assert call is not None
    result = place(call, *[f"note {index} é" for index in range(len(call.slots))])

    cut = result
    for index, slot in sorted(enumerate(call.slots), key=lambda numbered: numbered[1].at):
        size = len(SHAPE.place(call, [Note(where=slot.where, text=f"note {index} é")])) - len(body)
        cut = cut[: slot.at] + cut[slot.at + size :]
    assert cut == body

    before, after = json.loads(body), json.loads(result)
    texts = iter([f"note {index} é" for index in range(len(call.slots))])
    if before.get("instructions"):
        before["instructions"] += SEPARATOR + next(texts)
    if isinstance(before["input"], str):
        before["input"] += SEPARATOR + next(texts)
    else:
        before["input"] = [
            {**item, "content": joined(item["content"], next(texts))} if takes_note(before, place) else item
            for place, item in enumerate(before["input"])
        ]
    assert after == before
    assert next(texts, None) is None


def joined(content: Any, text: str) -> Any:
    return content + (SEPARATOR + text if isinstance(content, str) else [{"type": "input_text", "text": text}])


def takes_note(request: dict[str, Any], place: int) -> bool:
    """Said again from the design: user messages, and the last leading developer message where nothing else leads."""
    roles = {index: role for index, item in enumerate(request["input"]) if (role := role_of(item))}
    leading = list(itertools.takewhile(lambda index: roles[index] in ("developer", "system"), roles))
    is_led = request.get("instructions") or request.keys() & {"previous_response_id", "conversation"}
    is_head = not is_led and leading[-1:] == [place] and len(leading) < len(roles)
    return is_head or roles.get(place) == "user"


def role_of(item: dict[str, Any] | None) -> str:
    """Who speaks; nobody in items that are no message, call or output."""
    if item is None or item.get("type") in ("reasoning", "of_the_future"):
        return ""
    return str(item.get("role", "tool"))


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


@pytest.mark.promise("P5")
@settings(deadline=None, max_examples=200)
@given(st.lists(turns, min_size=1, max_size=8), st.sampled_from([{}, {"instructions": "Be brief."}]))
def test_each_request_with_its_notes_is_a_prefix_of_the_next(said: list[list[Any]], members: dict[str, str]) -> None:
    ledger: dict[str, Note] = {}
    history: list[Any] = [{"role": "developer", "content": "d"}, USER]
    sent = b""
    for news in ([], *said):
        history += news
        call = SHAPE.read(json.dumps({**members, "input": history}).encode())
        assert call is not None
        assert set(ledger) <= {slot.where for slot in call.slots}
        assert len({slot.where for slot in call.slots}) == len(call.slots)
        for slot in call.slots:
            ledger.setdefault(slot.where, Note(where=slot.where, text=f"note {len(ledger)}"))
        result = SHAPE.place(call, list(ledger.values()))
        assert result.startswith(sent)
        assert list(map(kind_of, json.loads(result)["input"])) == list(map(kind_of, history))
        sent = result.removesuffix(b"]}")
        assert len(sent) == len(result) - 2


def kind_of(item: Any) -> Any:
    """The item as it is, and of a user's or developer's message its role alone: those may get a note."""
    return role_of(item) if role_of(item) in ("user", "developer", "system") else item


@pytest.mark.promise("P5")
@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(["go on", "yes"]), min_size=1, max_size=6))
def test_each_message_of_a_chain_has_a_place_of_its_own(said: list[str]) -> None:
    ids = [{}, *[{"previous_response_id": f"resp_{number}"} for number in range(len(said) - 1)]]
    calls = [read(words, instructions="i", **chain) for words, chain in zip(said, ids, strict=True)]
    assert len({call.slots[0].where for call in calls}) == 1
    assert len({call.slots[1].where for call in calls}) == len(said)


# Answers

RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "m-1",
    "error": None,
    "incomplete_details": None,
    "output": [REASONING, ANSWER, {**FUNCTION_CALL, "status": "completed"}],
    "usage": {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 8}, "output_tokens": 3, "total_tokens": 12},
}
REPLY = Reply(
    turns=(Turn(role="assistant", text="Hello.", calls=(ToolCall(id="call_1", name="search", arguments='{"q": 1}'),)),),
    id="resp_1",
    echoes=("resp_1", "rs_1", "msg_1", "fc_1"),
    model="m-1",
    finish_reason="completed",
    usage=Usage(prompt_tokens=9, completion_tokens=3, cached_tokens=8),
)


def reply(**members: object) -> Reply:
    return SHAPE.reply(json.dumps({**RESPONSE, **members}).encode())


def test_a_whole_answer_is_read() -> None:
    assert reply() == REPLY


def test_an_answer_that_was_cut_short_says_why() -> None:
    cut = reply(status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    assert (cut.finish_reason, cut.is_complete) == ("max_output_tokens", True)


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_a_response_in_the_background_has_said_nothing_and_is_known_by_its_id(status: str) -> None:
    begun = reply(status=status, output=[], usage=None)
    assert begun == Reply(id="resp_1", echoes=("resp_1",), model="m-1", finish_reason=status)


def test_a_failed_answer_is_incomplete_and_keeps_what_was_said() -> None:
    failed = reply(status="failed", error={"code": "server_error", "message": "no"}, output=[ANSWER])
    assert (failed.is_complete, failed.finish_reason) == (False, "failed")
    assert failed.turns == (Turn(role="assistant", text="Hello."),)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"error":{"message":"no"}}',
        b'{"id":"r","output":null}',
        b'{"output":1}',
        b"[" * 100_000,
    ],
)
def test_an_answer_without_output_is_incomplete(body: bytes) -> None:
    assert SHAPE.reply(body) == Reply(is_complete=False)


# Streams


def event(kind: str, **members: object) -> bytes:
    return json.dumps({"type": kind, "sequence_number": 0, **members}).encode()


def delta(text: str, index: int = 1, kind: str = "response.output_text.delta") -> bytes:
    return event(kind, item_id="msg_1", output_index=index, content_index=0, delta=text)


def done(item: object, index: int) -> bytes:
    return event("response.output_item.done", output_index=index, item=item)


def tapped(*data: bytes) -> Reply:
    tap = SHAPE.tap()
    for piece in data:
        tap.feed(piece)
    return tap.close()


BEGUN = {**RESPONSE, "status": "in_progress", "output": [], "usage": None}
STREAM = (
    event("response.created", response=BEGUN),
    event("response.in_progress", response=BEGUN),
    event("response.output_item.added", output_index=0, item=REASONING),
    done(REASONING, 0),
    event("response.output_item.added", output_index=1, item={**ANSWER, "content": [], "status": "in_progress"}),
    event("response.content_part.added", output_index=1, part={"type": "output_text", "text": ""}),
    delta("Hel"),
    delta("lo."),
    event("response.output_text.done", output_index=1, text="Hello."),
    done(ANSWER, 1),
    event("response.function_call_arguments.delta", output_index=2, delta='{"q"'),
    done(FUNCTION_CALL, 2),
    event("response.completed", response=RESPONSE),
)


ENDS = ("response.completed", "response.incomplete", "response.failed")


@pytest.mark.parametrize("kind", ENDS)
def test_the_whole_response_at_the_end_is_what_a_stream_says(kind: str) -> None:
    assert tapped(event(kind, response=RESPONSE)) == REPLY
    assert tapped(*STREAM[:-1], event(kind, response=RESPONSE), b"[DONE]") == REPLY
    assert tapped(event(kind, response=RESPONSE), event("response.in_progress", response=BEGUN)) == REPLY


def test_items_heard_stand_in_for_an_output_that_the_last_event_leaves_out() -> None:
    assert tapped(*STREAM[:-1], event("response.completed", response={**RESPONSE, "output": []})) == REPLY


@pytest.mark.parametrize("kind", [*ENDS, "error"])
def test_the_last_event_is_seen_coming(kind: str) -> None:
    for line in (f"event: {kind}\ndata: {{}}\n\n", f'data: {{"type":"{kind}"}}\n\n'):
        assert EndMark(SHAPE.last_events).feed(b"\n" + line.encode())


def test_a_stream_without_its_end_says_what_was_done_and_what_had_begun() -> None:
    broken = tapped(*STREAM[:-2])
    assert broken == Reply(
        turns=(Turn(role="assistant", text="Hello."),),
        id="resp_1",
        echoes=("resp_1", "rs_1", "msg_1"),
        model="m-1",
        is_complete=False,
    )
    assert tapped(delta("b", 2), done(ANSWER, 1), delta("No", 3, "response.refusal.delta"), delta("ye", 2)).turns == (
        Turn(role="assistant", text="Hello.\nbye\nNo"),
    )
    assert tapped() == Reply(is_complete=False)


def test_an_error_makes_the_reply_incomplete_and_keeps_what_was_said() -> None:
    for error in (event("error", code="server_error", message="no"), b'{"error":{"message":"no"}}'):
        assert tapped(delta("Hel"), error) == Reply(turns=(Turn(role="assistant", text="Hel"),), is_complete=False)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.binary(max_size=30)
        | st.sampled_from(
            [
                b"[1]",
                b'{"type":"response.completed","response":5}',
                b'{"type":"response.completed"}',
                b'{"type":"response.of_the_future","response":null,"delta":{}}',
                b'{"type":"response.output_item.done","output_index":"x","item":{}}',
            ]
        ),
        max_size=4,
    )
)
def test_events_that_are_not_understood_are_skipped(junk: list[bytes]) -> None:
    for end in (len(STREAM), len(STREAM) - 1):
        assert tapped(*[piece for data in STREAM[:end] for piece in (*junk, data)]) == tapped(*STREAM[:end])


@pytest.mark.promise("P3")
@settings(deadline=None, max_examples=200)
@given(st.data(), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_a_stream_cut_anywhere_says_as_much_as_came(data: st.DataObject, end: bytes) -> None:
    stream = b"".join(b"event: x" + end + b"data: " + piece + end + end for piece in STREAM)
    at = data.draw(st.integers(0, len(stream)))
    came = list(events(stream[:at]))
    said = tapped(*came)
    assert came == list(STREAM[: len(came)])
    assert said == tapped(*STREAM[: len(came)])
    assert said.is_complete == (len(came) == len(STREAM))
    assert "Hello.".startswith("".join(turn.text for turn in said.turns))


# What real clients sent

DATA = data_dir()


@pytest.mark.skipif(DATA is None, reason="ACCRUE_DATA does not name the data folder, beside which the captures lie")
def test_every_captured_request_is_understood_and_only_added_to() -> None:
    assert DATA is not None
    seen = 0
    for file in sorted((DATA.parent / "captures").glob("*/*.json")):
        captured = json.loads(file.read_text())
        if captured["path"] != "/v1/responses" or captured["method"] not in ("POST", "WS-FRAME"):
            continue
        seen += 1
        call = SHAPE.read(json.dumps(captured["body"]).encode())
        assert call is not None, file.name
        assert call.turns, file.name
        assert any(not slot.is_head for slot in call.slots) == any(turn.role == "user" for turn in call.turns), (
            file.name
        )
        result = place(call, *["NOTE"] * len(call.slots)).decode()
        assert result.count("NOTE") == len(call.slots), file.name
        part = json.dumps({"type": "input_text", "text": "NOTE"}, separators=(",", ":"))
        assert result.replace("," + part, "").replace("\\n\\nNOTE", "").encode() == call.body, file.name
    assert seen > 70


def test_a_message_that_only_its_client_wrote_takes_no_note() -> None:
    folder = "<environment_context><cwd>/srv/shop</cwd></environment_context>"
    said = [
        {"role": "user", "content": folder},
        {"role": "user", "content": [{"type": "input_text", "text": "run ls"}]},
    ]
    call = SHAPE.read(json.dumps({"model": "m", "input": said}).encode())
    assert call is not None
    assert [turn.text for turn in call.turns] == ["", "run ls"]
    assert [slot.form for slot in call.slots] == ["parts"]
