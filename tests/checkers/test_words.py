"""gateway/checkers/words.py: words that must not be said, words that must, and apologies."""

from __future__ import annotations

import pytest

from tests.checkers.judged import understood, violation

INSTRUCTIONS = [
    "don't use the word 'delve'",
    "Don't use the word utilize.",
    'Never use the phrase "at the end of the day".',
    'Never say "as an AI language model".',
    'Avoid the words "delve", "tapestry" and "leverage".',
    "Never use the words delve or leverage.",
    "Don’t say “certainly”.",
    'Stop saying "Great question!".',
    'Always include the word "banana".',
    "Mention 'Acme' in every answer.",
    "Never apologise.",
    "Stop apologizing, please.",
    "Do not apologise any more.",
    "No apologies.",
    'Benutze nie das Wort "eigentlich".',
    'Nunca uses la palabra "obviamente".',
    "N'utilise jamais le mot « donc ».",
    "不要使用“总之”这个词。",
]

KEPT = [
    ("don't use the word 'delve'", "Let us look into it."),
    ("don't use the word 'delve'", 'The word "delve" is overused.'),
    ("don't use the word 'delve'", "delver, redelve"),
    ("don't use the word 'delve'", "Run `delve debug` now."),
    ("don't use the word 'delve'", "> delve\n\nYou wrote that."),
    ('Avoid the words "delve", "tapestry" and "leverage".', "A leveraged tapestries."),
    ('Never say "as an AI language model".', "As an example, a model."),
    ("Don’t say “certainly”.", "That is uncertain."),
    ('Always include the word "banana".', "Here is a Banana for you."),
    ("Mention 'Acme' in every answer.", "ACME has it."),
    ("Never apologise.", "I'm sorry to hear that your train is late."),
    ("Never apologise.", "Sorry for your loss."),
    ("Never apologise.", "That is a sorry state of affairs for the firm."),
    ("Never apologise.", '"I am sorry", he said.'),
    ("不要使用“总之”这个词。", "就这样。"),
]

BROKEN = [
    ("don't use the word 'delve'", "Let us delve into it.", "Let us delve into it."),
    ("don't use the word 'delve'", "Delve deeper.", "Delve deeper."),
    ("Don't use the word utilize.", "You can utilize it.", "You can utilize it."),
    ('Avoid the words "delve", "tapestry" and "leverage".', "A rich tapestry of life.", "A rich tapestry of life."),
    ("Never use the words delve or leverage.", "They leverage it.", "They leverage it."),
    (
        'Never use the phrase "at the end of the day".',
        "So, at the end\nof the day it works.",
        "So, at the end\nof the day it works.",
    ),
    ('Never say "as an AI language model".', "As an AI language model, I can.", "As an AI language model, I can."),
    ('Stop saying "Great question!".', "Great question! It is so.", "Great question! It is so."),
    ('Always include the word "banana".', "Here is an apple.", "Here is an apple."),
    ("Mention 'Acme' in every answer.", "The firm has it.", "The firm has it."),
    ("Never apologise.", "I'm so sorry for that.", "I'm so sorry for that."),
    ("Never apologise.", "I apologize for the delay.", "I apologize for the delay."),
    ("Stop apologizing, please.", "Sorry, that was wrong.", "Sorry, that was wrong."),
    ("No apologies.", "My sincere apologies.", "My sincere apologies."),
    ('Benutze nie das Wort "eigentlich".', "Das ist eigentlich gut.", "Das ist eigentlich gut."),
    ("不要使用“总之”这个词。", "总之，很好。", "总之，很好。"),
]


@pytest.mark.parametrize("instruction", INSTRUCTIONS)
def test_an_instruction_is_understood_however_it_is_said(instruction: str) -> None:
    assert set(understood(instruction)) == {"words"}


@pytest.mark.parametrize(("instruction", "answer"), KEPT)
def test_an_answer_that_keeps_it_passes(instruction: str, answer: str) -> None:
    assert violation(instruction, answer) is None


@pytest.mark.parametrize(("instruction", "answer", "words"), BROKEN)
def test_an_answer_that_breaks_it_is_told_by_its_words(instruction: str, answer: str, words: str) -> None:
    assert violation(instruction, answer) == words
