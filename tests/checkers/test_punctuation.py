"""gateway/checkers/punctuation.py: signs that are not to be."""

from __future__ import annotations

import pytest

from tests.checkers.judged import understood, violation

INSTRUCTIONS = [
    "No exclamation marks, please.",
    "I never want to see exclamation marks.",
    "I don't want to see exclamation marks.",
    "Don't use em dashes.",
    "Never use em-dashes.",
    "No semicolons, please.",
    "Avoid parentheses.",
    "No hashtags.",
    "Keine Ausrufezeichen.",
]

KEPT = [
    ("No exclamation marks, please.", "Fine."),
    ("No exclamation marks, please.", "a != b holds."),
    ("No exclamation marks, please.", 'He said "Stop!" to me.'),
    ("No exclamation marks, please.", "Use `!important` there."),
    ("Don't use em dashes.", "A well-known word, 3–5 days."),
    ("No semicolons, please.", "A, b, c."),
    ("No semicolons, please.", "```js\nx = 1;\n```"),
    ("Avoid parentheses.", "Call `f(x)` or foo(bar)."),
    ("Avoid parentheses.", "1) one\n2) two"),
    ("No hashtags.", "C# and issue #12, see x#y."),
    ("No hashtags.", "# Title"),
    ("Keine Ausrufezeichen.", "Das ist gut."),
    ("No ellipsis.", "Done. Really."),
]

BROKEN = [
    ("No exclamation marks, please.", "Great!", "Great!"),
    ("No exclamation marks, please.", "Sure! Here it is.", "Sure! Here it is."),
    ("Keine Ausrufezeichen.", "Hallo!", "Hallo!"),
    ("I never want to see exclamation marks.", "好！", "好！"),
    ("Don't use em dashes.", "It works—mostly.", "It works—mostly."),
    ("Never use em-dashes.", "It — mostly — works.", "It — mostly — works."),
    ("No dashes.", "It works - mostly.", "It works - mostly."),
    ("No semicolons, please.", "It works; mostly.", "It works; mostly."),
    ("Avoid parentheses.", "It works (mostly).", "It works (mostly)."),
    ("No hashtags.", "Great day #sunny", "Great day #sunny"),
    ("No ellipsis.", "Well... yes.", "Well... yes."),
    ("No question marks.", "Is it?", "Is it?"),
]


@pytest.mark.parametrize("instruction", INSTRUCTIONS)
def test_an_instruction_is_understood_however_it_is_said(instruction: str) -> None:
    assert set(understood(instruction)) == {"punctuation"}


@pytest.mark.parametrize(("instruction", "answer"), KEPT)
def test_an_answer_that_keeps_it_passes(instruction: str, answer: str) -> None:
    assert violation(instruction, answer) is None


@pytest.mark.parametrize(("instruction", "answer", "words"), BROKEN)
def test_an_answer_that_breaks_it_is_told_by_its_words(instruction: str, answer: str, words: str) -> None:
    assert violation(instruction, answer) == words
