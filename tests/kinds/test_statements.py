"""What a statement says of itself: how long it holds, and what it settles."""

from __future__ import annotations

import pytest

from gateway.kinds.statements import said_in, statements


@pytest.mark.parametrize(
    ("sentence", "reach"),
    [
        ("Use tabs in this chat.", "session"),
        ("For the rest of this conversation use tabs.", "session"),
        ("For now use tabs.", None),
        ("Use tabs for the rest of this file", None),
        ("Just this once, use tabs.", None),
        ("Just this once in this chat, use tabs.", None),
        ("Use tabs until I say stop.", None),
        ("In your next answer use tabs.", None),
        ("From today on use tabs.", "user"),
        ("Put today's date on top.", "user"),
        ("Use tabs in this project.", "user"),
    ],
)
def test_a_sentence_may_say_that_it_holds_only_here_or_only_once(sentence: str, reach: str | None) -> None:
    assert [statement.reach for statement in statements(sentence)] == [reach]


@pytest.mark.parametrize(
    ("sentence", "slot"),
    [
        ("Always answer in French.", "answer-language"),
        ("Never answer in French.", ""),
        ("I speak French.", ""),
        ("Keep your answers short.", "answer-length"),
        ("Keep commit messages short.", ""),
        ("Never use emojis.", "emoji"),
        ("Never use emojis in subject lines.", ""),
        ("Don't use emojis in your answers.", "emoji"),
        ("Call me Max.", "address"),
        ("My last name is Moore.", "name-last"),
        ("My name is Max.", "name"),
        ("I live in Oslo.", "home"),
        ("I live with my sister.", ""),
        ("I work as a nurse.", "job"),
        ("I'm a mother of two.", ""),
        ("I work at Acme.", "employer"),
        ("I'm vegan.", "diet"),
        ("I'm allergic to nuts.", ""),
        ("I'm 34 years old.", "age"),
        ("My favourite colour is green.", "favourite-color"),
        ("my all-time favorite color is green", "favourite-color"),
        ("My wife's name is Ana.", "family-wife"),
        ("My dog is called Rex.", "family-dog"),
        ("My daughter is called Mia.", ""),
        ("I use vim.", "editor"),
        ("I switched to emacs.", "editor"),
        ("I use Postgres.", "database"),
        ("Always use metric units.", "units"),
        ("When I ask about ovens, always use Celsius.", ""),
        ("Always use tabs.", "indentation"),
        ("Use uv, never pip.", "python-packages"),
        ("My time zone is CET.", "timezone"),
        ("What a day.", ""),
    ],
)
def test_a_sentence_settles_what_only_one_thing_can_be_said_of(sentence: str, slot: str) -> None:
    assert [statement.slot for statement in said_in(sentence)] == [slot]


def test_nothing_is_stated_off_the_record() -> None:
    text = "Forget what I said about jazz. I live in Oslo."
    assert statements(text) == ()
    assert [statement.text for statement in said_in(text)] == ["Forget what I said about jazz.", "I live in Oslo."]


def test_a_sentence_that_shows_no_language_is_in_that_of_its_message() -> None:
    assert [statement.table.code for statement in said_in("Ich wohne in Oslo. Emojis!")] == ["de", "de"]
    assert [statement.table.code for statement in said_in("Emojis!")] == ["en"]


def test_a_span_holds_no_further_than_its_sentence_says() -> None:
    lasting, here = said_in("Call me Max. Call me Bat in this chat.")
    assert (lasting.span().reach, lasting.span("session").reach, here.span().reach) == ("user", "session", "session")
