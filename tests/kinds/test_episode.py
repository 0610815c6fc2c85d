"""Raw turns: what was said, word for word, as long as it says something."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.kinds.base import Grouping
from gateway.kinds.episode import KIND
from gateway.memories import Memory
from gateway.passages import PASSAGE_CHARS
from gateway.types import Turn


def kept(text: str, role: str = "user") -> list[str]:
    return [span.text for span in KIND.find(Turn(role=role, text=text))]


def memory(text: str, speaker: str = "user", session: str = "se_1") -> Memory:
    return Memory(
        id="m_123456789012345",
        kind="episode",
        text=text,
        key=text,
        origin="user",
        exchange="ex_1",
        session=session,
        at=1_800_000_000.0,
        recorded_at=1_800_000_000.0,
        speaker=speaker,
    )


@pytest.mark.parametrize("role", ["user", "assistant"])
def test_what_a_user_or_an_assistant_says_is_kept(role: str) -> None:
    assert kept("  My dog Biscuit is allergic to chicken. ", role) == ["My dog Biscuit is allergic to chicken."]


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


def test_a_long_turn_is_kept_in_passages() -> None:
    paragraphs = [f"Chapter {number}. " + "word " * 140 + "end." for number in range(3)]
    assert kept("\n\n".join(paragraphs)) == paragraphs


@pytest.mark.promise("P8")
@settings(deadline=None, max_examples=100)
@given(st.text(max_size=40).map(lambda text: text * 60))
def test_what_is_kept_stood_in_the_turn(text: str) -> None:
    for span in KIND.find(Turn(role="user", text=text)):
        assert span.text
        assert span.text in text
        assert len(span.text) <= PASSAGE_CHARS
        assert (span.reach, span.slot) == ("user", "")


def test_its_line_says_who_spoke_and_the_words_whole() -> None:
    assert KIND.line(memory("Hi, I am Ana.")) == "user: Hi, I am Ana. [m_123456]"
    assert KIND.line(memory("x" * PASSAGE_CHARS, "assistant")) == f"assistant: {'x' * PASSAGE_CHARS} [m_123456]"


def test_lines_of_a_day_and_a_session_stand_under_one_heading() -> None:
    assert isinstance(KIND, Grouping)
    heading = KIND.group(memory("One."))
    assert heading == KIND.group(memory("Two.", "assistant"))
    assert heading != KIND.group(memory("One.", session="se_2"))
    date, tag = heading.strip("()").split()
    assert (date, tag[0], len(tag), tag[1:].isdecimal()) == ("2027-01-15", "s", 4, True)


def test_a_session_is_named_whatever_its_client_calls_it() -> None:
    assert KIND.group(memory("One.", session="\ud800 \n")).startswith("(2027-01-15 s")
