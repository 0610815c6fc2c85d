"""gateway/checkers/end.py: how answers end."""

from __future__ import annotations

import pytest

from tests.checkers.judged import understood, violation

INSTRUCTIONS = [
    "always end with a question",
    "Close every answer with a question.",
    "sign off with 'Cheers'",
    'End every message with "Over and out."',
    'Sign your answers with "J."',
    "Never end with a question.",
    "Don't ask follow-up questions.",
    "No follow-up questions.",
    'Stop ending your replies with "Let me know".',
    'End your replies with the line "Stay safe."',
    "Beende jede Antwort mit einer Frage.",
    "Termina siempre con una pregunta.",
]

KEPT = [
    ("always end with a question", "It is so. Is that fine?"),
    ("always end with a question", "Is that fine? 😀"),
    ("always end with a question", "**Is that fine?**"),
    ("always end with a question", "好吗？"),
    ("sign off with 'Cheers'", "It is so.\n\nCheers"),
    ("sign off with 'Cheers'", "It is so. Cheers!"),
    ("sign off with 'Cheers'", "It is so.\n\n— cheers,"),
    ("sign off with 'Cheers'", "Bye.\n*Cheers*"),
    ('Sign your answers with "J."', "All done.\n- J."),
    ("Don't ask follow-up questions.", "It is so."),
    ("Don't ask follow-up questions.", "Why is it so? Because."),
    ('Stop ending your replies with "Let me know".', "Let me know the end of it. It is so."),
    ('End every message with "Over and out."', "Yes. Over and out."),
    ("Termina siempre con una pregunta.", "Es así. ¿Vale?"),
]

BROKEN = [
    ("always end with a question", "It is so.", "It is so."),
    ("always end with a question", "Is it so? Yes.", "Is it so? Yes."),
    ("always end with a question", "One.\nTwo.", "Two."),
    ("Beende jede Antwort mit einer Frage.", "Das ist so.", "Das ist so."),
    ("Termina siempre con una pregunta.", "Es así.", "Es así."),
    ("sign off with 'Cheers'", "It is so. Bye", "It is so. Bye"),
    ("sign off with 'Cheers'", "Cheers, it is so.", "Cheers, it is so."),
    ('Sign your answers with "J."', "All done.", "All done."),
    ("Don't ask follow-up questions.", "It is so. Shall I go on?", "It is so. Shall I go on?"),
    ("Never end with a question.", "Fine?", "Fine?"),
    (
        'Stop ending your replies with "Let me know".',
        "It is so. Let me know if it helps.",
        "It is so. Let me know if it helps.",
    ),
    ('End your replies with the line "Stay safe."', "Bye.", "Bye."),
]


@pytest.mark.parametrize("instruction", INSTRUCTIONS)
def test_an_instruction_is_understood_however_it_is_said(instruction: str) -> None:
    assert set(understood(instruction)) == {"end"}


@pytest.mark.parametrize(("instruction", "answer"), KEPT)
def test_an_answer_that_keeps_it_passes(instruction: str, answer: str) -> None:
    assert violation(instruction, answer) is None


@pytest.mark.parametrize(("instruction", "answer", "words"), BROKEN)
def test_an_answer_that_breaks_it_is_told_by_its_words(instruction: str, answer: str, words: str) -> None:
    assert violation(instruction, answer) == words
