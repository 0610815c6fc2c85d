"""gateway/signals/positive.py: praise that is meant."""

from __future__ import annotations

import pytest

from gateway.signals.positive import DETECTOR
from tests.signals.talked import follows, opens


@pytest.mark.parametrize(
    "text",
    [
        "Thanks!",
        "Thank you so much, that was helpful.",
        "thx",
        "Perfect. Now do the same for Austria.",
        "Great, thank you! Could you also add two bags?",
        "That's exactly what I needed",
        "oh wow, awesome!",
        "It works now",
        "Love it",
        "Well done.",
        "You're the best",
        "Vielen Dank!",
        "Super, danke",
        "¡Muchas gracias!",
        "Parfait, merci",
        "谢谢，太好了",
    ],
)
def test_thanks_and_praise_are_seen(text: str) -> None:
    (signal,) = DETECTOR.find(follows(text))
    assert (signal.name, signal.grade, signal.is_good, signal.about) == ("positive", "C", True, "ex_0")
    assert signal.evidence == text


@pytest.mark.parametrize(
    "text",
    [
        "No thanks",
        "No, thank you.",
        "Thanks, but that's not it",
        "Thank you. However, the date is off.",
        "Thanks for nothing",
        "Great, now it fails with another error",
        "Perfect, you deleted my file",
        "Just great...",
        "Thanks 🙄",
        "Thanks in advance",
        "Thanks to the new law it is cheaper, is it?",
        "Great Britain is where I live",
        "Perfect storms are rare?",
        "I appreciate your patience.",
        "It was amazing, Caroline.",
        "Can you thank him for me?",
        "Danke, aber das ist falsch",
        "Merci d'avance",
    ],
)
def test_what_takes_praise_back_and_what_is_none(text: str) -> None:
    assert DETECTOR.find(follows(text)) == ()


def test_a_first_message_praises_no_answer() -> None:
    assert DETECTOR.find(opens("Thanks for being there", "Hello!")) == ()


def test_a_doubt_two_sentences_on_is_about_something_else() -> None:
    assert DETECTOR.find(follows("Thanks! I will try it. The wifi here is broken."))
