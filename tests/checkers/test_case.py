"""gateway/checkers/case.py: capitals, their lack, and shouting."""

from __future__ import annotations

import pytest

from tests.checkers.judged import understood, violation

INSTRUCTIONS = [
    "ALL CAPS",
    "lowercase only",
    "Only reply in lowercase.",
    "Write in lower case until further notice.",
    "Always write in all caps.",
    "All lowercase, please.",
    "Never use capital letters.",
    "No capitals.",
    "No all caps.",
    "Don't write in all caps.",
    "Answer in uppercase.",
    "Schreib nur in Kleinbuchstaben.",
    "Don't shout at me.",
]

KEPT = [
    ("lowercase only", "all is small here."),
    ("lowercase only", "the API uses HTTP."),
    ("lowercase only", 'the word "Berlin" is quoted.'),
    ("lowercase only", "run `Foo.Bar` now."),
    ("lowercase only", "```\nClass A\n```\nlike that."),
    ("lowercase only", "see https://Example.com/Foo"),
    ("lowercase only", "vitamin C and plan B"),
    ("ALL CAPS", "ALL IS LARGE HERE."),
    ("ALL CAPS", "RUN `ls -la` NOW."),
    ("ALL CAPS", "A 5 KM WALK, 20 % OFF."),
    ("ALL CAPS", "IT'S SO."),
    ("No all caps.", "The HTTP API of the EU is fine."),
    ("No all caps.", "Use JSON, XML or CSV."),
    ("No all caps.", "NATO and the UN met."),
    ("Schreib nur in Kleinbuchstaben.", "alles klein hier."),
]

BROKEN = [
    ("lowercase only", "This is not.", "This is not."),
    ("lowercase only", "we went to Berlin.", "we went to Berlin."),
    ("lowercase only", "so I said.", "so I said."),
    ("All lowercase, please.", "that is fine. I'm glad.", "that is fine. I'm glad."),
    ("Never use capital letters.", "Él no vino.", "Él no vino."),
    ("Schreib nur in Kleinbuchstaben.", "das ist ein Haus.", "das ist ein Haus."),
    ("No capitals.", "see the Word here", "see the Word here"),
    ("ALL CAPS", "This is not.", "This is not."),
    ("ALL CAPS", "ALMOST all OF IT.", "ALMOST all OF IT."),
    ("Answer in uppercase.", "ok then.", "ok then."),
    ("No all caps.", "THIS IS VERY IMPORTANT.", "THIS IS VERY IMPORTANT."),
    ("No all caps.", "Please DO NOT TOUCH IT at all.", "Please DO NOT TOUCH IT at all."),
    ("Don't shout at me.", "STOP THAT RIGHT NOW!", "STOP THAT RIGHT NOW!"),
]


@pytest.mark.parametrize("instruction", INSTRUCTIONS)
def test_an_instruction_is_understood_however_it_is_said(instruction: str) -> None:
    assert set(understood(instruction)) == {"case"}


@pytest.mark.parametrize(("instruction", "answer"), KEPT)
def test_an_answer_that_keeps_it_passes(instruction: str, answer: str) -> None:
    assert violation(instruction, answer) is None


@pytest.mark.parametrize(("instruction", "answer", "words"), BROKEN)
def test_an_answer_that_breaks_it_is_told_by_its_words(instruction: str, answer: str, words: str) -> None:
    assert violation(instruction, answer) == words
