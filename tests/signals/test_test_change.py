"""A test that failed passes, or one that passed fails."""

from __future__ import annotations

import json

import pytest

from gateway.signals.base import Seen
from gateway.signals.test_change import DETECTOR, MAX_CHANGES
from tests.signals.worked import result, worked

RUN = '{"command": "pytest -q"}'
FAILS = """=================================== FAILURES ===================================
____________________________________ test_x ____________________________________
    def test_x():
>       assert total([2]) == 3
E       assert 2 == 3
tests/test_a.py:9: AssertionError
FAILED tests/test_a.py::test_x - assert 2 == 3
1 failed, 2 passed in 0.10s
"""
PASSES = "...                                                                      [100%]\n3 passed in 0.10s\n"
VERBOSE = "tests/test_a.py::test_x PASSED                                           [100%]\n1 passed in 0.10s\n"


def test_a_test_that_failed_and_passes_has_been_fixed() -> None:
    (found,) = DETECTOR.find(worked((RUN, FAILS), ('{"command": "pytest -v"}', VERBOSE)))
    assert (found.grade, found.is_good, found.key, found.tool) == ("A", True, "tests/test_a.py::test_x", "bash")
    assert found.details == {
        "test": "tests/test_a.py::test_x",
        "file": "tests/test_a.py",
        "error": "assert 2 == 3",
        "before": "failed",
        "after": "passed",
    }
    assert found.evidence == "tests/test_a.py::test_x PASSED                                           [100%]"


def test_a_test_that_passed_and_fails_has_been_broken() -> None:
    (found,) = DETECTOR.find(worked((RUN, VERBOSE), (RUN, FAILS)))
    assert found.is_good is False
    assert found.evidence == "FAILED tests/test_a.py::test_x - assert 2 == 3"
    assert (found.details["error"], found.details["before"]) == ("assert 2 == 3", "passed")


def test_where_all_pass_and_none_is_named_those_are_fixed_that_failed_in_the_same_run() -> None:
    (found,) = DETECTOR.find(worked((RUN, FAILS), (RUN, PASSES)))
    assert (found.is_good, found.evidence) == (True, "3 passed in 0.10s")
    assert not DETECTOR.find(worked((RUN, FAILS), ('{"command": "pytest tests/test_b.py -q"}', PASSES)))


def test_a_bug_that_comes_back_is_told_again() -> None:
    (found,) = DETECTOR.find(worked((RUN, FAILS), (RUN, PASSES), (RUN, FAILS)))
    assert found.is_good is False


def test_a_test_that_fails_when_it_is_first_seen_is_no_change() -> None:
    assert not DETECTOR.find(worked((RUN, FAILS)))
    assert not DETECTOR.find(worked((RUN, PASSES), (RUN, FAILS)))


def test_the_same_again_is_no_change_and_other_texts_are_no_runs() -> None:
    assert not DETECTOR.find(worked((RUN, FAILS), (RUN, FAILS)))
    assert not DETECTOR.find(worked((RUN, PASSES), (RUN, PASSES)))
    assert not DETECTOR.find(worked((RUN, FAILS), (RUN, "total 3\n-rw-r--r-- a.py")))


@pytest.mark.parametrize("wrap", [lambda text: json.dumps({"output": text, "metadata": {"exit_code": 1}}), json.dumps])
def test_an_output_is_read_however_it_is_wrapped(wrap: object) -> None:
    wrapped = wrap(FAILS)  # type: ignore[operator] # a lambda and a function of one text
    (found,) = DETECTOR.find(worked((RUN, VERBOSE), (RUN, wrapped)))
    assert found.evidence == "FAILED tests/test_a.py::test_x - assert 2 == 3"


def test_two_runs_in_one_exchange_are_compared_as_well() -> None:
    one = result(RUN, FAILS, call="a")
    other = result(RUN, PASSES, call="b")
    both = type(one)(
        id="ex_1", scope=one.scope, at=1.0, path="/", turns=one.turns + other.turns, asked=one.asked + other.asked
    )
    assert [found.is_good for found in DETECTOR.find(Seen(exchange=both))] == [True]


def test_hundreds_that_change_at_once_have_one_reason() -> None:
    before = "".join(f"tests/test_a.py::test_{n} PASSED\n" for n in range(100))
    assert len(DETECTOR.find(worked((RUN, before), (RUN, before.replace("PASSED", "FAILED"))))) == MAX_CHANGES
