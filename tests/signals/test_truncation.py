"""The answer was cut off."""

from __future__ import annotations

import pytest

from gateway.signals.base import Seen
from gateway.signals.truncation import DETECTOR
from gateway.types import Reply
from tests.exchanges import assistant, exchange, user


def replied(text: str | None, reason: str | None) -> Seen:
    turns = () if text is None else (assistant(text),)
    return Seen(exchange=exchange(user("Go on."), reply=Reply(turns=turns, finish_reason=reason)))


@pytest.mark.parametrize("reason", ["length", "max_tokens", "max_output_tokens", "incomplete"])
def test_every_endpoint_has_its_word_for_it(reason: str) -> None:
    (found,) = DETECTOR.find(replied("first " * 50 + "and the last words", reason))
    assert (found.grade, found.is_good) == ("A", False)
    assert found.evidence.endswith("and the last words")
    assert len(found.evidence) == 100


@pytest.mark.parametrize("text", [None, "", " \n"])
def test_without_words_the_reason_is_the_evidence(text: str | None) -> None:
    (found,) = DETECTOR.find(replied(text, "length"))
    assert found.evidence == "length"


@pytest.mark.parametrize("reason", [None, "stop", "tool_calls", "end_turn", "completed", "content_filter", "failed"])
def test_an_answer_that_ended_by_itself_is_whole(reason: str | None) -> None:
    assert not DETECTOR.find(replied("The end.", reason))


def test_no_answer_is_not_cut_off() -> None:
    assert not DETECTOR.find(Seen(exchange=exchange(user("Go on."), reply=None)))
