"""gateway/shapes/slots.py"""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.anchors import HEAD, head_key, message_key
from gateway.shapes.slots import Owner, form_of, placed, slots
from gateway.types import Call, Note, Slot, SlotForm, Turn

USER = Turn(role="user", text="go on")
ANSWER = Turn(role="assistant", text="ok")


def call_of(contents: list[str | list[object]]) -> Call:
    """A call whose body is the list of its users' contents, the first of them a head."""
    body = json.dumps(contents).encode()
    raws = msgspec.json.decode(body, type=list[msgspec.Raw])
    turns = [Turn(role="user", text=str(content)) for content in contents]
    owners = [
        Owner(turn=index, content=raw, form=form_of(content), is_head=index == 0)
        for index, (raw, content) in enumerate(zip(raws, contents, strict=True))
    ]
    return Call(body=body, fields={}, model="m", turns=tuple(turns), slots=slots(body, turns, owners))


def note(slot: Slot, text: str) -> Note:
    return Note(where=slot.where, text=text)


def test_the_form_is_that_of_the_content() -> None:
    assert [form_of(content) for content in ("", "hi", [], ["hi"])] == ["string", "string", "empty-parts", "parts"]


def test_a_slot_lies_at_the_end_inside_its_content() -> None:
    call = call_of(["hi", [1], []])
    assert [call.body[: slot.at] for slot in call.slots] == [b'["hi', b'["hi", [1', b'["hi", [1], [']


def test_a_head_is_named_by_all_that_leads_and_a_message_by_the_one_before_it() -> None:
    body = b'["two","hi"]'
    two, hi = msgspec.json.decode(body, type=list[msgspec.Raw])
    turns = [Turn(role="system", text="one"), Turn(role="system", text="two"), Turn(role="user", text="hi")]
    head = Owner(turn=1, content=two, form="string", is_head=True)
    named = slots(body, turns, [head, Owner(turn=2, content=hi, form="string")])
    assert [(slot.where, slot.is_head) for slot in named] == [
        (head_key(turns[:2]), True),
        (message_key(turns[1], turns[2], 0), False),
    ]


def test_a_first_message_is_named_without_one_before_it() -> None:
    body = b'"hi"'
    owner = Owner(turn=0, content=msgspec.json.decode(body, type=msgspec.Raw), form="string")
    assert slots(body, [USER], [owner])[0].where == message_key(None, USER, 0)


def test_a_head_that_the_upstream_keeps_does_not_bear_the_name_of_one_that_is_sent_every_time() -> None:
    body = b'"one"'
    content = msgspec.json.decode(body, type=msgspec.Raw)
    sent, kept = (
        slots(body, [USER], [Owner(turn=0, content=content, form="string", is_head=True, is_kept=is_kept)])[0]
        for is_kept in (False, True)
    )
    assert sent.where == HEAD + kept.where


def test_equal_messages_are_told_apart_by_how_often_they_came() -> None:
    body = b'["go on","go on"]'
    first, second = msgspec.json.decode(body, type=list[msgspec.Raw])
    owners = [Owner(turn=1, content=first, form="string"), Owner(turn=3, content=second, form="string")]
    named = slots(body, [ANSWER, USER, ANSWER, USER], owners)
    assert [slot.where for slot in named] == [message_key(ANSWER, USER, count) for count in range(2)]


@pytest.mark.parametrize(
    ("form", "body", "at", "written"),
    [
        ("string", b'"hi"', 3, rb'"hi\n\n\u00e9\""'),
        ("opening", b'"hi"', 1, rb'"\u00e9\"\n\nhi"'),
        ("parts", b"[1 ]", 3, rb'[1 ,{"type":"a_text","text":"\u00e9\""}]'),
        ("empty-parts", b"[ ]", 2, rb'[ {"type":"a_text","text":"\u00e9\""}]'),
    ],
)
def test_a_note_takes_the_form_of_its_slot(form: SlotForm, body: bytes, at: int, written: bytes) -> None:
    slot = Slot(where="here", is_head=False, at=at, form=form)
    call = Call(body=body, fields={}, model="m", turns=(), slots=(slot,))
    assert placed(call, [note(slot, 'é"')], part="a_text") == written


def test_notes_at_one_place_are_joined_in_their_order() -> None:
    call = call_of(["hi"])
    notes = [note(call.slots[0], text) for text in ("one", "", "two")]
    assert json.loads(placed(call, notes, part="text")) == ["hi\n\none\n\ntwo"]


contents: st.SearchStrategy[list[str | list[object]]] = st.lists(
    st.text(max_size=5) | st.lists(st.none() | st.text(max_size=3), max_size=2), min_size=1, max_size=5
)


@pytest.mark.promise("P1")
@settings(deadline=None, max_examples=50)
@given(contents)
def test_with_nothing_to_add_the_very_same_bytes_come_back(said: list[str | list[object]]) -> None:
    call = call_of(said)
    assert placed(call, [], part="text") is call.body
    silent = [*[note(slot, "") for slot in call.slots], Note(where="elsewhere", text="lost")]
    assert placed(call, silent, part="text") is call.body


@pytest.mark.promise("P2")
@settings(deadline=None, max_examples=100)
@given(contents, st.data())
def test_each_content_gets_its_note_and_no_other(said: list[str | list[object]], data: st.DataObject) -> None:
    call = call_of(said)
    texts = [data.draw(st.text(max_size=5)) for _ in said]
    placings = data.draw(st.permutations([note(slot, text) for slot, text in zip(call.slots, texts, strict=True)]))
    wanted = [
        content
        if not text
        else content + f"\n\n{text}"
        if isinstance(content, str)
        else [*content, {"type": "text", "text": text}]
        for content, text in zip(said, texts, strict=True)
    ]
    assert json.loads(placed(call, placings, part="text")) == wanted
