"""gateway/checkers/bullets.py: lists that are not to be, and points that are."""

from __future__ import annotations

import pytest

from tests.checkers.judged import understood, violation

INSTRUCTIONS = [
    "no bullet points",
    "No bullet points.",
    "Never use bullet points.",
    "dont use bullet points ever",
    "Please no bullet points.",
    "Don't use bulleted lists in your answers.",
    "Avoid bullet points and lists.",
    "Stop using bullet points.",
    "I don't want any bullet points.",
    "No lists, ever.",
    "No numbered lists.",
    "Without bullets please",
    "Always answer in bullet points.",
    "Use bullet points.",
    "Respond only with bullet points",
    "Bullet points only, please.",
    "Keine Aufzählungen bitte.",
    "Verwende nie Stichpunkte.",
    "Antworte immer in Stichpunkten.",
    "Sin viñetas, por favor.",
    "Pas de listes à puces.",
    "不要使用项目符号。",
    "Bullet points are not allowed.",
]

LONG = "The city has many parts that are worth a visit. " * 12

KEPT = [
    ("No bullet points.", "One thing, then another."),
    ("No bullet points.", "- He said so.\nAnd went."),
    ("No bullet points.", "1. First\n2. Second"),
    ("No bullet points.", "```\n- a\n- b\n```\nThat is YAML."),
    ("No bullet points.", "Well-known, state-of-the-art."),
    ("No bullet points.", "a - b\nc - d"),
    ("No bullet points.", "**Bold** and *italic* words.\n*Another* one."),
    ("No bullet points.", "---\nA rule.\n---"),
    ("No bullet points.", "-5 degrees\n-7 degrees"),
    ("No lists, ever.", "In 2024. Then in 2025."),
    ("No lists, ever.", "3.5 percent\n4.5 percent"),
    ("No numbered lists.", "- a\n- b"),
    ("Always answer in bullet points.", "Yes, it does."),
    ("Always answer in bullet points.", f"{LONG}\n- one\n- two"),
    ("Always answer in bullet points.", f"{LONG}\n1. one\n2. two"),
]

BROKEN = [
    ("No bullet points.", "Two things:\n- milk\n- bread", "- milk"),
    ("No bullet points.", "* milk\n* bread", "* milk"),
    ("No bullet points.", "• milk\n• bread", "• milk"),
    ("No bullet points.", "Things:\n\n- milk, and more of it\n\n- bread", "- milk, and more of it"),
    ("No bullet points.", "Text\n  - nested\n  - more", "- nested"),
    ("Keine Aufzählungen bitte.", "Also:\n- Milch\n- Brot", "- Milch"),
    ("Sin viñetas, por favor.", "- leche\n- pan", "- leche"),
    ("Pas de listes à puces.", "- lait\n- pain", "- lait"),
    ("不要使用项目符号。", "• 牛奶\n• 面包", "• 牛奶"),
    ("No lists, ever.", "Steps:\n1. Open it\n2. Close it", "1. Open it"),
    ("No numbered lists.", "1) Open it\n2) Close it", "1) Open it"),
    ("No lists, ever.", "- a\n- b", "- a"),
    ("Always answer in bullet points.", LONG, "The city has many parts that are worth a visit. The city has"),
]


@pytest.mark.parametrize("instruction", INSTRUCTIONS)
def test_an_instruction_is_understood_however_it_is_said(instruction: str) -> None:
    assert set(understood(instruction)) == {"bullets"}


@pytest.mark.parametrize(("instruction", "answer"), KEPT)
def test_an_answer_that_keeps_it_passes(instruction: str, answer: str) -> None:
    assert violation(instruction, answer) is None


@pytest.mark.parametrize(("instruction", "answer", "words"), BROKEN)
def test_an_answer_that_breaks_it_is_told_by_its_words(instruction: str, answer: str, words: str) -> None:
    assert violation(instruction, answer) == words
