"""gateway/shapes/messages.py"""

from __future__ import annotations

import copy
import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import anchors
from gateway.anchors import head_key, message_key
from gateway.fence import SEPARATOR
from gateway.shapes.messages import SHAPE
from gateway.shapes.wire import TOKENS_PER_MEDIA_PART
from gateway.sse import EndMark, events
from gateway.types import Call, Note, Reply, ToolCall, Turn, Usage
from tests.evaluation import data_dir
from tests.shapes.oddities import unknown, words, written

MARK = {"type": "ephemeral"}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
TOOL_USE = {"type": "tool_use", "id": "toolu_1", "name": "search", "input": {"q": 1}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "found"}
THINKING = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
REMINDER = {"type": "text", "text": "<system-reminder>\nToday is Sunday.\n</system-reminder>"}
BILLING = "x-anthropic-billing-header: cc_version=2.1.197.420; cc_entrypoint=sdk-cli;"


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def user(*blocks: object) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def read(messages: object, **members: object) -> Call:
    call = SHAPE.read(json.dumps({"model": "m", **members, "messages": messages}).encode())
    assert call is not None
    return call


def place(call: Call, *texts: str) -> Any:
    """The request with one note at each slot, in order."""
    notes = [Note(where=slot.where, text=note) for slot, note in zip(call.slots, texts, strict=True)]
    return json.loads(SHAPE.place(call, notes))


# Reading a request


def test_a_request_is_read_into_turns() -> None:
    call = read(
        [
            user(REMINDER, text("look"), IMAGE, text("here")),
            {"role": "system", "content": "Agents: none."},
            {"role": "assistant", "content": [THINKING, text("Well,"), text("let me see."), TOOL_USE]},
            user(RESULT, {**RESULT, "tool_use_id": "toolu_2", "content": [text("two"), IMAGE]}),
            {"role": "assistant", "content": "Done."},
            user(RESULT, REMINDER, text("and now?")),
            user(IMAGE),
            user(REMINDER),
            {"role": "user", "content": None},
        ],
        system="Be brief.",
    )
    assert call.turns == (
        Turn(role="system", text="Be brief."),
        Turn(role="user", text="look\nhere"),
        Turn(role="system", text="Agents: none."),
        Turn(
            role="assistant",
            text="Well,\nlet me see.",
            calls=(ToolCall(id="toolu_1", name="search", arguments='{"q": 1}'),),
        ),
        Turn(role="tool", text="found", answers="toolu_1"),
        Turn(role="tool", text="two", answers="toolu_2"),
        Turn(role="assistant", text="Done."),
        Turn(role="tool", text="found", answers="toolu_1"),
        Turn(role="user", text="and now?"),
        Turn(role="user", text=""),
        Turn(role="user", text=""),
        Turn(role="user", text=""),
    )


def test_the_members_around_the_messages_are_read() -> None:
    call = read([user(text("hi"))], stream=True, max_tokens=5, metadata={"user_id": "ann"})
    assert (call.model, call.is_stream, call.max_output_tokens) == ("m", True, 5)
    assert bytes(call.fields["metadata"]) == b'{"user_id": "ann"}'


def test_members_of_other_types_say_nothing() -> None:
    call = read([user(text("hi"))], model=1, stream="yes", max_tokens=-1)
    assert (call.model, call.is_stream, call.max_output_tokens) == ("", False, None)


@pytest.mark.promise("P1")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{}",
        b"not json",
        b'{"messages":[]}',
        b'{"messages":null}',
        b'{"messages":[{"role":5,"content":"hi"}]}',
        b'{"messages":[{"role":"user","content":5}]}',
        b'{"messages":[{"role":"user","content":["hi"]}]}',
        b'{"messages":[{"role":"user","content":"hi"}],"system":5}',
        b'{"messages":[{"role":"user","content":"\xff"}]}',
        b'{"messages":[{"role":"user","content":"hi"}]',
        b'{"messages":[{"role":"user","content":' + b'[{"content":' * 100_000,
    ],
)
def test_what_we_do_not_understand_is_left_alone(body: bytes) -> None:
    assert SHAPE.read(body) is None


def test_lone_surrogates_do_not_make_a_request_unreadable() -> None:
    call = SHAPE.read(rb'{"messages":[{"role":"user","content":"a\ud83d"}]}')
    assert call is not None
    assert call.turns == (Turn(role="user", text="a\ufffd"),)
    note = Note(where=call.slots[0].where, text="N")
    assert SHAPE.place(call, [note]) == rb'{"messages":[{"role":"user","content":"a\ud83d\n\nN"}]}'


