from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wordsets import WordSets, is_alike, words

SAID = st.frozensets(st.sampled_from("abcdefgh"), max_size=6)


@pytest.mark.parametrize(("one", "other", "is_so"), [
    ("a b c d e f g h i", "A B C D E F G H I J", True),
    ("a b c d", "a b c d e", False),
    ("a b c d", "d c b a", True),
    ("a b", "c d", False),
    ("", "", False),
])  # fmt: skip
def test_texts_are_alike_by_their_different_words(one: str, other: str, *, is_so: bool) -> None:
    assert is_alike(words(one), words(other), 0.8) is is_so
    assert is_alike(words(other), words(one), 0.8) is is_so
    sets = WordSets(0.8)
    sets.add(words(other))
    assert sets.has_alike(words(one)) is is_so


@given(kept=st.lists(SAID, max_size=5), said=SAID, share=st.sampled_from([0.3, 0.5, 0.8]))
def test_all_sets_at_once_say_the_same_as_one_by_one(
    kept: list[frozenset[str]], said: frozenset[str], share: float
) -> None:
    sets = WordSets(share)
    for one in kept:
        sets.add(one)
    assert len(sets) == len(kept)
    assert sets.has_alike(said) is any(is_alike(said, one, share) for one in kept)
