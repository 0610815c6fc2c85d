"""gateway/signals/correction.py: what puts an answer right, and what only sounds like it."""

from __future__ import annotations

import pytest

from gateway.signals.correction import DETECTOR
from tests.signals.talked import follows, opens


@pytest.mark.parametrize(
    ("text", "corrected"),
    [
        ("That's wrong.", ""),
        ("No, that's not right, look again", ""),
        ("that is incorrect, it moved in 1990", ""),
        ("No, I meant the seat of government", ""),
        ("I said in French, please", ""),
        ("I asked for a table", ""),
        ("You misunderstood me.", ""),
        ("Wrong! Try again.", ""),
        ("hmm no, not that one", ""),
        ("No, it's Berlin.", "Berlin"),
        ("Berlin, not Bonn", "Berlin"),
        ("It's not Bonn but Berlin", "Berlin"),
        ("no, the correct one is Berlin", ""),
        ("Actually, I wanted the flight at 03:00", ""),
        ("That’s not what I asked.", ""),
        ("Nein, das ist falsch.", ""),
        ("Das stimmt nicht, es ist Berlin", ""),
        ("Nicht Bonn, sondern Berlin.", "Berlin"),
        ("Eso no es correcto", ""),
        ("No, quise decir la otra", ""),
        ("Non, c'est faux.", ""),
        ("Ce n'est pas ça", ""),
        ("不对，应该是柏林", ""),
        ("我的意思是首都", ""),
    ],
)
def test_a_correction_is_seen_with_what_should_be(text: str, corrected: str) -> None:
    (signal,) = DETECTOR.find(follows(text))
    assert (signal.name, signal.grade, signal.is_good, signal.about) == ("correction", "C", False, "ex_0")
    assert signal.evidence == signal.details["said"] == text
    assert signal.details["corrected"] == corrected


@pytest.mark.parametrize(
    "text",
    [
        "No problem! What about Austria?",
        "No, that's all for now. Thanks!",
        "No, thanks.",
        "No worries, it's fine.",
        "no, it's okay",
        "I meant to thank you for yesterday",
        "I said hello to my neighbour this morning",
        "I said to her that we would come",
        "That's wrong of them to do, I think",
        "That's not to be missed!",
        "Not bad but I need more time",
        "I'm tired, not sad",
        "Actually, I want to change my flight as well",
        "Is that wrong?",
        "What is wrong with my code?",
        "It should be a good time",
        "Explain why the statement 'no, that's wrong' is rude",
        "You are wrongly billed by your provider?",
    ],
)
def test_what_only_sounds_like_one_is_none(text: str) -> None:
    assert DETECTOR.find(follows(text)) == ()


def test_what_answers_a_question_back_is_none() -> None:
    assert DETECTOR.find(follows("No, it's Tuesday.", answer="Shall I book it for Monday?")) == ()


def test_nothing_is_corrected_by_the_first_message() -> None:
    assert DETECTOR.find(opens("No, I meant the other one", "Which?")) == ()


def test_what_is_off_the_record_is_left_alone() -> None:
    assert DETECTOR.find(follows("That's wrong. Keep this off the record.")) == ()
