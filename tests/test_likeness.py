"""gateway/likeness.py: phrasings of one intent are alike though they share no word."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.likeness import BITS, likeness

CARDS = ("How do I activate my card?", "My card has not arrived", "What is the exchange rate?")
LONG = "The quarterly report of the northern branch was late again because nobody had signed it. "


def alike(text: str, *phrasings: str) -> list[float]:
    return likeness(text, [phrasings])[0]


def test_other_forms_of_the_same_words_are_nearest() -> None:
    first, second, third = alike("activating a new card", *CARDS)
    assert first > second > third
    assert first > 0.4


def test_the_same_words_are_the_same_however_they_are_set() -> None:
    assert alike("HOW do I activate   my card", *CARDS)[0] == pytest.approx(1.0)
    assert alike("I don’t know", "i don't KNOW!") == [pytest.approx(1.0)]


def test_what_has_nothing_in_common_is_not_alike() -> None:
    assert abs(alike("Tulips bloom in spring", *CARDS)[1]) < 0.1


def test_long_texts_are_no_more_alike_than_short_ones() -> None:
    other = (
        "Weather forecasts predict heavy snowfall tomorrow; drivers should avoid mountain roads until further notice. "
    )
    assert abs(alike(LONG * 4, other * 4)[0]) < 0.25
    assert alike(LONG * 9, LONG * 5 + other) == [pytest.approx(1.0)]


def test_each_group_has_its_own_answers_in_order() -> None:
    whole = likeness("my card", [CARDS, (), CARDS[1:], CARDS[:1]])
    assert [len(one) for one in whole] == [3, 0, 2, 1]
    assert whole[0] == [*whole[3], *whole[2]]
    assert likeness("my card", []) == []
    assert likeness("my card", [(), ()]) == [[], []]


def test_chinese_and_broken_text_can_be_compared() -> None:
    assert alike("我的银行卡还没到", "我的银行卡还没有到", "今天天气怎么样")[0] > 0.4
    assert alike("\ud800", "\ud800", "") == [0.0, 0.0]


@settings(deadline=None, max_examples=80)
@given(text=st.text(max_size=60), other=st.text(max_size=60))
def test_likeness_is_mutual_and_at_most_one(text: str, other: str) -> None:
    there, back = alike(text, other)[0], alike(other, text)[0]
    assert there == pytest.approx(back)
    assert -1.0 <= there <= 1.0 + 1 / BITS
