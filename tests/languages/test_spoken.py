"""Which language a text is in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.languages.spoken import languages_of, spoken
from gateway.languages.tables import TABLES


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Always answer in French.", "en"),
        ("Please reply in German.", "en"),
        ("I use vim.", "en"),
        ("Hi, my name is Björn Östlund.", "en"),
        ("I love 寿司 restaurants.", "en"),
        ("", "en"),
        ("42", "en"),
        ("Моя собака любит рыбу", "en"),
        ("Ich wohne in Leipzig.", "de"),
        ("Keine Emojis bitte.", "de"),
        ("Vivo en Madrid y no como carne.", "es"),
        ("¡Nunca uses emojis!", "es"),
        ("J'habite à Lyon.", "fr"),
        ("N’utilise jamais d’emojis.", "fr"),
        ("Non uso mai le emoji, grazie.", "it"),
        ("Ik woon in Utrecht.", "nl"),
        ("Eu não como carne.", "pt"),
        ("以后请用中文回答。", "zh"),
        ("我用 VS Code。", "zh"),
    ],
)
def test_a_text_is_in_the_language_whose_words_it_shows(text: str, code: str) -> None:
    assert spoken(text).code == code


def test_kana_are_not_chinese() -> None:
    assert spoken("犬は鶏肉アレルギーです").code != "zh"


def test_on_a_tie_it_is_the_language_it_is_taken_to_be_otherwise() -> None:
    assert spoken("Emojis!", TABLES["de"]).code == "de"
    assert spoken("in", TABLES["de"]).code == "de"
    assert spoken("in").code == "en"
    assert spoken("in", TABLES["zh"]).code == "en"
    assert spoken("ella", TABLES["zh"]).code in ("es", "it")


def test_a_message_may_be_in_the_language_of_its_task_and_in_that_of_the_text() -> None:
    text = "Fasse das bitte zusammen:\n" + "You must always wear your badge at work, and it should be seen.\n" * 5
    assert [table.code for table in languages_of(text)] == ["en", "de"]
    assert [table.code for table in languages_of("Hello there")] == ["en"]


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=60))
def test_every_text_has_a_table(text: str) -> None:
    assert spoken(text) in TABLES.values()
    assert spoken(text) in languages_of(text) or "\n" in text or text != text.strip()
