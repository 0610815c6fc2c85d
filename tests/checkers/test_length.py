"""gateway/checkers/length.py: counted as people count."""

from __future__ import annotations

import pytest

from tests.checkers.judged import understood, violation

INSTRUCTIONS = [
    "keep it under 50 words",
    "Keep answers under 100 words.",
    "from here on keep answers under 100 words",
    "at most three sentences",
    "Answer in at most three sentences.",
    "Always answer in one sentence.",
    "Answer in one word for this chat.",
    "I want you to always answer in one paragraph.",
    "Keep explanations to two sentences, please.",
    "No more than two paragraphs.",
    "Limit your responses to 200 words.",
    "Use no more than 3 sentences.",
    "max 2 sentences",
    "Maximum of 40 words per answer.",
    "Your answers must be under 80 words.",
    "Reply in exactly two sentences.",
    "Between 50 and 100 words, please.",
    "Keep your answers to 2-3 sentences.",
    "Write at least 200 words.",
    "Your replies must not exceed 280 characters.",
    "Never write more than five lines.",
    "Antworte in höchstens drei Sätzen.",
    "Maximal 5 Wörter bitte.",
    "Responde en menos de 50 palabras.",
    "Réponds en deux phrases maximum.",
    "回答不超过50个字。",
    "请用一句话回答",
    "Answers of at most 60 words.",
    "Always respond with a single sentence.",
    "50 words max.",
    "One sentence answers only, please",
]

KEPT = [
    ("Keep answers under 10 words.", "word word word word word word word word word word."),
    ("Keep answers under 10 words.", "A — b — c — d — e — f — g."),
    ("Keep answers under 10 words.", "- one two three\n- four five six"),
    ("Keep answers under 10 words.", "Run it:\n```\na b c d e f g h i j k l m n o\n```"),
    ("at most three sentences", "One. Two. Three."),
    ("at most three sentences", "It costs 3.50 or 4.50. See e.g. Dr. Smith of the U.S. team."),
    ("Always answer in one sentence.", "Version 3.11.2 is out, i.e. now."),
    ("Always answer in one sentence.", "Yes"),
    ("I want you to always answer in one paragraph.", "One.\nStill one."),
    ("No more than two paragraphs.", "Two things:\n\n- a\n\n- b\n\nBye."),
    ("Never write more than five lines.", "a\n\nb\n\nc\n\nd\n\ne"),
    ("Your replies must not exceed 280 characters.", "x" * 280),
    ("Write at least 200 words.", "word " * 200),
    ("Between 50 and 100 words, please.", "word " * 75),
    ("Reply in exactly two sentences.", "One. Two."),
    ("Antworte in höchstens drei Sätzen.", "Eins. Zwei, z.B. so. Drei."),
    ("回答不超过50个字。", "好的。"),
    ("请用一句话回答", "好的，没问题。"),
    ("Answer in one word for this chat.", "Yes."),
]

BROKEN = [
    (
        "Keep answers under 10 words.",
        "word word word word word word word word word word word.",
        "word word word word word word word word word word word.",
    ),
    ("Keep answers under 1,000 words.", "word " * 1001, "word word word word word word word word word word word word"),
    ("at most three sentences", "One. Two. Three. Four.", "One. Two. Three. Four."),
    ("Always answer in one sentence.", "Yes! That is so.", "Yes! That is so."),
    ("Answer in one word for this chat.", "Yes, sir.", "Yes, sir."),
    ("I want you to always answer in one paragraph.", "One.\n\nTwo.", "Two."),
    ("No more than two paragraphs.", "One.\n\nTwo.\n\nThree.", "Three."),
    ("Never write more than five lines.", "a\nb\nc\nd\ne\nf", "f"),
    ("Your replies must not exceed 280 characters.", "x" * 281, "x" * 30),
    ("Write at least 200 words.", "word word word word word.", "word word word word word."),
    (
        "Between 50 and 100 words, please.",
        "word word word word word word word word.",
        "word word word word word word word word.",
    ),
    ("Reply in exactly two sentences.", "One.", "One."),
    ("Reply in exactly two sentences.", "One. Two. Three.", "One. Two. Three."),
    ("Antworte in höchstens drei Sätzen.", "Eins. Zwei. Drei. Vier.", "Eins. Zwei. Drei. Vier."),
    ("Maximal 5 Wörter bitte.", "word word word word word word.", "word word word word word word."),
    ("请用一句话回答", "好的。没问题。", "好的。没问题。"),
    ("回答不超过50个字。", "好" * 51, "好" * 51),
]


@pytest.mark.parametrize("instruction", INSTRUCTIONS)
def test_an_instruction_is_understood_however_it_is_said(instruction: str) -> None:
    assert set(understood(instruction)) == {"length"}


@pytest.mark.parametrize(("instruction", "answer"), KEPT)
def test_an_answer_that_keeps_it_passes(instruction: str, answer: str) -> None:
    assert violation(instruction, answer) is None


@pytest.mark.parametrize(("instruction", "answer", "words"), BROKEN)
def test_an_answer_that_breaks_it_is_told_by_its_words(instruction: str, answer: str, words: str) -> None:
    assert violation(instruction, answer) == words
