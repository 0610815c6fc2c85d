from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qdrant_edge import SparseVector

from gateway.stores.vectors import SHORT_CHARS, chars, words


def score(query: str, text: str, owner: str = "ann") -> float:
    """What a search by characters would give it, were every run as rare as the next."""
    asked, found = chars(owner, query, is_query=True), chars(owner, text)
    weights = dict(zip(found.indices, found.values, strict=True))
    return sum(weights.get(number, 0.0) for number in asked.indices)


def numbers(vector: SparseVector) -> set[int]:
    return set(vector.indices)


def test_the_runs_of_a_word_are_those_of_three_characters_with_the_space_around_it() -> None:
    assert len(chars("ann", "card").indices) == 4  # of " card ", which has six characters
    assert numbers(chars("ann", "card")) < numbers(chars("ann", "cards card"))


def test_no_run_reaches_from_one_word_into_another() -> None:
    assert numbers(chars("ann", "my card")) == numbers(chars("ann", "my")) | numbers(chars("ann", "card"))
    assert numbers(chars("ann", "card, my")) == numbers(chars("ann", "my card"))


@pytest.mark.parametrize(
    ("text", "other"), [("Straße", "STRASSE"), ("ﬁne", "fine"), ("what's_up?!", "what s up"), ("Ⅷ", "viii")]
)
def test_case_width_and_punctuation_make_no_difference(text: str, other: str) -> None:
    assert numbers(chars("ann", text)) == numbers(chars("ann", other)) != set()


def test_a_misspelt_word_is_nearer_than_another_one() -> None:
    assert score("my acount statment", "the account statement") > score("my acount statment", "the amount stated later")
    assert score("acount", "tea with lemon") == 0


def test_said_in_few_words_counts_more_than_in_many_and_said_twice_more_than_once() -> None:
    assert score("lemon", "lemon tea") > score("lemon", "tea with sugar, cream and a slice of a lemon on the side")
    assert score("lemon", "lemon lemon") > score("lemon", "lemon orange")


def test_a_long_text_has_no_runs_and_a_long_question_neither() -> None:
    long = "tea " * (SHORT_CHARS // 4)
    assert chars("ann", long).indices
    assert not chars("ann", long + "!").indices
    assert not chars("ann", long + "!", is_query=True).indices


@pytest.mark.parametrize("way", [words, chars])
def test_each_owner_has_numbers_of_their_own_with_the_same_weights(way: type) -> None:
    hers, his = way("ann", "green tea with lemon"), way("bob", "green tea with lemon")
    assert not numbers(hers) & numbers(his)
    assert sorted(hers.values) == sorted(his.values)


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=SHORT_CHARS + 9).filter(lambda text: text.isprintable()))
def test_a_text_is_found_by_itself_and_numbers_are_each_given_once(text: str) -> None:
    document, asked = chars("ann", text), chars("ann", text, is_query=True)
    assert numbers(document) == numbers(asked)
    assert len(numbers(document)) == len(document.indices)
    assert all(weight > 0 for weight in document.values)
    assert set(asked.values) <= {1.0}
