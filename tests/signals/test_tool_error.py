"""A tool answered with an error. The table of what is one stands in test_errors.py."""

from __future__ import annotations

from gateway.signals.base import Seen
from gateway.signals.tool_error import DETECTOR
from gateway.types import Reply, ToolCall, Turn
from tests.exchanges import exchange
from tests.signals.worked import worked

BOOK = '{"flight": "HAT030", "date": "2024-05-13"}'


def test_an_error_is_told_with_its_tool_its_arguments_and_its_key() -> None:
    (found,) = DETECTOR.find(worked((BOOK, "Error: flight HAT030 not available on date 2024-05-13"), tool="book"))
    assert found.evidence == "Error: flight HAT030 not available on date 2024-05-13"
    assert found.key == "book|error: flight # not available on date #"
    assert (found.grade, found.is_good, found.tool, found.is_environment) == ("A", False, "book", False)
    assert found.details == {"tool": "book", "arguments": BOOK, "error": found.evidence}


def test_the_same_error_about_something_else_has_the_same_key() -> None:
    one, other = "Error: not enough seats on flight HAT290", "Error: not enough seats on flight HAT003"
    keys = {found.key for text in (one, other) for found in DETECTOR.find(worked((BOOK, text), tool="book"))}
    assert keys == {"book|error: not enough seats on flight #"}


def test_what_the_agent_cannot_help_is_marked() -> None:
    (found,) = DETECTOR.find(worked((BOOK, '{"error": {"code": 429, "message": "Slow down"}}'), tool="book"))
    assert found.is_environment


def test_what_failed_before_is_not_told_again() -> None:
    assert not DETECTOR.find(worked((BOOK, "Error: no"), (BOOK, "booked"), tool="book"))


def test_tests_that_fail_are_no_error_of_the_tool() -> None:
    text = "Exit code 1\nFAILED tests/test_a.py::test_x - assert 1 == 2\n1 failed, 2 passed in 0.1s\n"
    assert not DETECTOR.find(worked(('{"command": "pytest"}', text)))
    assert DETECTOR.find(worked(('{"command": "pytest"}', "Exit code 4\nERROR: file or directory not found: tets\n")))


def test_a_call_is_known_from_the_answer_before_where_the_upstream_keeps_the_conversation() -> None:
    call = ToolCall(id="c1", name="book", arguments=BOOK)
    before = exchange(id="ex_0", reply=Reply(turns=(Turn(role="assistant", text="", calls=(call,)),)))
    now = exchange(Turn(role="tool", text="Error: no such flight", answers="c1"))
    (found,) = DETECTOR.find(Seen(exchange=now, earlier=(before,)))
    assert found.tool == "book"
    assert not DETECTOR.find(Seen(exchange=now))


def test_a_result_that_is_sent_again_is_told_once() -> None:
    first = worked((BOOK, "Error: no such flight"), tool="book").exchange
    assert DETECTOR.find(Seen(exchange=first))
    again = exchange(*first.turns, id="ex_9", asked=first.asked)
    assert not DETECTOR.find(Seen(exchange=again, earlier=(first,)))


def test_what_a_user_says_of_an_error_is_none() -> None:
    assert not DETECTOR.find(Seen(exchange=exchange(Turn(role="user", text="Error: no such flight"))))


def test_a_result_that_the_client_calls_an_error_is_one() -> None:
    turn = Turn(role="tool", text="The unit x does not exist", answers="call_1", is_error=True)
    call = ToolCall(id="call_1", name="weather", arguments='{"unit": "x"}')
    (found,) = DETECTOR.find(Seen(exchange=exchange(turn, asked=(call,))))
    assert found.evidence == "The unit x does not exist"
