"""gateway/signals/feedback.py: what was said outright."""

from __future__ import annotations

import msgspec
import pytest

from gateway.experience import Feedback
from gateway.signals.feedback import DETECTOR
from gateway.types import Turn
from tests.exchanges import NOW, assistant, user
from tests.signals.talked import follows, opens


def fed(**given: object) -> Feedback:
    return msgspec.convert({"id": "fb_1", "tenant": "acme", "exchange": "ex_1", "at": NOW, **given}, Feedback)


@pytest.mark.parametrize(
    ("given", "is_good", "evidence"),
    [
        ({"value": True}, True, "true"),
        ({"value": False}, False, "false"),
        ({"value": 0.5}, True, "0.5"),
        ({"value": 0.25}, False, "0.25"),
        ({"value": 1.0, "comment": "spot on"}, True, "spot on"),
        ({"value": 0.0, "correction": "Berlin"}, False, "Berlin"),
        ({"label": "bonn"}, True, "bonn"),
        ({"label": "berlin"}, False, "berlin"),
        ({"correction": "Berlin."}, False, "Berlin."),
        ({"correction": "Bonn"}, True, "Bonn"),
        ({"demonstration": "Berlin, since 1990."}, False, "Berlin, since 1990."),
        ({"comment": "too long"}, None, "too long"),
        ({"value": True, "label": "berlin"}, True, "berlin"),
        ({"metric": "accuracy", "value": 0.75}, True, "0.75"),
    ],
)
def test_each_says_whether_it_was_right_in_its_own_words(
    given: dict[str, object], is_good: bool | None, evidence: str
) -> None:
    seen = msgspec.structs.replace(opens("What is the capital?", "Bonn."), feedback=(fed(**given),))
    (signal,) = DETECTOR.find(seen)
    assert (signal.name, signal.grade, signal.about) == ("feedback", "S", "ex_1")
    assert signal.is_good is is_good
    assert signal.evidence == evidence
    assert set(signal.details) == {"metric", "value", "comment", "correction", "demonstration", "label", "item"}
    assert signal.details["item"] == "What is the capital?"
    assert {name: signal.details[name] for name in given if name != "value"} == {
        name: value for name, value in given.items() if name != "value"
    }


def test_without_feedback_there_is_nothing() -> None:
    assert DETECTOR.find(follows("Thanks!")) == []


def test_feedback_that_says_nothing_is_none() -> None:
    assert DETECTOR.find(msgspec.structs.replace(opens("Hello", "Hi"), feedback=(fed(metric="tone"),))) == []


def test_each_of_several_is_one_signal_and_may_be_about_the_session() -> None:
    several = (fed(value=True), fed(id="fb_2", exchange="", session="s1", value=False))
    found = DETECTOR.find(msgspec.structs.replace(opens("Hello", "Hi"), feedback=several))
    assert [(signal.is_good, signal.about) for signal in found] == [(True, "ex_1"), (False, "ex_1")]


def test_the_item_of_an_agents_answer_is_what_the_user_had_asked_before_the_tools() -> None:
    seen = follows("unused", question="Book a room")
    result = Turn(role="tool", text="booked", answers="call_1")
    exchange = msgspec.structs.replace(
        seen.exchange, turns=(result,), context=(user("Book a room"), assistant("Wait."))
    )
    (signal,) = DETECTOR.find(msgspec.structs.replace(seen, exchange=exchange, feedback=(fed(value=True),)))
    assert signal.details["item"] == "Book a room"
