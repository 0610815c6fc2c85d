"""A tool that failed succeeds with other arguments."""

from __future__ import annotations

import json

import msgspec
import pytest

from gateway.signals.base import Seen
from gateway.signals.recovery import DETECTOR, NEXT_CALLS
from gateway.signals.tool_error import DETECTOR as TOOL_ERROR
from gateway.types import Exchange
from tests.signals.worked import result, worked

FAILED = '{"flight": "HAT030", "date": "13.05.2024", "cabin": "economy"}'
MENDED = '{"flight": "HAT030", "date": "2024-05-13", "cabin": "economy"}'
ERROR = "Error: date '13.05.2024' is no date"


def nested(value: str, depth: int = 450) -> str:
    return f'{{"id": "W1", "deep": {"[" * depth}{value}{"]" * depth}}}'


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
        ('{"path": "src/app.py"}', '{"path": "src/web/app.py"}', "File not found", "path", None),
        ('{"path": "tets/a.py"}', '{"path": "tests/a.py"}', "File not found", "path", None),
        ('{"user": "sara"}', '{"user": "sara_7"}', "Error: no such user", "user", None),
        ('{"pay": "credit_card_5634230"}', '{"pay": "gift_card_5634230"}', "Error: not found", "pay", None),
        ('{"day": "tomorrow"}', '{"day": "2024-05-13"}', "Error: bad day", "day", None),
        ('{"regex": "f("}', '{"regex": "f\\\\("}', "Error: bad regex", "regex", None),
        ('{"cmd": "grep -P foo a"}', '{"cmd": "grep -E foo a"}', "Error: no -P here", "cmd", None),
        ('{"unit": "celsius"}', '{"unit": "metric"}', "Error: use metric or imperial", "unit", None),
        ('{"id": "W1", "to": "a"}', '{"id": "W1", "to": ["bo"]}', "Error: no list", "to", None),
        ('{"id": "W1", "is": true}', '{"id": "W1", "is": false}', "Error: not so", "is", None),
        ('{"to": ""}', '{"to": "ann"}', "Error: nobody", "to", None),
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
        ('{"path": "/w/p1/CLAUDE.md"}', '{"path": "/w/p1/README.md"}', "File does not exist: /w/p1/CLAUDE.md"),
        ('{"id": "sara_12"}', '{"id": "sara_112"}', "Error: user sara_12 not found"),
        ('{"id": "jane_7"}', '{"id": "omar_7"}', "Error: user jane_7 not found"),
        ('{"user": "sara_7", "flight": "HAT1"}', '{"user": "omar_1", "flight": "HAT1"}', "Error: sara_7 cannot pay"),
        ('{"user": "sara_7", "flight": "HAT1"}', '{"user": "sara_7", "flight": "HAT2"}', "Error: HAT1 is full"),
        ('{"at": "2024-05-01", "f": "H1"}', '{"at": "2024-05-02", "f": "H1"}', "Error: H1 is full on 2024-05-01"),
        ('{"path": "/w/20240501/a.md"}', '{"path": "/w/20240501/notes.md"}', "Error: not found"),
        ('{"user_id": 5, "of": "x"}', '{"user_id": 7, "of": "x"}', "Error: user_id 5 not found"),
        ('{"command": "ls foo"}', '{"command": "ls bar"}', "ls: cannot access 'foo': No such file or directory"),
        ('{"city": "NYC"}', '{"city": "New York"}', "Error: unknown city NYC"),
        ('{"id": "W1", "f": [{"no": 1}, {"no": 2}]}', '{"id": "W1", "f": [{"no": 1}, {"no": 3}]}', "Error: 2 is full"),
        (json.dumps({"n": [1] * 51, "id": "W1"}), json.dumps({"n": [2] * 50, "id": "W1"}), "Error: n is long"),
        (nested("1"), nested("2"), "Error: not deep"),
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
    session = worked((FAILED, ERROR), (other, "Error: no such cabin, but economy"), (MENDED, "booked"), tool="book")
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


def together(*exchanges: Exchange) -> Exchange:
    """One exchange with the results of several."""
    turns = tuple(turn for one in exchanges for turn in one.turns)
    asked = tuple(call for one in exchanges for call in one.asked)
    return msgspec.structs.replace(exchanges[-1], turns=turns, asked=asked)


def test_calls_whose_results_came_together_mend_nothing() -> None:
    failed, mended = result(FAILED, ERROR, tool="book", id="ex_0"), result(MENDED, "booked", tool="book")
    assert DETECTOR.find(Seen(exchange=mended, earlier=(failed,)))
    assert not DETECTOR.find(Seen(exchange=together(failed, mended)))


def test_what_a_schema_lists_is_a_choice_and_no_name() -> None:
    failed = result('{"cabin": "business"}', "Error: full", tool="book", id="ex_0")
    mended = result('{"cabin": "economy"}', "booked", tool="book")
    assert not DETECTOR.find(Seen(exchange=mended, earlier=(failed,)))
    schema = json.dumps({"properties": {"cabin": {"enum": ["economy", "business"]}}})
    listed = msgspec.structs.replace(failed, schemas={"book": schema})
    (found,) = DETECTOR.find(Seen(exchange=mended, earlier=(listed,)))
    assert (found.details["before"], found.details["after"]) == ('"business"', '"economy"')


def test_an_error_that_only_the_client_calls_one_is_mended_too() -> None:
    failed = result('{"unit": "x"}', "The unit x does not exist; use metric", tool="weather", id="ex_0")
    mended = result('{"unit": "metric"}', "12 degrees", tool="weather")
    assert not DETECTOR.find(Seen(exchange=mended, earlier=(failed,)))
    marked = msgspec.structs.replace(failed, turns=(msgspec.structs.replace(failed.turns[0], is_error=True),))
    assert DETECTOR.find(Seen(exchange=mended, earlier=(marked,)))
