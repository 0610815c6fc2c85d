"""gateway/checkers/json_only.py: JSON from the first character to the last."""

from __future__ import annotations

import pytest

from tests.checkers.judged import understood, violation

INSTRUCTIONS = [
    "respond in JSON only",
    "Respond with JSON only.",
    "Always answer in valid JSON.",
    "Return only JSON.",
    "JSON only.",
    "Your output must be valid JSON.",
    "Reply only with a JSON object.",
    "Only output raw JSON, no explanations.",
    "Antworte nur in JSON.",
    "Nothing but JSON.",
]

KEPT = [
    ("Respond with JSON only.", '{"a": 1}'),
    ("Respond with JSON only.", "[1, 2]"),
    ("Respond with JSON only.", ' {"a": 1}\n'),
    ("Respond with JSON only.", '"text"'),
    ("Respond with JSON only.", "42"),
    ("Respond with JSON only.", "null"),
    ("Respond with JSON only.", '```json\n{"a": 1}\n```'),
    ("Respond with JSON only.", "```\n[]\n```"),
    ("Respond with JSON only.", '{"a": "Sure! Here you are: {}"}'),
    ("Respond with JSON only.", '{\n  "a": {"b": [1, 2, {"c": null}]}\n}'),
    ("Antworte nur in JSON.", '{"ä": "ö"}'),
    ("JSON only.", "true"),
]

BROKEN = [
    ("Respond with JSON only.", 'Sure! {"a": 1}', 'Sure! {"a": 1}'),
    ("Respond with JSON only.", '{"a": 1} Hope that helps.', '{"a": 1} Hope that helps.'),
    ("Respond with JSON only.", "Hello.", "Hello."),
    ("Respond with JSON only.", "{'a': 1}", "{'a': 1}"),
    ("Respond with JSON only.", '{"a": 1,}', '{"a": 1,}'),
    ("Respond with JSON only.", '{"a": 1', '{"a": 1'),
    ("Respond with JSON only.", "Here:\n```json\n{}\n```", "Here:"),
    ("Respond with JSON only.", "```json\n{}\n```\nDone.", "```json"),
    ("Respond with JSON only.", '{"a": 1}{"b": 2}', '{"a": 1}{"b": 2}'),
    ("Respond with JSON only.", "a: 1\nb: 2", "a: 1"),
    ("Respond with JSON only.", "<a>1</a>", "<a>1</a>"),
    ("Antworte nur in JSON.", "Gern! {}", "Gern! {}"),
    ("JSON only.", "[" * 5000, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["),
]


@pytest.mark.parametrize("instruction", INSTRUCTIONS)
def test_an_instruction_is_understood_however_it_is_said(instruction: str) -> None:
    assert set(understood(instruction)) == {"json_only"}


@pytest.mark.parametrize(("instruction", "answer"), KEPT)
def test_an_answer_that_keeps_it_passes(instruction: str, answer: str) -> None:
    assert violation(instruction, answer) is None


@pytest.mark.parametrize(("instruction", "answer", "words"), BROKEN)
def test_an_answer_that_breaks_it_is_told_by_its_words(instruction: str, answer: str, words: str) -> None:
    assert violation(instruction, answer) == words
