"""gateway/checkers/spoken.py: languages that are told, and texts that show none."""

from __future__ import annotations

import itertools

import pytest

from gateway.checkers.spoken import is_foreign, is_in
from tests.checkers import test_language as texts

CLEAR = {
    "en": texts.ENGLISH,
    "de": texts.GERMAN,
    "fr": texts.FRENCH,
    "es": texts.SPANISH,
    "it": texts.ITALIAN,
    "nl": texts.DUTCH,
    "pt": texts.PORTUGUESE,
    "ru": texts.RUSSIAN,
    "zh": texts.CHINESE,
    "ja": texts.JAPANESE,
}
NEAR = {frozenset(("es", "pt")), frozenset(("es", "it")), frozenset(("it", "pt")), frozenset(("fr", "es"))}
"""Languages that share so many words that one sentence may show neither."""


@pytest.mark.parametrize("code", CLEAR)
def test_a_text_is_never_foreign_to_its_own_language(code: str) -> None:
    assert not is_foreign(CLEAR[code], code)


@pytest.mark.parametrize(("wanted", "told"), list(itertools.permutations(CLEAR, 2)))
def test_a_text_in_another_language_is_foreign(wanted: str, told: str) -> None:
    if frozenset((wanted, told)) not in NEAR:
        assert is_foreign(CLEAR[told], wanted)
        assert not is_in(CLEAR[told], wanted)


@pytest.mark.parametrize("code", ["en", "de", "ru", "zh", "ja"])
def test_a_clear_text_is_in_its_language(code: str) -> None:
    assert is_in(CLEAR[code], code)


@pytest.mark.parametrize("text", ["", "OK.", "42 / 7 = 6", "Yes, of course it is.", "x = foo(bar)", "是的。"])
def test_a_short_text_shows_no_language(text: str) -> None:
    assert not any(is_foreign(text, code) or is_in(text, code) for code in CLEAR)


def test_names_show_no_language() -> None:
    names = "Berlin, Paris, London, Rome, Madrid, Lisbon, Vienna, Prague, Warsaw, Oslo."
    assert not any(is_foreign(names, code) for code in ("en", "de", "fr"))


def test_long_words_are_too_few_to_show_one() -> None:
    assert not is_foreign("Donaudampfschifffahrtsgesellschaft Kraftfahrzeughaftpflichtversicherung", "en")


def test_of_languages_without_a_table_only_english_is_known_to_be_another() -> None:
    assert is_foreign(texts.ENGLISH, "sv")
    assert not is_foreign(texts.GERMAN, "sv")
    assert not is_in(texts.SWEDISH, "sv")
