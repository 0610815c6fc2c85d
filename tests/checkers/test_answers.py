"""gateway/checkers/answers.py: what of an answer are its own words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.checkers.answers import ending, excerpt, found, opening, prose, without_code


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ("Run `ls -l` now.", "Run now."),
        ("Before.\n```py\nx = 1\n```\nAfter.", "Before. After."),
        ("Before.\n```py\nx = 1", "Before."),
        ("Before.\n~~~\n```\n~~~\nAfter.", "Before. After."),
        ('He said "no" twice.', "He said twice."),
        ("She said ‘no’ and “never”, « non », „nein“, 「不」.", "She said and , , , ."),
        ("It's the dogs' and the cats' home.", "It's the dogs' and the cats' home."),
        ("It is 'quoted' here.", "It is here."),
        ("> their words\nMine.", "Mine."),
        ("See https://example.com/a?b=c or write to ann@example.com now.", "See or write to now."),
        ('5\' 11" tall, 6" wide', "5' 11 wide"),
    ],
)
def test_code_quotations_and_addresses_are_no_words_of_its_own(answer: str, left: str) -> None:
    assert " ".join(prose(answer).split()) == left


def test_a_quotation_is_blanked_as_prose_only() -> None:
    assert without_code('"a" `b`') == '"a"    '


@given(st.text(alphabet="ab`\"'\n >~“”@./:", max_size=80))
@settings(deadline=None, max_examples=100)
def test_positions_stay_as_they_were(answer: str) -> None:
    read = prose(answer)
    assert len(read) == len(answer)
    assert all(letter in (" ", answer[place]) for place, letter in enumerate(read))


def test_an_excerpt_has_whole_words_of_one_line() -> None:
    answer = "first line\nsome words that stand before the place and some more that follow after it here\nlast"
    start = answer.index("place")
    assert excerpt(answer, start, start + 5) == "words that stand before the place and some more that follow"
    assert found(re.compile("line"), answer, answer) == "first line"
    assert found(re.compile("nothing"), answer, answer) is None


def test_a_long_word_is_not_cut() -> None:
    answer = "a" * 100
    assert excerpt(answer, 50, 52) == "aa"


def test_the_opening_and_the_ending_are_of_the_first_and_the_last_line() -> None:
    answer = "\n\nSure, here it is.\n\nAll of it.\n"
    assert (opening(answer), ending(answer)) == ("Sure, here it is.", "All of it.")
    assert (opening(""), ending("")) == ("", "")