def test_the_estimate_of_the_prompt_counts_media_by_the_piece() -> None:
    big = {"type": "image", "source": {"type": "base64", "data": "A" * 100_000}}
    plain = read([user(text("x" * 1000))])
    held = read([user(text("x" * 1000), big), user({**RESULT, "content": [big]})])
    assert plain.prompt_tokens == -(-len(plain.body) // 2)
    assert 0 <= held.prompt_tokens - plain.prompt_tokens - 2 * TOKENS_PER_MEDIA_PART < 150


# Slots


def test_a_head_is_the_end_of_the_system_text() -> None:
    call = read([user(text("hi"))], system="Be brief.")
    assert [(slot.is_head, slot.where) for slot in call.slots] == [
        (True, head_key(call.turns[:1])),
        (False, message_key(call.turns[0], call.turns[1], 0)),
    ]
    assert place(call, "H", "U")["system"] == "Be brief.\n\nH"


def test_a_head_of_blocks_gets_one_more_behind_the_cache_mark_and_no_mark_of_its_own() -> None:
    system = [text("Be brief."), {**text("And kind."), "cache_control": MARK}]
    call = read([user(text("hi"))], system=system)
    assert place(call, "H", "U")["system"] == [*system, text("H")]


@pytest.mark.parametrize("members", [{}, {"system": None}, {"system": ""}, {"system": []}])
def test_without_system_text_there_is_no_head(members: dict[str, object]) -> None:
    assert [slot.is_head for slot in read([user(text("hi"))], **members).slots] == [False]


@pytest.mark.promise("P5")
def test_a_header_in_disguise_that_changes_leaves_the_head_its_name() -> None:
    def head(version: str) -> str:
        system = [text(BILLING + version), {**text("You are an agent."), "cache_control": MARK}]
        return read([user(text("hi"))], system=system).slots[0].where

    assert head("1") == head("2")


@pytest.mark.promise("P2")
def test_a_note_stands_behind_tool_results_and_behind_the_cache_mark() -> None:
    blocks = (RESULT, {**text("and now?"), "cache_control": MARK})
    history = [user(text("find it")), {"role": "assistant", "content": [TOOL_USE]}, user(*blocks)]
    assert place(read(history), "1", "2")["messages"] == [
        user(text("find it"), text("1")),
        history[1],
        user(*blocks, text("2")),
    ]


@pytest.mark.parametrize(
    "message",
    [
        user(RESULT),
        user({**RESULT, "cache_control": MARK}, REMINDER),
        user(REMINDER),
        user(IMAGE),
        user(),
        user(text("hi"), {"type": "of_tomorrow"}),
        {"role": "user", "content": ""},
        {"role": "user", "content": REMINDER["text"]},
        {"role": "user"},
        {"role": "system", "content": "Agents: none."},
        {"role": "assistant", "content": "Hi."},
    ],
)
def test_what_is_not_the_users_own_words_takes_no_note(message: dict[str, object]) -> None:
    assert read([message]).slots == ()


def test_equal_messages_are_told_apart_by_how_often_they_came() -> None:
    again = [user(text("go on")), {"role": "assistant", "content": "ok"}]
    call = read([{"role": "assistant", "content": "ok"}, *again, *again])
    previous, turn = call.turns[0], call.turns[1]
    assert [slot.where for slot in call.slots] == [message_key(previous, turn, count) for count in range(2)]


# Placing

said = st.sampled_from(["yes", "go on", REMINDER["text"]]) | words
blocks = st.lists(
    st.fixed_dictionaries({"type": st.just("text"), "text": said}, optional={"cache_control": unknown})
    | st.sampled_from([IMAGE, RESULT, THINKING, TOOL_USE])
    | st.fixed_dictionaries({"type": words.map("x-{}".format), "x-y": unknown}),
    max_size=3,
)
messages: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system"]), "content": said | blocks},
    optional={"x-extra": unknown},
)
systems = said | st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": said}), max_size=2) | st.none()
requests = st.fixed_dictionaries(
    {"model": words, "messages": st.lists(messages, min_size=1, max_size=5)},
    optional={"system": systems, "tools": unknown, "thinking": unknown, "x-new": unknown},
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    return written(draw, draw(requests)).encode()


def with_note(content: Any, note: str) -> Any:
    return content + SEPARATOR + note if isinstance(content, str) else [*content, text(note)]


def takes_note(message: dict[str, Any]) -> bool:
    """Said again from the design: a user message with own words whose end may be followed by text."""
    content = message["content"]
    listed = [text(content)] if isinstance(content, str) else content
    own = [block for block in listed if block["type"] == "text" and block["text"] not in ("", REMINDER["text"])]
    return message["role"] == "user" and bool(own) and listed[-1]["type"] in ("text", "image", "tool_result")


@pytest.mark.promise("P2")
@settings(deadline=None, max_examples=300)
@given(bodies(), st.data())
def test_only_the_notes_differ(body: bytes, data: st.DataObject) -> None:
    call = SHAPE.read(body)
    assert call is not None
    notes = [Note(where=slot.where, text=data.draw(st.text(min_size=1, max_size=9))) for slot in call.slots]
    result = SHAPE.place(call, notes)

    cut = result
    for slot, note in sorted(zip(call.slots, notes, strict=True), key=lambda pair: pair[0].at):
        size = len(SHAPE.place(call, [note])) - len(body)
        cut = cut[: slot.at] + cut[slot.at + size :]
    assert cut == body

    wanted = json.loads(body)
    left = [note.text for note in notes]
    if wanted.get("system"):
        wanted["system"] = with_note(wanted["system"], left.pop(0))
    for message in filter(takes_note, wanted["messages"]):
        message["content"] = with_note(message["content"], left.pop(0))
    assert (json.loads(result), left) == (wanted, [])


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

asks = st.lists(said.map(text) | st.sampled_from([IMAGE, REMINDER]), min_size=1, max_size=3)
uses = st.integers(1, 3)


def round_of_tools(number: int, count: int) -> list[dict[str, Any]]:
    ids = [f"toolu_{number}_{index}" for index in range(count)]
    calls = [{**TOOL_USE, "id": identifier} for identifier in ids]
    found = [{**RESULT, "tool_use_id": identifier} for identifier in ids]
    return [{"role": "assistant", "content": [THINKING, *calls]}, user(*found)]


def marked(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The history as Claude Code sends it: the cache mark on the last block of the last user message."""
    sent = copy.deepcopy(history)
    last = next(message for message in reversed(sent) if message["role"] == "user")
    last["content"][-1]["cache_control"] = MARK
    return sent


def unmarked(body: Any) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = copy.deepcopy(body["messages"])
    for block in (block for message in messages for block in message["content"]):
        block.pop("cache_control", None)
    return messages


def called(message: dict[str, Any]) -> list[str]:
    return [block["id"] for block in message["content"] if block["type"] == "tool_use"]


def are_answered(calls: list[str], following: dict[str, Any]) -> bool:
    """Whether the results stand at the beginning of the message behind the calls."""
    return [block.get("tool_use_id") for block in following["content"][: len(calls)]] == calls


@pytest.mark.promise("P5")
@settings(deadline=None, max_examples=200)
@given(systems, st.lists(st.tuples(asks, st.lists(uses, max_size=2), st.booleans()), min_size=1, max_size=4))
def test_notes_stay_in_their_places_while_the_cache_mark_moves_on(
    system: object, turns: list[tuple[list[dict[str, Any]], list[int], bool]]
) -> None:
    ledger: dict[str, Note] = {}
    history: list[dict[str, Any]] = []
    sent: list[dict[str, Any]] = []

    def ask() -> None:
        call = read(marked(history), system=system)
        assert set(ledger) <= {slot.where for slot in call.slots}
        assert len({slot.where for slot in call.slots}) == len(call.slots)
        for slot in call.slots:
            ledger.setdefault(slot.where, Note(where=slot.where, text=f"note {len(ledger)}"))
        result = SHAPE.place(call, list(ledger.values()))
        assert result.count(b"cache_control") == call.body.count(b"cache_control")
        placed = unmarked(json.loads(result))
        assert placed[: len(sent)] == sent
        assert all(are_answered(called(before), after) for before, after in itertools.pairwise(placed))
        sent[:] = placed

    for number, (blocks, rounds, is_broken_into) in enumerate(turns):
        if history and history[-1]["role"] == "user":
            history[-1] = user(
                *history[-1]["content"], *blocks
            )  # the user did not wait for more than the tools' results
            del sent[-1]
        else:
            history.append(user(*blocks))
        ask()
        for count in rounds:
            history += round_of_tools(number * 10 + count, count)
            ask()
        if not (rounds and is_broken_into):
            history.append({"role": "assistant", "content": [text(f"answer {number}")]})


@pytest.mark.promise("P5")
@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(words.map(text), st.lists(uses, max_size=2)), min_size=1, max_size=4))
def test_each_request_with_its_notes_is_a_prefix_of_the_next(turns: list[tuple[dict[str, Any], list[int]]]) -> None:
    ledger: dict[str, Note] = {}
    history: list[dict[str, Any]] = []
    sent = b""
    for number, (block, rounds) in enumerate(turns):
        history.append(user(text(f"question {number}"), block))
        call = read(history, system=[text("Be brief.")])
        for slot in call.slots:
            ledger.setdefault(slot.where, Note(where=slot.where, text=f"note {len(ledger)}"))
        result = SHAPE.place(call, list(ledger.values()))
        assert len(ledger) == number + 2
        assert result.startswith(sent)
        sent = result.removesuffix(b"]}")
        for count in rounds:
            history += round_of_tools(number * 10 + count, count)
        history.append({"role": "assistant", "content": [text(f"answer {number}")]})


# Answers


def event(kind: str, **members: object) -> bytes:
    return json.dumps({"type": kind, **members}).encode()


def begin(index: int, block: object) -> bytes:
    return event("content_block_start", index=index, content_block=block)


def more(index: int, kind: str, **members: object) -> bytes:
    return event("content_block_delta", index=index, delta={"type": kind, **members})


def tapped(*data: bytes) -> Reply:
    tap = SHAPE.tap()
    for piece in data:
        tap.feed(piece)
    return tap.close()


BEGUN: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m-1",
    "content": [],
    "stop_reason": None,
}
FIRST_USAGE = {"input_tokens": 9, "cache_read_input_tokens": 80, "cache_creation_input_tokens": 11, "output_tokens": 1}
STREAM = (
    event("message_start", message={**BEGUN, "usage": FIRST_USAGE}),
    begin(0, {"type": "thinking", "thinking": "", "signature": ""}),
    event("ping"),
    more(0, "thinking_delta", thinking="hm"),
    more(0, "signature_delta", signature="c2ln"),
    event("content_block_stop", index=0),
    begin(1, text("H")),
    more(1, "text_delta", text="é"),
    more(1, "citations_delta", citation={"type": "char_location", "cited_text": "x"}),
    more(1, "text_delta", text="llo"),
    event("content_block_stop", index=1),
    begin(2, {**TOOL_USE, "input": {}}),
    more(2, "input_json_delta", partial_json=""),
    more(2, "input_json_delta", partial_json='{"q":'),
    more(2, "input_json_delta", partial_json=' "é"}'),
    event("content_block_stop", index=2),
    begin(3, {**TOOL_USE, "id": "toolu_2", "name": "now", "input": {}}),
    event("content_block_stop", index=3),
    event("message_delta", delta={"stop_reason": "tool_use", "stop_sequence": None}, usage={"output_tokens": 30}),
    event("message_stop"),
)
SAID = Reply(
    turns=(
        Turn(
            role="assistant",
            text="Héllo",
            calls=(
                ToolCall(id="toolu_1", name="search", arguments='{"q": "é"}'),
                ToolCall(id="toolu_2", name="now", arguments="{}"),
            ),
        ),
    ),
    id="msg_1",
    model="m-1",
    finish_reason="tool_use",
    usage=Usage(prompt_tokens=100, completion_tokens=30, cached_tokens=80),
)


def test_a_whole_answer_is_read() -> None:
    content = [
        THINKING,
        text("Héllo"),
        {**TOOL_USE, "input": {"q": "é"}},
        {**TOOL_USE, "id": "toolu_2", "name": "now", "input": {}},
    ]
    usage = {**FIRST_USAGE, "output_tokens": 30}
    whole = {**BEGUN, "content": content, "stop_reason": "tool_use", "usage": usage}
    assert SHAPE.reply(json.dumps(whole, ensure_ascii=False).encode()) == SAID


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b'{"type":"error","error":{"type":"overloaded_error"}}', b'{"content":null}', b"[" * 9_999],
)
def test_an_answer_without_content_is_incomplete(body: bytes) -> None:
    assert SHAPE.reply(body) == Reply(is_complete=False)


def test_an_answer_that_says_nothing_has_no_turn() -> None:
    assert SHAPE.reply(b'{"content":[],"usage":{"input_tokens":-1}}') == Reply(usage=Usage())
    assert SHAPE.reply(b'{"content":[],"usage":"none"}') == Reply()


def test_a_streamed_answer_is_put_together() -> None:
    assert tapped(*STREAM) == SAID


@pytest.mark.promise("P6")
def test_the_end_of_a_stream_is_seen_in_its_last_event() -> None:
    end = EndMark(SHAPE.last_events)
    lines = [b"event: " + json.loads(said)["type"].encode() + b"\ndata: " + said + b"\n\n" for said in STREAM]
    assert [end.feed(line) for line in lines] == [False] * (len(STREAM) - 1) + [True]


def test_tokens_are_counted_where_a_server_leaves_them_to_the_end() -> None:
    reply = tapped(
        event("message_start", message={**BEGUN, "usage": {"input_tokens": 0, "output_tokens": 0}}),
        event("message_delta", delta={}, usage={"input_tokens": 7, "output_tokens": 3}),
        event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 5}),
        event("message_stop"),
    )
    assert reply.usage == Usage(prompt_tokens=7, completion_tokens=5)


def test_an_error_event_makes_the_reply_incomplete_and_keeps_what_was_said() -> None:
    reply = tapped(*STREAM[:8], event("error", error={"type": "overloaded_error"}), event("message_stop"))
    assert (reply.turns, reply.is_complete) == ((Turn(role="assistant", text="Hé"),), False)
    assert tapped(event("error", error={})) == Reply(is_complete=False)


def test_what_was_streamed_is_known_again_when_the_client_echoes_it() -> None:
    asked = [user(text("hi"))]
    content = [THINKING, text("Héllo"), {**TOOL_USE, "input": {"q": "é"}}, {**TOOL_USE, "id": "toolu_2", "name": "now"}]
    echoed = read([*asked, {"role": "assistant", "content": content}, user(RESULT)])
    left = anchors.of_reply(read(asked).turns, SAID.turns, is_named=True)
    assert set(anchors.of_request(echoed.turns, (), is_named=True)) & set(left)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.sampled_from([b"", b"\xff", b"[1]", b"[DONE]", b'{"type":5}', b'{"type":"message_stop","index":""}']))
)
def test_events_that_are_not_understood_are_skipped(junk: list[bytes]) -> None:
    assert tapped(*[piece for said in STREAM for piece in (*junk, said)]) == SAID


@pytest.mark.promise("P3")
@settings(deadline=None, max_examples=200)
@given(st.data(), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_a_stream_cut_anywhere_says_as_much_as_came(data: st.DataObject, end: bytes) -> None:
    stream = b"".join(b"event: any" + end + b"data: " + said + end + end for said in STREAM)
    came = list(events(stream[: data.draw(st.integers(0, len(stream)))]))
    reply = tapped(*came)
    assert came == list(STREAM[: len(came)])
    assert reply.is_complete == (len(came) == len(STREAM))
    for turn in reply.turns:
        assert SAID.turns[0].text.startswith(turn.text)
        assert [call.id for call in SAID.turns[0].calls][: len(turn.calls)] == [call.id for call in turn.calls]


# What real clients sent

DATA = data_dir()


@pytest.mark.skipif(DATA is None, reason="ACCRUE_DATA does not name the data folder, beside which the captures lie")
def test_every_captured_request_is_understood() -> None:
    assert DATA is not None
    files = sorted((DATA.parent / "captures").glob("*/*.json"))
    captured = [sent for file in files if (sent := json.loads(file.read_text()))["path"].endswith("/messages")]
    heads = set()
    for sent in captured:
        call = SHAPE.read(json.dumps(sent["body"]).encode())
        assert call is not None
        heads |= {slot.where for slot in call.slots if slot.is_head}
        result = json.loads(SHAPE.place(call, [Note(where=call.slots[-1].where, text="NOTE")]))
        pairs = zip(sent["body"].pop("messages"), result.pop("messages"), strict=True)
        [(before, after)] = [(before, after) for before, after in pairs if before != after]
        assert after == {**before, "role": "user", "content": with_note(before["content"], "NOTE")}
        assert result == sent["body"]
    assert len(captured) == 6
    assert len(heads) == 2  # Claude Code wrote its system text anew when it went on with the session
