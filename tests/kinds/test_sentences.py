"""Sentences come out as they stood; code, quotations and pasted walls do not come out at all."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.kinds.sentences import (
    MAX_EMPTY_TALK_CHARS,
    MAX_SENTENCE_CHARS,
    MAX_SENTENCES,
    is_empty_talk,
    is_passing,
    is_question,
    plain,
    sentences,
)

FRAGMENTS = ["Always use tabs", "`a. b`", "```\ncode\n```", "\n> quoted\n", ". ", "?! ", "。", "\n", "- ", "é", "e.g. "]
messages = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=12), max_size=12).map("".join)


@pytest.mark.promise("P8")
@settings(deadline=None, max_examples=200)
@given(messages)
@example("> a\r\nb")
def test_every_sentence_is_a_trimmed_piece_of_the_message_and_they_come_in_order(text: str) -> None:
    found = list(sentences(text))
    assert all(sentence and sentence == sentence.strip() and len(sentence) <= MAX_SENTENCE_CHARS for sentence in found)
    position = 0
    for sentence in found:
        position = text.index(sentence, position) + len(sentence)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("One\nTwo\n\n\nThree", ["One", "Two", "Three"]),
        ("总是用中文。谢谢！", ["总是用中文。", "谢谢！"]),
        ("See Dr. Who vs. Mr. Bean, e.g. on TV. Fine.", ["See Dr. Who vs. Mr. Bean, e.g. on TV.", "Fine."]),
        ("Version 1.2.3 is out.", ["Version 1.2.3 is out."]),
        (
            "- One\n* Two\n• Three\n– Four\n1. Five\n2) Six\n  **Seven**",
            ["One", "Two", "Three", "Four", "1.", "Five", "Six", "Seven"],
        ),
        ("Run `a. b` now. Then `c`", ["Run `a. b` now.", "Then `c`"]),
        ("Before\n```py\nAlways use tabs.\n```\nAfter", ["Before", "After"]),
        ("Before\n```py\nAlways use tabs. And no end", ["Before"]),
        ("> Quoted. Words\nMine\n  > deeper\n| a | b |", ["Mine"]),
        ("a < b > c | d", ["a < b > c | d"]),
        ("", []),
        (" \n\t ", []),
    ],
)
def test_a_message_is_cut_where_a_person_stops(text: str, found: list[str]) -> None:
    assert list(sentences(text)) == found


def test_only_the_beginning_of_a_document_is_a_person_speaking() -> None:
    assert len(list(sentences("A line.\n" * (MAX_SENTENCES + 1)))) == MAX_SENTENCES


def test_a_wall_of_text_is_left_out_and_what_is_around_it_is_not() -> None:
    assert list(sentences("First.\n" + "x" * (MAX_SENTENCE_CHARS + 1) + "\n" + "y" * MAX_SENTENCE_CHARS)) == [
        "First.",
        "y" * MAX_SENTENCE_CHARS,
    ]


def test_rules_read_straight_apostrophes_and_no_words_of_others() -> None:
    assert plain('**Don’t** run `rm -rf` or say “always” or "never" or «jamais»') == (
        'Don\'t run "" or say "" or "" or ""'
    )
    assert plain("IMPORTANT: always ask.") == "always ask."
    assert plain("Note 2 - never push") == "never push"


@pytest.mark.parametrize(
    ("sentence", "asks"),
    [("Why?", True), ("为什么？", True), ("Answer in French, okay?", False), ("Is it ok?", False), ("Is it?", True)],
)
def test_a_question_asks_and_a_tag_at_the_end_does_not(sentence: str, asks: bool) -> None:
    assert is_question(sentence) is asks


@pytest.mark.parametrize(
    ("sentence", "passes"),
    [
        ("Use tabs in this chat.", True),
        ("For now use tabs.", True),
        ("Use tabs for the rest of this file", True),
        ("Just this once, use tabs.", True),
        ("Use tabs until I say stop.", True),
        ("In your next answer use tabs.", True),
        ("From today on use tabs.", False),
        ("Put today's date on top.", False),
        ("Use tabs in this project.", False),
    ],
)
def test_a_sentence_may_say_that_it_holds_only_here_and_now(sentence: str, passes: bool) -> None:
    assert is_passing(sentence) is passes


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "👍",
        "Hi!",
        "hello there",
        "Thanks a lot!!",
        "ok",
        "Good morning",
        "Yes, please.",
        "No.",
        "You’re welcome!",
        "Hello! How can I help you today?",
        "Sure, go ahead.",
        "Got it. Thank you so much.",
    ],
)
def test_greetings_and_thanks_are_empty_talk(text: str) -> None:
    assert is_empty_talk(text)


@pytest.mark.parametrize("text", ["nook", "know", "42", "Hi, I'm Ana.", "Thanks for the fish", "你好", "hi " * 67])
def test_whatever_has_one_word_of_substance_is_not_empty_talk(text: str) -> None:
    assert not is_empty_talk(text)


def test_empty_talk_is_judged_by_length_first() -> None:
    assert is_empty_talk("!" * MAX_EMPTY_TALK_CHARS)
    assert not is_empty_talk("!" * (MAX_EMPTY_TALK_CHARS + 1))


HOSTILE = [
    ("please, " * 60)[:299],
    ("always " * 60)[:299] + "\n" + ("never " * 60)[:299],
    ("for all your the new " * 20)[:290] + " answers",
    ("if " * 110)[:290] + ", always",
    ("use every time why " * 20)[:299],
    ("don't stop ever again " * 20)[:299],
    ("I really much still always do " * 15)[:299],
    ("my favourite name " * 20)[:299],
    ("ok k okay yes yep no nope noted " * 10)[:199],
    ("thank you so much thanks " * 10)[:198] + "x",
    "`" * 299,
    '"' * 299 + "“" * 299,
    ">" * 299,
    "." * 299 + " " * 299,
    "```" * 2000,
    "- " * 5000 + "\n" * 5000 + " \t" * 5000,
    "* " * 5000,
]

READ_ALL = """
import json, sys
from gateway.kinds import constraint, episode, preference
from gateway.types import Turn
for text in json.load(sys.stdin):
    for kind in (constraint.KIND, preference.KIND, episode.KIND):
        kind.find(Turn(role="user", text=text))
"""


def test_no_message_however_hostile_makes_a_rule_blow_up() -> None:
    """A rule that tries all ways of splitting 300 characters would not be done in this life."""
    subprocess.run([sys.executable, "-c", READ_ALL], input=json.dumps(HOSTILE).encode(), check=True, timeout=60)
