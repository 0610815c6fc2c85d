"""Raw turns: what was said, word for word, as long as it says something."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.kinds.episode import KIND, MAX_CHARS, MAX_LINE_CHARS
from gateway.memories import Memory
from gateway.types import Turn


def kept(text: str, role: str = "user") -> list[str]:
    return [span.text for span in KIND.find(Turn(role=role, text=text))]


def memory(text: str, speaker: str = "user") -> Memory:
    return Memory(
        id="me_1",
        kind="episode",
        text=text,
        key=text,
        origin="user",
        exchange="ex_1",
        session="se_1",
        at=1_800_000_000.0,
        recorded_at=1_800_000_000.0,
        speaker=speaker,
    )


@pytest.mark.parametrize("role", ["user", "assistant"])
def test_what_a_user_or_an_assistant_says_is_kept(role: str) -> None:
    assert kept("  My dog Biscuit is allergic to chicken.\n", role) == ["My dog Biscuit is allergic to chicken."]


@pytest.mark.parametrize("role", ["system", "developer", "tool", ""])
def test_what_others_say_is_not_kept(role: str) -> None:
    assert kept("My dog Biscuit is allergic to chicken.", role) == []


@pytest.mark.parametrize("text", ["", "  \n", "Thanks!", "Hello! How can I help you today?"])
def test_what_carries_nothing_is_not_kept(text: str) -> None:
    assert kept(text) == []


@pytest.mark.parametrize("text", ["Don't remember this, but my salary is 90k", "Off the record: I quit."])
def test_what_a_user_says_off_the_record_is_not_kept(text: str) -> None:
    assert kept(text) == []


def test_an_assistant_does_not_decide_what_is_off_the_record() -> None:
    assert kept("Off the record does not bind me.", "assistant") == ["Off the record does not bind me."]


def test_a_document_is_kept_by_its_beginning_even_after_much_white_space() -> None:
    assert kept(" " * 3 * MAX_CHARS + "word " * MAX_CHARS) == [("word " * MAX_CHARS)[:MAX_CHARS].rstrip()]


@pytest.mark.promise("P8")
@settings(deadline=None, max_examples=100)
@given(st.text(max_size=40).map(lambda text: text * 60))
def test_what_is_kept_stood_in_the_turn(text: str) -> None:
    for span in kept(text):
        assert span
        assert span in text
        assert len(span) <= MAX_CHARS


def test_its_line_says_who_spoke_and_when() -> None:
    assert KIND.line(memory("Hi, I am Ana.")) == "(2027-01-15) The user said: Hi, I am Ana. [me_1]"
    assert KIND.line(memory("Noted: 4.", "assistant")) == "(2027-01-15) The assistant said: Noted: 4. [me_1]"


def test_a_long_turn_is_shown_by_its_beginning() -> None:
    whole = "x" * MAX_LINE_CHARS
    assert whole + " [me_1]" in KIND.line(memory(whole))
    assert "x" * (MAX_LINE_CHARS - 1) + "… [me_1]" in KIND.line(memory("x" * (MAX_LINE_CHARS - 1) + "  y"))
