"""gateway/checkers/start.py: how answers begin."""

from __future__ import annotations

import pytest

from tests.checkers.judged import understood, violation

INSTRUCTIONS = [
    "Start every answer with 'Sure'.",
    'Always begin with "TL;DR".',
    "Start each reply with TLDR",
    'Never start with "Great question".',
    'Don\'t begin your answers with "Certainly" or "Sure".',
    'Your answers must start with "Captain,".',
    'Beginne jede Antwort mit "Kurz:".',
]

KEPT = [
    ("Start every answer with 'Sure'.", "Sure, here it is."),
    ("Start every answer with 'Sure'.", "sure!"),
    ("Start every answer with 'Sure'.", "**Sure** thing."),
    ('Always begin with "TL;DR".', "TL;DR: it works."),
    ('Always begin with "TL;DR".', "**TL;DR** it works."),
    ("Start each reply with TLDR", "TLDR: yes."),
    ('Your answers must start with "Captain,".', "Captain, we are there."),
    ('Your answers must start with "Captain,".', "Captain! We are there."),
    ('Never start with "Great question".', "The answer is yes."),
    ('Never start with "Great question".', "Great, a question."),
    ('Don\'t begin your answers with "Certainly" or "Sure".', "Surely not."),
    ('Beginne jede Antwort mit "Kurz:".', "Kurz: ja."),
]

BROKEN = [
    ("Start every answer with 'Sure'.", "Here it is.", "Here it is."),
    ("Start every answer with 'Sure'.", "Surely.", "Surely."),
    ("Start every answer with 'Sure'.", "I am sure.", "I am sure."),
    ('Always begin with "TL;DR".', "It works. TL;DR: it works.", "It works. TL;DR: it works."),
    ("Start each reply with TLDR", "Yes.", "Yes."),
    ('Your answers must start with "Captain,".', "We are there, Captain.", "We are there, Captain."),
    ('Never start with "Great question".', "Great question! It is so.", "Great question! It is so."),
    ('Never start with "Great question".', '"Great question", indeed.', '"Great question", indeed.'),
    ('Never start with "Great question".', "**Great question**", "**Great question**"),
    ('Don\'t begin your answers with "Certainly" or "Sure".', "Certainly, sir.", "Certainly, sir."),
    ('Don\'t begin your answers with "Certainly" or "Sure".', "Sure.", "Sure."),
    ('Beginne jede Antwort mit "Kurz:".', "Ja.", "Ja."),
]


@pytest.mark.parametrize("instruction", INSTRUCTIONS)
def test_an_instruction_is_understood_however_it_is_said(instruction: str) -> None:
    assert set(understood(instruction)) == {"start"}


@pytest.mark.parametrize(("instruction", "answer"), KEPT)
def test_an_answer_that_keeps_it_passes(instruction: str, answer: str) -> None:
    assert violation(instruction, answer) is None


@pytest.mark.parametrize(("instruction", "answer", "words"), BROKEN)
def test_an_answer_that_breaks_it_is_told_by_its_words(instruction: str, answer: str, words: str) -> None:
    assert violation(instruction, answer) == words
