"""gateway/signals/label_corrected.py: labels that feedback or the next message puts right or confirms."""

from __future__ import annotations

import msgspec
import pytest

from gateway.experience import Feedback
from gateway.signals.base import Seen
from gateway.signals.label_corrected import DETECTOR, is_alike, label_of
from tests.exchanges import NOW
from tests.signals.talked import follows, opens

ITEM = "I am still waiting on my card"


def judged(reply: str, given: dict[str, object], *, said: str = ITEM) -> Seen:
    """An answer with one piece of feedback on it."""
    feedback = msgspec.convert({"id": "fb_1", "tenant": "acme", "exchange": "ex_1", "at": NOW, **given}, Feedback)
    return msgspec.structs.replace(opens(said, reply), feedback=(feedback,))


@pytest.mark.parametrize(
    ("reply", "given", "right", "wrong"),
    [
        ("card_lost", {"label": "card_arrival"}, "card_arrival", "card_lost"),
        ("Label: card_lost", {"label": "card_arrival"}, "card_arrival", "card_lost"),
        ('{"intent": "card_lost"}', {"label": "card_arrival"}, "card_arrival", "card_lost"),
        ('{"intent": "card_lost", "confidence": 0.4}', {"label": "card_arrival"}, "card_arrival", "card_lost"),
        ("card_lost", {"correction": "card_arrival"}, "card_arrival", "card_lost"),
        ("card_lost", {"label": "card_arrival", "value": False}, "card_arrival", "card_lost"),
        ("They lost it.\nCategory: card_lost", {"label": "card_arrival"}, "card_arrival", "card_lost"),
        (
            "A long story about a card.\n\nAnd so on and on until the end.",
            {"label": "card_arrival"},
            "card_arrival",
            "",
        ),
        ("**Positive**.", {"label": "negative"}, "negative", "Positive"),
    ],
)
def test_feedback_puts_a_label_right(reply: str, given: dict[str, object], right: str, wrong: str) -> None:
    (signal,) = DETECTOR.find(judged(reply, given))
    assert (signal.name, signal.grade, signal.is_good) == ("label_corrected", "S", False)
    assert signal.key == f"label|{right}"
    assert signal.details == {"item": ITEM, "wrong": wrong, "right": right}
    assert (signal.evidence, signal.about) == (right, "ex_1")


@pytest.mark.parametrize(
    ("reply", "given", "right"),
    [
        ("card_arrival", {"label": "card_arrival"}, "card_arrival"),
        ("Card arrival.", {"label": "card_arrival"}, "card_arrival"),
        ("card_arrival", {"value": True}, "card_arrival"),
        ("card_arrival", {"value": 0.9}, "card_arrival"),
        ("Label: card arrival", {"value": True}, "card arrival"),
        ('{"label": "card arrival"}', {"value": True}, "card arrival"),
        ("It fits both.", {"value": True, "label": "card_arrival"}, "card_arrival"),
        ("Because it is late.\nAnswer: card_arrival", {"label": "card_arrival"}, "card_arrival"),
    ],
)
def test_feedback_confirms_a_label(reply: str, given: dict[str, object], right: str) -> None:
    (signal,) = DETECTOR.find(judged(reply, given))
    assert signal.is_good
    assert signal.key == f"label|{right.casefold()}"
    assert signal.details == {"item": ITEM, "wrong": "", "right": right}


@pytest.mark.parametrize(
    ("reply", "given"),
    [
        ("card_lost", {"value": False}),
        ("card_lost", {"value": 0.2}),
        ("card_lost", {"comment": "card_arrival"}),
        ("A long answer about cards, in which nobody would find a label of any sort.", {"value": True}),
        ("A long answer about cards, in which nobody would find a label of any sort.", {"correction": "Short one"}),
        ("card_lost", {"correction": "It should have asked where the card was sent before it said anything at all"}),
        ("Is it lost?", {"value": True}),
        ("You are welcome", {"value": True}),
        ("Done.", {"value": True}),
    ],
)
def test_feedback_that_names_no_label_says_nothing_of_one(reply: str, given: dict[str, object]) -> None:
    assert DETECTOR.find(judged(reply, given)) == []


@pytest.mark.parametrize(
    ("answer", "text", "right"),
    [
        ("card_lost", "no, it's card_arrival", "card_arrival"),
        ("card_lost", "No, card_arrival", "card_arrival"),
        ("card_lost", "card_arrival, not card_lost", "card_arrival"),
        ("card_lost", "should be card_arrival", "card_arrival"),
        ("card_lost", "That should have been `card_arrival`.", "card_arrival"),
        ("card_lost", "Wrong, the correct label is card_arrival.", "card_arrival"),
        ("card lost", "It's not card lost but card arrival", "card arrival"),
        ("Label: card_lost", "nope, that's card_arrival. Remember it.", "card_arrival"),
        ("negative", "Nein, es ist neutral.", "neutral"),
        ("negativo", "debería ser neutral", "neutral"),
        ("négatif", "Non, c'est neutre", "neutre"),
        ("负面", "不对，应该是中性", "中性"),
    ],
)
def test_the_next_message_puts_a_label_right(answer: str, text: str, right: str) -> None:
    (signal,) = DETECTOR.find(follows(text, answer=answer, question=f"Text: {ITEM}\nLabel:"))
    assert (signal.grade, signal.is_good, signal.about) == ("B", False, "ex_0")
    assert signal.key == f"label|{right}"
    assert signal.details == {"item": ITEM, "wrong": label_of(answer), "right": right}
    assert signal.evidence == text


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("card_lost", "no, it's fine"),
        ("card_lost", "No, thanks"),
        ("card_lost", "no, it's card_lost"),
        ("card_lost", "card_arrival, not card_stolen"),
        ("card_lost", "I lost my card, not my phone"),
        ("card_lost", "no, it's about a card that was sent to me last week and has not come yet"),
        ("card_lost", "What should be done now?"),
        ("Shall I book it?", "no, it's card_arrival"),
        ("I have looked at your message, and it seems to be about a lost card, I think.", "no, it's card_arrival"),
        ("card_lost", "Next: my app crashes"),
        ("card_lost", "it's not card_lost"),
        ("card_lost", "no, it's card_arrival" + ", as I have told you many times before" * 5),
    ],
)
def test_talk_about_something_else_puts_none_right(answer: str, text: str) -> None:
    assert DETECTOR.find(follows(text, answer=answer, question=ITEM)) == ()


def test_a_label_without_an_item_teaches_nothing() -> None:
    assert DETECTOR.find(judged("card_lost", {"label": "card_arrival"}, said="")) == []
    assert DETECTOR.find(follows("no, it's card_arrival", answer="card_lost", question="")) == ()


@pytest.mark.parametrize("answer", ["", "{", "[]", "[1, 2]", '{"a": "x", "b": "y"}', '{"a": {"b": "c"}}', "!?", "Yes!"])
def test_these_answers_are_no_labels(answer: str) -> None:
    assert label_of(answer) == ""


def test_labels_are_alike_but_for_case_and_punctuation() -> None:
    assert is_alike("card_arrival", "Card arrival.")
    assert not is_alike("card_arrival", "card_arrivals")
    assert not is_alike("", "?")
