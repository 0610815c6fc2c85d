"""gateway/signals/rephrase.py: the same question again, and other questions in nearly the same words."""

from __future__ import annotations

import pytest

from gateway.signals.rephrase import DETECTOR
from tests.signals.talked import follows, opens


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("How do I reset my password?", "How can I reset the password of my account?"),
        ("Why does the build fail on Windows?", "why does my build fail on windows every time"),
        ("Write a haiku about autumn rain", "Please write me a haiku about rain in autumn"),
        ("What is the refund policy for tickets?", "I want to know the refund policy for tickets"),
        ("How many moons does Jupiter have", "So how many moons does the planet Jupiter have?"),
        ("Show me the open invoices of March", "show the open invoices of March, only those"),
        ("Sort the list by date of birth", "Please sort this list by the date of birth"),
        ("Explain how tides work in winter", "explain again how tides work in winter"),
        ("Wie setze ich mein Passwort zurück?", "Wie setze ich denn mein Passwort zurück"),
        ("¿Cómo cambio la contraseña de mi cuenta?", "cómo cambio yo la contraseña de mi cuenta"),
        ("Give me the cheapest flight to Rome", "Give me the cheapest direct flight to Rome"),
        ("Can I cancel my hotel booking online", "Is it possible that I cancel my hotel booking online?"),
    ],
)
def test_the_same_again_in_other_words_is_seen(question: str, text: str) -> None:
    (signal,) = DETECTOR.find(follows(text, question=question, answer="Here is something else."))
    assert (signal.name, signal.grade, signal.is_good, signal.about) == ("rephrase", "C", False, "ex_0")
    assert signal.evidence == text


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("What's the weather in Paris tomorrow?", "What's the weather in Rome tomorrow?"),
        ("Translate the word dog to French", "Translate the word cat to French"),
        ("How do I reset my password?", "How do I reset my password?"),
        ("How do I reset my password?", "HOW do I reset my password"),
        ("How do I reset my password?", "The password reset worked, and next the printer must print in colour"),
        ("Thanks a lot", "Thanks a lot really"),
        ("What is in invoice 17 of March?", "What is in invoice 18 of March?"),
        ("How do I reset my password?", "And the username?"),
        ("Write a poem about the sea", "Now read it aloud to me please"),
        ("Can you help me with this thing", "can you also help me with this"),
        ("Add a test for the parser module", "Add a test for the lexer module"),
        ("Is the museum open on Monday?", "Is the museum open on Tuesday?"),
        ("Tell me about the history of Rome", "Tell me about the economy of Rome"),
        ("word " * 200, "word again " * 150),
    ],
)
def test_another_question_is_none(question: str, text: str) -> None:
    assert DETECTOR.find(follows(text, question=question, answer="Here is something else.")) == ()


def test_who_is_asked_back_only_answers() -> None:
    question, text = "How do I reset my password?", "How can I reset the password of my account?"
    assert DETECTOR.find(follows(text, question=question, answer="Which password do you mean?")) == ()


def test_a_first_message_repeats_nothing() -> None:
    assert DETECTOR.find(opens("How do I reset my password?", "So.")) == ()
