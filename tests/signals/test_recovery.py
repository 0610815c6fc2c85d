"""A tool that failed succeeds with other arguments."""

from __future__ import annotations

import json

import pytest

from gateway.signals.recovery import DETECTOR, NEXT_CALLS
from gateway.signals.tool_error import DETECTOR as TOOL_ERROR
from tests.signals.worked import worked

FAILED = '{"flight": "HAT030", "date": "13.05.2024", "cabin": "economy"}'
MENDED = '{"flight": "HAT030", "date": "2024-05-13", "cabin": "economy"}'
ERROR = "Error: date '13.05.2024' is no date"


def test_the_field_that_was_changed_is_what_was_wrong() -> None:
    (found,) = DETECTOR.find(worked((FAILED, ERROR), (MENDED, "booked"), tool="book"))
    assert (found.grade, found.is_good, found.tool, found.about) == ("A", True, "book", "ex_0")
    assert found.evidence == MENDED
    assert found.details == {
        "tool": "book",
        "field": "date",
        "before": '"13.05.2024"',
        "after": '"2024-05-13"',
        "error": ERROR,
    }


def test_its_key_is_that_of_the_error() -> None:
    (error,) = TOOL_ERROR.find(worked((FAILED, ERROR), tool="book"))
    (found,) = DETECTOR.find(worked((FAILED, ERROR), (MENDED, "booked"), tool="book"))
    assert found.key == error.key


@pytest.mark.parametrize(
    ("before", "after", "error", "field", "pair"),
    [
        (
            '{"id": "W1", "pay": {"by": "gift_1", "amount": 50}}',
            '{"id": "W1", "pay": {"by": "gift_1", "amount": 55}}',
            "Error: amount does not add up",
            "pay.amount",
            ("50", "55"),
        ),
        (
            '{"id": "W1", "pay": [{"by": "gift_1", "amount": 1.0}]}',
            '{"id": "W1", "pay": [{"by": "gift_1", "amount": 2.50}]}',
            "Error: amount does not add up",
            "pay.0",
            ('{"by": "gift_1", "amount": 1.0}', '{"by": "gift_1", "amount": 2.50}'),
        ),
        ('{"id": "W1", "on": [1, 2]}', '{"id": "W1", "on": [2]}', "Error: 1 is gone", "on", ("[1, 2]", "[2]")),
        ('{"id": "W1"}', '{"id": "W1", "zip": 12}', "Error: zip is missing", "zip", ("", "12")),
        ('{"id": "W1", "n": 0}', '{"id": "W1", "m": 1}', "Error: n is unknown", "n, m", ("0, ", ", 1")),
        ('{"limit": 5000}', '{"limit": 100}', "Error: limit must be at most 1000", "limit", ("5000", "100")),
        ('{"city": "NYC"}', '{"city": "New York"}', "Error: unknown city NYC", "city", ('"NYC"', '"New York"')),
        ('{"path": "src/app.py"}', '{"path": "src/web/app.py"}', "File not found", "path", None),
        (
            '{"command": "pytset -q tests", "description": "Run all tests"}',
            '{"command": "pytest -q tests", "description": "Once more, without the typo"}',
            "bash: pytset: command not found",
            "command",
            ('"pytset -q tests"', '"pytest -q tests"'),
        ),
    ],
)
def test_fields_are_named_with_their_values_as_they_were_written(
    before: str, after: str, error: str, field: str, pair: tuple[str, str] | None
) -> None:
    found = [one.details for one in DETECTOR.find(worked((before, error), (after, "done")))]
    assert [one["field"] for one in found] == [field]
    if pair is not None:
        assert (found[0]["before"], found[0]["after"]) == pair


@pytest.mark.parametrize(
    ("before", "after", "error"),
    [
        ('{"command": "pytset -q"}', '{"command": "ls"}', "bash: pytset: command not found"),
        ('{"path": "a.txt"}', '{"path": "notes/2024.md"}', "Error: not readable"),
        ('{"to": "ann", "text": "Hello there, Ann"}', '{"to": "bob", "text": "A quite different letter"}', "Error: no"),
        ('{"a": 1, "b": 1, "c": 1, "d": 1, "id": "W1"}', '{"a": 2, "b": 2, "c": 2, "d": 2, "id": "W1"}', "Error: no"),
        ("[1]", "not json", "Error: no"),
        ('{"limit": 5000}', '{"limit": 100}', "Error: no"),
        ('{"page": 1, "query": "x"}', '{"page": 1, "query": "zebra"}', "Error: bad"),
        (FAILED, MENDED, "Error: 503 Service Unavailable"),
        (FAILED, MENDED, "booked"),
    ],
)
def test_another_call_mends_nothing(before: str, after: str, error: str) -> None:
    assert not DETECTOR.find(worked((before, error), (after, "done")))


def test_the_same_arguments_that_pass_later_say_nothing() -> None:
    assert not DETECTOR.find(worked((FAILED, ERROR), (FAILED, "booked"), tool="book"))
    assert not DETECTOR.find(worked((FAILED, ERROR), (FAILED, "booked"), (MENDED, "booked"), tool="book"))


def test_of_several_tries_the_last_is_what_was_mended_and_it_is_told_once() -> None:
    nearer = MENDED.replace("05-13", "13-05")
    (found,) = DETECTOR.find(worked((FAILED, ERROR), (nearer, ERROR), (MENDED, "booked"), tool="book"))
    assert found.details["before"] == '"2024-13-05"'
    again = worked((FAILED, ERROR), (nearer, ERROR), (MENDED, "booked"), (MENDED, "booked"), tool="book")
    assert not DETECTOR.find(again)


def test_two_errors_may_be_mended_at_once() -> None:
    other = '{"flight": "HAT030", "date": "2024-05-13", "cabin": "sofa"}'
    session = worked((FAILED, ERROR), (other, "Error: no such cabin"), (MENDED, "booked"), tool="book")
    assert {found.details["field"] for found in DETECTOR.find(session)} == {"date", "cabin"}


@pytest.mark.parametrize(("calls", "is_mended"), [(NEXT_CALLS - 1, True), (NEXT_CALLS, False)])
def test_what_comes_much_later_is_about_something_else(calls: int, is_mended: bool) -> None:
    others = [(json.dumps({"flight": f"XX{n}", "date": f"{n}", "cabin": f"{n}", "at": n}), "ok") for n in range(calls)]
    session = worked((FAILED, ERROR), *others, (MENDED, "booked"), tool="book")
    assert bool(DETECTOR.find(session)) is is_mended


def test_another_tool_mends_nothing() -> None:
    first = worked((FAILED, ERROR), tool="book").exchange
    second = worked((MENDED, "booked"), (MENDED, "booked"), tool="hold")
    assert not DETECTOR.find(type(second)(exchange=second.exchange, earlier=(first,)))
