"""What is said to a prompt."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.fence import NOTES, RULES, Fence
from gateway.testing import ManualClock
from gateway.testing.model import Line, Model, Prompt, Said, ToolCall, text_of


def answer(*lines: tuple[Any, str], template: str = "{said}", **members: Any) -> Said:
    prompt = Prompt(lines=tuple(Line(role=role, text=text) for role, text in lines), **members)
    return Model(ManualClock(), template).answer(prompt)


def add(arguments: str) -> ToolCall:
    return ToolCall(name="add", arguments=arguments)


def test_the_model_repeats_what_the_user_said_last() -> None:
    said = answer(("user", "one"), ("assistant", ""), ("user", "two"), ("assistant", "three"))
    assert said == Said(text="two")
    assert answer(("assistant", "three")) == Said(text="")


def test_the_model_says_which_notes_it_was_shown_wherever_they_are() -> None:
    fence = Fence(b"secret")
    rules = fence.block(RULES, fence.nonce("s"), ["Answer in French."])
    notes = fence.block(NOTES, fence.nonce("s"), ["My cat is called Ada.", "I live\nin Bern."])
    lines = [("system", f"Be kind.\n\n{rules}"), ("user", f"what is my cat called?\n\n{notes}")]
    said = answer(*lines, template="{said} {count}{notes}")
    assert said.text == "what is my cat called? 3\n- Answer in French.\n- My cat is called Ada.\n- I live"


def test_notes_alone_are_not_the_users_words() -> None:
    fence = Fence(b"secret")
    notes = fence.block(NOTES, fence.nonce("s"), ["My cat is called Ada."])
    assert answer(("user", "hi"), ("tool", "42"), ("user", notes)).text == "the tool said: 42"


def test_a_call_in_the_users_words_is_made_if_the_tool_is_on_offer() -> None:
    asked = 'call add {"a": {"b": "} {"}} then call other {} and call add {"a": 2}, call add {a}'
    assert answer(("user", asked), tools=("add",)).calls == (add('{"a": {"b": "} {"}}'), add('{"a": 2}'))
    assert answer(("user", asked)) == Said(text=asked)
    assert answer(("user", asked), tools=("add",), choice="none") == Said(text=asked)


def test_a_call_that_has_its_result_is_not_made_again() -> None:
    turn = [("user", "call add {}"), ("assistant", ""), ("tool", "1"), ("tool", "2")]
    assert answer(*turn, tools=("add",)) == Said(text="the tool said: 1, 2")
    assert answer(*turn, ("user", "call add {}"), tools=("add",)).calls == (add("{}"),)


@pytest.mark.parametrize(
    ("choice", "asked", "call"),
    [
        ("add", 'from {a} take {"a": 1} not {"a": 2}', add('{"a": 1}')),
        ("add", "nothing", add("{}")),
        ("required", '{"a": 1}', ToolCall(name="final", arguments='{"a": 1}')),
        ("required", 'call add {"a": 1}', add('{"a": 1}')),
    ],
)
def test_a_model_that_must_call_does(choice: str, asked: str, call: ToolCall) -> None:
    assert answer(("user", asked), tools=("add", "final"), choice=choice).calls == (call,)


def test_a_model_that_must_call_does_so_after_the_results_as_well() -> None:
    turn = [("user", 'call add {"a": 1}'), ("tool", "1")]
    assert answer(*turn, tools=("add", "final"), choice="required").calls[0].name == "final"


def test_an_answer_in_json_is_the_users_own_object() -> None:
    assert answer(("user", 'I am {"age": 3}, really'), is_json=True) == Said(text='{"age": 3}')
    assert answer(("user", "I am three"), is_json=True) == Said(text="{}")


@pytest.mark.parametrize("text", ["", "a", " a  b\n", "\n"])
def test_the_pieces_of_a_stream_are_the_whole(text: str) -> None:
    said = Said(text=text, calls=(add(text),))
    assert "".join(said.words) == "".join(said.calls[0].fragments) == text
    assert said.tokens == len(said.words) + len(said.calls[0].fragments)


def test_ids_differ_and_look_like_chance_but_are_the_same_in_every_process() -> None:
    one, two = Model(ManualClock()), Model(ManualClock())
    ids = [one.new_id("call_") for _ in range(100)]
    assert len({name[5:13] for name in ids}) == 100
    assert {len(name) for name in ids} == {29}
    assert ids == [two.new_id("call_") for _ in range(100)]


def test_the_words_of_parts_are_told_from_the_rest() -> None:
    assert text_of([{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "text", "text": "b"}]) == "a\nb"
    assert (text_of("a"), text_of(None)) == ("a", "")
