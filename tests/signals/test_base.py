"""What detectors look at: calls with their results, the answer, what the user said; and how evidence stands."""

from __future__ import annotations

import json

import pytest

from gateway.signals.base import (
    MAX_EVIDENCE_CHARS,
    Seen,
    answered,
    answered_before,
    last_of_user,
    reply_of,
    signal,
    standing,
)
from gateway.signals.tool_error import DETECTOR
from gateway.types import Exchange, Reply, ToolCall, Turn
from tests.exchanges import assistant, exchange, user

CALL = ToolCall(id="c1", name="search", arguments="{}")


def tool(text: str, answers: str | None = "c1") -> Turn:
    return Turn(role="tool", text=text, answers=answers)


def calling(*calls: ToolCall, id: str = "ex_0") -> Exchange:
    return exchange(user("Go."), id=id, reply=Reply(turns=(Turn(role="assistant", text="", calls=calls),)))


def test_results_are_told_by_the_exchange_in_which_they_came() -> None:
    before = exchange(tool("one"), id="ex_1", asked=(CALL,))
    now = exchange(tool("two", "c2"), id="ex_2", asked=(ToolCall(id="c2", name="book", arguments="{}"),))
    seen = Seen(exchange=now, earlier=(before,))
    assert [(one.call.name, one.result.text) for one in answered(seen)] == [("book", "two")]
    assert [(one.call.name, one.exchange.id) for one in answered_before(seen)] == [("search", "ex_1")]


def test_a_call_that_only_an_earlier_answer_holds_is_found() -> None:
    seen = Seen(exchange=exchange(tool("one")), earlier=(calling(CALL),))
    assert [one.call for one in answered(seen)] == [CALL]
    assert not list(answered_before(seen))


def test_the_request_says_better_than_an_earlier_answer_what_was_called() -> None:
    other = ToolCall(id="c1", name="book", arguments="{}")
    seen = Seen(exchange=exchange(tool("one"), asked=(other,)), earlier=(calling(CALL),))
    assert [one.call for one in answered(seen)] == [other]


def test_the_same_result_sent_again_counts_once() -> None:
    first = exchange(tool("one"), id="ex_1", asked=(CALL,))
    again = exchange(tool("one"), id="ex_2", asked=(CALL,))
    other = exchange(tool("another"), id="ex_3", asked=(CALL,))
    assert not list(answered(Seen(exchange=again, earlier=(first,))))
    assert len(list(answered(Seen(exchange=other, earlier=(first, again))))) == 1


def test_what_answers_no_known_call_is_passed_over() -> None:
    nameless = ToolCall(id="", name="search", arguments="{}")
    turns = (tool("one", None), tool("two", "c9"), tool("three", ""), user("four"))
    assert not list(answered(Seen(exchange=exchange(*turns, asked=(CALL, nameless)))))


def test_of_several_answers_none_is_the_reply() -> None:
    assert reply_of(exchange(user("x"), answers=["a"])) == assistant("a")
    assert reply_of(exchange(user("x"), answers=["a", "b"])) is None
    assert reply_of(exchange(user("x"), reply=None)) is None


def test_what_the_user_said_last() -> None:
    assert last_of_user(exchange(user("a"), user("b"), tool("c"))) == user("b")
    assert last_of_user(exchange(tool("c"))) is None


def test_a_signal_has_what_is_the_same_of_all() -> None:
    found = signal(DETECTOR, Seen(exchange=exchange(user("x"))), "e" * 999, is_good=None, grade="C")
    assert (found.name, found.version, found.grade, found.exchange, found.session) == (
        "tool_error",
        DETECTOR.version,
        "C",
        "ex_1",
        "s1",
    )
    assert len(found.evidence) == MAX_EVIDENCE_CHARS


@pytest.mark.parametrize(
    ("span", "text", "stands"),
    [
        ("a b", "x a b y", "a b"),
        ('say "é"', json.dumps({"e": 'say "é"'}), 'say \\"\\u00e9\\"'),
        ('say "é"', json.dumps({"e": 'say "é"'}, ensure_ascii=False), 'say \\"é\\"'),
        ("nowhere", "the text itself", "the text itself"),
        ("", "the text itself", "the text itself"),
        ("a" * 999, "a" * 999, "a" * MAX_EVIDENCE_CHARS),
    ],
)
def test_a_span_is_shown_as_it_stands(span: str, text: str, stands: str) -> None:
    assert standing(span, text) == stands
