"""gateway/checkers/format.py: elements of Markdown."""

from __future__ import annotations

import pytest

from tests.checkers.judged import understood, violation

INSTRUCTIONS = [
    "No markdown.",
    "Never use markdown formatting.",
    "Plain text only.",
    "Stick to plain text in future.",
    "Don't use tables.",
    "I'd rather you didn't use tables.",
    "No headings please",
    "No bold text.",
    "Please never include links.",
    "Never use code blocks.",
    "Always answer in a table.",
    "Respond in plain text",
    "Kein Markdown bitte.",
    "Sin tablas.",
    "Don't use headers or bold.",
]

LONG = "The city has many parts that are worth a visit. " * 12
TABLE = "| a | b |\n|---|---|\n| 1 | 2 |"

KEPT = [
    ("No markdown.", "Plain words, in one line."),
    ("No markdown.", "2 * 3 * 4 = 24 and a_b_c."),
    ("No markdown.", "C# is a language. #1 is first."),
    ("No markdown.", "snake__case__name stays"),
    ("Don't use tables.", "a | b\nc | d"),
    ("Don't use tables.", "----\nA line."),
    ("No headings please", "#hashtag and # alone"),
    ("No headings please", "```\n# a comment\n```"),
    ("No bold text.", "2**3**4 is code, ** alone"),
    ("Please never include links.", "Go to the site of Acme."),
    ("Never use code blocks.", "Use `ls` for that."),
    ("Always answer in a table.", "Yes."),
    ("Always answer in a table.", f"{LONG}\n\n{TABLE}"),
    ("Plain text only.", "- a single dash"),
]

BROKEN = [
    ("No markdown.", "## Title\nText", "## Title"),
    ("No markdown.", "This is **very** good.", "This is **very** good."),
    ("No markdown.", "```py\nx = 1\n```", "```py"),
    ("No markdown.", "- a\n- b", "- a"),
    ("No markdown.", f"Look:\n\n{TABLE}", "|---|---|"),
    ("Don't use tables.", f"Look:\n\n{TABLE}", "|---|---|"),
    ("Don't use tables.", "a | b\n--- | ---\n1 | 2", "--- | ---"),
    ("No headings please", "# Plan\nGo.", "# Plan"),
    ("No bold text.", "A **bold** word.", "A **bold** word."),
    ("Please never include links.", "See [here](https://example.com/x).", "See [here](https://example.com/x)."),
    ("Please never include links.", "See https://example.com now.", "See https://example.com now."),
    ("Never use code blocks.", "So:\n```\nls\n```", "```"),
    ("Kein Markdown bitte.", "### Titel\nText", "### Titel"),
    ("Always answer in a table.", LONG, "The city has many parts that are worth a visit. The city has"),
]


@pytest.mark.parametrize("instruction", INSTRUCTIONS)
def test_an_instruction_is_understood_however_it_is_said(instruction: str) -> None:
    assert set(understood(instruction)) == {"format"}


@pytest.mark.parametrize(("instruction", "answer"), KEPT)
def test_an_answer_that_keeps_it_passes(instruction: str, answer: str) -> None:
    assert violation(instruction, answer) is None


@pytest.mark.parametrize(("instruction", "answer", "words"), BROKEN)
def test_an_answer_that_breaks_it_is_told_by_its_words(instruction: str, answer: str, words: str) -> None:
    assert violation(instruction, answer) == words
