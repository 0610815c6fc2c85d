from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.embedders.wordllama import EMBEDDED_CHARS, WordLlamaEmbedder

EMBEDDER = WordLlamaEmbedder()


def likeness(one: str, other: str) -> float:
    left, right = EMBEDDER.embed([one, other])
    return sum(a * b for a, b in zip(left, right, strict=True))


def test_a_paraphrase_is_closer_than_another_subject() -> None:
    said = "please keep your answers short"
    assert likeness(said, "I prefer brief replies") > likeness(said, "the train to Bern leaves at nine")


@pytest.mark.parametrize("text", ["", " ", "\n\t "])
def test_a_text_with_nothing_in_it_is_all_zeros(text: str) -> None:
    assert EMBEDDER.embed([text]) == [[0.0] * EMBEDDER.size]


@settings(deadline=None, max_examples=60)
@given(texts=st.lists(st.text(st.characters(), max_size=40), max_size=6))
def test_any_text_has_one_vector_of_length_one_whatever_stands_beside_it(texts: list[str]) -> None:
    vectors = EMBEDDER.embed(texts)
    assert vectors == [EMBEDDER.embed([text])[0] for text in texts]
    for text, vector in zip(texts, vectors, strict=True):
        assert len(vector) == EMBEDDER.size
        assert math.hypot(*vector) == pytest.approx(1 if text.strip() else 0, abs=1e-5)


@pytest.mark.parametrize("text", ["half \ud800 pair", "\ud800", "a\0b", "\0", "😀" * 50])
def test_odd_characters_are_embedded_like_any_other(text: str) -> None:
    (vector,) = EMBEDDER.embed([text])
    assert math.hypot(*vector) == pytest.approx(1, abs=1e-5)


def test_what_lies_beyond_the_limit_of_a_text_is_not_read() -> None:
    text = "tea with lemon " * 70_000
    assert EMBEDDER.embed([text]) == EMBEDDER.embed([text[:EMBEDDED_CHARS]])
    assert EMBEDDER.embed([text]) != EMBEDDER.embed([text[: EMBEDDED_CHARS // 2 + 3]])


def test_no_texts_have_no_vectors() -> None:
    assert EMBEDDER.embed([]) == []


def test_a_text_to_search_by_is_embedded_like_one_to_be_found() -> None:
    assert [EMBEDDER.query("tea with lemon")] == EMBEDDER.embed(["tea with lemon"])
