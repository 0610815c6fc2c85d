"""The answer is a refusal."""

from __future__ import annotations

import pytest

from gateway.signals.base import Seen
from gateway.signals.refusal import DETECTOR
from gateway.types import Reply, ToolCall, Turn
from tests.exchanges import exchange, user

REFUSALS = [
    "I'm sorry, but I can't help with that.",
    "I’m sorry, I can’t assist with that request.",
    "Sorry, I cannot help you with that.",
    "I can't help with creating malware.",
    "I cannot provide that information.",
    "I am unable to comply with this request.",
    "I'm not able to discuss that.",
    "Unfortunately, I can't do that for you.",
    "I must decline to write this.",
    "As an AI language model, I cannot generate such content.",
    "I won't help with this.",
    "**I can't assist with that.**",
    "Tut mir leid, aber dabei kann ich Ihnen nicht helfen.",
    "Dabei kann ich leider nicht helfen.",
    "Désolé, mais je ne peux pas vous aider.",
    "Lo siento, pero no puedo ayudar con eso.",
]
NO_REFUSALS = [
    "",
    "I can't find the file.",
    "I'm sorry, I can't find a reservation with that id.",
    "I'm sorry for the confusion. Here is the list:",
    "I'm sorry to hear that. Let me help.",
    "I cannot reproduce the error on my machine.",
    "I can't see the picture: it did not come through.",
    "I'm unable to open the page: it answers 404.",
    "I cannot create the file, because the disk is full.",
    "Sorry, that was wrong. The total is 12.",
    "Unfortunately the flight is fully booked.",
    "Here is why a model says: I can't help with that.",
    "You can't help with that.",
    "I can help with that.",
    "Done. I can't help with the other one, because it is locked.",
    "I won't need the second file.",
    "Leider ist der Flug ausgebucht.",
]


def replied(text: str, reason: str | None = "stop", *calls: ToolCall) -> Seen:
    reply = Reply(turns=(Turn(role="assistant", text=text, calls=calls),), finish_reason=reason)
    return Seen(exchange=exchange(user("Do it."), reply=reply))


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_in_the_first_words_is_weak_evidence(text: str) -> None:
    (found,) = DETECTOR.find(replied(text))
    assert (found.grade, found.is_good) == ("C", False)
    assert found.evidence in text


@pytest.mark.parametrize("text", NO_REFUSALS)
def test_what_cannot_be_found_or_done_is_no_refusal(text: str) -> None:
    assert not DETECTOR.find(replied(text))


@pytest.mark.parametrize("reason", ["content_filter", "refusal", "SAFETY"])
def test_a_provider_that_says_so_is_believed(reason: str) -> None:
    (found,) = DETECTOR.find(replied("Let us talk of something else.", reason))
    assert (found.grade, found.evidence) == ("A", "Let us talk of something else.")
    (found,) = DETECTOR.find(Seen(exchange=exchange(user("x"), reply=Reply(finish_reason=reason))))
    assert found.evidence == reason


def test_who_calls_a_tool_does_not_refuse() -> None:
    call = ToolCall(id="c", name="search", arguments="{}")
    assert not DETECTOR.find(replied(REFUSALS[0], "tool_calls", call))


def test_of_several_answers_nobody_knows_which_was_seen() -> None:
    turn = Turn(role="assistant", text=REFUSALS[0])
    assert not DETECTOR.find(Seen(exchange=exchange(user("x"), reply=Reply(turns=(turn, turn)))))
    assert not DETECTOR.find(Seen(exchange=exchange(user("x"), reply=None)))
