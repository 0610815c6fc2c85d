"""Promises and tests name each other: no test claims an unknown promise, no promise claims tests it does not have."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.requirements import PROMISES, Held, Promise

TESTS = Path(__file__).parent


def test_promises_and_tests_agree() -> None:
    texts = [path.read_text(encoding="utf-8") for path in sorted(TESTS.rglob("test_*.py"))]
    assert disagreements(PROMISES, {id for text in texts for id in promised(text)}) == []


def test_promises_are_numbered_without_a_gap() -> None:
    assert [promise.id for promise in PROMISES] == [f"P{number}" for number in range(1, 13)]


def test_marks_are_found_on_functions_classes_modules_and_parameters() -> None:
    text = """
pytestmark = pytest.mark.promise("P1")

@pytest.mark.promise("P2")
class TestA:
    @mark.promise("P3")
    async def test_b(self): ...

@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.promise("P4"))])
def test_c(x): text = '@pytest.mark.promise("P5")'
"""
    assert promised(text) == {"P1", "P2", "P3", "P4"}


@pytest.mark.parametrize(
    ("held", "marks", "complaint"),
    [
        ("yes", {"P1"}, []),
        ("partly", {"P1"}, []),
        ("not yet", set(), []),
        ("yes", set(), ["P1 is said to be held (yes), and no test holds it"]),
        ("partly", set(), ["P1 is said to be held (partly), and no test holds it"]),
        ("not yet", {"P1"}, ["P1 has tests: say in tests/requirements.py how far it is held"]),
        ("yes", {"P1", "P99"}, ["P99 is marked on a test, and no promise has that id"]),
    ],
)
def test_each_way_of_disagreeing_is_noticed(held: Held, marks: set[str], complaint: list[str]) -> None:
    assert disagreements([Promise(id="P1", sentence="It holds.", held=held)], marks) == complaint


def promised(text: str) -> set[str]:
    """Ids in the `promise` marks of a test file; an id that is not written out comes back as its expression."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    marks = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "promise"]
    arguments = [argument for mark in marks for argument in mark.args]
    return {str(node.value) if isinstance(node, ast.Constant) else ast.unparse(node) for node in arguments}


def disagreements(promises: Iterable[Promise], marks: set[str]) -> list[str]:
    """What the promises say of their tests and the tests' marks do not bear out."""
    known = {promise.id: promise for promise in promises}
    unknown = [f"{id} is marked on a test, and no promise has that id" for id in sorted(marks - known.keys())]
    untested = [
        f"{promise.id} is said to be held ({promise.held}), and no test holds it"
        for promise in known.values()
        if promise.held != "not yet" and promise.id not in marks
    ]
    untold = [
        f"{promise.id} has tests: say in tests/requirements.py how far it is held"
        for promise in known.values()
        if promise.held == "not yet" and promise.id in marks
    ]
    return unknown + untested + untold
