"""What every checker of gateway/checkers does and does not do."""

from __future__ import annotations

import importlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.checkers.base import Checker
from gateway.guard import CHECKERS, checks

INSTRUCTIONS: list[str] = [
    instruction
    for name in CHECKERS
    for instruction in importlib.import_module(f"tests.checkers.test_{name}").INSTRUCTIONS
]
SIGNS = st.sampled_from(
    [
        "a",
        "B",
        " ",
        "\n",
        ".",
        "!",
        "?",
        "-",
        "*",
        "#",
        "`",
        "```",
        '"',
        "'",
        "“",
        "|",
        "---",
        "1.",
        "{",
        "好",
        "。",
        "😀",
    ]
)


@pytest.mark.parametrize(("name", "checker"), CHECKERS.items())
def test_a_checker_is_called_what_its_file_is_called(name: str, checker: Checker) -> None:
    assert checker.name == name


@pytest.mark.parametrize("checker", CHECKERS.values(), ids=CHECKERS)
@given(clause=st.text(max_size=300) | st.lists(SIGNS, max_size=30).map(" ".join))
@settings(deadline=None, max_examples=30)
def test_what_nobody_would_say_is_no_instruction(checker: Checker, clause: str) -> None:
    assert checker.check(f"{clause} whatever else") is None


@given(
    instruction=st.sampled_from(INSTRUCTIONS),
    answer=st.text(max_size=400) | st.lists(SIGNS, min_size=1, max_size=80).map("".join),
)
@settings(deadline=None, max_examples=300)
@pytest.mark.promise("P8")
def test_what_breaks_an_instruction_is_told_in_the_words_of_the_answer(instruction: str, answer: str) -> None:
    for _, check in checks(instruction):
        words = check.violation(answer)
        assert words is None or words in answer


@given(instruction=st.sampled_from(INSTRUCTIONS))
@settings(deadline=None, max_examples=50)
def test_the_same_instruction_makes_the_same_checks(instruction: str) -> None:
    assert checks.__wrapped__(instruction) == checks.__wrapped__(instruction)
