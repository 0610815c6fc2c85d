"""The same call again and again."""

from __future__ import annotations

import pytest

from gateway.signals.base import Seen
from gateway.signals.repeated_call import DETECTOR, MAX_CALLS
from gateway.types import Exchange
from tests.signals.worked import result, worked

SEARCH = '{"origin": "JFK", "date": "2024-05-20"}'
SAME = '{"date":"2024-05-20","origin":"JFK"}'


def session(*calls: tuple[str, str, str]) -> Seen:
    """Tools, their arguments and what they answered, the last of it now."""
    exchanges: list[Exchange] = [
        result(arguments, text, tool=tool, id=f"ex_{place}") for place, (tool, arguments, text) in enumerate(calls)
    ]
    return Seen(exchange=exchanges[-1], earlier=tuple(exchanges[:-1]))


def test_the_third_time_is_a_loop_however_the_arguments_are_written() -> None:
    (found,) = DETECTOR.find(worked((SEARCH, "[]"), (SAME, "[]"), (SEARCH, "[]"), tool="search"))
    assert (found.grade, found.is_good, found.key, found.evidence) == ("B", False, "search|repeat", SEARCH)
    assert found.details == {"tool": "search", "arguments": SEARCH, "times": "3", "shape": "repeat"}


@pytest.mark.parametrize("times", [1, 2, 4, 5])
def test_it_is_told_once_when_it_is_complete(times: int) -> None:
    assert not DETECTOR.find(worked(*[(SEARCH, "[]")] * times, tool="search"))


def test_an_error_that_names_another_time_is_the_same() -> None:
    errors = [f"Error: book at {hour}:00 failed" for hour in (9, 10, 11)]
    assert DETECTOR.find(worked(*((SEARCH, error) for error in errors), tool="book"))


def test_a_call_that_brings_something_new_is_no_loop() -> None:
    assert not DETECTOR.find(worked(*((SEARCH, f"at {n} %") for n in (10, 20, 30)), tool="job"))
    assert not DETECTOR.find(worked((SEARCH, "a"), (SEARCH, "a"), (SEARCH, "b"), (SEARCH, "a"), tool="get_job"))


def test_what_is_looked_at_again_after_a_change_is_no_loop() -> None:
    run = ("bash", '{"command": "pytest -q"}', "1 failed in 0.1s")
    calls = [run, run, ("edit_file", '{"path": "a.py"}', "ok"), run]
    assert not DETECTOR.find(session(*calls))
    failed = [run, run, ("edit_file", '{"path": "a.py"}', "Error: no such file"), run]
    assert [found.key for found in DETECTOR.find(session(*failed))] == ["bash|repeat"]
    looked = [run, run, ("read_file", '{"path": "a.py"}', "x = 1"), run]
    assert [found.key for found in DETECTOR.find(session(*looked))] == ["bash|repeat"]


def test_two_calls_that_alternate_are_told_once() -> None:
    one, other = ("edit", '{"to": "x"}', "ok"), ("edit", '{"to": "y"}', "ok")
    (found,) = DETECTOR.find(session(one, other, one, other))
    assert found.details["shape"] == "oscillation"
    assert found.details["times"] == "4"
    assert not DETECTOR.find(session(one, other, one))
    assert not DETECTOR.find(session(one, other, one, other, one))


def test_what_a_model_says_of_its_command_does_not_make_it_another() -> None:
    commands = [f'{{"command": "make", "description": "{words}"}}' for words in ("Build", "Build again", "Try")]
    assert DETECTOR.find(worked(*((command, "Error: no rule") for command in commands)))


def test_a_call_without_arguments_shows_its_name() -> None:
    (found,) = DETECTOR.find(worked(*[("", "[]")] * 3, tool="search"))
    assert found.evidence == "search"


def test_a_change_begins_the_count_anew_for_every_other_call() -> None:
    run, edit = ("get_job", "{}", "failed"), ("edit", '{"path": "a.py"}', "ok")
    assert not DETECTOR.find(session(run, run, edit, run))
    assert not DETECTOR.find(session(run, run, edit, run, run))
    assert DETECTOR.find(session(run, run, edit, run, run, run))
    assert DETECTOR.find(session(edit, edit, run, edit))


def test_a_loop_is_seen_among_the_newest_of_many_calls_and_only_those_are_read() -> None:
    one, other = ("get_job", "{}", "failed"), [("get", f'{{"n": {n}}}', "ok") for n in range(MAX_CALLS)]
    assert DETECTOR.find(session(*other, one, one, one))
    assert DETECTOR.find(session(one, one, *other[: MAX_CALLS - 3], one))
    assert not DETECTOR.find(session(one, one, *other[: MAX_CALLS - 2], one))
